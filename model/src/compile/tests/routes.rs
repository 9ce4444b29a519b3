//! Routes of ports, for what does not simply deliver.

use super::*;
use crate::network::PowerState;
use crate::network::behavior::{AllowForwardedTrafficBehavior, AllowVirtualNetworkAccessBehavior};
use crate::network::vnet::PrivateEndpointNetworkPolicies;

/// `10.0.0.0/16 local`, one for each route of a VM's first NIC. A next hop that is not reached bears a `!`.
fn routes(network: &Network, vm: &str) -> Vec<String> {
    let goal = compile(network, Generation(1));
    let machine = goal.iter().flat_map(|host| &host.virtual_machines).find(|known| known.name.as_str() == vm);
    let line = |route: &goal_state::route::Route| {
        let hop = match &route.next_hop {
            NextHop::Drop { reason } => format!("drop {reason}"),
            NextHop::VirtualAppliance { addresses, unreachable } => {
                let mark = |address| if unreachable.contains(address) { "!" } else { "" };
                let addresses = addresses.iter().map(|address| format!("{address}{}", mark(address)));
                format!("via {}", addresses.collect::<Vec<_>>().join(","))
            }
            NextHop::VnetLocal => "local".to_owned(),
            NextHop::Internet { router } => format!("internet by {router}"),
            NextHop::VnetPeering => "peering".to_owned(),
        };
        format!("{} {hop}", route.prefix)
    };
    machine.unwrap().network_interfaces[0].port.routes.iter().map(line).collect()
}

/// What a VM's port does with packets to an address.
fn to(network: &Network, vm: &str, destination: &str) -> String {
    let destination: std::net::Ipv4Addr = destination.parse().unwrap();
    let prefix = |line: &String| line.split(' ').next().unwrap().parse::<ipnet::Ipv4Net>().unwrap();
    let routes = routes(network, vm);
    let covering = routes.iter().filter(|line| prefix(line).contains(&destination));
    let longest = covering.max_by_key(|line| prefix(line).prefix_len()).unwrap();
    longest.split_once(' ').unwrap().1.to_owned()
}

#[test]
fn s6_3_ecmp_addresses_are_sorted_and_those_that_do_not_answer_stay() {
    let network = |second: PowerState| {
        NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .subnet("a", "nva", "10.0.1.0/24")
            .route_table("rt", &["ecmp 10.9.0.0/16 10.0.1.5,10.0.1.4"])
            .subnet_routes("a/default", "rt")
            .subnet_routes("a/nva", "rt")
            .vm("web", "10.0.0.4")
            .nva("nva1", &["10.0.1.4"])
            .vm_with("nva2", &["10.0.1.5"], |vm| vm.power_state = second)
            .build()
    };
    let running = network(PowerState::Running);
    assert_eq!(to(&running, "web", "10.9.0.1"), "via 10.0.1.4,10.0.1.5");
    // An appliance does not send to itself; what falls to it is lost.
    assert_eq!(to(&running, "nva1", "10.9.0.1"), "via 10.0.1.4!,10.0.1.5");
    let mut half = network(PowerState::Deallocated);
    assert_eq!(to(&half, "web", "10.9.0.1"), "via 10.0.1.4,10.0.1.5");
    half.virtual_machines[1].power_state = PowerState::Deallocated;
    assert_eq!(to(&half, "web", "10.9.0.1"), "drop nextHop");
}

#[test]
fn a_deallocated_machine_is_nowhere() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .vnet("b", "10.1.0.0/16")
        .peer("a", "b")
        .vm("on", "10.0.0.4")
        .vm_with("off", &["10.1.0.4"], |vm| vm.power_state = PowerState::Deallocated)
        .build();
    let goal = compile(&network, Generation(1));
    let vnets: Vec<_> = goal.iter().flat_map(|host| &host.virtual_networks).collect();
    assert_eq!(vnets.len(), 1);
    assert_eq!(vnets[0].mappings.len(), 1);
}

