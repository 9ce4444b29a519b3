//! Route tables, and routes that lead nowhere.

use super::*;
use crate::network::{RouteDestination, ServiceTag, UserNextHop};

#[test]
fn s6_3_a_prefix_stands_once() {
    check(
        &routes,
        &[
            (
                "a: {addressPrefix: 10.0.0.0/8, nextHopType: None}, b: {addressPrefix: 10.0.0.0/8, nextHopType: Internet}",
                "error RouteAddressPrefixConflict: routes `a` and `b` of `rt` both have the prefix 10.0.0.0/8; a prefix stands once in a route table: leave one route out",
            ),
            (
                "a: {addressPrefix: 10.0.0.0/8, nextHopType: None}, b: {addressPrefix: 10.0.0.0/16, nextHopType: VnetLocal}",
                "",
            ),
        ],
    );
}

#[test]
fn s6_3_an_appliance_has_an_address_and_nothing_else_has() {
    check(
        &route,
        &[
            (
                "nextHopType: VirtualAppliance",
                "error RouteNextHopAddress: route `r` has next hop type VirtualAppliance and no nextHopIpAddress; give it the private address of the appliance's NIC, such as `nextHopIpAddress: 10.0.100.4`",
            ),
            (
                "nextHopType: Internet, nextHopIpAddress: 10.0.0.4",
                "error RouteNextHopAddress: route `r` has a nextHopIpAddress and next hop type Internet; leave nextHopIpAddress out, or use `nextHopType: VirtualAppliance`",
            ),
            (
                "nextHopType: VirtualAppliance, nextHopIpAddress: 0.0.0.0",
                "error RouteNextHopAddress: route `r` leads to 0.0.0.0, which no NIC can have; give it the private address of a NIC",
            ),
        ],
    );
}

/// Next hop type VirtualApplianceEcmp: 2 to 64 addresses, each once, and the field is for this type only.
#[test]
fn s6_3_several_appliances_have_2_to_64_addresses() {
    let many = |count: usize| {
        let addresses: Vec<_> = (0..count).map(|number| format!("10.0.0.{}", number + 4)).collect();
        format!("nextHopType: VirtualApplianceEcmp, nextHopIpAddresses: [{}]", addresses.join(", "))
    };
    let wrong = |count: usize| {
        format!(
            "error RouteNextHopAddress: route `r` has next hop type VirtualApplianceEcmp and {count} nextHopIpAddresses; give it 2 to 64 private addresses of appliances, such as `nextHopIpAddresses: [10.0.100.4, 10.0.100.5]`"
        )
    };
    for (count, said) in [(1, wrong(1)), (2, String::new()), (64, String::new()), (65, wrong(65))] {
        check(&route, &[(&many(count), &said)]);
    }
    check(
        &route,
        &[
            ("nextHopType: VirtualApplianceEcmp", &wrong(0)),
            (
                "nextHopType: VirtualApplianceEcmp, nextHopIpAddresses: [10.0.0.4, 10.0.0.4]",
                "error RouteNextHopAddress: route `r` leads to 10.0.0.4 twice; name each appliance once",
            ),
            (
                "nextHopType: VirtualApplianceEcmp, nextHopIpAddress: 10.0.0.4, nextHopIpAddresses: [10.0.0.4, 10.0.0.5]",
                "error RouteNextHopAddress: route `r` has a nextHopIpAddress and next hop type VirtualApplianceEcmp; write `nextHopIpAddresses`, with 2 to 64 of them",
            ),
            (
                "nextHopType: Internet, nextHopIpAddresses: [10.0.0.4, 10.0.0.5]",
                "error RouteNextHopAddress: route `r` has nextHopIpAddresses and next hop type Internet; leave nextHopIpAddresses out, or use `nextHopType: VirtualApplianceEcmp`",
            ),
        ],
    );
}

