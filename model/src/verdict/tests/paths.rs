//! Which way packets take, and where routes end.

use super::*;

/// The tutorial's case: spoke to spoke through the appliance, and the JSON that scripts read.
#[test]
fn s7_2_spoke_to_spoke_goes_through_the_appliance() {
    let network = hub_and_spokes()
        .nva("nva", &["10.0.0.4"])
        .nsg("nsg-db", &["100 Inbound Allow Tcp 10.1.0.0/16 *:1433"])
        .subnet_nsg("spoke2/default", "nsg-db")
        .build();
    let allowed = tcp(&network, "web1", "db1", 1433);
    assert_eq!(said(&allowed), "Allow web1>nva>db1");
    let crossings: Vec<_> =
        allowed.evidence.crossings.iter().map(|c| format!("{} {}", c.nic, c.direction)).collect();
    assert_eq!(
        crossings,
        ["web1/nic0 Outbound", "nva/nic0 Inbound", "nva/nic0 Outbound", "db1/nic0 Inbound"]
    );
    insta::assert_json_snapshot!("explanation_allowed", allowed);

    // With 0.0.0.0/0 to an appliance in its UDRs, VirtualNetwork is everything for db1's subnet: a custom deny is needed.
    assert_eq!(said(&tcp(&network, "web1", "db1", 22)), "Allow web1>nva>db1");
    let strict = hub_and_spokes()
        .nva("nva", &["10.0.0.4"])
        .nsg("nsg-db", &["100 Inbound Allow Tcp 10.1.0.0/16 *:1433", "4096 Inbound Deny * * *"])
        .subnet_nsg("spoke2/default", "nsg-db")
        .build();
    let denied = tcp(&strict, "web1", "db1", 22);
    assert_eq!(said(&denied), "Deny networkSecurityGroup nsg-db/rule-4096 at db1 web1>nva>db1");
    insta::assert_json_snapshot!("explanation_denied", denied);
}

#[test]
fn s7_1_without_a_route_peering_is_not_transitive() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .vnet("b", "10.1.0.0/16")
        .vnet("c", "10.2.0.0/16")
        .peer("a", "b")
        .peer("b", "c")
        .vm("a1", "10.0.0.4")
        .vm("b1", "10.1.0.4")
        .vm("c1", "10.2.0.4")
        .build();
    assert_eq!(said(&ping(&network, "a1", "b1")), "Allow a1>b1");
    assert_eq!(said(&ping(&network, "b1", "c1")), "Allow b1>c1");
    assert_eq!(said(&ping(&network, "a1", "c1")), "Deny route System Route at a1 a1");
}

/// Half a peering carries nothing: the route is not there.
#[test]
fn s7_1_one_link_is_no_peering() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .vnet("b", "10.1.0.0/16")
        .link("a", "b", |_| {})
        .vm("a1", "10.0.0.4")
        .vm("b1", "10.1.0.4")
        .build();
    assert_eq!(said(&ping(&network, "a1", "b1")), "Deny route System Route at a1 a1");
}

#[test]
fn s6_3_an_appliance_that_nobody_is_or_that_is_too_far_away_is_no_next_hop() {
    let nobody = hub_and_spokes().build();
    assert_eq!(said(&ping(&nobody, "web1", "db1")), "Deny nextHop rt-spoke/default at web1 web1");
    let too_far = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .vnet("b", "10.1.0.0/16")
        .vnet("c", "10.2.0.0/16")
        .peer("a", "b")
        .peer("b", "c")
        .route_table("rt", &["far 0.0.0.0/0 10.2.0.4"])
        .subnet_routes("a/default", "rt")
        .vm("a1", "10.0.0.4")
        .nva("c1", &["10.2.0.4"])
        .build();
    assert_eq!(said(&ping(&too_far, "a1", "c1")), "Deny nextHop rt/far at a1 a1");
}

#[test]
fn the_platforms_routes_end_where_azures_do() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .route_table("rt", &["cut 10.0.0.128/25 None", "vpn 10.9.0.0/16 VirtualNetworkGateway"])
        .subnet_routes("a/default", "rt")
        .vm("a1", "10.0.0.4")
        .vm("a2", "10.0.0.200")
        .build();
    let cases = [
        ("10.0.0.9", "Deny noDestination at a1 a1"),
        ("a2", "Deny route rt/cut at a1 a1"),
        ("10.8.0.4", "Deny route System Route at a1 a1"),
        ("10.9.0.4", "Deny gateway rt/vpn at a1 a1"),
        ("192.168.0.4", "Deny route System Route at a1 a1"),
        ("8.8.8.8", "Deny noDestination System Route at a1 a1"),
        ("168.63.129.16", "Deny platform at a1 a1"),
        ("169.254.169.254", "Deny platform at a1 a1"),
        ("224.0.0.251", "Deny protocol at a1 a1"),
        ("10.0.0.255", "Deny protocol at a1 a1"),
        ("a1", "Allow a1"),
        ("127.0.0.1", "Allow a1"),
    ];
    for (to, expected) in cases {
        assert_eq!(said(&ping(&network, "a1", to)), expected, "{to}");
    }
}

