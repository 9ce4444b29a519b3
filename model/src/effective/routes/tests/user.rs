//! User-defined routes: tags, next hops, what a table keeps away.

use super::*;
use crate::network::gateway::GatewayType;
use crate::network::{RouteDestination, ServiceTag, UserNextHop, UserRoute};

/// Adds routes for tags to the first table.
fn with_tag_routes(mut network: Network, routes: &[(&str, &str, UserNextHop)]) -> Network {
    for (name, tag, next_hop) in routes {
        let tag = network.service_tags.find(tag).unwrap();
        network.route_tables[0].routes.push(UserRoute {
            name: (*name).to_owned(),
            destination: RouteDestination::Tag(ServiceTag::Named(tag)),
            next_hop: next_hop.clone(),
        });
    }
    network
}

fn tagged() -> NetworkBuilder {
    NetworkBuilder::new()
        .tags(&[
            ("AzureCloud", &["20.0.0.0/24", "20.0.2.0/24", "20.0.4.0/24", "20.0.6.0/24"]),
            ("AzureCloud.KoreaCentral", &["20.0.0.0/24", "20.0.2.0/24", "20.0.4.0/24"]),
            ("Storage", &["20.0.0.0/24", "20.0.2.0/24"]),
            ("Storage.KoreaCentral", &["20.0.0.0/24"]),
        ])
        .vnet("a", "10.0.0.0/16")
}

#[test]
fn s6_3_of_equal_prefixes_the_explicit_one_then_regional_plain_and_cloud_tags() {
    let network = tagged().route_table("rt", &[]).subnet_routes("a/default", "rt").build();
    let none = UserNextHop::None;
    let mut network = with_tag_routes(
        network,
        &[
            ("cloud", "AzureCloud", none.clone()),
            ("cloud-kr", "AzureCloud.KoreaCentral", none.clone()),
            ("storage", "Storage", none.clone()),
            ("storage-kr", "Storage.KoreaCentral", none),
        ],
    );
    let winner = |network: &Network, prefix: &str| {
        let lines = routes_for(network, subnet(0, 0), prefix);
        assert!(
            lines[0].starts_with("User Active") && lines[1..].iter().all(|line| line.contains("Invalid"))
        );
        lines[0].rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(winner(&network, "20.0.0.0/24"), "storage-kr");
    assert_eq!(winner(&network, "20.0.2.0/24"), "storage");
    assert_eq!(winner(&network, "20.0.4.0/24"), "cloud-kr");
    assert_eq!(winner(&network, "20.0.6.0/24"), "cloud");
    network.route_tables[0].routes.push(UserRoute {
        name: "explicit".to_owned(),
        destination: RouteDestination::Prefix("20.0.0.0/24".parse().unwrap()),
        next_hop: UserNextHop::Internet,
    });
    assert_eq!(winner(&network, "20.0.0.0/24"), "explicit");
}

#[test]
fn s6_3_a_longer_prefix_of_a_lesser_tag_wins_all_the_same() {
    let network = NetworkBuilder::new()
        .tags(&[("AzureCloud", &["20.0.0.128/25"]), ("Storage.KoreaCentral", &["20.0.0.0/24"])])
        .vnet("a", "10.0.0.0/16")
        .route_table("rt", &[])
        .subnet_routes("a/default", "rt")
        .build();
    let network = with_tag_routes(
        network,
        &[
            ("cloud", "AzureCloud", UserNextHop::None),
            ("storage", "Storage.KoreaCentral", UserNextHop::Internet),
        ],
    );
    assert_eq!(taken(&network, subnet(0, 0), "20.0.0.200"), "20.0.0.128/25 → None");
    assert_eq!(taken(&network, subnet(0, 0), "20.0.0.9"), "20.0.0.0/24 → Internet");
}

#[test]
fn s6_3_several_appliances_are_one_route_of_type_virtual_appliance() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .route_table("rt", &["ecmp 10.9.0.0/16 10.0.0.4,10.0.0.5"])
        .subnet_routes("a/default", "rt")
        .build();
    assert_eq!(taken(&network, subnet(0, 0), "10.9.0.1"), "10.9.0.0/16 → VirtualAppliance 10.0.0.4 10.0.0.5");
}

fn gateways(kinds: &[GatewayType]) -> Network {
    let mut builder = NetworkBuilder::new()
        .vnet("hub", "10.0.0.0/16")
        .subnet("hub", "GatewaySubnet", "10.0.254.0/27")
        .vnet("spoke", "10.1.0.0/16")
        .link("hub", "spoke", |link| link.allow_gateway_transit = true)
        .link("spoke", "hub", |link| link.use_remote_gateways = true)
        .route_table("rt", &["vpn 10.9.0.0/16 VirtualNetworkGateway"])
        .subnet_routes("hub/default", "rt")
        .subnet_routes("spoke/default", "rt");
    for (number, &kind) in kinds.iter().enumerate() {
        builder = builder.gateway(&format!("gw{number}"), "hub", kind);
    }
    builder.build()
}

