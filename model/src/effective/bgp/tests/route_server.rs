//! Route servers.

use super::*;
use crate::network::PowerState;
use crate::network::gateway::HubRoutingPreference;

/// Appliances at 10.0.0.4, 10.0.0.5, ... in the hub, each with what it announces.
fn appliances(builder: NetworkBuilder, announced: &[&[&str]]) -> NetworkBuilder {
    let mut builder = builder.route_server("rs", "hub", |_| {});
    for (number, routes) in announced.iter().enumerate() {
        let (name, address) = (format!("nva{number}"), format!("10.0.0.{}", 4 + number));
        let asn = 65001 + u32::try_from(number).unwrap();
        builder = builder.nva(&name, &[&address]).route_server_peer("rs", &name, asn, routes);
    }
    builder
}

fn branch_to_branch(mut network: Network) -> Network {
    network.route_servers[0].allow_branch_to_branch_traffic = true;
    network
}

#[test]
fn s8_4_an_appliances_routes_lead_to_it_in_the_hub_and_its_spokes() {
    let network = appliances(hub(), &[&["10.250.0.0/16"]]).build();
    assert_eq!(programmed(&network, 0), ["10.250.0.0/16 → VirtualNetworkGateway 10.0.0.4"]);
    assert_eq!(via(&network, 1, "10.250.0.1"), ["10.0.0.4"]);
}

#[test]
fn s8_4_spokes_need_use_remote_gateways() {
    let mut network = appliances(hub(), &[&["10.250.0.0/16"]]).build();
    network.virtual_networks[1].peerings[0].use_remote_gateways = false;
    assert_eq!(programmed(&network, 1), Vec::<String>::new());
    assert_eq!(told(&network, SERVER, "nva0"), ["10.0.0.0/16 65515"]);
}

#[test]
fn s8_4_equal_paths_share_the_flows_and_a_shorter_one_takes_all() {
    let equal = appliances(hub(), &[&["10.250.0.0/16"], &["10.250.0.0/16"]]).build();
    assert_eq!(via(&equal, 0, "10.250.0.1"), ["10.0.0.4", "10.0.0.5"]);
    let shorter = appliances(hub(), &[&["10.250.0.0/16 65001,65001"], &["10.250.0.0/16"]]).build();
    assert_eq!(via(&shorter, 0, "10.250.0.1"), ["10.0.0.5"]);
}

#[test]
fn s8_4_routes_equal_or_inside_the_virtual_network_are_not_programmed() {
    let network = appliances(hub(), &[&["10.0.0.0/16", "10.0.0.0/24", "10.0.0.0/8"]]).build();
    assert_eq!(programmed(&network, 0), ["10.0.0.0/8 → VirtualNetworkGateway 10.0.0.4"]);
}

#[test]
fn s8_4_more_than_1000_routes_take_the_session_down() {
    let all = many(1001);
    let most = appliances(hub(), &[&texts(&all[..1000])]).build();
    assert_eq!(state(&most, SERVER, "nva0"), SessionState::Connected);
    let over = appliances(hub(), &[&texts(&all), &["10.250.0.0/16"]]).build();
    assert_eq!(state(&over, SERVER, "nva0"), SessionState::Idle);
    assert_eq!(state(&over, SERVER, "nva1"), SessionState::Connected);
    assert_eq!(programmed(&over, 0), ["10.250.0.0/16 → VirtualNetworkGateway 10.0.0.5"]);
}

#[test]
fn s8_4_it_speaks_with_eight_appliances() {
    let routes: [&[&str]; 9] = [&["10.250.0.0/16"]; 9];
    let network = appliances(hub(), &routes).build();
    assert_eq!(state(&network, SERVER, "nva7"), SessionState::Connected);
    assert_eq!(state(&network, SERVER, "nva8"), SessionState::Connecting);
    assert_eq!(via(&network, 0, "10.250.0.1").len(), 8);
}

#[test]
fn s8_4_an_appliance_that_does_not_run_announces_nothing() {
    let mut network = appliances(hub(), &[&["10.250.0.0/16"]]).build();
    network.virtual_machines[0].power_state = PowerState::Deallocated;
    assert_eq!(state(&network, SERVER, "nva0"), SessionState::Connecting);
    assert_eq!(programmed(&network, 0), Vec::<String>::new());
}

#[test]
fn s8_4_a_default_route_also_lands_in_the_appliances_own_subnet() {
    let network = appliances(hub(), &[&["0.0.0.0/0"]]).build();
    assert_eq!(via(&network, 0, "8.8.8.8"), ["10.0.0.4"]);
}

