//! System routes: own ranges, what is reserved, peers, service endpoints.

use super::*;
use crate::network::PeeringScope;
use crate::network::behavior::NoneRoutesBehavior;
use crate::network::gateway::GatewayType;

fn none_routes(network: &Network) -> Vec<String> {
    let routes = EffectiveRoutes::of(&Policy::new(network), subnet(0, 0));
    let none = routes.all().iter().filter(|route| route.next_hop == EffectiveNextHop::None);
    none.map(|route| route.prefix.to_string()).collect()
}

const CLASSIC: [&str; 4] = ["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"];

fn beside(ranges: &[&str], peer: &[&str]) -> Network {
    let network = NetworkBuilder::new().vnet_with("a", ranges).subnet("a", "default", ranges[0]);
    network.vnet_with("b", peer).peer("a", "b").build()
}

#[test]
fn s6_1_one_route_per_range_and_none_per_subnet() {
    let network = NetworkBuilder::new()
        .vnet_with("a", &["10.0.0.0/16", "10.2.0.0/24"])
        .subnet("a", "x", "10.0.0.0/24")
        .subnet("a", "y", "10.0.1.0/24")
        .build();
    let lines = listing(&network, subnet(0, 1));
    let own: Vec<_> = lines.iter().filter(|line| line.contains("VnetLocal")).collect();
    assert_eq!(own, ["Default Active 10.0.0.0/16 → VnetLocal", "Default Active 10.2.0.0/24 → VnetLocal"]);
}

#[test]
fn s6_1_the_default_route_leads_to_the_internet() {
    let network = beside(&["10.0.0.0/16"], &["10.1.0.0/16"]);
    assert_eq!(routes_for(&network, subnet(0, 0), "0.0.0.0/0"), ["Default Active 0.0.0.0/0 → Internet"]);
}

#[test]
fn s6_1_the_reserved_set_is_the_long_standing_one_unless_switched() {
    let mut network = beside(&["10.0.0.0/16"], &["10.1.0.0/16"]);
    assert_eq!(none_routes(&network), CLASSIC);
    network.behavior.none_routes = NoneRoutesBehavior::Documented202512;
    let documented = none_routes(&network);
    assert_eq!(documented.len(), 8);
    for range in ["104.146.0.0/17", "104.147.0.0/16", "127.0.0.0/8", "157.59.0.0/16"] {
        assert!(documented.iter().any(|known| known == range), "{range}");
    }
    network.behavior.none_routes = NoneRoutesBehavior::Observed;
    let observed = none_routes(&network);
    assert_eq!(observed.len(), 18);
    for range in ["25.4.0.0/14", "25.48.0.0/12", "198.18.0.0/15", "40.108.0.0/17", "20.35.252.0/22"] {
        assert!(observed.iter().any(|known| known == range), "{range}");
    }
}

#[test]
fn s6_1_a_range_that_equals_a_reserved_one_takes_its_place() {
    let network = beside(&["10.0.0.0/8"], &["172.20.0.0/16"]);
    assert_eq!(none_routes(&network), CLASSIC[1..]);
    assert_eq!(routes_for(&network, subnet(0, 0), "10.0.0.0/8"), ["Default Active 10.0.0.0/8 → VnetLocal"]);
}

#[test]
fn s6_1_a_range_that_holds_a_reserved_one_takes_it_away() {
    assert_eq!(none_routes(&beside(&["192.0.0.0/8"], &["10.0.0.0/8"])), CLASSIC[1..3]);
}

#[test]
fn s6_1_a_range_inside_a_reserved_one_leaves_it() {
    let network = beside(&["10.0.0.0/16"], &["10.1.0.0/16"]);
    assert_eq!(taken(&network, subnet(0, 0), "10.9.0.1"), "10.0.0.0/8 → None");
}

#[test]
fn s6_1_a_users_default_route_takes_the_reserved_set_away() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .route_table("rt", &["all 0.0.0.0/0 Internet"])
        .subnet_routes("a/default", "rt")
        .build();
    assert_eq!(none_routes(&network), Vec::<String>::new());
    assert_eq!(taken(&network, subnet(0, 0), "192.168.7.7"), "0.0.0.0/0 → Internet");
}

fn default_by_bgp() -> NetworkBuilder {
    NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .subnet("a", "GatewaySubnet", "10.0.254.0/27")
        .gateway("vpn", "a", GatewayType::Vpn)
        .site("dc", &[], &[])
        .bgp_local_network_gateway("lng", "dc", 65010, &["0.0.0.0/0"])
        .connect("vpn", "lng")
}

#[test]
fn s6_1_a_default_route_by_bgp_takes_the_reserved_set_away() {
    let network = default_by_bgp().build();
    assert_eq!(none_routes(&network), Vec::<String>::new());
    assert_eq!(taken(&network, subnet(0, 0), "172.31.0.1"), "0.0.0.0/0 → VirtualNetworkGateway");
    assert_eq!(
        routes_for(&network, subnet(0, 0), "0.0.0.0/0"),
        [
            "VirtualNetworkGateway Active 0.0.0.0/0 → VirtualNetworkGateway",
            "Default Invalid 0.0.0.0/0 → Internet"
        ]
    );
}

