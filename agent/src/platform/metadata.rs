//! The instance metadata service: what a VM is told about itself.
//!
//! Two documents, `compute` and `network`, whole or by any of their paths. It wants the header `Metadata: true`, so that nobody is lured
//! into asking for it, and refuses what a proxy has forwarded. Identities and attested documents need Azure: they are not here.
//! <https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service>

use goal_state::platform::Instance;
use goal_state::vm::{NetworkInterface, VirtualMachine};
use serde_json::{Value, json};

use super::http::{Request, Response};

/// The versions of the interface, newest first. All answer alike.
const API_VERSIONS: [&str; 16] = [
    "2025-04-07",
    "2023-11-15",
    "2023-07-01",
    "2021-12-13",
    "2021-11-01",
    "2021-10-01",
    "2021-05-01",
    "2021-03-01",
    "2021-02-01",
    "2021-01-01",
    "2020-12-01",
    "2020-10-01",
    "2020-09-01",
    "2020-06-01",
    "2019-06-01",
    "2017-08-01",
];
/// Whose the lab's resources are: nobody's.
const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";

/// All that there is to tell about a VM.
pub(super) fn document(vm: &VirtualMachine, instance: &Instance) -> Value {
    let interfaces = vm.network_interfaces.iter().map(|nic| interface(nic, instance)).collect::<Vec<_>>();
    json!({"compute": compute(instance), "network": {"interface": interfaces}})
}

fn compute(instance: &Instance) -> Value {
    let Instance { vm, vm_id, location, vm_size, resource_group, .. } = instance;
    json!({
        "azEnvironment": "AzurePublicCloud",
        "evictionPolicy": "",
        "isHostCompatibilityLayerVm": "false",
        "licenseType": "",
        "location": location,
        "name": vm.as_str(),
        "osProfile": {"adminUsername": "", "computerName": vm.as_str(), "disablePasswordAuthentication": "true"},
        "osType": "Linux",
        "placementGroupId": "",
        "platformFaultDomain": "0",
        "platformUpdateDomain": "0",
        "priority": "Regular",
        "provider": "Microsoft.Compute",
        "publicKeys": [],
        "resourceGroupName": resource_group,
        "resourceId": format!(
            "/subscriptions/{SUBSCRIPTION}/resourceGroups/{resource_group}/providers/Microsoft.Compute/virtualMachines/{vm}"
        ),
        "subscriptionId": SUBSCRIPTION,
        "tags": "",
        "tagsList": [],
        "userData": "",
        "vmId": vm_id,
        "vmScaleSetName": "",
        "vmSize": vm_size,
        "zone": "",
    })
}

fn interface(nic: &NetworkInterface, instance: &Instance) -> Value {
    let public = |private| {
        let known = instance.public_addresses.iter().find(|(known, _)| *known == private);
        known.map(|(_, public)| public.to_string()).unwrap_or_default()
    };
    let addresses = nic
        .addresses
        .iter()
        .map(|address| json!({"privateIpAddress": address.to_string(), "publicIpAddress": public(*address)}));
    let prefix = nic.subnet.prefix_len().to_string();
    json!({
        "ipv4": {
            "ipAddress": addresses.collect::<Vec<_>>(),
            "subnet": [{"address": nic.subnet.network().to_string(), "prefix": prefix}],
        },
        "ipv6": {"ipAddress": []},
        "macAddress": nic.mac.0.iter().map(|byte| format!("{byte:02X}")).collect::<String>(),
    })
}

/// Answers a request from the VM that `document` is about.
pub(super) fn answer(request: &Request, document: &Value) -> Response {
    if request.method != "GET" {
        return refusal(405, "Method not allowed");
    }
    if !request.header("metadata").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return refusal(400, "Bad request. Required metadata header not specified");
    }
    if request.header("x-forwarded-for").is_some() {
        return refusal(400, "Bad request. Forwarded requests are not answered");
    }
    let path = request.path.trim_end_matches('/');
    if path.eq_ignore_ascii_case("/metadata/versions") {
        return Response::json(200, json!({"apiVersions": API_VERSIONS}).to_string());
    }
    let Some(steps) = steps(path) else { return refusal(404, "Not found") };
    match request.query("api-version") {
        Some(version) if API_VERSIONS.contains(&version) => {}
        given => return wrong_version(given),
    }
    let Some(value) = find(document, &steps) else { return refusal(404, "Not found") };
    show(value, request.query("format"))
}

/// The steps below `/metadata/instance`; none for another document.
fn steps(path: &str) -> Option<Vec<&str>> {
    let mut steps = path.split('/').skip(1);
    let root = [steps.next()?, steps.next()?];
    let here = root[0].eq_ignore_ascii_case("metadata") && root[1].eq_ignore_ascii_case("instance");
    here.then(|| steps.collect())
}

fn find<'a>(document: &'a Value, steps: &[&str]) -> Option<&'a Value> {
    steps.iter().try_fold(document, |value, step| match value {
        Value::Object(fields) => {
            fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(step)).map(|(_, value)| value)
        }
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    })
}