fn with_gateways() -> Network {
    let gateways = hub()
        .gateway("vpn", "hub", GatewayType::Vpn)
        .gateway("er", "hub", GatewayType::ExpressRoute)
        .bgp_local_network_gateway("lng", "dc", 65010, &["10.60.0.0/16"])
        .connect("vpn", "lng")
        .circuit("c1", "dc", 65020, &["10.70.0.0/16"])
        .connect("er", "c1");
    appliances(gateways, &[&["10.250.0.0/16"], &[]]).build()
}

#[test]
fn s8_4_without_branch_to_branch_only_networks_and_spokes_are_told() {
    let network = with_gateways();
    assert_eq!(told(&network, SERVER, "nva1"), ["10.0.0.0/16 65515", "10.1.0.0/16 65515"]);
    assert_eq!(told(&network, gateway(0), "lng"), ["10.0.0.0/16 65515", "10.1.0.0/16 65515"]);
}

#[test]
fn s8_4_branch_to_branch_joins_gateways_and_appliances() {
    let network = branch_to_branch(with_gateways());
    let own = ["10.0.0.0/16 65515", "10.1.0.0/16 65515"];
    assert_eq!(
        told(&network, SERVER, "nva1"),
        [
            own[0],
            own[1],
            "10.60.0.0/16 65515-65010",
            "10.70.0.0/16 65515-12076-65020",
            "10.250.0.0/16 65515-65001"
        ]
    );
    // 8.3: this is what makes transit between VPN and ExpressRoute.
    assert_eq!(
        told(&network, gateway(0), "lng"),
        [own[0], own[1], "10.70.0.0/16 65515-12076-65020", "10.250.0.0/16 65515-65001"]
    );
    assert_eq!(
        told(&network, gateway(1), "c1"),
        [own[0], own[1], "10.60.0.0/16 65515-65010", "10.250.0.0/16 65515-65001"]
    );
    // Who leads to what does not change.
    assert_eq!(via(&network, 0, "10.60.0.1"), ["vpn"]);
    assert_eq!(via(&network, 0, "10.70.0.1"), ["er"]);
    assert_eq!(via(&network, 0, "10.250.0.1"), ["10.0.0.4"]);
}

/// The same prefix from a circuit with a long path, a VPN, and an appliance with the shortest one.
fn contested(preference: HubRoutingPreference) -> Network {
    let gateways = hub()
        .gateway("vpn", "hub", GatewayType::Vpn)
        .gateway("er", "hub", GatewayType::ExpressRoute)
        .bgp_local_network_gateway(
            "lng",
            "dc",
            65010,
            &["10.60.0.0/16 65010,65010", "10.61.0.0/16 65010,65010"],
        )
        .connect("vpn", "lng")
        .circuit("c1", "dc", 65020, &["10.60.0.0/16", "10.61.0.0/16"])
        .connect("er", "c1");
    let mut network = appliances(gateways, &[&["10.60.0.0/16"]]).build();
    network.route_servers[0].hub_routing_preference = preference;
    network
}

#[test]
fn s8_5_the_hub_prefers_expressroute_vpn_or_the_shortest_path() {
    let by = |preference, to| via(&contested(preference), 0, to);
    assert_eq!(by(HubRoutingPreference::ExpressRoute, "10.60.0.1"), ["er"]);
    assert_eq!(by(HubRoutingPreference::VpnGateway, "10.60.0.1"), ["10.0.0.4"]);
    assert_eq!(by(HubRoutingPreference::VpnGateway, "10.61.0.1"), ["vpn"]);
    assert_eq!(by(HubRoutingPreference::AsPath, "10.60.0.1"), ["10.0.0.4"]);
    // Paths of equal length: ExpressRoute.
    assert_eq!(by(HubRoutingPreference::AsPath, "10.61.0.1"), ["er"]);
}

#[test]
fn s6_3_propagation_off_hides_route_server_routes_too() {
    let mut network =
        appliances(hub().route_table("rt", &[]).subnet_routes("hub/default", "rt"), &[&["10.250.0.0/16"]])
            .build();
    assert_eq!(via(&network, 0, "10.250.0.1"), ["10.0.0.4"]);
    network.route_tables[0].disable_bgp_route_propagation = true;
    assert_eq!(via(&network, 0, "10.250.0.1"), ["None"]);
}