#[test]
fn s6_3_an_internal_frontend_is_a_next_hop() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .route_table("rt", &["lb 0.0.0.0/0 10.0.0.100"])
        .subnet_routes("a/default", "rt")
        .vm("web", "10.0.0.4")
        .nva("nva", &["10.0.0.5"])
        .load_balancer("lb", "10.0.0.100", &["nva"], &["All 0 0"])
        .build();
    assert_eq!(to(&network, "web", "8.8.8.8"), "via 10.0.0.100");
    assert_eq!(to(&network, "web", "10.0.0.100"), "local");
    assert_eq!(to(&network, "web", "10.0.0.5"), "local");
}

#[test]
fn s9_1_without_a_way_out_the_internet_is_no_outbound_access() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .subnet_with("a/default", |subnet| subnet.default_outbound_access = false)
        .public_ip("pip", "20.200.0.4")
        .vm("private", "10.0.0.4")
        .vm("public", "10.0.0.5")
        .vm_public_ip("public", "pip")
        .build();
    assert_eq!(to(&network, "private", "8.8.8.8"), "drop outboundAccess");
    assert_eq!(to(&network, "public", "8.8.8.8"), "internet by 169.254.1.1");
}

/// A gateway's routes say who will carry them. An endpoint of a service without an address in its ranges leads to nobody.
#[test]
fn endpoints_lead_to_services_and_gateways_nowhere_yet() {
    let network = NetworkBuilder::new()
        .tags(&[("Storage", &["20.60.0.0/24"])])
        .vnet("a", "10.0.0.0/16")
        .subnet("a", "GatewaySubnet", "10.0.254.0/27")
        .gateway("vpn", "a", crate::network::gateway::GatewayType::Vpn)
        .site("dc", &[], &[])
        .local_network_gateway("lng", "dc", &["10.50.0.0/16"])
        .connect("vpn", "lng")
        .service("sql", "Microsoft.Sql", "20.60.0.9")
        .private_endpoint("pe", "10.0.0.9", "sql")
        .service_endpoint("a/default", "Microsoft.Storage", &["Storage"])
        .vm("web", "10.0.0.4")
        .build();
    assert_eq!(to(&network, "web", "10.50.0.1"), "drop gateway");
    assert_eq!(to(&network, "web", "10.0.0.9"), "local");
    assert_eq!(to(&network, "web", "20.60.0.9"), "via 169.254.3.1");
    assert_eq!(to(&network, "web", "20.60.0.10"), "drop noDestination");
}

#[test]
fn s10_2_only_an_approved_private_endpoint_is_reached_and_a_peers_by_the_peering() {
    let network = |state| {
        NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .vnet("b", "10.1.0.0/16")
            .peer("a", "b")
            .service("sql", "Microsoft.Sql", "20.60.0.9")
            .private_endpoint_with("pe", "b/10.1.0.9", "sql", |endpoint| endpoint.state = state)
            .vm("web", "10.0.0.4")
            .build()
    };
    let approved = network(crate::network::PrivateLinkServiceConnectionState::Approved);
    assert_eq!(to(&approved, "web", "10.1.0.9"), "peering");
    let pending = network(crate::network::PrivateLinkServiceConnectionState::Pending);
    assert_eq!(to(&pending, "web", "10.1.0.9"), "drop privateEndpoint");
}

/// Storage of the region is reached from private subnets; of another region, and other services, are not.
#[test]
fn s2_4_a_private_subnet_reaches_storage_of_its_region() {
    let mut network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .subnet_with("a/default", |subnet| subnet.default_outbound_access = false)
        .subnet("a", "open", "10.0.1.0/24")
        .service("near", "Microsoft.Storage", "20.60.0.9")
        .service("far", "Microsoft.Storage", "20.60.0.10")
        .service("sql", "Microsoft.Sql", "20.60.0.11")
        .vm("private", "10.0.0.4")
        .vm("open", "10.0.1.4")
        .build();
    network.services[1].location = "koreasouth".to_owned();
    assert_eq!(to(&network, "private", "20.60.0.9"), "via 169.254.3.1");
    assert_eq!(to(&network, "private", "20.60.0.10"), "drop outboundAccess");
    assert_eq!(to(&network, "private", "20.60.0.11"), "drop outboundAccess");
    assert_eq!(to(&network, "open", "20.60.0.9"), "internet by 169.254.1.1");
}