/// What is whole is JSON unless asked for otherwise; a single value is text, and must be asked for as text.
fn show(value: &Value, format: Option<&str>) -> Response {
    let as_text = format.is_some_and(|format| format.eq_ignore_ascii_case("text"));
    match value {
        Value::Object(fields) if as_text => {
            let name = |(name, value): (&String, &Value)| match value {
                Value::Object(_) | Value::Array(_) => format!("{name}/"),
                _ => name.clone(),
            };
            Response::text(200, fields.iter().map(name).collect::<Vec<_>>().join("\n"))
        }
        Value::Array(items) if as_text => Response::text(
            200,
            (0..items.len()).map(|index| format!("{index}/")).collect::<Vec<_>>().join("\n"),
        ),
        Value::Object(_) | Value::Array(_) => Response::json(200, value.to_string()),
        Value::String(text) if as_text => Response::text(200, text.clone()),
        _ => refusal(400, "Bad request. A single value is answered with format=text only"),
    }
}

fn refusal(status: u16, error: &str) -> Response {
    Response::json(status, json!({"error": error}).to_string())
}

fn wrong_version(given: Option<&str>) -> Response {
    let error = match given {
        None => {
            "Bad request. api-version was not specified in the request. For more information refer to aka.ms/azureimds"
        }
        Some(_) => "Bad request. api-version is invalid or was not specified in the request.",
    };
    Response::json(400, json!({"error": error, "newest-versions": API_VERSIONS[..3]}).to_string())
}

#[cfg(test)]
mod tests {
    use goal_state::port::Port;
    use goal_state::vm::Guest;
    use goal_state::{MacAddr, Vni};

    use super::*;

    fn web1() -> Value {
        let nic = NetworkInterface {
            name: "nic0".parse().unwrap(),
            mac: MacAddr([0, 0x0d, 0x3a, 1, 2, 3]),
            addresses: vec![[10, 1, 1, 4].into(), [10, 1, 1, 5].into()],
            subnet: "10.1.1.0/24".parse().unwrap(),
            accelerated: false,
            encryption_port: None,
            port: Port {
                vni: Vni::new(1).unwrap(),
                enable_ip_forwarding: false,
                filter: Default::default(),
                routes: Vec::new().into(),
                forwarded_traffic_refused: Vec::new(),
                unencrypted_refused: Default::default(),
                translation: Default::default(),
                private_endpoint: None,
            },
        };
        let vm = VirtualMachine {
            name: "web1".parse().unwrap(),
            network_interfaces: vec![nic],
            guest: Guest::default(),
        };
        let instance = Instance {
            vm: vm.name.clone(),
            vm_id: "02aab8a4-74ef-476e-8182-f6d2ba4166a6".into(),
            location: "koreacentral".into(),
            vm_size: "Standard_D4s_v5".into(),
            resource_group: "lab".into(),
            public_addresses: vec![([10, 1, 1, 5].into(), [20, 200, 0, 4].into())],
        };
        document(&vm, &instance)
    }

    fn ask(target: &str) -> Response {
        answer(&Request::get(target, &[("Metadata", "true")]), &web1())
    }

    #[test]
    fn a_vm_is_told_what_it_is() {
        let whole = ask("/metadata/instance?api-version=2021-02-01");
        assert_eq!((whole.status, whole.content_type), (200, "application/json; charset=utf-8"));
        let whole: Value = serde_json::from_str(&whole.body).unwrap();
        assert_eq!(whole["compute"]["location"], "koreacentral");
        assert_eq!(whole["compute"]["vmSize"], "Standard_D4s_v5");
        assert_eq!(whole["network"]["interface"][0]["macAddress"], "000D3A010203");
        let text = |target: &str| {
            ask(&format!("/metadata/instance/{target}?api-version=2021-02-01&format=text")).body
        };
        assert_eq!(text("compute/name"), "web1");
        assert_eq!(text("network/interface/0/ipv4/ipAddress/0/publicIpAddress"), "");
        assert_eq!(text("network/interface/0/ipv4/ipAddress/1/publicIpAddress"), "20.200.0.4");
        assert_eq!(text("network/interface/0/ipv4/subnet/0/prefix"), "24");
        assert_eq!(text("network/interface/0/ipv4"), "ipAddress/\nsubnet/");
        assert_eq!(text("network/interface"), "0/");
    }

    #[test]
    fn what_is_asked_wrongly_is_refused() {
        let error = |response: Response| {
            let body: Value = serde_json::from_str(&response.body).unwrap();
            (response.status, body["error"].as_str().unwrap().to_owned())
        };
        let target = "/metadata/instance?api-version=2021-02-01";
        let without = answer(&Request::get(target, &[]), &web1());
        assert_eq!(error(without), (400, "Bad request. Required metadata header not specified".into()));
        let forwarded = [("Metadata", "true"), ("X-Forwarded-For", "10.0.0.4")];
        assert_eq!(error(answer(&Request::get(target, &forwarded), &web1())).0, 400);
        assert!(error(ask("/metadata/instance")).1.contains("api-version was not specified"));
        assert!(error(ask("/metadata/instance?api-version=1999-01-01")).1.contains("api-version is invalid"));
        assert_eq!(error(ask("/metadata/instance/compute/colour?api-version=2021-02-01")).0, 404);
        assert_eq!(error(ask("/metadata/instance/compute/name?api-version=2021-02-01")).0, 400);
        assert_eq!(error(ask("/metadata/identity/oauth2/token?api-version=2018-02-01")).0, 404);
        let mut post = Request::get(target, &[("Metadata", "true")]);
        post.method = "POST".into();
        assert_eq!(error(answer(&post, &web1())).0, 405);
    }
}
