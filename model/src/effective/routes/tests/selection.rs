//! Which route is in force: the rules of selection and their exceptions.

use proptest::prelude::*;

use super::*;
use crate::effective::selection::select;
use crate::effective::user_routes::{Ranked, TagRank};
use crate::network::behavior::ServiceEndpointRoutesBehavior;
use crate::network::gateway::GatewayType;
use crate::network::{RouteDestination, ServiceTag, UserNextHop, UserRoute};

#[test]
fn s6_4_1_the_longest_prefix_wins() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .vnet("b", "10.1.0.0/16")
        .peer("a", "b")
        .route_table("rt", &["wide 10.0.0.0/8 10.0.0.4", "part 10.1.7.0/24 None"])
        .subnet_routes("a/default", "rt")
        .build();
    let to = |address: &str| taken(&network, subnet(0, 0), address);
    assert_eq!(to("10.1.7.9"), "10.1.7.0/24 → None");
    assert_eq!(to("8.8.8.8"), "0.0.0.0/0 → Internet");
    // 6.4.5: a shorter user-defined route gets what the system routes do not cover.
    assert_eq!(to("10.0.0.9"), "10.0.0.0/16 → VnetLocal");
    assert_eq!(to("10.1.0.9"), "10.1.0.0/16 → VNetPeering");
    assert_eq!(to("10.9.0.9"), "10.0.0.0/8 → VirtualAppliance 10.0.0.4");
}

fn hybrid(announced: &[&str], routes: &[&str]) -> Network {
    NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .subnet("a", "GatewaySubnet", "10.0.254.0/27")
        .vnet("b", "10.1.0.0/16")
        .peer("a", "b")
        .gateway("vpn", "a", GatewayType::Vpn)
        .site("dc", &[], &[])
        .bgp_local_network_gateway("lng", "dc", 65010, announced)
        .connect("vpn", "lng")
        .route_table("rt", routes)
        .subnet_routes("a/default", "rt")
        .build()
}

#[test]
fn s6_4_2_a_user_route_beats_bgp_of_the_same_prefix() {
    let network = hybrid(&["10.50.0.0/16"], &["cut 10.50.0.0/16 None"]);
    assert_eq!(
        routes_for(&network, subnet(0, 0), "10.50.0.0/16"),
        [
            "User Active 10.50.0.0/16 → None cut",
            "VirtualNetworkGateway Invalid 10.50.0.0/16 → VirtualNetworkGateway"
        ]
    );
}

#[test]
fn s6_4_2_bgp_beats_a_system_route_of_the_same_prefix() {
    let network = hybrid(&["10.0.0.0/8"], &[]);
    assert_eq!(
        routes_for(&network, subnet(0, 0), "10.0.0.0/8"),
        [
            "VirtualNetworkGateway Active 10.0.0.0/8 → VirtualNetworkGateway",
            "Default Invalid 10.0.0.0/8 → None"
        ]
    );
}

#[test]
fn s6_4_1_more_specific_bgp_beats_a_shorter_user_route() {
    let network = hybrid(&["10.50.1.0/24"], &["cut 10.50.0.0/16 None"]);
    assert_eq!(taken(&network, subnet(0, 0), "10.50.1.1"), "10.50.1.0/24 → VirtualNetworkGateway");
    assert_eq!(taken(&network, subnet(0, 0), "10.50.2.1"), "10.50.0.0/16 → None");
}

#[test]
fn s6_4_3_a_peering_is_preferred_over_more_specific_bgp() {
    let network = hybrid(&["10.1.7.0/24", "10.1.0.0/16"], &[]);
    assert_eq!(taken(&network, subnet(0, 0), "10.1.7.1"), "10.1.0.0/16 → VNetPeering");
    assert_eq!(
        routes_for(&network, subnet(0, 0), "10.1.7.0/24"),
        ["VirtualNetworkGateway Invalid 10.1.7.0/24 → VirtualNetworkGateway"]
    );
    assert_eq!(
        routes_for(&network, subnet(0, 0), "10.1.0.0/16"),
        [
            "Default Active 10.1.0.0/16 → VNetPeering",
            "VirtualNetworkGateway Invalid 10.1.0.0/16 → VirtualNetworkGateway"
        ]
    );
}