#[test]
fn s6_9_without_the_default_route_by_bgp_the_systems_is_effective_again() {
    let mut network = default_by_bgp().build();
    network.local_network_gateways[0].bgp.as_mut().unwrap().routes.clear();
    assert_eq!(taken(&network, subnet(0, 0), "8.8.8.8"), "0.0.0.0/0 → Internet");
}

#[test]
fn s6_2_a_route_for_each_range_of_each_connected_peer() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .vnet_with("b", &["10.1.0.0/16", "10.3.0.0/16"])
        .vnet("c", "10.2.0.0/16")
        .peer("a", "b")
        .link("a", "c", |_| {})
        .build();
    let lines = listing(&network, subnet(0, 0));
    let peers: Vec<_> = lines.iter().filter(|line| line.contains("Peering")).collect();
    assert_eq!(
        peers,
        ["Default Active 10.1.0.0/16 → VNetPeering", "Default Active 10.3.0.0/16 → VNetPeering"]
    );
}

#[test]
fn s7_3_a_peer_in_another_region_is_told_apart() {
    let mut network = beside(&["10.0.0.0/16"], &["10.1.0.0/16"]);
    network.virtual_networks[1].location = "japaneast".to_owned();
    assert_eq!(taken(&network, subnet(0, 0), "10.1.0.4"), "10.1.0.0/16 → VNetGlobalPeering");
}

#[test]
fn s1_1_a_peers_new_range_is_routed_after_a_sync_only() {
    let mut network = beside(&["10.0.0.0/16"], &["10.1.0.0/16"]);
    network.virtual_networks[1].address_space.push("10.5.0.0/16".parse().unwrap());
    assert_eq!(taken(&network, subnet(0, 0), "10.5.0.4"), "10.0.0.0/8 → None");
    network.virtual_networks[0].peerings[0].remote_address_space.push("10.5.0.0/16".parse().unwrap());
    assert_eq!(taken(&network, subnet(0, 0), "10.5.0.4"), "10.5.0.0/16 → VNetPeering");
}

#[test]
fn s7_4_subnet_peering_routes_the_subnets_that_take_part_and_for_all_subnets() {
    let scope = |local, remote| PeeringScope::Subnets { local: vec![local], remote: vec![remote] };
    let network = NetworkBuilder::new()
        .vnet_with("a", &["10.0.0.0/16"])
        .subnet("a", "front", "10.0.0.0/24")
        .subnet("a", "back", "10.0.1.0/24")
        .vnet_with("b", &["10.1.0.0/16"])
        .subnet("b", "back", "10.1.0.0/24")
        .subnet("b", "front", "10.1.1.0/24")
        .link("a", "b", |link| link.scope = scope(0, 1))
        .link("b", "a", |link| link.scope = scope(1, 0))
        .build();
    for index in [0, 1] {
        assert_eq!(taken(&network, subnet(0, index), "10.1.1.4"), "10.1.1.0/24 → VNetPeering");
        assert_eq!(taken(&network, subnet(0, index), "10.1.0.4"), "10.0.0.0/8 → None");
    }
}

#[test]
fn s6_3_a_table_can_keep_peering_routes_away() {
    let mut network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .vnet("b", "10.1.0.0/16")
        .peer("a", "b")
        .route_table("rt", &["nva 10.0.0.0/8 10.0.0.9"])
        .subnet_routes("a/default", "rt")
        .build();
    assert_eq!(taken(&network, subnet(0, 0), "10.1.0.4"), "10.1.0.0/16 → VNetPeering");
    network.route_tables[0].disable_peering_route = true;
    assert_eq!(taken(&network, subnet(0, 0), "10.1.0.4"), "10.0.0.0/8 → VirtualAppliance 10.0.0.9");
    assert_eq!(taken(&network, subnet(0, 0), "10.0.0.4"), "10.0.0.0/16 → VnetLocal");
}

#[test]
fn s6_2_service_endpoint_routes_are_on_the_subnet_that_has_it_only() {
    let network = NetworkBuilder::new()
        .tags(&[("Storage.KoreaCentral", &["20.60.16.0/24"])])
        .vnet("a", "10.0.0.0/16")
        .subnet("a", "other", "10.0.1.0/24")
        .service_endpoint("a/default", "Microsoft.Storage", &["Storage.KoreaCentral"])
        .build();
    assert_eq!(taken(&network, subnet(0, 0), "20.60.16.9"), "20.60.16.0/24 → VirtualNetworkServiceEndpoint");
    assert_eq!(taken(&network, subnet(0, 1), "20.60.16.9"), "0.0.0.0/0 → Internet");
}
