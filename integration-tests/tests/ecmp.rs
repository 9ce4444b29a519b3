//! A route with several appliances: each flow keeps to one, and the flows are spread.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::collections::BTreeSet;

use integration_tests::verdict::Question;
use integration_tests::{Lab, User};

const TOPOLOGY: &str = "\
name: ecmp
hosts: 2
virtualNetworks:
  vnet:
    addressSpace: [10.0.0.0/16]
    subnets:
      a: {addressPrefix: 10.0.0.0/24, routeTable: to-b}
      b: {addressPrefix: 10.0.1.0/24}
      nva: {addressPrefix: 10.0.2.0/24}
routeTables:
  to-b:
    routes:
      b: {addressPrefix: 10.0.1.0/24, nextHopType: VirtualApplianceEcmp, nextHopIpAddresses: [10.0.2.4, 10.0.2.5]}
virtualMachines:
  a: {subnet: vnet/a, host: host1}
  b: {subnet: vnet/b, host: host2}
  nva1: {subnet: vnet/nva, host: host1, enableIPForwarding: true, guest: {ipForwarding: true}}
  nva2: {subnet: vnet/nva, host: host2, enableIPForwarding: true, guest: {ipForwarding: true}}
";

/// Flows of a, as connection tracking of the appliances' ports has them: source ports.
fn flows(lab: &Lab, nva: &str) -> BTreeSet<String> {
    let table = lab.in_namespace(&format!("port-{nva}-nic0"), &["cat", "/proc/net/nf_conntrack"]).ok();
    let of_a = table.lines().filter(|line| line.contains("udp") && line.contains("src=10.0.0.4"));
    of_a.filter_map(|line| line.split_whitespace().find(|word| word.starts_with("sport=")))
        .map(str::to_owned)
        .collect()
}

#[test]
fn flows_are_spread_over_the_appliances_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);

    let answer = lab.prove_agreed(&Question::tcp("a", "b", 80));
    assert_eq!(answer["verdict"], "Allow", "{answer:#}");

    let routes = lab.in_namespace("port-a-nic0", &["ip", "route"]).ok();
    assert!(
        routes.contains("nexthop via 10.0.2.4 dev up0") && routes.contains("nexthop via 10.0.2.5 dev up0"),
        "{routes}"
    );
    // 32 flows of two datagrams each. Nobody listens, so that the second may be refused.
    let send = "for n in $(seq 32); do exec 3<>/dev/udp/10.0.1.4/9; echo one >&3; echo two >&3 || true; exec 3>&-; done 2>/dev/null";
    let _ = lab.exec("a", &["bash", "-c", send]);
    let (one, other) = (flows(&lab, "nva1"), flows(&lab, "nva2"));
    assert!(!one.is_empty() && !other.is_empty(), "{one:?} {other:?}");
    assert_eq!(one.intersection(&other).count(), 0, "{one:?} {other:?}");
}
