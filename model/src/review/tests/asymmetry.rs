//! Appliances that see half of a connection.

use super::said;

/// Two spokes and an appliance between them; `back` is the route of the second spoke.
fn spokes(back: &str, guest: &str) -> Vec<String> {
    let said = said(&format!(
        "name: lab
virtualNetworks:
  hub:
    addressSpace: [10.0.0.0/16]
    subnets: {{nva: {{addressPrefix: 10.0.100.0/24}}}}
    peerings:
      a: {{remoteVirtualNetwork: a, allowForwardedTraffic: true}}
      b: {{remoteVirtualNetwork: b, allowForwardedTraffic: true}}
  a:
    addressSpace: [10.1.0.0/16]
    subnets: {{web: {{addressPrefix: 10.1.1.0/24, routeTable: there}}}}
    peerings: {{hub: {{remoteVirtualNetwork: hub, allowForwardedTraffic: true}}}}
  b:
    addressSpace: [10.2.0.0/16]
    subnets: {{db: {{addressPrefix: 10.2.1.0/24, routeTable: back}}}}
    peerings: {{hub: {{remoteVirtualNetwork: hub, allowForwardedTraffic: true}}}}
routeTables:
  there: {{routes: {{to-b: {{addressPrefix: 10.2.0.0/16, nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.100.4}}}}}}
  back: {{routes: {{{back}}}}}
virtualMachines:
  web1: {{subnet: a/web}}
  db1: {{subnet: b/db}}
  nva: {{subnet: hub/nva, privateIPAddress: 10.0.100.4, enableIPForwarding: true, guest: {{ipForwarding: true{guest}}}}}
"
    ));
    said.into_iter().filter(|line| line.starts_with("AsymmetricPath")).collect()
}

#[test]
fn a_stateful_appliance_wants_both_directions() {
    assert_eq!(
        spokes("", ""),
        [
            "AsymmetricPath: route `to-b` leads packets of `a/web` for `b/db` to 10.0.100.4, and their answers do not come back that way: a stateful appliance sees half of each connection; steer `b/db` to 10.0.100.4 for the prefix of `a/web`, too"
        ]
    );
    let back =
        "to-a: {addressPrefix: 10.1.0.0/16, nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.100.4}";
    assert!(spokes(back, "").is_empty());
}

#[test]
fn one_that_masquerades_gets_every_answer() {
    assert!(spokes("", ", masquerade: true").is_empty());
}