#[test]
fn s6_4_3_the_virtual_network_itself_is_preferred_over_more_specific_bgp_in_a_spoke() {
    let network = NetworkBuilder::new()
        .vnet("hub", "10.0.0.0/16")
        .subnet("hub", "GatewaySubnet", "10.0.254.0/27")
        .vnet("spoke", "10.1.0.0/16")
        .link("hub", "spoke", |link| link.allow_gateway_transit = true)
        .link("spoke", "hub", |link| link.use_remote_gateways = true)
        .gateway("vpn", "hub", GatewayType::Vpn)
        .site("dc", &[], &[])
        .bgp_local_network_gateway("lng", "dc", 65010, &["10.1.7.0/24", "10.50.0.0/16"])
        .connect("vpn", "lng")
        .build();
    assert_eq!(taken(&network, subnet(1, 0), "10.1.7.1"), "10.1.0.0/16 → VnetLocal");
    assert_eq!(taken(&network, subnet(1, 0), "10.50.7.1"), "10.50.0.0/16 → VirtualNetworkGateway");
}

#[test]
fn s6_4_3_these_system_routes_are_not_protected_against_user_routes() {
    let network = hybrid(&[], &["own 10.0.0.0/16 None", "peer 10.1.3.0/24 None"]);
    assert_eq!(taken(&network, subnet(0, 0), "10.0.0.9"), "10.0.0.0/16 → None");
    assert_eq!(taken(&network, subnet(0, 0), "10.1.3.9"), "10.1.3.0/24 → None");
    assert_eq!(taken(&network, subnet(0, 0), "10.1.4.9"), "10.1.0.0/16 → VNetPeering");
}

/// A peering route that a user-defined one replaces is not there to be preferred.
#[test]
fn s6_4_3_a_replaced_peering_route_protects_nothing() {
    let network = hybrid(&["10.1.7.0/24"], &["peer 10.1.0.0/16 None"]);
    assert_eq!(taken(&network, subnet(0, 0), "10.1.7.1"), "10.1.7.0/24 → VirtualNetworkGateway");
}

#[test]
fn s7_1_a_peering_is_preferred_over_a_connection_between_gateways() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .subnet("a", "GatewaySubnet", "10.0.254.0/27")
        .vnet("b", "10.1.0.0/16")
        .subnet("b", "GatewaySubnet", "10.1.254.0/27")
        .peer("a", "b")
        .gateway("vpn-a", "a", GatewayType::Vpn)
        .gateway_with("vpn-b", "b", GatewayType::Vpn, |gateway| gateway.asn = 65020)
        .connect("vpn-a", "vpn-b")
        .build();
    assert_eq!(taken(&network, subnet(0, 0), "10.1.0.4"), "10.1.0.0/16 → VNetPeering");
    assert_eq!(routes_for(&network, subnet(0, 0), "10.1.0.0/16").len(), 2);
}

/// A subnet with an endpoint to all of Storage, a route table, and what a site announces.
fn with_endpoint(routes: &[&str], tag_routes: &[(&str, &str)], announced: &[&str]) -> Network {
    let mut network = NetworkBuilder::new()
        .tags(&[
            ("Storage", &["191.235.255.0/24", "191.239.203.0/24"]),
            ("Storage.WestEurope", &["191.239.203.0/24"]),
        ])
        .vnet("a", "10.0.0.0/16")
        .subnet("a", "GatewaySubnet", "10.0.254.0/27")
        .gateway("vpn", "a", GatewayType::Vpn)
        .site("dc", &[], &[])
        .bgp_local_network_gateway("lng", "dc", 65010, announced)
        .connect("vpn", "lng")
        .service_endpoint("a/default", "Microsoft.Storage", &["Storage"])
        .route_table("rt", routes)
        .subnet_routes("a/default", "rt")
        .build();
    for (tag, next_hop) in tag_routes {
        network.route_tables[0].routes.push(UserRoute {
            name: "tag".to_owned(),
            destination: RouteDestination::Tag(ServiceTag::Named(network.service_tags.find(tag).unwrap())),
            next_hop: match *next_hop {
                "Internet" => UserNextHop::Internet,
                address => UserNextHop::VirtualAppliance(vec![address.parse().unwrap()]),
            },
        });
    }
    network
}

/// The type of next hop towards Storage in West Europe and in North Europe.
fn to_storage(mut network: Network, switch: ServiceEndpointRoutesBehavior) -> [String; 2] {
    network.behavior.service_endpoint_routes = switch;
    ["191.239.203.1", "191.235.255.192"].map(|address| {
        let route = taken(&network, subnet(0, 0), address);
        route.split_whitespace().nth(2).unwrap().to_owned()
    })
}

const SERVICE: &str = "VirtualNetworkServiceEndpoint";
const APPLIANCE: &str = "VirtualAppliance";
const GATEWAY: &str = "VirtualNetworkGateway";