/// A machine behind a load balancer has no way out by itself, and answers all the same.
#[test]
fn s9_1_who_answers_the_internet_has_a_route_there() {
    let network = |rules: &[&str]| {
        NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .public_ip("pip", "20.200.0.4")
            .vm("web", "10.0.0.4")
            .load_balancer_with("lb", "pip", &["web"], rules, |balancer| {
                balancer.load_balancing_rules.iter_mut().for_each(|rule| rule.disable_outbound_snat = true);
            })
            .build()
    };
    assert_eq!(to(&network(&[]), "web", "8.8.8.8"), "drop outboundAccess");
    assert_eq!(to(&network(&["Tcp 80 80"]), "web", "8.8.8.8"), "internet by 169.254.1.1");
}

/// One of several appliances may be a frontend; a Basic one is not reached from another region.
#[test]
fn s7_3_a_basic_frontend_is_not_reached_from_another_region() {
    let network = |sku| {
        let mut network = NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .vnet("b", "10.1.0.0/16")
            .peer("a", "b")
            .vm("web", "10.0.0.4")
            .nva("nva", &["10.1.0.4"])
            .load_balancer_with("lb", "10.1.0.100", &["nva"], &["Tcp 80 80"], |it| it.sku = sku)
            .build();
        network.virtual_networks[1].location = "koreasouth".to_owned();
        network
    };
    use crate::network::public::LoadBalancerSku;
    assert_eq!(to(&network(LoadBalancerSku::Standard), "web", "10.1.0.100"), "peering");
    assert_eq!(to(&network(LoadBalancerSku::Basic), "web", "10.1.0.100"), "drop loadBalancer");
}

/// A route of type VnetLocal is no way to a private endpoint.
#[test]
fn s6_6_a_local_route_for_an_endpoint_is_a_black_hole() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .service("sql", "Microsoft.Sql", "20.60.0.9")
        .private_endpoint("pe", "10.0.0.9", "sql")
        .subnet_with("a/default", |subnet| {
            subnet.private_endpoint_network_policies = PrivateEndpointNetworkPolicies::Enabled;
        })
        .route_table("rt", &["local 10.0.0.0/24 VnetLocal"])
        .subnet_routes("a/default", "rt")
        .vm("web", "10.0.0.4")
        .build();
    assert_eq!(to(&network, "web", "10.0.0.9"), "drop privateEndpoint");
    assert_eq!(to(&network, "web", "10.0.0.8"), "local");
}

fn subnet_peering(table: &[&str]) -> Network {
    NetworkBuilder::new()
        .vnet_with("a", &["10.0.0.0/16"])
        .subnet("a", "front", "10.0.0.0/24")
        .subnet("a", "back", "10.0.1.0/24")
        .vnet_with("b", &["10.1.0.0/16"])
        .subnet("b", "back", "10.1.0.0/24")
        .subnet("b", "front", "10.1.1.0/24")
        .peer_subnets(("a", 0), ("b", 1))
        .route_table("rt", table)
        .subnet_routes("a/front", "rt")
        .subnet_routes("a/back", "rt")
        .vm("front", "10.0.0.4")
        .vm("back", "10.0.1.4")
        .nva("nva", &["10.0.0.9"])
        .vm("far", "10.1.1.4")
        .build()
}

#[test]
fn s7_4_a_subnet_that_does_not_take_part_has_the_route_and_drops() {
    let network = subnet_peering(&[]);
    assert_eq!(to(&network, "front", "10.1.1.4"), "peering");
    assert_eq!(to(&network, "back", "10.1.1.4"), "drop peering");
    assert_eq!(to(&network, "front", "10.1.0.4"), "drop route");
}

