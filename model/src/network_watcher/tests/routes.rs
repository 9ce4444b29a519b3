//! Next hop and effective routes.

use super::{hub_spoke, policy, subnet};
use crate::network::build::NetworkBuilder;
use crate::network::{Network, RouteDestination, ServiceTag};
use crate::network_watcher::effective_routes::ListedRoute;
use crate::network_watcher::{effective_routes, next_hop};
use goal_state::route::RouteSource;

/// `VnetLocal - System Route`.
fn hop(network: &Network, from: &str, to: &str) -> String {
    let hop = next_hop(&policy(network), subnet(network, from), to.parse().unwrap());
    let address = hop.next_hop_ip_address.map_or("-".to_owned(), |address| address.to_string());
    format!("{} {address} {}", hop.next_hop_type, hop.route_table_id)
}

#[test]
fn s13_2_next_hop_names_the_table_or_the_system_route() {
    let network = hub_spoke();
    assert_eq!(hop(&network, "web1", "10.1.1.5"), "VnetLocal - System Route");
    assert_eq!(hop(&network, "web1", "10.0.100.4"), "VirtualNetworkPeering - System Route");
    assert_eq!(hop(&network, "web1", "8.8.8.8"), "VirtualAppliance 10.0.100.4 rt-spoke");
    assert_eq!(hop(&network, "web1", "10.9.0.1"), "None - rt-spoke");
    assert_eq!(hop(&network, "hub/GatewaySubnet", "8.8.8.8"), "Internet - System Route");
}

#[test]
fn s13_2_a_private_address_that_nobody_has_goes_nowhere_by_the_system_route() {
    let network = hub_spoke();
    assert_eq!(hop(&network, "nva", "172.31.0.100"), "None - System Route");
}

#[test]
fn s6_9_the_platforms_addresses_ignore_user_defined_routes() {
    let network = hub_spoke();
    for platform in ["168.63.129.16", "169.254.169.254"] {
        assert_eq!(hop(&network, "web1", platform), "Internet - System Route");
    }
}

#[test]
fn s6_8_an_appliance_that_does_not_forward_is_named_all_the_same() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .route_table("rt", &["default 0.0.0.0/0 10.0.0.9"])
        .subnet_routes("a/default", "rt")
        .vm("nva", "10.0.0.9")
        .build();
    assert_eq!(hop(&network, "a/default", "8.8.8.8"), "VirtualAppliance 10.0.0.9 rt");
}

#[test]
fn s13_2_of_several_appliances_the_first_and_all() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .route_table("rt", &["ecmp 10.9.0.0/16 10.0.0.4,10.0.0.5"])
        .subnet_routes("a/default", "rt")
        .build();
    let hop = |to: [u8; 4]| next_hop(&policy(&network), subnet(&network, "a/default"), to.into());
    insta::assert_json_snapshot!(hop([10, 9, 0, 1]), @r#"
    {
      "nextHopType": "VirtualAppliance",
      "nextHopIpAddress": "10.0.0.4",
      "nextHopIpAddresses": [
        "10.0.0.4",
        "10.0.0.5"
      ],
      "routeTableId": "rt"
    }
    "#);
    insta::assert_json_snapshot!(hop([10, 0, 0, 9]), @r#"
    {
      "nextHopType": "VnetLocal",
      "nextHopIpAddress": null,
      "routeTableId": "System Route"
    }
    "#);
}

#[test]
fn s13_3_effective_routes_have_azures_shape_and_list_those_that_lost() {
    let network = hub_spoke();
    let routes = |name: &str| effective_routes(&policy(&network), subnet(&network, name));
    insta::assert_json_snapshot!("routes_of_the_spoke", routes("web1"));
    insta::assert_json_snapshot!("routes_of_the_gateway_subnet", routes("hub/GatewaySubnet"));
}

#[test]
fn s13_3_a_route_to_several_appliances_is_a_virtual_appliance_with_several_addresses() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .route_table("rt", &["ecmp 10.9.0.0/16 10.0.0.4,10.0.0.5"])
        .subnet_routes("a/default", "rt")
        .build();
    let routes = effective_routes(&policy(&network), subnet(&network, "a/default")).value;
    let ecmp = routes.iter().find(|route| route.name.as_deref() == Some("ecmp")).unwrap();
    assert_eq!(ecmp.next_hop_type, "VirtualAppliance");
    assert_eq!(ecmp.next_hop_ip_address.len(), 2);
}

