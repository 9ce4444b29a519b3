//! Peerings.

use super::*;
use crate::network::{Peering, PeeringScope, PeeringState};

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
fn s7_1_one_link_alone_carries_nothing() {
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
fn s7_1_there_is_one_link_per_pair() {
    check(
        &networks,
        &[(
            "a: {addressSpace: [10.0.0.0/16], peerings: {x: {remoteVirtualNetwork: b}, y: {remoteVirtualNetwork: b}}}, b: {addressSpace: [10.1.0.0/16], peerings: {to-a: {remoteVirtualNetwork: a}}}",
            "error PeeringDuplicate: `a` has two peerings with `b`; the first is `x`; a virtual network has one link to each of its peers: leave one out",
        )],
    );
}

#[test]
fn s7_1_spaces_do_not_overlap() {
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

/// Two virtual networks, a link each way; what is typed goes into the first one's and the second one's link.
fn pair(there: &str, back: &str) -> String {
    format!(
        "virtualNetworks:
  a: {{addressSpace: [10.0.0.0/16], peerings: {{to-b: {{remoteVirtualNetwork: b{there}}}}}}}
  b: {{addressSpace: [10.1.0.0/16], peerings: {{to-a: {{remoteVirtualNetwork: a{back}}}}}}}"
    )
}

fn links(file: &str) -> Vec<Peering> {
    let network = load(&format!("name: lab\n{file}\n")).network.unwrap();
    network.virtual_networks.into_iter().flat_map(|vnet| vnet.peerings).collect()
}

fn states(file: &str) -> Vec<PeeringState> {
    links(file).into_iter().map(|link| link.state).collect()
}

#[test]
fn s7_1_both_links_make_a_peering_and_one_is_initiated() {
    use PeeringState::{Connected, Disconnected, Initiated};
    assert_eq!(states(&pair("", "")), [Connected, Connected]);
    let alone = "virtualNetworks:
  a: {addressSpace: [10.0.0.0/16], peerings: {to-b: {remoteVirtualNetwork: b}}}
  b: {addressSpace: [10.1.0.0/16]}";
    assert_eq!(states(alone), [Initiated]);
    // The other side was deleted, and then made anew: this link has to be made anew, too.
    assert_eq!(states(&alone.replace("b}}", "b, peeringState: Disconnected}}")), [Disconnected]);
    assert_eq!(states(&pair(", peeringState: Disconnected", "")), [Disconnected, Initiated]);
    assert_eq!(states(&pair(", peeringState: Connected", "")), [Connected, Connected]);
}

#[test]
fn s7_1_a_state_that_cannot_be_is_refused_and_a_dead_one_is_told() {
    check(
        &|typed| pair(typed, ""),
        &[
            (
                ", peeringState: Initiated",
                "error PeeringState: peering `to-b` is Connected, not Initiated; leave `peeringState` out: both links decide it; write `Disconnected` if the other one was deleted",
            ),
            (
                ", peeringState: Disconnected",
                concat!(
                    "warning PeeringDisconnected: peering `to-b` carries nothing: the link of `b` was deleted; delete it, and make both links anew: leave `peeringState` out\n",
                    "warning PeeringInitiated: peering `to-a` carries nothing: the link of `a` back to `b` is Disconnected; make the link of `a` anew"
                ),
            ),
        ],
    );
}

#[test]
fn s7_2_flags_have_azures_defaults() {
    let link = &links(&pair("", ""))[0];
    assert!(link.allow_virtual_network_access && !link.allow_forwarded_traffic);
    assert!(!link.allow_gateway_transit && !link.use_remote_gateways);
    assert_eq!(link.scope, PeeringScope::CompleteVnets);
    let typed = ", allowVirtualNetworkAccess: false, allowForwardedTraffic: true, allowGatewayTransit: true";
    let link = &links(&pair(typed, ""))[0];
    assert!(!link.allow_virtual_network_access && link.allow_forwarded_traffic && link.allow_gateway_transit);
}

/// Gateways of the other side: they exist, the other side allows it, this side has none, and one peering uses them.
#[test]
fn s7_2_remote_gateways_are_there_and_allowed() {
    let file = |a: &str, b: &str| {
        let file = format!("name: lab\n{}\n", pair(a, b));
        problems(&file).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        file(", useRemoteGateways: true", ""),
        [
            "error RemoteVnetHasNoGateways: peering `to-b` uses the gateways of `b`, which has none; give `b` a virtual network gateway or a route server",
            "error PeeringAllowGatewayTransit: peering `to-b` uses the gateways of `b`, whose link back to `a` does not allow it; set `allowGatewayTransit: true` on the link of `b`"
        ]
    );
    assert_eq!(
        file("", ", allowGatewayTransit: true"),
        [""; 0],
        "transit without a gateway is no use and no error"
    );
}

/// Whether other people's sections are read already or not: only what is said about peerings counts.
fn said_of_peerings(text: &str) -> Vec<String> {
    let all = problems(text);
    let kept = all.lines().filter(|line| line.contains("Peering") || line.contains("RemoteVnet"));
    kept.map(|line| line.split(';').next().unwrap().to_owned()).collect()
}

#[test]
fn s7_2_remote_gateways_are_refused_beside_own_ones_and_twice() {
    let file = |gateways: &str| {
        said_of_peerings(&format!(
            "name: lab
virtualNetworks:
  spoke:
    addressSpace: [10.0.0.0/16]
    subnets: {{GatewaySubnet: {{addressPrefix: 10.0.0.0/26}}, RouteServerSubnet: {{addressPrefix: 10.0.1.0/26}}}}
    peerings:
      to-h1: {{remoteVirtualNetwork: h1, useRemoteGateways: true}}
      to-h2: {{remoteVirtualNetwork: h2, useRemoteGateways: true}}
  h1:
    addressSpace: [10.1.0.0/16]
    subnets: {{GatewaySubnet: {{addressPrefix: 10.1.0.0/26}}}}
    peerings: {{to-spoke: {{remoteVirtualNetwork: spoke, allowGatewayTransit: true}}}}
  h2:
    addressSpace: [10.2.0.0/16]
    subnets: {{RouteServerSubnet: {{addressPrefix: 10.2.0.0/26}}}}
    peerings: {{to-spoke: {{remoteVirtualNetwork: spoke, allowGatewayTransit: true}}}}
{gateways}"
        ))
    };
    let hubs = "virtualNetworkGateways: {g1: {virtualNetwork: h1, gatewayType: Vpn}}
routeServers: {r2: {virtualNetwork: h2}}";
    let twice =
        "error PeeringUseRemoteGateways: peerings `to-h1` and `to-h2` of `spoke` both use remote gateways";
    assert_eq!(file(hubs), [twice]);
    let own = hubs.replace("r2: ", "r0: {virtualNetwork: spoke}, r2: ");
    assert_eq!(
        file(&own),
        [
            "error PeeringUseRemoteGateways: peering `to-h1` uses remote gateways, and `spoke` has a gateway or route server of its own",
            twice
        ]
    );
}

/// What a link synced before the other side grew or shrank is what its routes cover, until it is synced.
#[test]
fn s7_2_a_link_knows_the_space_that_it_last_synced() {
    let space = |typed: &str| {
        let link = &links(&pair(typed, ""))[0];
        link.remote_address_space.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(space(""), ["10.1.0.0/16"]);
    assert_eq!(space(", remoteAddressSpace: [10.1.0.0/17, 10.9.0.0/16]"), ["10.1.0.0/17", "10.9.0.0/16"]);
    check(
        &|typed| pair(typed, ""),
        &[
            (", remoteAddressSpace: [10.1.0.0/17, 10.1.128.0/17]", ""),
            (
                ", remoteAddressSpace: [10.1.0.0/17]",
                "warning PeeringNotInSync: peering `to-b` is not in sync: `b` has 10.1.0.0/16 now; its routes cover what it last synced; leave `remoteAddressSpace` out to sync it",
            ),
            (
                ", remoteAddressSpace: []",
                "error PeeringRemoteAddressSpace: peering `to-b` has an empty remoteAddressSpace; leave it out: it is synced then",
            ),
            (
                ", remoteAddressSpace: [10.1.0.0/16, 10.1.2.0/24]",
                "error AddressSpaceOverlap: prefix 10.1.2.0/24 of remoteAddressSpace overlaps 10.1.0.0/16; leave one out",
            ),
            (
                ", remoteAddressSpace: [10.0.7.0/24, 10.1.0.0/16]",
                concat!(
                    "error VnetAddressSpacesOverlap: remoteAddressSpace 10.0.7.0/24 overlaps 10.0.0.0/16 of `a`; no link ever synced a prefix that overlaps its own side: leave it out\n",
                    "warning PeeringNotInSync: peering `to-b` is not in sync: `b` has 10.1.0.0/16 now; its routes cover what it last synced; leave `remoteAddressSpace` out to sync it"
                ),
            ),
        ],
    );
}

/// Two virtual networks of one range, peered by some of their subnets.
fn by_subnet(there: &str, back: &str) -> String {
    format!(
        "virtualNetworks:
  a:
    addressSpace: [10.0.0.0/16]
    subnets: {{s1: {{addressPrefix: 10.0.1.0/24}}, s2: {{addressPrefix: 10.0.2.0/24}}}}
    peerings: {{to-b: {{remoteVirtualNetwork: b, peerCompleteVnets: false, {there}}}}}
  b:
    addressSpace: [10.0.0.0/16]
    subnets: {{t2: {{addressPrefix: 10.0.2.0/24}}, t3: {{addressPrefix: 10.0.3.0/24}}}}
    peerings: {{to-a: {{remoteVirtualNetwork: a, peerCompleteVnets: false, {back}}}}}"
    )
}

#[test]
fn s7_4_subnets_of_networks_that_overlap_are_peered() {
    let file = by_subnet(
        "localSubnetNames: [s1], remoteSubnetNames: [T3]",
        "localSubnetNames: [t3], remoteSubnetNames: [s1]",
    );
    assert_eq!(problems(&format!("name: lab\n{file}\n")), "");
    let links = links(&file);
    assert_eq!(links[0].scope, PeeringScope::Subnets { local: vec![0], remote: vec![1] });
    assert_eq!(links[1].scope, PeeringScope::Subnets { local: vec![1], remote: vec![0] });
    assert_eq!(links[0].remote_address_space, ["10.0.3.0/24".parse().unwrap()]);
    assert!(links.iter().all(Peering::is_connected));
}

#[test]
fn s7_4_ranges_of_taking_part_subnets_are_unique() {
    let both = [
        "localSubnetNames: [s2], remoteSubnetNames: [t2]",
        "localSubnetNames: [t2], remoteSubnetNames: [s2]",
    ];
    assert_eq!(
        problems(&format!("name: lab\n{}\n", by_subnet(both[0], both[1]))),
        "error VnetAddressSpacesOverlap: `a` and `b` cannot be peered: 10.0.2.0/24 overlaps 10.0.2.0/24; the subnets that take part have ranges of their own: leave one out"
    );
}

#[test]
fn s7_4_taking_part_subnets_are_named_on_both_sides() {
    check(
        &|typed| by_subnet(typed, "localSubnetNames: [t3], remoteSubnetNames: [s1]"),
        &[
            (
                "localSubnetNames: [s1]",
                concat!(
                    "error PeeringSubnetNames: peering `to-b` does not peer complete virtual networks and has no remoteSubnetNames; name the subnets of `b` that take part\n",
                    "warning PeeringSubnetsDiffer: peering `to-a` and the link of `a` back to `b` name different subnets; only subnets that both links name exchange packets: name the same ones on both sides"
                ),
            ),
            (
                "localSubnetNames: [s1, S1], remoteSubnetNames: [t3]",
                "error PeeringSubnetNames: peering `to-b` names subnet `S1` twice in localSubnetNames; name each subnet once",
            ),
            (
                "localSubnetNames: [s1], remoteSubnetNames: [t3, s9]",
                concat!(
                    "error InvalidResourceReference: there is no subnet `b/s9`; there is `t2`, `t3`\n",
                    "warning PeeringSubnetsDiffer: peering `to-a` and the link of `a` back to `b` name different subnets; only subnets that both links name exchange packets: name the same ones on both sides"
                ),
            ),
        ],
    );
    check(
        &|typed| pair(typed, ""),
        &[(
            ", localSubnetNames: [x]",
            "error PeeringSubnetNames: peering `to-b` has localSubnetNames, and peers complete virtual networks; set `peerCompleteVnets: false`, or leave localSubnetNames out",
        )],
    );
}

#[test]
fn s7_4_at_most_200_subnets_take_part() {
    let subnets = |vnet: usize, count: usize| {
        let subnet = |n: usize| format!("s{n}: {{addressPrefix: 10.{vnet}.{n}.0/24}}");
        (0..count).map(subnet).collect::<Vec<_>>().join(", ")
    };
    let names = |count: usize| (0..count).map(|n| format!("s{n}")).collect::<Vec<_>>().join(", ");
    let file = |count: usize| {
        format!(
            "name: lab
virtualNetworks:
  a: {{addressSpace: [10.0.0.0/16], subnets: {{{}}}, peerings: {{p: {{remoteVirtualNetwork: b, peerCompleteVnets: false, localSubnetNames: [{}], remoteSubnetNames: [s0]}}}}}}
  b: {{addressSpace: [10.1.0.0/16], subnets: {{{}}}, peerings: {{p: {{remoteVirtualNetwork: a, peerCompleteVnets: false, localSubnetNames: [s0], remoteSubnetNames: [{}]}}}}}}
",
            subnets(0, count), names(count), subnets(1, 1), names(count)
        )
    };
    assert_eq!(problems(&file(200)), "");
    let said = problems(&file(201));
    assert!(
        said.contains("LimitExceeded: there are 201 localSubnetNames of peering `p`; at most 200"),
        "{said}"
    );
    assert!(
        said.contains("LimitExceeded: there are 201 remoteSubnetNames of peering `p`; at most 200"),
        "{said}"
    );
}

#[test]
fn s7_5_at_most_500_peerings() {
    let file = |count: usize| {
        let peer = |n: usize| format!("  v{n}: {{addressSpace: [10.{}.{}.0/24]}}\n", n / 256, n % 256);
        let link = |n: usize| format!("p{n}: {{remoteVirtualNetwork: v{n}}}");
        let links: Vec<_> = (0..count).map(link).collect();
        let peers: String = (0..count).map(peer).collect();
        format!(
            "name: lab\nvirtualNetworks:\n  hub: {{addressSpace: [192.168.0.0/16], peerings: {{{}}}}}\n{peers}",
            links.join(", ")
        )
    };
    assert!(!problems(&file(500)).contains("error"));
    assert!(problems(&file(501)).contains("LimitExceeded: there are 501 peerings of `hub`; at most 500"));
}

/// A peering across regions is one like any other here.
#[test]
fn s7_3_virtual_networks_of_two_regions_are_peered() {
    let file = pair("", "").replace("a: {addressSpace", "a: {location: japaneast, addressSpace");
    assert_eq!(states(&file), [PeeringState::Connected; 2]);
}