fn gateway_of(network: &Network, vnet: usize) -> Vec<usize> {
    let policy = Policy::new(network);
    match &policy.routes(subnet(vnet, 0)).lookup([10, 9, 0, 1].into()).unwrap().next_hop {
        EffectiveNextHop::VirtualNetworkGateway(gateways) => gateways.iter().map(|id| id.0).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn s6_3_next_hop_gateway_is_the_vpn_gateway_alone_and_a_spoke_uses_the_hubs() {
    let vpn = gateways(&[GatewayType::Vpn]);
    assert_eq!((gateway_of(&vpn, 0), gateway_of(&vpn, 1)), (vec![0], vec![0]));
    for kinds in [&[][..], &[GatewayType::ExpressRoute], &[GatewayType::Vpn, GatewayType::ExpressRoute]] {
        let network = gateways(kinds);
        assert_eq!((gateway_of(&network, 0), gateway_of(&network, 1)), (vec![], vec![]), "{kinds:?}");
    }
}

/// A dead next hop does not hand the packet on to another route: it drops, and the route stays active.
#[test]
fn s6_3_an_appliance_that_is_not_there_keeps_its_route() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .route_table("rt", &["far 0.0.0.0/0 172.16.0.4"])
        .subnet_routes("a/default", "rt")
        .build();
    assert_eq!(taken(&network, subnet(0, 0), "8.8.8.8"), "0.0.0.0/0 → VirtualAppliance 172.16.0.4");
}

#[test]
fn s6_3_an_appliance_behind_expressroute_makes_the_route_invalid() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .subnet("a", "GatewaySubnet", "10.0.254.0/27")
        .gateway("er", "a", GatewayType::ExpressRoute)
        .site("dc", &[], &[])
        .circuit("c1", "dc", 65010, &["172.16.0.0/16"])
        .connect("er", "c1")
        .route_table("rt", &["far 0.0.0.0/0 172.16.0.4", "near 10.8.0.0/16 10.0.0.9"])
        .subnet_routes("a/default", "rt")
        .build();
    assert_eq!(
        routes_for(&network, subnet(0, 0), "0.0.0.0/0"),
        ["Default Active 0.0.0.0/0 → Internet", "User Invalid 0.0.0.0/0 → VirtualAppliance 172.16.0.4 far"]
    );
    assert_eq!(taken(&network, subnet(0, 0), "10.8.0.1"), "10.8.0.0/16 → VirtualAppliance 10.0.0.9");
    // A route that is not usable is no default route either: what is reserved stays.
    assert_eq!(taken(&network, subnet(0, 0), "192.168.0.1"), "192.168.0.0/16 → None");
}

#[test]
fn s6_3_propagation_off_keeps_static_and_bgp_routes_away_and_nothing_else() {
    let mut network = NetworkBuilder::new()
        .tags(&[("Storage", &["20.60.0.0/24"])])
        .vnet("a", "10.0.0.0/16")
        .subnet("a", "GatewaySubnet", "10.0.254.0/27")
        .vnet("b", "10.1.0.0/16")
        .peer("a", "b")
        .gateway("vpn", "a", GatewayType::Vpn)
        .site("dc", &[], &[])
        .local_network_gateway("static", "dc", &["10.50.0.0/16"])
        .bgp_local_network_gateway("dynamic", "dc", 65010, &["10.60.0.0/16"])
        .connect("vpn", "static")
        .connect("vpn", "dynamic")
        .service_endpoint("a/default", "Microsoft.Storage", &["Storage"])
        .route_table("rt", &[])
        .subnet_routes("a/default", "rt")
        .build();
    let gateway = |network: &Network| {
        let lines = listing(network, subnet(0, 0));
        lines.iter().filter(|line| line.starts_with("VirtualNetworkGateway")).count()
    };
    assert_eq!(gateway(&network), 2);
    network.route_tables[0].disable_bgp_route_propagation = true;
    assert_eq!(gateway(&network), 0);
    assert_eq!(taken(&network, subnet(0, 0), "10.1.0.4"), "10.1.0.0/16 → VNetPeering");
    assert_eq!(taken(&network, subnet(0, 0), "20.60.0.4"), "20.60.0.0/24 → VirtualNetworkServiceEndpoint");
    assert_eq!(taken(&network, subnet(0, 0), "192.168.0.4"), "192.168.0.0/16 → None");
    assert_eq!(taken(&network, subnet(0, 1), "10.50.0.4"), "10.50.0.0/16 → VirtualNetworkGateway");
}
