//! What a VM asks the platform for, by the programs that people use: names by the guest's resolver, a service by Private Link,
//! and what curl is told about the machine.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use integration_tests::{Lab, User, wait};
use serde_json::Value;

/// `near` has the zone that leads to the private endpoint, `far` sees the public address.
const TOPOLOGY: &str = r#"
name: names
location: koreacentral
hosts: 2
virtualNetworks:
  near:
    addressSpace: [10.0.0.0/16]
    subnets:
      app: {addressPrefix: 10.0.1.0/24}
      pe: {addressPrefix: 10.0.9.0/24}
  far:
    addressSpace: [10.1.0.0/16]
    subnets:
      app: {addressPrefix: 10.1.1.0/24}
privateDnsZones:
  privatelink.blob.core.windows.net: {virtualNetworkLinks: {near: {}}}
services:
  store: {type: Microsoft.Storage, fqdn: store.blob.core.windows.net, ipAddress: 20.60.0.9, commands: ["cd /run && echo kept > word && python3 -m http.server 80"]}
privateEndpoints:
  pe-store: {subnet: near/pe, service: store, privateIPAddress: 10.0.9.4}
virtualMachines:
  app: {subnet: near/app, privateIPAddress: 10.0.1.4, size: Standard_D4s_v5}
  db: {subnet: near/app, privateIPAddress: 10.0.1.5}
  other: {subnet: far/app, privateIPAddress: 10.1.1.4}
"#;

const STORE: &str = "store.blob.core.windows.net";

/// The address that the guest's resolver has for a name; nothing where it has none.
fn address(lab: &Lab, vm: &str, name: &str) -> Option<String> {
    let said = lab.exec(vm, &["getent", "ahostsv4", name]);
    said.stdout.split_whitespace().next().map(str::to_owned)
}

#[test]
fn a_service_is_reached_by_name_in_private_where_its_zone_is_linked_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    assert_eq!(address(&lab, "app", STORE).as_deref(), Some("10.0.9.4"));
    assert_eq!(address(&lab, "other", STORE).as_deref(), Some("20.60.0.9"));

    let url = format!("http://{STORE}/word");
    let curl = |vm: &str| {
        let said =
            lab.exec(vm, &["curl", "--silent", "--max-time", "2", "--write-out", " %{remote_ip}", &url]);
        (said.status == Some(0)).then_some(said.stdout)
    };
    assert_eq!(wait::until("the service answers", || curl("app")), "kept\n 10.0.9.4");
    assert_eq!(wait::until("the service answers", || curl("other")), "kept\n 20.60.0.9");
}

#[test]
fn machines_know_each_other_by_name_in_their_own_network_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    let suffix = lab.exec("app", &["sed", "-n", "s/^search //p", "/etc/resolv.conf"]).stdout;
    let db = format!("db.{}", suffix.trim());
    assert!(db.ends_with(".internal.cloudapp.net"), "{db}");
    assert_eq!(address(&lab, "app", &db).as_deref(), Some("10.0.1.5"));
    assert_eq!(address(&lab, "other", &db), None);
}

#[test]
fn curl_is_told_about_its_machine_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    let url = "http://169.254.169.254/metadata/instance?api-version=2021-02-01";
    let said = lab.exec("app", &["curl", "--silent", "--fail", "--header", "Metadata: true", url]);
    let told: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(told["compute"]["name"], "app");
    assert_eq!(told["compute"]["vmSize"], "Standard_D4s_v5");
    let address = &told["network"]["interface"][0]["ipv4"]["ipAddress"][0]["privateIpAddress"];
    assert_eq!(address, "10.0.1.4");

    let without_header = lab.exec("app", &["curl", "--silent", "--write-out", "%{http_code}", url]);
    assert!(without_header.stdout.ends_with("400"), "{without_header}");

    let agent = lab.exec("app", &["curl", "--silent", "--fail", "http://168.63.129.16/?comp=versions"]);
    assert!(agent.stdout.contains("<Versions>"), "{agent}");
}
