//! Routes that lead to nobody who forwards.

use super::said;

/// What is asked about a route, beside subnets without a group.
fn asked(file: &str, cases: &[(&str, &str)]) {
    for (route, expected) in cases {
        let text = format!(
            "name: lab\n{file}\nrouteTables: {{rt: {{routes: {{r: {{addressPrefix: 0.0.0.0/0, {route}}}}}}}}}\n"
        );
        let said = said(&text);
        let about: Vec<_> =
            said.iter().filter(|line| line.starts_with("NextHop")).map(String::as_str).collect();
        assert_eq!(about.join("\n"), *expected, "{route}");
    }
}

#[test]
fn a_next_hop_that_does_not_forward_is_a_warning() {
    const FILE: &str = "virtualNetworks:
  hub: {addressSpace: [10.0.0.0/16], subnets: {nva: {addressPrefix: 10.0.100.0/24}, web: {addressPrefix: 10.0.1.0/24, routeTable: rt}}}
  other: {addressSpace: [10.9.0.0/16], subnets: {far: {addressPrefix: 10.9.0.0/24}}}
virtualMachines:
  good: {subnet: hub/nva, privateIPAddress: 10.0.100.4, enableIPForwarding: true, guest: {ipForwarding: true}}
  flag: {subnet: hub/nva, privateIPAddress: 10.0.100.5, guest: {ipForwarding: true}}
  guest: {subnet: hub/nva, privateIPAddress: 10.0.100.6, enableIPForwarding: true}
  same: {subnet: hub/web, privateIPAddress: 10.0.1.9, enableIPForwarding: true, guest: {ipForwarding: true}}
  far: {subnet: other/far, privateIPAddress: 10.9.0.4, enableIPForwarding: true, guest: {ipForwarding: true}}";
    asked(
        FILE,
        &[
            ("nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.100.4", ""),
            (
                "nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.100.5",
                "NextHopWithoutIPForwarding: route `r` leads to `flag/nic0`, which may not receive the packets of others; set `enableIPForwarding: true` on `flag/nic0`",
            ),
            (
                "nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.100.6",
                "NextHopGuestDoesNotForward: route `r` leads to `guest`, whose operating system does not forward packets; set `guest: {ipForwarding: true}` on `guest`",
            ),
            (
                "nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.100.7",
                "NextHopUnreachable: route `r` leads to 10.0.100.7, which no NIC in `hub` or a virtual network peered with it has; name the private address of a NIC that forwards",
            ),
            (
                "nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.1.9",
                "NextHopInSameSubnet: route `r` leads to `same/nic0`, and the table also steers that NIC's own subnet `hub/web`: what it forwards comes back to it; give the appliance a subnet of its own, without this route table",
            ),
            (
                "nextHopType: VirtualAppliance, nextHopIpAddress: 10.9.0.4",
                "NextHopUnreachable: route `r` leads to 10.9.0.4, which no NIC in `hub` or a virtual network peered with it has; `far` has it, in `other`: peer the two virtual networks, with a link on each side",
            ),
            (
                "nextHopType: VirtualNetworkGateway",
                "NextHopGatewayMissing: route `r` leads to a virtual network gateway, and there is none; use another next hop: it drops its packets",
            ),
        ],
    );
}
