//! Private endpoints: their routes, and which user-defined routes take them away.

use super::*;
use crate::network::vnet::PrivateEndpointNetworkPolicies;

/// An endpoint in `services`, peered with `client`, which is peered with `far`. The table is on the client's subnet.
fn network(policies: PrivateEndpointNetworkPolicies, routes: &[&str]) -> Network {
    NetworkBuilder::new()
        .vnet("client", "10.0.0.0/16")
        .vnet("services", "10.1.0.0/16")
        .vnet("far", "10.2.0.0/16")
        .peer("client", "services")
        .peer("client", "far")
        .service("sql", "Microsoft.Sql", "20.60.0.9")
        .private_endpoint("pe", "10.1.0.9", "sql")
        .subnet_with("services/default", |subnet| subnet.private_endpoint_network_policies = policies)
        .route_table("rt", routes)
        .subnet_routes("client/default", "rt")
        .build()
}

const ENDPOINT: &str = "10.1.0.9/32 → InterfaceEndpoint";

#[test]
fn s6_2_the_endpoint_is_routed_in_its_network_and_those_directly_peered() {
    let network = network(PrivateEndpointNetworkPolicies::Disabled, &[]);
    assert_eq!(taken(&network, subnet(0, 0), "10.1.0.9"), ENDPOINT);
    assert_eq!(taken(&network, subnet(1, 0), "10.1.0.9"), ENDPOINT);
    assert_eq!(taken(&network, subnet(2, 0), "10.1.0.9"), "10.0.0.0/8 → None");
}

#[test]
fn s6_6_its_route_beats_what_is_shorter_and_the_very_same_prefix_beats_it() {
    let shorter = network(PrivateEndpointNetworkPolicies::Disabled, &["nva 10.1.0.8/31 10.0.0.9"]);
    assert_eq!(taken(&shorter, subnet(0, 0), "10.1.0.9"), ENDPOINT);
    let same = network(PrivateEndpointNetworkPolicies::Disabled, &["nva 10.1.0.9/32 10.0.0.9"]);
    assert_eq!(
        routes_for(&same, subnet(0, 0), "10.1.0.9/32"),
        [
            "User Active 10.1.0.9/32 → VirtualAppliance 10.0.0.9 nva",
            "Default Invalid 10.1.0.9/32 → InterfaceEndpoint"
        ]
    );
}

#[test]
fn s6_6_with_route_table_policies_a_route_no_wider_than_the_endpoints_range_takes_it_away() {
    for policies in
        [PrivateEndpointNetworkPolicies::RouteTableEnabled, PrivateEndpointNetworkPolicies::Enabled]
    {
        for prefix in ["10.1.0.0/16", "10.1.0.0/24"] {
            let network = network(policies, &[&format!("nva {prefix} 10.0.0.9")]);
            let expected = format!("{prefix} → VirtualAppliance 10.0.0.9");
            assert_eq!(taken(&network, subnet(0, 0), "10.1.0.9"), expected);
            assert_eq!(
                routes_for(&network, subnet(0, 0), "10.1.0.9/32"),
                ["Default Invalid 10.1.0.9/32 → InterfaceEndpoint"]
            );
        }
        for wider in ["0.0.0.0/0", "10.0.0.0/15", "10.1.1.0/24"] {
            let network = network(policies, &[&format!("nva {wider} 10.0.0.9")]);
            assert_eq!(taken(&network, subnet(0, 0), "10.1.0.9"), ENDPOINT, "{wider}");
        }
    }
}

#[test]
fn s6_6_without_route_table_policies_only_the_very_same_prefix_works() {
    for policies in [
        PrivateEndpointNetworkPolicies::Disabled,
        PrivateEndpointNetworkPolicies::NetworkSecurityGroupEnabled,
    ] {
        let network = network(policies, &["nva 10.1.0.0/24 10.0.0.9"]);
        assert_eq!(taken(&network, subnet(0, 0), "10.1.0.9"), ENDPOINT);
    }
}
