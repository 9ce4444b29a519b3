//! VPN gateways.

use super::*;

fn with_bgp(routes: &[&str]) -> NetworkBuilder {
    hub_and_spoke(GatewayType::Vpn).bgp_local_network_gateway("lng", "dc", 65010, routes).connect("gw", "lng")
}

#[test]
fn s8_2_static_prefixes_of_a_local_network_gateway_are_routes() {
    let network = hub_and_spoke(GatewayType::Vpn)
        .local_network_gateway("lng", "dc", &["10.50.0.0/16", "10.51.0.0/16"])
        .connect("gw", "lng")
        .build();
    let routes = ["10.50.0.0/16 → VirtualNetworkGateway", "10.51.0.0/16 → VirtualNetworkGateway"];
    assert_eq!(programmed(&network, 0), routes);
    assert_eq!(programmed(&network, 1), routes);
    assert!(Bgp::of(&network).session(gateway(0), "lng").is_none());
}

#[test]
fn s8_2_routes_learnt_by_bgp_carry_their_path() {
    let network = with_bgp(&["10.50.0.0/16", "10.51.0.0/16 65010,65010"]).build();
    assert_eq!(
        learned(&network, gateway(0)),
        [
            "10.0.0.0/16 Network",
            "10.1.0.0/16 Network",
            "10.50.0.0/16 65010 EBgp",
            "10.51.0.0/16 65010-65010 EBgp"
        ]
    );
    assert_eq!(via(&network, 0, "10.51.0.1"), ["gw"]);
}

#[test]
fn s8_2_what_the_virtual_network_has_is_ignored_and_what_is_wider_is_not() {
    let network = with_bgp(&["10.0.0.0/16", "10.0.7.0/24", "10.0.0.0/8"]).build();
    assert_eq!(programmed(&network, 0), ["10.0.0.0/8 → VirtualNetworkGateway"]);
    let fixed = hub_and_spoke(GatewayType::Vpn)
        .local_network_gateway("lng", "dc", &["10.0.7.0/24", "10.50.0.0/16"])
        .connect("gw", "lng")
        .build();
    assert_eq!(programmed(&fixed, 0), ["10.50.0.0/16 → VirtualNetworkGateway"]);
}

#[test]
fn s8_2_the_default_route_is_accepted() {
    let network = with_bgp(&["0.0.0.0/0"]).build();
    assert_eq!(via(&network, 0, "8.8.8.8"), ["gw"]);
    assert_eq!(via(&network, 1, "8.8.8.8"), ["gw"]);
}

#[test]
fn s8_2_more_than_4000_prefixes_take_the_session_down() {
    let all = many(4001);
    let most = with_bgp(&texts(&all[..4000])).build();
    assert_eq!(state(&most, gateway(0), "lng"), SessionState::Connected);
    assert_eq!(programmed(&most, 0).len(), 4000);
    let over = with_bgp(&texts(&all)).build();
    assert_eq!(state(&over, gateway(0), "lng"), SessionState::Idle);
    assert_eq!(programmed(&over, 0), Vec::<String>::new());
    assert_eq!(told(&over, gateway(0), "lng"), Vec::<String>::new());
}

/// Its virtual network, spokes, other sites both static and by BGP; not the default route, nor what overlaps, nor what the
/// peer itself has told.
#[test]
fn s8_2_a_gateway_announces_networks_spokes_and_sites() {
    let network = with_bgp(&["10.50.0.0/16"])
        .site("branch", &[], &[])
        .bgp_local_network_gateway(
            "branch-lng",
            "branch",
            65020,
            &["10.60.0.0/16", "0.0.0.0/0", "10.0.0.0/8"],
        )
        .connect("gw", "branch-lng")
        .site("old", &[], &[])
        .local_network_gateway("old-lng", "old", &["10.70.0.0/16"])
        .connect("gw", "old-lng")
        .build();
    assert_eq!(
        told(&network, gateway(0), "lng"),
        ["10.0.0.0/16 65515", "10.1.0.0/16 65515", "10.60.0.0/16 65515-65020", "10.70.0.0/16 65515"]
    );
    assert_eq!(
        told(&network, gateway(0), "branch-lng"),
        ["10.0.0.0/16 65515", "10.1.0.0/16 65515", "10.50.0.0/16 65515-65010", "10.70.0.0/16 65515"]
    );
}

