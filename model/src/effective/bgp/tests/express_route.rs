//! ExpressRoute gateways and circuits.

use super::*;

fn circuit(routes: &[&str]) -> NetworkBuilder {
    hub_and_spoke(GatewayType::ExpressRoute).circuit("c1", "dc", 65010, routes).connect("gw", "c1")
}

#[test]
fn s8_3_routes_come_through_microsofts_edge() {
    let network = circuit(&["10.50.0.0/16"]).build();
    assert_eq!(learned(&network, gateway(0))[2], "10.50.0.0/16 12076-65010 EBgp");
    assert_eq!(via(&network, 1, "10.50.0.1"), ["gw"]);
}

#[test]
fn s8_3_whole_address_spaces_and_spokes_are_announced() {
    let network = circuit(&["10.50.0.0/16"]).build();
    assert_eq!(told(&network, gateway(0), "c1"), ["10.0.0.0/16 65515", "10.1.0.0/16 65515"]);
    let site = Bgp::of(&network);
    let path = &site.site_routes(SiteId(0))[0].as_path;
    assert_eq!(path[..], [12076, 65515]);
}

#[test]
fn s8_3_more_than_4000_prefixes_in_take_it_down() {
    let all = many(4001);
    assert_eq!(state(&circuit(&texts(&all[..4000])).build(), gateway(0), "c1"), SessionState::Connected);
    let over = circuit(&texts(&all)).build();
    assert_eq!(state(&over, gateway(0), "c1"), SessionState::Idle);
    assert_eq!(programmed(&over, 0), Vec::<String>::new());
}

#[test]
fn s8_3_more_than_1000_prefixes_out_take_it_down() {
    let with = |count| {
        let mut network = circuit(&["10.50.0.0/16"]).build();
        let ranges = many(count).into_iter().map(|range| range.parse::<Ipv4Net>().unwrap());
        network.virtual_networks[0].address_space.extend(ranges);
        network
    };
    assert_eq!(state(&with(998), gateway(0), "c1"), SessionState::Connected);
    let over = with(999);
    assert_eq!(state(&over, gateway(0), "c1"), SessionState::Idle);
    assert_eq!(programmed(&over, 0), Vec::<String>::new());
    assert!(Bgp::of(&over).site_routes(SiteId(0)).is_empty());
}

#[test]
fn s8_3_virtual_networks_on_one_circuit_reach_each_other() {
    let network = circuit(&["10.50.0.0/16"])
        .vnet("other", "10.8.0.0/16")
        .subnet("other", "GatewaySubnet", "10.8.254.0/27")
        .gateway("other-gw", "other", GatewayType::ExpressRoute)
        .connect("other-gw", "c1")
        .build();
    assert_eq!(learned(&network, gateway(0))[2], "10.8.0.0/16 12076-12076 EBgp");
    assert_eq!(via(&network, 2, "10.1.0.4"), ["other-gw"]);
}

#[test]
fn s8_3_circuits_with_equal_routes_share_the_flows() {
    let network =
        circuit(&["10.50.0.0/16"]).circuit("c2", "dc", 65010, &["10.50.0.0/16"]).connect("gw", "c2").build();
    assert_eq!(Bgp::of(&network).exits(GatewayId(0), [10, 50, 0, 1].into()).len(), 2);
    // A circuit hears nothing of the other one.
    assert_eq!(told(&network, gateway(0), "c2"), ["10.0.0.0/16 65515", "10.1.0.0/16 65515"]);
}

fn both() -> NetworkBuilder {
    hub()
        .gateway("vpn", "hub", GatewayType::Vpn)
        .gateway("er", "hub", GatewayType::ExpressRoute)
        .bgp_local_network_gateway("lng", "dc", 65010, &["10.50.0.0/16", "10.60.0.0/16"])
        .connect("vpn", "lng")
        .circuit("c1", "dc", 65010, &["10.50.0.0/16"])
        .connect("er", "c1")
}

#[test]
fn s8_3_expressroute_is_preferred_and_there_is_no_transit() {
    let network = both().build();
    assert_eq!(via(&network, 0, "10.50.0.1"), ["er"]);
    assert_eq!(via(&network, 0, "10.60.0.1"), ["vpn"]);
    assert_eq!(told(&network, gateway(1), "c1"), ["10.0.0.0/16 65515", "10.1.0.0/16 65515"]);
    assert_eq!(told(&network, gateway(0), "lng"), ["10.0.0.0/16 65515", "10.1.0.0/16 65515"]);
}

#[test]
fn s8_3_a_site_with_both_prefers_expressroute() {
    let network = both().build();
    let exits = Bgp::of(&network).site_exits(SiteId(0), [10, 1, 0, 4].into());
    assert_eq!(exits.iter().map(|exit| exit.gateway.0).collect::<Vec<_>>(), [1]);
}
