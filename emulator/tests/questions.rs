//! Network Watcher's questions as commands, asked of files: shapes, exit statuses, refusals, tables.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use assert_cmd::Command;
use serde_json::{Value, json};

const HUB_SPOKE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../topologies/hub-spoke.yaml");

fn vnetlab(arguments: &str) -> Command {
    let mut command = Command::cargo_bin("vnetlab").unwrap();
    command
        .env("VNETLAB_STATE_DIR", "/nonexistent")
        .args(arguments.split_whitespace())
        .args(["-f", HUB_SPOKE]);
    command
}

fn json(arguments: &str, status: i32) -> Value {
    let output = vnetlab(arguments).args(["-o", "json"]).assert().code(status).get_output().clone();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn table(arguments: &str) -> String {
    let output = vnetlab(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Status 2, nothing on standard output; what it says.
fn refused(arguments: &str) -> String {
    let output = vnetlab(arguments).assert().code(2).stdout("").get_output().clone();
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn s13_1_test_ip_flow_has_the_answers_status() {
    let ask = "test-ip-flow web1 --direction Inbound --protocol TCP --remote 10.2.1.4:50000 --local";
    let allowed = json(&format!("{ask} 10.1.1.4:80"), 0);
    assert_eq!(allowed, json!({"access": "Allow", "ruleName": "securityRules/allow-http"}));
    let denied = json(&format!("{ask} 10.1.1.4:23"), 1);
    assert_eq!(denied, json!({"access": "Deny", "ruleName": "securityRules/deny-inbound"}));
    let out = json(
        "test-ip-flow web1 --direction outbound --protocol udp --local 10.1.1.4:5 --remote 10.2.1.4:53",
        0,
    );
    assert_eq!(out["ruleName"], "defaultSecurityRules/AllowVnetOutBound");
    assert_eq!(table(&format!("{ask} 10.1.1.4:80")), "ACCESS  RULE NAME\nAllow   securityRules/allow-http\n");
}

#[test]
fn s13_1_test_ip_flow_asks_for_tcp_and_udp_single_ports_and_own_addresses_only() {
    let ask = |protocol, local| {
        refused(&format!(
            "test-ip-flow web1 --direction Inbound --protocol {protocol} --local {local} --remote 10.2.1.4:50000"
        ))
    };
    assert!(ask("Icmp", "10.1.1.4:80").contains("TCP, UDP"));
    ask("TCP", "10.1.1.4:80-90");
    ask("TCP", "10.1.1.4:70000");
    assert!(ask("TCP", "10.1.1.9:80").contains("10.1.1.9 is not an address of web1; it has 10.1.1.4"));
    let gone = refused(
        "test-ip-flow web9 --direction Inbound --protocol TCP --local 10.1.1.4:80 --remote 8.8.8.8:1",
    );
    assert!(gone.contains("there is no virtual machine web9; did you mean web"), "{gone}");
}

#[test]
fn s13_2_show_next_hop_says_type_address_and_table() {
    let ask = |to: &str| json(&format!("show-next-hop web1 --dest-ip {to}"), 0);
    let hop = |kind: &str, address: Value, table: &str| json!({"nextHopType": kind, "nextHopIpAddress": address, "routeTableId": table});
    assert_eq!(ask("10.2.1.4"), hop("VirtualAppliance", json!("10.0.100.4"), "rt-spoke"));
    assert_eq!(ask("10.0.1.4"), hop("VirtualNetworkPeering", Value::Null, "System Route"));
    assert_eq!(ask("10.1.1.5"), hop("VnetLocal", Value::Null, "System Route"));
    let from_hub = json("show-next-hop hub/GatewaySubnet --dest-ip 172.31.0.100", 0);
    assert_eq!(from_hub, hop("None", Value::Null, "System Route"));
    assert!(
        refused("show-next-hop web1 --dest-ip 10.2.1.4 --source-ip 10.9.9.9")
            .contains("not an address of web1")
    );
}

#[test]
fn s13_3_show_effective_routes_lists_those_that_lost() {
    let routes = json("show-effective-routes web1/nic0", 0);
    let rows = routes["value"].as_array().unwrap();
    let default = |state: &str| {
        rows.iter().find(|row| row["addressPrefix"] == json!(["0.0.0.0/0"]) && row["state"] == state)
    };
    assert_eq!(
        default("Active").unwrap(),
        &json!({
            "name": "default", "disableBgpRoutePropagation": false, "source": "User", "state": "Active",
            "addressPrefix": ["0.0.0.0/0"], "nextHopType": "VirtualAppliance", "nextHopIpAddress": ["10.0.100.4"],
        })
    );
    assert_eq!(default("Invalid").unwrap()["source"], "Default");
    let text = table("show-effective-routes web1");
    assert!(text.starts_with("SOURCE   STATE    ADDRESS PREFIX  NEXT HOP TYPE"), "{text}");
    assert_eq!(json("show-effective-routes hub/GatewaySubnet", 0)["value"][0]["nextHopType"], "Internet");
}

#[test]
fn s13_4_list_effective_nsg_expands_tags() {
    let nsgs = json("list-effective-nsg nva", 0);
    let entry = &nsgs["value"][0];
    assert_eq!(entry["networkSecurityGroup"], json!({"id": "nsg-nva"}));
    assert_eq!(entry["association"], json!({"subnet": {"id": "hub/nva"}}));
    let rule = &entry["effectiveSecurityRules"][0];
    assert_eq!(rule["name"], "securityRules/allow-spokes-to-web");
    assert_eq!(rule["sourceAddressPrefixes"], json!(["10.1.0.0/16", "10.2.0.0/16"]));
    assert_eq!(rule["sourceAddressPrefix"], Value::Null);
    assert_eq!(rule["destinationAddressPrefix"], "Internet");
    assert_eq!(rule["expandedDestinationAddressPrefix"][0], "1.0.0.0/8");
    assert_eq!(rule["destinationPortRanges"], json!(["80-80", "443-443"]));
    let space = json!(["10.0.0.0/15", "10.2.0.0/16", "168.63.129.16/32"]);
    assert_eq!(entry["tagMap"]["VirtualNetwork"], space);
    let text = table("list-effective-nsg nva");
    assert!(text.starts_with("nsg-nva (subnet hub/nva)\nDIRECTION"), "{text}");
    assert!(text.contains("Internet: 1.0.0.0/8 2.0.0.0/7 4.0.0.0/6 8.0.0.0/7 +"), "{text}");
    assert_eq!(
        table("list-effective-nsg hub/GatewaySubnet"),
        "no network security group, so nothing is filtered\n"
    );
}

#[test]
fn s13_5_run_nsg_diagnostics_names_the_rule_of_every_group() {
    let ask = "run-nsg-diagnostics app1 --direction Inbound --protocol TCP --source 10.1.1.0/25 --destination 10.2.1.4";
    let result = &json(&format!("{ask} --port 8080"), 0)["results"][0];
    let profile = json!({
        "direction": "Inbound", "protocol": "TCP", "source": "10.1.1.0/25", "destination": "10.2.1.4",
        "destinationPort": "8080",
    });
    assert_eq!(result["profile"], profile);
    let result = &result["networkSecurityGroupResult"];
    assert_eq!(result["securityRuleAccessResult"], "Allow");
    let group = &result["evaluatedNetworkSecurityGroups"][0];
    assert_eq!(group["networkSecurityGroupId"], "nsg-app");
    assert_eq!(group["appliedTo"], "spoke2/app");
    assert_eq!(group["matchedRule"], json!({"ruleName": "UserRule_allow-web-to-app", "action": "Allow"}));
    // Denied is an answer, too.
    let denied = json(&format!("{ask} --port *"), 0);
    assert_eq!(denied["results"][0]["networkSecurityGroupResult"]["securityRuleAccessResult"], "Deny");
    let text = table(&format!("{ask} --port 22"));
    assert!(text.starts_with("Deny\n\nGROUP"), "{text}");
    assert!(
        text.contains("UserRule_allow-web-to-app") && text.contains("does not cover destination port"),
        "{text}"
    );
    let said = refused(
        "run-nsg-diagnostics app1 --direction Inbound --protocol Any --source Internett --destination *",
    );
    assert!(said.contains("did you mean Internet?"), "{said}");
}

#[test]
fn s7_1_list_peerings_of_one_virtual_network_or_all() {
    let all = json("list-peerings", 0);
    assert_eq!(all["value"].as_array().unwrap().len(), 4);
    let spoke = json("list-peerings SPOKE1", 0);
    assert_eq!(
        spoke["value"],
        json!([{
            "name": "to-hub", "virtualNetwork": "spoke1", "remoteVirtualNetwork": "hub",
            "peeringState": "Connected", "peeringSyncLevel": "FullyInSync",
        }])
    );
    assert!(refused("list-peerings spoke3").contains("did you mean spoke"));
}

#[test]
fn answers_are_yaml_too() {
    let output =
        vnetlab("show-next-hop web1 --dest-ip 10.2.1.4 -o yaml").assert().code(0).get_output().clone();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("nextHopType: VirtualAppliance\n"), "{text}");
}

/// The worked example of the routing overview: Subnet1 has the route table, Subnet2 has none.
/// <https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview#routing-example>
const ROUTING_OVERVIEW: &str = "
name: routing-overview
location: koreacentral
hosts: 2
serviceTags: {Storage.KoreaCentral: [20.60.16.0/24, 20.150.4.0/23], Storage.KoreaSouth: [20.150.14.0/23]}
virtualNetworks:
  VNet1:
    addressSpace: [10.0.0.0/16]
    subnets:
      Subnet1: {addressPrefix: 10.0.0.0/24, routeTable: rt, serviceEndpoints: [Microsoft.Storage]}
      Subnet2: {addressPrefix: 10.0.1.0/24}
      GatewaySubnet: {addressPrefix: 10.0.254.0/27}
    peerings: {to-VNet2: {remoteVirtualNetwork: VNet2}}
  VNet2:
    addressSpace: [10.1.0.0/16, 10.2.0.0/16]
    subnets: {default: {addressPrefix: 10.1.0.0/24}}
    peerings: {to-VNet1: {remoteVirtualNetwork: VNet1}}
routeTables:
  rt:
    routes:
      Within-VNet1: {addressPrefix: 10.0.0.0/16, nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.100.4}
      Within-Subnet1: {addressPrefix: 10.0.0.0/24, nextHopType: VnetLocal}
      ToVNet2-1-Drop: {addressPrefix: 10.1.0.0/16, nextHopType: None}
      ToVNet2-2-Drop: {addressPrefix: 10.2.0.0/16, nextHopType: None}
      To-On-Prem: {addressPrefix: 10.10.0.0/16, nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.100.4}
      Default-NVA: {addressPrefix: 0.0.0.0/0, nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.100.4}
publicIPAddresses:
  pip-vpn: {ipAddress: 20.200.0.4}
virtualNetworkGateways:
  vpn: {virtualNetwork: VNet1, gatewayType: Vpn, publicIPAddress: pip-vpn, bgpSettings: {asn: 65515}}
onPremises:
  dc: {addressPrefixes: [10.10.0.0/16], machines: {erp: 10.10.1.10}}
localNetworkGateways:
  lng: {site: dc, bgpSettings: {asn: 65010}}
connections:
  c: {virtualNetworkGateway1: vpn, localNetworkGateway2: lng, enableBgp: true}
virtualMachines:
  vm1: {subnet: VNet1/Subnet1}
  vm2: {subnet: VNet1/Subnet2, powerState: deallocated}
";

/// The table for people, row by row.
#[test]
fn s6_7_the_worked_example_comes_out_row_by_row() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../topologies/routing-overview.yaml");
    let rows = |vm: &str| {
        let mut command = Command::cargo_bin("vnetlab").unwrap();
        let output =
            command.args(["show-effective-routes", vm, "-f"]).arg(file).assert().code(0).get_output().clone();
        let table = String::from_utf8(output.stdout).unwrap();
        let words = |row: &str| row.split_whitespace().collect::<Vec<_>>().join(" ");
        table.lines().skip(1).map(words).collect::<Vec<_>>()
    };
    assert_eq!(
        rows("vm1"),
        [
            "User Active 0.0.0.0/0 VirtualAppliance 10.0.100.4 Default-NVA",
            "Default Invalid 0.0.0.0/0 Internet",
            "User Active 10.0.0.0/16 VirtualAppliance 10.0.100.4 Within-VNet1",
            "Default Invalid 10.0.0.0/16 VnetLocal",
            "User Active 10.0.0.0/24 VnetLocal Within-Subnet1",
            "User Active 10.1.0.0/16 None ToVNet2-1-Drop",
            "Default Invalid 10.1.0.0/16 VNetPeering",
            "User Active 10.2.0.0/16 None ToVNet2-2-Drop",
            "Default Invalid 10.2.0.0/16 VNetPeering",
            "User Active 10.10.0.0/16 VirtualAppliance 10.0.100.4 To-On-Prem",
            "VirtualNetworkGateway Invalid 10.10.0.0/16 VirtualNetworkGateway",
            "Default Active 20.60.48.0/24 20.60.49.0/24 VirtualNetworkServiceEndpoint",
        ]
    );
    assert_eq!(
        rows("vm2"),
        [
            "Default Active 0.0.0.0/0 Internet",
            "Default Active 10.0.0.0/8 None",
            "Default Active 10.0.0.0/16 VnetLocal",
            "Default Active 10.1.0.0/16 VNetPeering",
            "Default Active 10.2.0.0/16 VNetPeering",
            "VirtualNetworkGateway Active 10.10.0.0/16 VirtualNetworkGateway",
            "Default Active 100.64.0.0/10 None",
            "Default Active 172.16.0.0/12 None",
            "Default Active 192.168.0.0/16 None",
        ]
    );
}

#[test]
fn s8_6_bgp_is_listed_in_azures_shape() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("routing-overview.yaml");
    std::fs::write(&file, ROUTING_OVERVIEW).unwrap();
    let ask = |question: &str| {
        let mut command = Command::cargo_bin("vnetlab").unwrap();
        command.args(question.split_whitespace()).arg("-f").arg(&file).args(["-o", "json"]);
        let output = command.assert().code(0).get_output().clone();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["value"].clone()
    };
    let learned = ask("list-learned-routes vpn");
    assert_eq!(learned[1]["network"], "10.10.0.0/16");
    assert_eq!((&learned[1]["asPath"], &learned[1]["origin"]), (&json!("65010"), &json!("EBgp")));
    let announced = ask("list-advertised-routes vpn --peer LNG");
    assert_eq!(announced[0]["network"], "10.0.0.0/16");
    assert_eq!((&announced[0]["asPath"], &announced[0]["nextHop"]), (&json!("65515"), &json!("10.0.254.4")));
    let peers = ask("list-bgp-peer-status vpn");
    assert_eq!((&peers[0]["state"], &peers[0]["asn"]), (&json!("Connected"), &json!(65010)));
}

const GATEWAYS: &str = "
name: gateways
virtualNetworks:
  hub: {addressSpace: [10.0.0.0/16], subnets: {GatewaySubnet: {addressPrefix: 10.0.254.0/27}}}
";

#[test]
fn questions_without_anything_to_list_are_answered_or_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateways.yaml");
    std::fs::write(&file, GATEWAYS).unwrap();
    let run = |arguments: &str| {
        let mut command = Command::cargo_bin("vnetlab").unwrap();
        command.args(arguments.split_whitespace()).arg("-f").arg(&file).args(["-o", "json"]);
        command.output().unwrap()
    };
    for question in ["list-peerings", "list-effective-security-admin-rules hub/GatewaySubnet"] {
        let output = run(question);
        assert_eq!(output.status.code(), Some(0), "{question}");
        assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), json!({"value": []}));
    }
    for question in
        ["list-learned-routes vpn", "list-advertised-routes vpn --peer dc", "list-bgp-peer-status vpn"]
    {
        let output = run(question);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{question}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("no virtual network gateway or route server vpn"), "{said}");
    }
    assert_eq!(run("list-effective-security-admin-rules hubb").status.code(), Some(2));
}
