//! Next hop and effective routes.

use super::{hub_spoke, policy, subnet};
use crate::network::Network;
use crate::network::build::NetworkBuilder;
use crate::network_watcher::{effective_routes, next_hop};

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