#[test]
fn s6_5_documented_the_endpoint_goes_before_every_user_and_bgp_route() {
    let documented = ServiceEndpointRoutesBehavior::Documented;
    let longer = with_endpoint(&["longer 191.239.203.1/32 10.0.0.9"], &[], &["191.239.203.0/25"]);
    let equal = with_endpoint(&["equal 191.239.203.0/24 10.0.0.9"], &[], &["191.235.255.0/24"]);
    let tag = with_endpoint(&[], &[("Storage.WestEurope", "10.0.0.9")], &[]);
    for network in [longer, equal, tag] {
        assert_eq!(to_storage(network, documented), [SERVICE, SERVICE]);
    }
}

#[test]
fn s6_5_exact_tie_the_endpoint_wins_over_the_very_same_prefix_only() {
    let tie = ServiceEndpointRoutesBehavior::ExactTie;
    let equal = with_endpoint(&["equal 191.239.203.0/24 10.0.0.9"], &[], &["191.235.255.0/24"]);
    assert_eq!(to_storage(equal, tie), [SERVICE, SERVICE]);
    let longer = with_endpoint(&["longer 191.239.203.0/25 10.0.0.9"], &[], &["191.235.255.128/25"]);
    assert_eq!(to_storage(longer, tie), [APPLIANCE, GATEWAY]);
}

#[test]
fn s6_5_observed_a_tag_to_an_appliance_wins_for_its_region_and_one_to_the_internet_changes_nothing() {
    let observed = ServiceEndpointRoutesBehavior::Observed;
    let appliance = with_endpoint(&[], &[("Storage.WestEurope", "10.0.0.9")], &[]);
    assert_eq!(to_storage(appliance, observed), [APPLIANCE, SERVICE]);
    let internet = with_endpoint(&[], &[("Storage.WestEurope", "Internet")], &[]);
    assert_eq!(to_storage(internet, observed), [SERVICE, SERVICE]);
    let bgp = with_endpoint(&[], &[], &["191.235.255.0/24"]);
    assert_eq!(to_storage(bgp, observed), [SERVICE, GATEWAY]);
}

#[test]
fn s6_5_a_default_route_never_beats_the_endpoint() {
    for switch in ServiceEndpointRoutesBehavior::ALL {
        let user = with_endpoint(&["all 0.0.0.0/0 10.0.0.9"], &[], &[]);
        assert_eq!(to_storage(user, *switch), [SERVICE, SERVICE]);
        // 6.9 and 8.3: nor does forced tunnelling.
        let bgp = with_endpoint(&[], &[], &["0.0.0.0/0"]);
        assert_eq!(to_storage(bgp, *switch), [SERVICE, SERVICE]);
    }
}

fn any_route() -> impl Strategy<Value = EffectiveRoute> {
    // Few distinct bits, so that prefixes nest and collide.
    let prefix = (0..=5_u8, any::<u32>())
        .prop_map(|(length, bits)| Ipv4Net::new((bits & 0xf800_0000).into(), length).unwrap().trunc());
    let source = prop_oneof![
        Just(RouteSource::User),
        Just(RouteSource::Default),
        Just(RouteSource::VirtualNetworkGateway)
    ];
    (prefix, source).prop_map(|(prefix, source)| EffectiveRoute {
        source,
        state: RouteState::Active,
        prefix,
        next_hop: EffectiveNextHop::None,
        user: None,
    })
}

proptest! {
    #[test]
    fn a_lookup_finds_what_a_linear_scan_finds(
        routes in proptest::collection::vec(any_route(), 0..20), to in any::<u32>(),
    ) {
        let to = to.into();
        let rank = |route: &EffectiveRoute| match route.source {
            RouteSource::User => 2,
            RouteSource::VirtualNetworkGateway => 1,
            RouteSource::Default => 0,
        };
        let covering = routes.iter().filter(|route| route.prefix.contains(&to));
        let best = covering.map(|route| (route.prefix.prefix_len(), rank(route))).max();
        let of = |source| routes.iter().filter(move |route| route.source == source).cloned();
        let user = of(RouteSource::User).map(|route| Ranked { rank: TagRank::Explicit, route });
        let network = NetworkBuilder::new().build();
        let selected = EffectiveRoutes::new(select(
            &network,
            user.collect(),
            of(RouteSource::VirtualNetworkGateway).collect(),
            of(RouteSource::Default).collect(),
        ));
        let found = selected.lookup(to);
        prop_assert_eq!(found.map(|route| (route.prefix.prefix_len(), rank(route))), best);
        prop_assert!(found.is_none_or(|route| route.state == RouteState::Active));
        prop_assert_eq!(selected.all().len(), routes.len());
    }
}
