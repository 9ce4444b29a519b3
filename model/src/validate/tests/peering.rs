//! Peerings.

use super::*;

#[test]
fn a_peering_leads_to_another_network_that_exists() {
    check(
        &networks,
        &[
            (
                "a: {addressSpace: [10.0.0.0/16], peerings: {p: {remoteVirtualNetwork: a}}}",
                "error PeeringToItself: peering `p` leads from `a` to itself; name the other virtual network",
            ),
            (
                "a: {addressSpace: [10.0.0.0/16], peerings: {p: {remoteVirtualNetwork: b}}}",
                "error InvalidResourceReference: there is no virtual network `b`; there is `a`",
            ),
        ],
    );
}

#[test]
fn one_link_alone_carries_nothing() {
    check(
        &networks,
        &[
            (
                "a: {addressSpace: [10.0.0.0/16], peerings: {to-b: {remoteVirtualNetwork: b}}}, b: {addressSpace: [10.1.0.0/16]}",
                "warning PeeringInitiated: peering `to-b` carries nothing: `b` has no link back to `a`; add a peering with `remoteVirtualNetwork: a` to `b`",
            ),
            (
                "a: {addressSpace: [10.0.0.0/16], peerings: {to-b: {remoteVirtualNetwork: b}}}, b: {addressSpace: [10.1.0.0/16], peerings: {to-a: {remoteVirtualNetwork: A}}}",
                "",
            ),
        ],
    );
}

#[test]
fn there_is_one_link_per_pair() {
    check(
        &networks,
        &[(
            "a: {addressSpace: [10.0.0.0/16], peerings: {x: {remoteVirtualNetwork: b}, y: {remoteVirtualNetwork: b}}}, b: {addressSpace: [10.1.0.0/16], peerings: {to-a: {remoteVirtualNetwork: a}}}",
            "error PeeringDuplicate: `a` has two peerings with `b`; the first is `x`; a virtual network has one link to each of its peers: leave one out",
        )],
    );
}

#[test]
fn spaces_do_not_overlap() {
    check(
        &lab,
        &[
            ("virtualNetworks: {a: {addressSpace: [10.0.0.0/16], peerings: {p: {remoteVirtualNetwork: b}}}, b: {addressSpace: [10.1.0.0/16, 10.0.8.0/24], peerings: {p: {remoteVirtualNetwork: a}}}}", "error VnetAddressSpacesOverlap: `a` and `b` cannot be peered: 10.0.0.0/16 overlaps 10.0.8.0/24; give them address spaces that do not overlap"),
            ("virtualNetworks:
  hub: {addressSpace: [10.0.0.0/16], peerings: {p1: {remoteVirtualNetwork: s1}, p2: {remoteVirtualNetwork: s2}}}
  s1: {addressSpace: [10.1.0.0/16], peerings: {p: {remoteVirtualNetwork: hub}}}
  s2: {addressSpace: [10.1.0.0/24], peerings: {p: {remoteVirtualNetwork: hub}}}", "error VnetAddressSpaceOverlapsWithAlreadyPeeredVnet: `hub` cannot be peered with both `s1` and `s2`: 10.1.0.0/16 overlaps 10.1.0.0/24; the spaces of all peers of a virtual network are disjoint: renumber one, or leave one link out"),
        ],
    );
}

#[test]
fn gateways_are_not_built() {
    check(
        &networks,
        &[(
            "a: {addressSpace: [10.0.0.0/16], peerings: {p: {remoteVirtualNetwork: b, useRemoteGateways: true}}}, b: {addressSpace: [10.1.0.0/16], peerings: {p: {remoteVirtualNetwork: a, allowGatewayTransit: true}}}",
            concat!(
                "error NotBuiltYet: not built yet: useRemoteGateways (line 2); leave it out, or write `false`\n",
                "error NotBuiltYet: not built yet: allowGatewayTransit (line 2); leave it out, or write `false`"
            ),
        )],
    );
}