#[test]
fn s6_3_a_route_becomes_what_it_says() {
    let file = "name: lab
routeTables:
  rt:
    disableBgpRoutePropagation: true
    disablePeeringRoute: All
    routes:
      a: {addressPrefix: 10.9.0.0/16, nextHopType: VirtualApplianceEcmp, nextHopIpAddresses: [10.0.0.4, 10.0.0.5]}
      b: {addressPrefix: 10.9.0.0/24, nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.0.4}
      c: {addressPrefix: 10.8.0.0/16, nextHopType: VirtualNetworkGateway}
      d: {addressPrefix: 10.7.0.0/16, nextHopType: vnetlocal}
      e: {addressPrefix: 0.0.0.0/0, nextHopType: Internet}
      f: {addressPrefix: 10.6.0.0/16, nextHopType: None}
";
    let network = load(file).network.unwrap();
    let table = &network.route_tables[0];
    assert!(table.disable_bgp_route_propagation && table.disable_peering_route);
    let hops: Vec<_> = table.routes.iter().map(|route| route.next_hop.clone()).collect();
    let [one, other] = ["10.0.0.4", "10.0.0.5"].map(|address| address.parse().unwrap());
    assert_eq!(
        hops,
        [
            UserNextHop::VirtualAppliance(vec![one, other]),
            UserNextHop::VirtualAppliance(vec![one]),
            UserNextHop::VirtualNetworkGateway,
            UserNextHop::VnetLocal,
            UserNextHop::Internet,
            UserNextHop::None,
        ]
    );
}

#[test]
fn s6_3_a_service_tag_may_be_the_prefix_of_a_route() {
    let file = "name: lab
routeTables: {rt: {routes: {a: {addressPrefix: storage.koreacentral, nextHopType: Internet}, b: {addressPrefix: Storage, nextHopType: None}}}}
";
    let network = load(file).network.unwrap();
    let names = network.route_tables[0].routes.iter().map(|route| match route.destination {
        RouteDestination::Tag(ServiceTag::Named(id)) => network.service_tags.get(id).name.clone(),
        other => panic!("{other:?}"),
    });
    assert_eq!(names.collect::<Vec<_>>(), ["Storage.KoreaCentral", "Storage"]);
    check(
        &routes,
        &[
            (
                "a: {addressPrefix: Storage, nextHopType: Internet}, b: {addressPrefix: STORAGE, nextHopType: None}",
                "error RouteAddressPrefixConflict: routes `a` and `b` of `rt` both have the prefix STORAGE; a prefix stands once in a route table: leave one route out",
            ),
            (
                "a: {addressPrefix: Internet, nextHopType: Internet}",
                "error RouteInvalidAddressPrefix: route `a` is for service tag `Internet`, which is no prefix of a route; write a prefix, such as 0.0.0.0/0, or a tag of a service, such as `Storage`",
            ),
            (
                "a: {addressPrefix: Storge, nextHopType: Internet}",
                "error RouteInvalidAddressPrefix: there is no service tag `Storge`; did you mean `Storage`?",
            ),
        ],
    );
}

#[test]
fn s6_3_at_most_25_routes_of_a_table_name_a_service_tag() {
    let file = |count: usize| {
        let regions =
            ["WestUS", "EastUS", "WestEurope", "NorthEurope", "KoreaCentral", "JapanEast", "UKSouth"];
        let tags = ["Storage", "Sql", "EventHub", "ServiceBus"];
        let all = tags.iter().flat_map(|tag| regions.iter().map(move |region| format!("{tag}.{region}")));
        let route =
            |(n, tag): (usize, String)| format!("r{n}: {{addressPrefix: {tag}, nextHopType: Internet}}");
        routes(&all.take(count).enumerate().map(route).collect::<Vec<_>>().join(", "))
    };
    check(
        &lab,
        &[
            (&file(25), ""),
            (
                &file(26),
                "error LimitExceeded: there are 26 routes of `rt` that name a service tag; at most 25 are allowed; leave 1 out",
            ),
        ],
    );
}

/// Peering and service endpoint are system routes' alone; `hasBgpOverride` is nobody's to set.
#[test]
fn s6_3_other_next_hops_and_has_bgp_override_are_refused() {
    for typed in ["nextHopType: VNetPeering", "nextHopType: VirtualNetworkServiceEndpoint"] {
        assert!(
            problems(&format!("name: lab\n{}", route(typed))).starts_with("error InvalidValue"),
            "{typed}"
        );
    }
    let typed = "nextHopType: Internet, hasBgpOverride: true";
    assert!(problems(&format!("name: lab\n{}", route(typed))).contains("hasBgpOverride"));
}

#[test]
fn a_table_that_is_not_attached_is_not_looked_at() {
    check(
        &lab,
        &[
            ("virtualNetworks:
  hub: {addressSpace: [10.0.0.0/16], subnets: {web: {addressPrefix: 10.0.1.0/24}, db: {addressPrefix: 10.0.2.0/24}}}
routeTables: {rt: {routes: {r: {addressPrefix: 0.0.0.0/0, nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.1.4}}}}", ""),
        ],
    );
}