/// `Active VirtualNetworkServiceEndpoint 20.60.16.0/24,20.150.4.0/23`, of one source.
fn rows(network: &Network, name: &str, of: RouteSource) -> Vec<String> {
    let routes = effective_routes(&policy(network), subnet(network, name)).value.into_iter();
    let routes = routes.filter(|route| route.source == of && route.address_prefix[0].prefix_len() > 16);
    let row = |route: ListedRoute| {
        let addresses: String =
            route.next_hop_ip_address.iter().map(|address| format!(" {address}")).collect();
        let prefixes: Vec<_> = route.address_prefix.iter().map(ToString::to_string).collect();
        format!("{:?} {}{addresses} {}", route.state, route.next_hop_type, prefixes.join(","))
    };
    routes.map(row).collect()
}

#[test]
fn s6_2_a_service_endpoint_is_one_row_with_every_prefix() {
    let network = NetworkBuilder::new()
        .tags(&[("Storage.KoreaCentral", &["20.60.16.0/24", "20.150.4.0/23"])])
        .vnet("a", "10.0.0.0/16")
        .service_endpoint("a/default", "Microsoft.Storage", &["Storage.KoreaCentral"])
        .build();
    assert_eq!(
        rows(&network, "a/default", RouteSource::Default),
        ["Active VirtualNetworkServiceEndpoint 20.60.16.0/24,20.150.4.0/23"]
    );
}

#[test]
fn s6_3_a_user_defined_route_of_a_service_tag_is_one_row_for_each_state() {
    let mut network = NetworkBuilder::new()
        .tags(&[("Storage.KoreaCentral", &["20.60.16.0/24", "20.150.4.0/23", "20.150.8.0/24"])])
        .vnet("a", "10.0.0.0/16")
        .route_table("rt", &["storage 1.0.0.0/8 10.0.0.9", "cut 20.150.8.0/24 None"])
        .subnet_routes("a/default", "rt")
        .vm("nva", "10.0.0.9")
        .build();
    let tag = network.service_tags.find("Storage.KoreaCentral").unwrap();
    network.route_tables[0].routes[0].destination = RouteDestination::Tag(ServiceTag::Named(tag));
    assert_eq!(
        rows(&network, "a/default", RouteSource::User),
        [
            "Active VirtualAppliance 10.0.0.9 20.60.16.0/24,20.150.4.0/23",
            "Active None 20.150.8.0/24",
            "Invalid VirtualAppliance 10.0.0.9 20.150.8.0/24",
        ]
    );
}

#[test]
fn s13_3_what_a_route_server_has_learned_is_a_gateways_with_the_appliances_address() {
    let network = NetworkBuilder::new()
        .vnet_with("hub", &["10.0.0.0/16"])
        .subnet("hub", "RouteServerSubnet", "10.0.1.0/27")
        .subnet("hub", "nva", "10.0.2.0/24")
        .nva("nva1", &["10.0.2.4"])
        .nva("nva2", &["10.0.2.5"])
        .route_server("rs", "hub", |_| {})
        .route_server_peer("rs", "nva1", 65001, &["10.250.0.0/24"])
        .route_server_peer("rs", "nva2", 65001, &["10.250.0.0/24"])
        .build();
    assert_eq!(
        rows(&network, "hub/nva", RouteSource::VirtualNetworkGateway),
        ["Active VirtualNetworkGateway 10.0.2.4 10.0.2.5 10.250.0.0/24"]
    );
    assert_eq!(hop(&network, "hub/nva", "10.250.0.9"), "VirtualNetworkGateway 10.0.2.4 System Route");
}

#[test]
fn s6_3_a_table_that_keeps_gateways_routes_away_says_so() {
    let mut network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .route_table("rt", &[])
        .subnet_routes("a/default", "rt")
        .build();
    network.route_tables[0].disable_bgp_route_propagation = true;
    let routes = effective_routes(&policy(&network), subnet(&network, "a/default")).value;
    assert!(routes.iter().all(|route| route.disable_bgp_route_propagation));
}
