//! Routes that come from gateways and route servers, and from endpoints, as subnets see them.

use super::*;
use crate::network::gateway::GatewayType;

/// A hub with a gateway and a route server, a spoke that uses them, and a route table on the spoke.
fn hub(kind: GatewayType, routes: &[&str]) -> NetworkBuilder {
    NetworkBuilder::new()
        .vnet("hub", "10.0.0.0/16")
        .subnet("hub", "GatewaySubnet", "10.0.254.0/27")
        .subnet("hub", "RouteServerSubnet", "10.0.253.0/27")
        .vnet("spoke", "10.1.0.0/16")
        .link("hub", "spoke", |link| link.allow_gateway_transit = true)
        .link("spoke", "hub", |link| link.use_remote_gateways = true)
        .gateway("gw", "hub", kind)
        .site("dc", &["10.50.0.0/16"], &[])
        .route_table("rt", routes)
        .subnet_routes("spoke/default", "rt")
}

#[test]
fn s6_2_routes_of_gateways_are_on_every_subnet_with_propagation() {
    let network = hub(GatewayType::Vpn, &[])
        .local_network_gateway("lng", "dc", &["10.50.0.0/16"])
        .connect("gw", "lng")
        .build();
    let wanted = ["VirtualNetworkGateway Active 10.50.0.0/16 → VirtualNetworkGateway"];
    for at in [subnet(0, 0), subnet(1, 0)] {
        assert_eq!(routes_for(&network, at, "10.50.0.0/16"), wanted);
    }
    let mut off = network;
    off.route_tables[0].disable_bgp_route_propagation = true;
    assert_eq!(routes_for(&off, subnet(1, 0), "10.50.0.0/16"), Vec::<String>::new());
    assert_eq!(routes_for(&off, subnet(0, 0), "10.50.0.0/16"), wanted);
}

#[test]
fn s6_2_routes_of_a_route_server_lead_to_its_appliances() {
    let network = hub(GatewayType::Vpn, &[])
        .route_server("rs", "hub", |_| {})
        .nva("nva", &["10.0.0.4"])
        .route_server_peer("rs", "nva", 65001, &["10.250.0.0/16"])
        .build();
    for at in [subnet(0, 0), subnet(1, 0)] {
        assert_eq!(taken(&network, at, "10.250.0.1"), "10.250.0.0/16 → VirtualNetworkGateway 10.0.0.4");
    }
}

#[test]
fn s6_6_a_network_that_is_not_peered_with_the_endpoints_sees_no_route() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .vnet("b", "10.1.0.0/16")
        .vnet("c", "10.2.0.0/16")
        .peer("a", "b")
        .peer("b", "c")
        .service("sql1", "Microsoft.Sql", "20.60.0.9")
        .private_endpoint("pe", "10.0.0.9", "sql1")
        .build();
    let routes = |vnet| routes_for(&network, subnet(vnet, 0), "10.0.0.9/32");
    assert_eq!([routes(0).len(), routes(1).len(), routes(2).len()], [1, 1, 0]);
}

#[test]
fn s7_2_spokes_reach_each_other_by_the_hubs_vpn_gateway() {
    let network = hub(GatewayType::Vpn, &["to-spoke2 10.2.0.0/16 VirtualNetworkGateway"])
        .vnet("spoke2", "10.2.0.0/16")
        .link("hub", "spoke2", |link| link.allow_gateway_transit = true)
        .link("spoke2", "hub", |link| link.use_remote_gateways = true)
        .build();
    assert_eq!(taken(&network, subnet(1, 0), "10.2.0.4"), "10.2.0.0/16 → VirtualNetworkGateway");
    assert_eq!(taken(&network, subnet(2, 0), "10.1.0.4"), "10.0.0.0/8 → None");
}

/// Such a route is there, and nobody takes what it steers.
#[test]
fn s8_3_a_users_route_cannot_lead_to_an_expressroute_gateway() {
    let gateways = |kind| {
        let network = hub(kind, &["vpn 10.60.0.0/16 VirtualNetworkGateway"]).build();
        let policy = Policy::new(&network);
        match &policy.routes(subnet(1, 0)).lookup([10, 60, 0, 1].into()).unwrap().next_hop {
            EffectiveNextHop::VirtualNetworkGateway(gateways) => gateways.len(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!([gateways(GatewayType::Vpn), gateways(GatewayType::ExpressRoute)], [1, 0]);
}

/// What a service endpoint routes and what a rule with the service's tag matches are the same addresses.
#[test]
fn s5_3_the_prefixes_of_a_service_endpoint_are_its_tags() {
    let network = NetworkBuilder::new()
        .tags(&[("Sql", &["20.60.0.0/24", "20.61.8.0/23"]), ("Storage", &["20.62.0.0/24"])])
        .vnet("a", "10.0.0.0/16")
        .service_endpoint("a/default", "Microsoft.Sql", &["Sql"])
        .build();
    let policy = Policy::new(&network);
    let routes = policy.routes(subnet(0, 0));
    let endpoint = routes.all().iter().filter(|route| route.describe().ends_with("ServiceEndpoint"));
    let routed: Vec<_> = endpoint.map(|route| route.prefix).collect();
    let sql = crate::network::ServiceTag::Named(network.service_tags.find("Sql").unwrap());
    assert_eq!(routed, policy.tags(subnet(0, 0)).expand(sql).prefixes());
}