#[test]
fn s8_2_sites_reach_each_other_over_a_gateway_with_bgp_and_not_without() {
    let network = with_bgp(&["10.50.0.0/16"])
        .site("branch", &[], &[])
        .bgp_local_network_gateway("branch-lng", "branch", 65020, &["10.60.0.0/16"])
        .connect("gw", "branch-lng")
        .site("old", &[], &[])
        .local_network_gateway("old-lng", "old", &["10.70.0.0/16"])
        .connect("gw", "old-lng")
        .build();
    let bgp = Bgp::of(&network);
    let exits = |site, to: [u8; 4]| bgp.site_exits(SiteId(site), to.into()).len();
    assert_eq!((exits(0, [10, 60, 0, 1]), exits(1, [10, 50, 0, 1])), (1, 1));
    assert_eq!(exits(2, [10, 60, 0, 1]), 0);
    assert_eq!(exits(2, [10, 1, 0, 4]), 1);
    assert_eq!(bgp.exits(GatewayId(0), [10, 60, 0, 1].into())[0].connection.unwrap().0, 1);
    assert!(bgp.exits(GatewayId(0), [10, 99, 0, 1].into()).is_empty());
}

#[test]
fn s6_4_4_equal_paths_share_the_flows_and_a_shorter_one_takes_all() {
    let two = |first: &str, second: &str| {
        hub_and_spoke(GatewayType::Vpn)
            .bgp_local_network_gateway("lng1", "dc", 65010, &[first])
            .bgp_local_network_gateway("lng2", "dc", 65020, &[second])
            .connect("gw", "lng1")
            .connect("gw", "lng2")
            .build()
    };
    let exits = |network: &Network| {
        let bgp = Bgp::of(network);
        let exits = bgp.exits(GatewayId(0), [10, 50, 0, 1].into());
        exits.iter().map(|route| route.connection.unwrap().0).collect::<Vec<_>>()
    };
    assert_eq!(exits(&two("10.50.0.0/16", "10.50.0.0/16")), [0, 1]);
    // 8.2: prepending is honoured.
    assert_eq!(exits(&two("10.50.0.0/16 65010,65010", "10.50.0.0/16")), [1]);
}

fn two_networks(asn: u32) -> NetworkBuilder {
    with_bgp(&["10.50.0.0/16"])
        .vnet("far", "10.9.0.0/16")
        .subnet("far", "GatewaySubnet", "10.9.254.0/27")
        .gateway_with("far-gw", "far", GatewayType::Vpn, |gateway| gateway.asn = asn)
        .connect("gw", "far-gw")
}

#[test]
fn s8_2_connected_gateways_tell_each_other_all_they_know_by_bgp() {
    let network = two_networks(65020).build();
    assert_eq!(
        programmed(&network, 2),
        [
            "10.0.0.0/16 → VirtualNetworkGateway",
            "10.1.0.0/16 → VirtualNetworkGateway",
            "10.50.0.0/16 → VirtualNetworkGateway"
        ]
    );
    assert_eq!(learned(&network, gateway(1))[3], "10.50.0.0/16 65515-65010 EBgp");
    assert_eq!(told(&network, gateway(0), "lng")[2], "10.9.0.0/16 65515-65020");
}

#[test]
fn s8_2_without_bgp_a_connection_of_gateways_leads_to_the_other_network_only() {
    let mut network = two_networks(65020).build();
    network.connections[1].enable_bgp = false;
    assert_eq!(programmed(&network, 2), ["10.0.0.0/16 → VirtualNetworkGateway"]);
    let exits = Bgp::of(&network).exits(GatewayId(0), [10, 9, 0, 4].into()).len();
    assert_eq!(exits, 1);
}

/// A path with one's own number has gone round in a circle.
#[test]
fn s8_1_two_gateways_of_one_number_learn_nothing_from_each_other() {
    let network = two_networks(65515).build();
    assert_eq!(programmed(&network, 2), Vec::<String>::new());
}

#[test]
fn s7_2_gateway_transit_needs_both_flags_and_both_links() {
    let change = |change: fn(&mut Network)| {
        let mut network = with_bgp(&["10.50.0.0/16"]).build();
        change(&mut network);
        (programmed(&network, 1).len(), told(&network, gateway(0), "lng").len())
    };
    assert_eq!(change(|_| {}), (1, 2));
    assert_eq!(
        change(|network| network.virtual_networks[0].peerings[0].allow_gateway_transit = false),
        (0, 1)
    );
    assert_eq!(change(|network| network.virtual_networks[1].peerings[0].use_remote_gateways = false), (0, 1));
    let disconnect = |network: &mut Network| {
        network.virtual_networks[0].peerings[0].state = crate::network::PeeringState::Disconnected;
    };
    assert_eq!(change(disconnect), (0, 1));
}

/// 7.1: gateways are not chained over more than one peering.
#[test]
fn s7_1_a_spoke_of_a_spoke_gets_nothing() {
    let network = with_bgp(&["10.50.0.0/16"])
        .vnet("far", "10.2.0.0/16")
        .link("spoke", "far", |link| link.allow_gateway_transit = true)
        .link("far", "spoke", |link| link.use_remote_gateways = true)
        .build();
    assert_eq!(programmed(&network, 2), Vec::<String>::new());
    assert_eq!(told(&network, gateway(0), "lng"), ["10.0.0.0/16 65515", "10.1.0.0/16 65515"]);
}
