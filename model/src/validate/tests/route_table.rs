//! Route tables, and routes that lead nowhere.

use super::*;

#[test]
fn a_prefix_stands_once() {
    check(
        &routes,
        &[
            (
                "a: {addressPrefix: 10.0.0.0/8, nextHopType: None}, b: {addressPrefix: 10.0.0.0/8, nextHopType: Internet}",
                "error RouteAddressPrefixConflict: routes `a` and `b` of `rt` both have the prefix 10.0.0.0/8; a prefix stands once in a route table: leave one route out",
            ),
            (
                "a: {addressPrefix: 10.0.0.0/8, nextHopType: None}, b: {addressPrefix: 10.0.0.0/16, nextHopType: VnetLocal}",
                "",
            ),
        ],
    );
}

#[test]
fn an_appliance_has_an_address_and_nothing_else_has() {
    check(
        &route,
        &[
            (
                "nextHopType: VirtualAppliance",
                "error RouteNextHopAddress: route `r` has next hop type VirtualAppliance and no nextHopIpAddress; give it the private address of the appliance's NIC, such as `nextHopIpAddress: 10.0.100.4`",
            ),
            (
                "nextHopType: Internet, nextHopIpAddress: 10.0.0.4",
                "error RouteNextHopAddress: route `r` has a nextHopIpAddress and next hop type Internet; leave nextHopIpAddress out, or use `nextHopType: VirtualAppliance`",
            ),
            (
                "nextHopType: VirtualAppliance, nextHopIpAddress: 0.0.0.0",
                "error RouteNextHopAddress: route `r` leads to 0.0.0.0, which no NIC can have; give it the private address of a NIC",
            ),
        ],
    );
}

#[test]
fn what_is_not_built_is_refused() {
    check(
        &routes,
        &[
            (
                "r: {addressPrefix: 0.0.0.0/0, nextHopType: VirtualApplianceEcmp, nextHopIpAddresses: [10.0.0.4, 10.0.0.5]}",
                concat!(
                    "error NotBuiltYet: not built yet: nextHopType VirtualApplianceEcmp (line 2); use another one\n",
                    "error NotBuiltYet: not built yet: nextHopIpAddresses (line 2); leave it out"
                ),
            ),
            (
                "r: {addressPrefix: Storage, nextHopType: Internet}",
                "error NotBuiltYet: not built yet: a service tag as the prefix of a route (`Storage`); leave it out",
            ),
        ],
    );
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
    check(
        &|inner| format!("{FILE}\n{}", route(inner)),
        &[
            ("nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.100.4", ""),
            (
                "nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.100.5",
                "warning NextHopWithoutIPForwarding: route `r` leads to `flag/nic0`, which may not receive the packets of others; set `enableIPForwarding: true` on `flag/nic0`",
            ),
            (
                "nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.100.6",
                "warning NextHopGuestDoesNotForward: route `r` leads to `guest`, whose operating system does not forward packets; set `guest: {ipForwarding: true}` on `guest`",
            ),
            (
                "nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.100.7",
                "warning NextHopUnreachable: route `r` leads to 10.0.100.7, which no NIC in `hub` or a virtual network peered with it has; name the private address of a NIC that forwards",
            ),
            (
                "nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.1.9",
                "warning NextHopInSameSubnet: route `r` leads to `same/nic0`, and the table also steers that NIC's own subnet `hub/web`: what it forwards comes back to it; give the appliance a subnet of its own, without this route table",
            ),
            (
                "nextHopType: VirtualAppliance, nextHopIpAddress: 10.9.0.4",
                "warning NextHopUnreachable: route `r` leads to 10.9.0.4, which no NIC in `hub` or a virtual network peered with it has; `far` has it, in `other`: peer the two virtual networks, with a link on each side",
            ),
            (
                "nextHopType: VirtualNetworkGateway",
                "warning NextHopGatewayMissing: route `r` leads to a virtual network gateway, and there is none; use another next hop: it drops its packets",
            ),
        ],
    );
}

#[test]
fn a_table_that_is_not_attached_is_not_looked_at() {
    check(
        &lab,
        &[
            ("virtualNetworks:
  hub: {addressSpace: [10.0.0.0/16], subnets: {web: {addressPrefix: 10.0.1.0/24}, db: {addressPrefix: 10.0.2.0/24}}}
routeTables: {rt: {routes: {r: {addressPrefix: 0.0.0.0/0, nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.1.4}}}}", ""),
        ],
    );
}