/// An appliance in the way of the forward direction only: replies come straight back to a port that knows the flow.
/// In the way of the reply only: the appliance's port has no flow, and its group decides about the reply as new.
#[test]
fn s6_9_asymmetric_paths_meet_ports_without_state() {
    let base = || {
        NetworkBuilder::new()
            .vnet_with("a", &["10.0.0.0/16"])
            .subnet("a", "web", "10.0.1.0/24")
            .subnet("a", "db", "10.0.2.0/24")
            .subnet("a", "nva", "10.0.3.0/24")
            .route_table("rt", &["to-web 10.0.1.0/24 10.0.3.4"])
            .subnet_routes("a/db", "rt")
            .nsg("nsg-nva", &["100 Inbound Deny Tcp * *:22", "110 Inbound Deny Tcp *:22 *"])
            .vm("web1", "10.0.1.4")
            .vm("db1", "10.0.2.4")
            .nva("nva", &["10.0.3.4"])
    };
    let open = base().build();
    assert_eq!(said(&tcp(&open, "db1", "web1", 22)), "Allow db1>nva>web1");
    assert_eq!(tcp(&open, "db1", "web1", 22).reply.unwrap().path, ["web1", "db1"]);
    assert_eq!(tcp(&open, "web1", "db1", 22).reply.unwrap().path, ["db1", "nva", "web1"]);

    let filtered = base().subnet_nsg("a/nva", "nsg-nva").build();
    let answer = tcp(&filtered, "web1", "db1", 22);
    assert_eq!(said(&answer), "Deny networkSecurityGroup nsg-nva/rule-110 at nva web1>db1");
    assert_eq!(answer.received.unwrap().at, "db1");
    assert_eq!(said(&tcp(&filtered, "web1", "db1", 80)), "Allow web1>db1");
}

#[test]
fn s6_9_a_loop_ends() {
    let two = NetworkBuilder::new()
        .vnet_with("a", &["10.0.0.0/16"])
        .subnet("a", "one", "10.0.1.0/24")
        .subnet("a", "two", "10.0.2.0/24")
        .route_table("rt1", &["round 10.9.0.0/16 10.0.2.4"])
        .route_table("rt2", &["round 10.9.0.0/16 10.0.1.4"])
        .subnet_routes("a/one", "rt1")
        .subnet_routes("a/two", "rt2")
        .nva("nva1", &["10.0.1.4"])
        .nva("nva2", &["10.0.2.4"])
        .vm("web1", "10.0.1.5")
        .build();
    let answer = ping(&two, "web1", "10.9.0.1");
    assert_eq!(said(&answer), "Deny route rt1/round at nva1 web1>nva2>nva1>nva2");
    assert!(answer.evidence.loops && answer.steps.last().unwrap().detail.starts_with("loop"));

    // The usual mistake: the appliance sits in the subnet whose table points at it.
    let own = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .route_table("rt", &["default 0.0.0.0/0 10.0.0.4"])
        .subnet_routes("a/default", "rt")
        .nva("nva", &["10.0.0.4"])
        .vm("web1", "10.0.0.5")
        .build();
    assert_eq!(said(&ping(&own, "web1", "8.8.8.8")), "Deny nextHop rt/default at nva web1>nva");
}

/// Two tenants with the same addresses: a question for the other tenant's VM is not answered by one's own.
#[test]
fn equal_addresses_in_unrelated_networks_stay_apart() {
    let network = NetworkBuilder::new()
        .vnet("red", "10.0.0.0/16")
        .vnet("blue", "10.0.0.0/16")
        .vm_with("red1", &["red/10.0.0.4"], |_| {})
        .vm_with("red2", &["red/10.0.0.5"], |_| {})
        .vm_with("blue2", &["blue/10.0.0.5"], |_| {})
        .build();
    assert_eq!(said(&ping(&network, "red1", "red2")), "Allow red1>red2");
    let other = ping(&network, "red1", "blue2");
    assert_eq!(said(&other), "Deny noDestination at red2 red1>red2");
    assert!(other.evidence.taken_by_another && other.received.is_none());
    assert_eq!(said(&ping(&network, "red1", "10.0.0.5")), "Allow red1>red2");
    assert_eq!(said(&ping(&network, "blue2", "red1")), "Deny noDestination at blue2 blue2");
}
