//! `vnetlab drops`: real packets that are dropped are told of, with their reason in Azure's words, now and as they come.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use integration_tests::followed::Followed;
use integration_tests::{Lab, User, wait};
use serde_json::{Value, json};

const TOPOLOGY: &str = "
name: drops
hosts: 2
virtualNetworks:
  spoke1:
    addressSpace: [10.1.0.0/16]
    subnets:
      web: {addressPrefix: 10.1.1.0/24, routeTable: rt-web}
      app: {addressPrefix: 10.1.2.0/24, networkSecurityGroup: nsg-app}
networkSecurityGroups:
  nsg-app:
    securityRules:
      no-ssh: {priority: 100, direction: Inbound, access: Deny, protocol: Tcp, sourceAddressPrefix: '*', sourcePortRange: '*', destinationAddressPrefix: '*', destinationPortRange: 22}
routeTables:
  rt-web:
    routes:
      nowhere: {addressPrefix: 10.1.9.0/24, nextHopType: None}
virtualMachines:
  web1: {subnet: spoke1/web, privateIPAddress: 10.1.1.4, host: host1}
  app1: {subnet: spoke1/app, privateIPAddress: 10.1.2.4, host: host2}
";

/// A TCP connection that nobody waits for.
fn connect(lab: &Lab, address: &str, port: u16) {
    let script = format!("timeout 0.2 bash -c '</dev/tcp/{address}/{port}'");
    let _ = lab.exec("web1", &["bash", "-c", &script]);
}

fn drops(lab: &Lab, options: &[&str]) -> Vec<Value> {
    let answer: Value =
        serde_json::from_str(&lab.vnetlab(&[&["drops", "-o", "json"], options].concat()).ok()).unwrap();
    answer["value"].as_array().unwrap().clone()
}

/// The newest drop to this destination, once there is one.
fn await_drop(lab: &Lab, destination: &str) -> Value {
    wait::until(&format!("a drop of a packet to {destination}"), || {
        drops(lab, &[]).into_iter().rfind(|drop| drop["destinationAddress"] == destination)
    })
}

/// Waits for a drop to this destination; those before it are passed over, for a SYN may be sent more than once.
fn await_followed(followed: &Followed, destination: &str) {
    let _ = followed.await_value(|drop| drop["destinationAddress"] == destination);
}

fn each_drop_is_told_by_its_reason(user: User) {
    let lab = Lab::up(user, TOPOLOGY);
    assert_eq!(drops(&lab, &[]), Vec::<Value>::new());

    connect(&lab, "10.1.2.4", 22);
    let denied = await_drop(&lab, "10.1.2.4");
    let port = denied["sourcePort"].as_u64().unwrap();
    assert!(port > 1024, "{denied}");
    assert!(
        denied["time"].as_str().unwrap().starts_with("20") && denied["time"].as_str().unwrap().ends_with('Z')
    );
    let mut rest = denied.clone();
    rest.as_object_mut().unwrap().retain(|field, _| field != "time" && field != "sourcePort");
    assert_eq!(
        rest,
        json!({
            "networkInterface": "app1/nic0", "at": null, "direction": "Inbound", "protocol": "Tcp",
            "sourceAddress": "10.1.1.4", "destinationAddress": "10.1.2.4", "destinationPort": 22,
            "reason": "networkSecurityGroup", "resource": "nsg-app", "rule": "no-ssh",
            "detail": "NSG nsg-app, subnet spoke1/app, Inbound, no-ssh",
        })
    );

    connect(&lab, "10.1.9.9", 80);
    let routed = await_drop(&lab, "10.1.9.9");
    assert_eq!(
        (&routed["reason"], &routed["detail"]),
        (&json!("route"), &json!("route rt-web/nowhere (None)"))
    );
    assert_eq!(
        (&routed["networkInterface"], &routed["direction"]),
        (&json!("web1/nic0"), &json!("Outbound"))
    );

    connect(&lab, "10.1.1.99", 80);
    let unknown = await_drop(&lab, "10.1.1.99");
    assert_eq!(unknown["detail"], "nobody has the address 10.1.1.99");
    assert_eq!((&unknown["networkInterface"], &unknown["protocol"]), (&json!("web1/nic0"), &Value::Null));

    filters_narrow(&lab);
}

fn filters_narrow(lab: &Lab) {
    let reasons = |options: &[&str]| {
        let mut reasons: Vec<_> =
            drops(lab, options).iter().map(|drop| drop["reason"].as_str().unwrap().to_owned()).collect();
        reasons.dedup();
        reasons
    };
    assert_eq!(reasons(&[]), ["networkSecurityGroup", "route", "noDestination"]);
    assert_eq!(reasons(&["--vm", "app1"]), ["networkSecurityGroup"]);
    assert_eq!(reasons(&["--vm", "web1/nic0"]), ["route", "noDestination"]);
    assert_eq!(reasons(&["--reason", "route,gateway"]), ["route"]);
    assert_eq!(reasons(&["--since", "1h", "--tail", "1"]), ["noDestination"]);
    assert_eq!(reasons(&["--since", "0s"]), Vec::<String>::new());
    let refused = lab.vnetlab(&["drops", "--vm", "web7"]).expect_status(2);
    assert!(refused.stderr.contains("web1, app1"), "{refused}");
    let table = lab.vnetlab(&["drops", "--vm", "app1"]).ok();
    assert!(
        table.starts_with("TIME") && table.contains("NSG nsg-app, subnet spoke1/app, Inbound, no-ssh"),
        "{table}"
    );
}

#[test]
fn each_drop_is_told_by_its_reason_as_root() {
    each_drop_is_told_by_its_reason(User::Root);
}

#[test]
fn each_drop_is_told_by_its_reason_rootless() {
    each_drop_is_told_by_its_reason(User::Ordinary);
}

/// Whoever follows sees what was there, what comes, and what comes after an agent or the controller was killed; the lab's end
/// is the end.
#[test]
fn drops_are_followed_past_killed_processes_to_the_end_of_the_lab_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    connect(&lab, "10.1.9.1", 80);
    let _ = await_drop(&lab, "10.1.9.1");
    let mut followed = Followed::start(&lab, &["drops", "--reason", "route"]);
    await_followed(&followed, "10.1.9.1");
    connect(&lab, "10.1.9.2", 80);
    await_followed(&followed, "10.1.9.2");

    lab.process(&["vnetlab-agent", "--host host1"]).kill();
    followed.await_sentence("an agent was started again");
    connect_until_told(&lab, "10.1.9.3");
    await_followed(&followed, "10.1.9.3");

    lab.process(&["__controller"]).kill();
    followed.await_sentence("the lab's controller was started again");
    connect_until_told(&lab, "10.1.9.4");
    await_followed(&followed, "10.1.9.4");

    let _ = lab.vnetlab(&["down", lab.name()]).ok();
    assert_eq!(followed.status(), Some(0), "it ends with the lab");
}

/// Who was started again has to find its way into the lab before it hears of drops.
fn connect_until_told(lab: &Lab, address: &str) {
    wait::until("a drop to be told", || {
        connect(lab, address, 80);
        drops(lab, &[]).iter().any(|drop| drop["destinationAddress"] == address).then_some(())
    });
}