/// The virtual network knows the peer's appliance; only the subnet that takes part in the peering reaches it.
#[test]
fn s7_4_of_several_appliances_those_behind_another_subnets_peering_are_not_reached() {
    let network = subnet_peering(&["ecmp 10.9.0.0/16 10.0.0.9,10.1.0.4,10.1.1.4"]);
    assert_eq!(to(&network, "front", "10.9.0.1"), "via 10.0.0.9,10.1.0.4,10.1.1.4");
    assert_eq!(to(&network, "back", "10.9.0.1"), "via 10.0.0.9,10.1.0.4,10.1.1.4!");
}

/// Without access the virtual network does not know the peer's appliance at all.
#[test]
fn s7_2_of_several_appliances_those_of_a_peer_without_access_are_unknown() {
    let network = |access| {
        NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .vnet("b", "10.1.0.0/16")
            .link("a", "b", |link| link.allow_virtual_network_access = access)
            .link("b", "a", |_| {})
            .route_table("rt", &["ecmp 10.9.0.0/16 10.0.0.9,10.1.0.4"])
            .subnet_routes("a/default", "rt")
            .vm("web", "10.0.0.4")
            .nva("nva", &["10.0.0.9"])
            .nva("far", &["10.1.0.4"])
            .build()
    };
    for access in [true, false] {
        let network = network(access);
        assert_eq!(to(&network, "web", "10.9.0.1"), "via 10.0.0.9,10.1.0.4");
        let goal = compile(&network, Generation(1));
        let a = goal.iter().flat_map(|host| &host.virtual_networks).find(|vnet| vnet.name == "a").unwrap();
        let far = "10.1.0.4".parse::<std::net::Ipv4Addr>().unwrap();
        assert_eq!(a.mappings.iter().any(|mapping| mapping.customer_address == far), access);
    }
}

/// Local routes that lead into the peer end there, too, and routes in between win.
#[test]
fn s7_4_local_routes_into_the_peer_drop_and_longer_routes_win() {
    let network = subnet_peering(&[
        "wide 10.1.0.0/16 VnetLocal",
        "nva 10.1.1.64/26 10.0.0.9",
        "part 10.1.1.128/25 VnetLocal",
        "peer 10.1.1.0/24 VnetLocal",
    ]);
    assert_eq!(to(&network, "front", "10.1.1.4"), "local");
    for (address, expected) in [
        ("10.1.1.4", "drop peering"),
        ("10.1.1.70", "via 10.0.0.9"),
        ("10.1.1.200", "drop peering"),
        ("10.1.0.4", "local"),
    ] {
        assert_eq!(to(&network, "back", address), expected, "{address}");
    }
}

#[test]
fn s7_2_without_access_packets_pass_where_only_the_tag_shrinks() {
    let mut network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .vnet("b", "10.1.0.0/16")
        .link("a", "b", |link| link.allow_virtual_network_access = false)
        .link("b", "a", |_| {})
        .vm("web", "10.0.0.4")
        .vm("db", "10.1.0.4")
        .build();
    assert_eq!(to(&network, "web", "10.1.0.4"), "drop peering");
    network.behavior.allow_virtual_network_access = AllowVirtualNetworkAccessBehavior::TagOnly;
    assert_eq!(to(&network, "web", "10.1.0.4"), "peering");
}

#[test]
fn s7_2_forwarded_traffic_is_refused_unless_switched_off() {
    let mut network = NetworkBuilder::new()
        .vnet("hub", "10.0.0.0/16")
        .vnet("spoke", "10.1.0.0/16")
        .link("hub", "spoke", |_| {})
        .link("spoke", "hub", |link| link.allow_forwarded_traffic = false)
        .nva("nva", &["10.0.0.4"])
        .vm("web", "10.1.0.4")
        .build();
    let refused = |network: &Network| {
        let goal = compile(network, Generation(1));
        let mut machines = goal.iter().flat_map(|host| &host.virtual_machines);
        let web = machines.find(|vm| vm.name.as_str() == "web").unwrap();
        web.network_interfaces[0].port.forwarded_traffic_refused.len()
    };
    assert_eq!(refused(&network), 1);
    network.behavior.allow_forwarded_traffic = AllowForwardedTrafficBehavior::Ignored;
    assert_eq!(refused(&network), 0);
}
