//! What the host at the edge is told, and what others are told of it.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use goal_state::edge::{Frontend, INTERNET_VNI, ProbeQuestion};
use goal_state::nsg::Protocol;
use goal_state::overlay::VirtualNetwork;
use goal_state::route::NextHop;
use goal_state::translation::{Translation, WayOut};
use goal_state::vm::VirtualMachine;
use goal_state::{Generation, HostGoalState};

use crate::compile::compile;
use crate::network::build::NetworkBuilder;
use crate::network::public::LoadBalancerProtocol;
use crate::network::vnet::PrivateEndpointNetworkPolicies;
use crate::network::{IdleFlows, Network, Probe};

/// web1 with a public address, web2 behind a NAT gateway, web3 and web4 behind load balancers; somebody outside.
fn everything() -> NetworkBuilder {
    NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .subnet("a", "nat", "10.0.1.0/24")
        .subnet("a", "balanced", "10.0.2.0/24")
        .vnet("b", "10.1.0.0/16")
        .peer("a", "b")
        .nsg("open", &["100 Inbound Allow Tcp *:0-65535 *:80"])
        .subnet_nsg("a/balanced", "open")
        .public_ip("pip-web1", "20.200.0.1")
        .public_ip("pip-nat2", "20.200.0.9")
        .public_ip("pip-nat1", "20.200.0.8")
        .public_ip("pip-lb", "20.200.0.5")
        .nat_gateway("egress", &["pip-nat2", "pip-nat1"])
        .subnet_nat_gateway("a/nat", "egress")
        .vm("web1", "10.0.0.4")
        .vm_public_ip("web1", "pip-web1")
        .vm("web2", "10.0.1.4")
        .vm("web3", "10.0.2.4")
        .vm("web4", "10.0.2.5")
        .vm("far", "10.1.0.4")
        .load_balancer("lb", "pip-lb", &["web3", "web4"], &["Tcp 80 8080"])
        .outbound_rule("lb")
        .load_balancer("ilb", "10.0.2.100", &["web3"], &["Udp 53 53"])
        .service("sql", "Microsoft.Sql", "20.60.0.9")
        .private_endpoint("pe", "10.0.0.9", "sql")
        .internet_host("client", "203.0.113.9")
}

fn goal(network: &Network) -> Vec<HostGoalState> {
    compile(network, Generation(1))
}

fn edge(goal: &[HostGoalState]) -> &HostGoalState {
    goal.last().unwrap()
}

fn machine<'g>(goal: &'g [HostGoalState], name: &str) -> &'g VirtualMachine {
    goal.iter().flat_map(|host| &host.virtual_machines).find(|vm| vm.name.as_str() == name).unwrap()
}

fn translation<'g>(goal: &'g [HostGoalState], vm: &str) -> &'g Translation {
    &machine(goal, vm).network_interfaces[0].port.translation
}

/// Whether a virtual network of a host knows this address, and where it says that it is: the VNI and the last byte of the host.
fn known(network: &VirtualNetwork, address: &str) -> Option<(u32, u8)> {
    let address: Ipv4Addr = address.parse().unwrap();
    let found = network.mappings.iter().find(|mapping| mapping.customer_address == address)?;
    Some((found.vni.get(), found.provider_address.octets()[3]))
}

fn vnet<'g>(host: &'g HostGoalState, name: &str) -> &'g VirtualNetwork {
    host.virtual_networks.iter().find(|known| known.name == name).unwrap()
}

fn frontend<'g>(goal: &'g [HostGoalState], balancer: &str) -> &'g Frontend {
    edge(goal).edge.frontends.iter().find(|frontend| frontend.balancer == balancer).unwrap()
}

#[test]
fn everything_at_the_edge() {
    let network = everything().build();
    insta::assert_json_snapshot!("edge", edge(&goal(&network)));
}

#[test]
fn without_an_edge_nobody_knows_of_one() {
    let network = NetworkBuilder::new().vnet("a", "10.0.0.0/16").vm("web", "10.0.0.4").build();
    let goal = goal(&network);
    assert!(goal.len() == 3 && goal.iter().all(|host| host.edge.is_empty()));
    assert!(translation(&goal, "web").is_empty());
    assert_eq!(goal[0].virtual_networks[0].mappings.len(), 1);
}

#[test]
fn every_host_knows_the_way_to_the_edge_and_the_edge_the_way_back() {
    let goal = goal(&everything().build());
    let (at_web1, edge) = (vnet(&goal[0], "a"), vnet(edge(&goal), "internet"));
    assert_eq!(known(at_web1, "169.254.1.1"), Some((INTERNET_VNI, 4)));
    assert_eq!(known(at_web1, "169.254.2.1"), Some((1001, 4)));
    assert_eq!(known(at_web1, "10.0.2.100"), Some((1001, 4)));
    assert_eq!(known(at_web1, "10.0.0.9"), Some((1001, 4)));
    let at_far = vnet(&goal[1], "b");
    assert_eq!(known(at_far, "10.0.2.100"), Some((1001, 4)));
    assert_eq!(known(at_far, "169.254.1.1"), Some((INTERNET_VNI, 4)));
    assert_eq!(known(at_far, "169.254.2.1"), None);
    // Public addresses are known at the edge alone, and lead to hosts or to stations.
    assert_eq!(known(edge, "20.200.0.1"), Some((1001, 1)));
    assert_eq!(known(edge, "198.51.100.5"), Some((1002, 2)));
    for outside in ["20.200.0.5", "20.200.0.8", "20.200.0.9", "20.60.0.9", "203.0.113.9", "169.254.1.1"] {
        assert_eq!(known(edge, outside), Some((INTERNET_VNI, 4)), "{outside}");
    }
    assert_eq!(known(edge, "198.51.100.1"), None, "web1 has its own address");
    assert_eq!(known(at_web1, "20.200.0.1"), None);
}

#[test]
fn every_mapping_is_sorted_and_every_mac_belongs_to_one() {
    let goal = goal(&everything().build());
    for network in goal.iter().flat_map(|host| &host.virtual_networks) {
        assert!(network.mappings.is_sorted_by_key(|mapping| mapping.customer_address), "{}", network.name);
    }
    let station = &edge(&goal).edge;
    let legs = station.routers.iter().map(|router| router.leg.mac);
    let legs = legs.chain(station.nat_gateways.iter().flat_map(|it| [it.inside.mac, it.outside.mac]));
    let legs = legs.chain(station.frontends.iter().map(|it| it.inside.mac));
    let legs = legs.chain(station.frontends.iter().filter_map(|it| Some(it.outside.as_ref()?.mac)));
    let nics = goal.iter().flat_map(|host| &host.virtual_machines).flat_map(|vm| &vm.network_interfaces);
    let all: Vec<_> = legs.chain(nics.map(|nic| nic.mac)).map(|mac| mac.serial()).collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
}

#[test]
fn s9_1_each_port_has_its_way_out() {
    let goal = goal(&everything().build());
    let out = |vm: &str| {
        let outbound = translation(&goal, vm).outbound.iter();
        outbound.map(|it| (it.protocol, it.way.clone())).collect::<Vec<_>>()
    };
    let address = |address: [u8; 4]| WayOut::Address { address: address.into() };
    assert_eq!(out("web1"), [(Protocol::Any, address([20, 200, 0, 1]))]);
    let gateway = WayOut::NatGateway { next_hop: Ipv4Addr::new(169, 254, 2, 1) };
    assert_eq!(out("web2"), [(Protocol::Tcp, gateway.clone()), (Protocol::Udp, gateway)]);
    let far = address([198, 51, 100, 5]);
    assert_eq!(out("far"), [(Protocol::Tcp, far.clone()), (Protocol::Udp, far)]);
    let of_web4 = out("web4");
    let [(Protocol::Tcp, WayOut::Ports { resource, leases }), (Protocol::Udp, _)] = &of_web4[..] else {
        panic!("{of_web4:?}")
    };
    assert_eq!((resource.as_str(), leases[0].first, leases[0].last), ("lb", 2048, 3071));
    let leases: Vec<_> = frontend(&goal, "lb").leases.iter().map(|it| (it.ports.first, it.backend)).collect();
    assert_eq!(leases, [(1024, [10, 0, 2, 4].into()), (2048, [10, 0, 2, 5].into())]);
}

#[test]
fn s9_4_a_standard_address_is_closed_without_a_group_and_default_access_always() {
    let closed = |network: &Network, vm: &str| {
        let inbound = translation(&goal(network), vm).inbound.clone();
        inbound.into_iter().map(|it| (it.resource, it.closed)).collect::<Vec<_>>()
    };
    let open = everything().subnet_nsg("a/default", "open").build();
    assert_eq!(closed(&everything().build(), "web1"), [("pip-web1".to_owned(), true)]);
    assert_eq!(closed(&everything().basic("pip-web1").build(), "web1"), [("pip-web1".to_owned(), false)]);
    assert_eq!(closed(&open, "web1"), [("pip-web1".to_owned(), false)]);
    assert_eq!(closed(&open, "far"), [("default outbound access".to_owned(), true)]);
    assert_eq!(closed(&open, "web2"), []);
}

#[test]
fn s9_3_a_backend_translates_what_the_frontend_hands_it() {
    let network = everything().build();
    let goal = goal(&network);
    let rules = &frontend(&goal, "lb").rules;
    assert_eq!((rules.len(), rules[0].port, rules[0].backends.len()), (1, Some(80), 2));
    assert_eq!(frontend(&goal, "ilb").outside, None);
    let [of_lb, of_ilb] = &translation(&goal, "web3").inbound[..] else { panic!() };
    assert_eq!((of_lb.address, of_lb.port), (Ipv4Addr::new(20, 200, 0, 5), Some(80)));
    assert_eq!((of_lb.to_address, of_lb.to_port), (Ipv4Addr::new(10, 0, 2, 4), Some(8080)));
    assert!(of_lb.balanced && !of_lb.closed && of_ilb.protocol == Protocol::Udp);
    assert_eq!(translation(&goal, "web4").inbound.len(), 1);
}

#[test]
fn s9_3_with_floating_ip_the_guest_has_the_frontend_too() {
    let mut network = everything().build();
    network.load_balancers[1].load_balancing_rules[0].enable_floating_ip = true;
    network.load_balancers[1].load_balancing_rules[0].protocol = LoadBalancerProtocol::All;
    let goal = goal(&network);
    assert_eq!(machine(&goal, "web3").guest.floating, [Ipv4Addr::new(10, 0, 2, 100)]);
    assert_eq!(machine(&goal, "web4").guest.floating, [Ipv4Addr::UNSPECIFIED; 0]);
    assert!(translation(&goal, "web3").inbound[1].floating);
    assert_eq!(frontend(&goal, "ilb").rules[0].protocol, Protocol::Any);
}

#[test]
fn a_backend_that_does_not_run_is_nobody() {
    let mut network = everything().build();
    network.virtual_machines[3].power_state = crate::network::PowerState::Deallocated;
    let goal = goal(&network);
    assert_eq!(frontend(&goal, "lb").rules[0].backends.len(), 1);
    assert_eq!(frontend(&goal, "lb").leases.len(), 1);
}

#[test]
fn routers_leave_the_addresses_of_other_regions_to_theirs() {
    let mut network = everything().build();
    network.virtual_networks[1].location = "koreasouth".to_owned();
    let goal = goal(&network);
    let [central, south] = &edge(&goal).edge.routers[..] else { panic!() };
    assert_eq!((central.name.as_str(), south.name.as_str()), ("koreacentral", "koreasouth"));
    let far = "198.51.100.5/32".parse().unwrap();
    let client = "203.0.113.9/32".parse().unwrap();
    assert!(south.on_link == [far, client], "{:?}", south.on_link);
    assert_eq!(central.via, [(far, south.leg.address)]);
    assert!(south.via.iter().all(|(_, router)| *router == central.leg.address));
    assert!(!central.on_link.contains(&far) && central.on_link.contains(&client));
    let route = &machine(&goal, "far").network_interfaces[0].port.routes[0];
    assert_eq!(route.next_hop, NextHop::Internet { router: south.leg.address });
}

#[test]
fn those_outside_answer_from_the_edge() {
    let goal = goal(&everything().build());
    let client = machine(&goal, "internet.client");
    assert!(client.guest.answers_everything && client.network_interfaces.len() == 1);
    let nic = &client.network_interfaces[0];
    assert_eq!((nic.subnet.to_string().as_str(), nic.port.vni.get()), ("203.0.113.9/32", INTERNET_VNI));
    assert!(nic.port.filter.inbound.is_empty() && nic.port.translation.is_empty());
    let names: Vec<_> = edge(&goal).virtual_machines.iter().map(|vm| vm.name.to_string()).collect();
    assert_eq!(names, ["internet.client", "service.sql"]);
}

#[test]
fn s10_2_a_private_endpoint_is_a_nic_of_its_service() {
    let policies = |policies| {
        let network = everything().subnet_nsg("a/default", "open");
        let network =
            network.subnet_with("a/default", |subnet| subnet.private_endpoint_network_policies = policies);
        let goal = goal(&network.build());
        machine(&goal, "service.sql").network_interfaces[1].clone()
    };
    let nic = policies(PrivateEndpointNetworkPolicies::Disabled);
    assert_eq!((nic.name.as_str(), nic.addresses[0]), ("pe", Ipv4Addr::new(10, 0, 0, 9)));
    assert!(nic.port.private_endpoint.as_ref().is_some_and(|endpoint| endpoint.approved));
    assert!(nic.port.filter.inbound.is_empty());
    let hops: Vec<_> = nic.port.routes.iter().map(|route| route.next_hop.clone()).collect();
    assert_eq!(hops[1..], [NextHop::VnetLocal, NextHop::VnetPeering]);
    let filtered = policies(PrivateEndpointNetworkPolicies::Enabled);
    let rule = &filtered.port.filter.inbound[0].rules[0];
    assert_eq!((rule.name.as_str(), rule.source_ports.len()), ("rule-100", 1));
    assert_eq!(rule.source_ports[0], goal_state::nsg::PortRange::ALL);
}

#[test]
fn s10_1_a_service_endpoint_leads_to_a_nic_of_the_service() {
    let network = everything()
        .tags(&[("Sql", &["20.60.0.0/24"])])
        .service_endpoint("a/nat", "Microsoft.Sql", &["Sql"])
        .build();
    let goal = goal(&network);
    let sql = machine(&goal, "service.sql");
    let names: Vec<_> = sql.network_interfaces.iter().map(|nic| nic.name.as_str()).collect();
    assert_eq!(names, ["nic0", "pe", "a"]);
    let leg = &sql.network_interfaces[2];
    assert_eq!((leg.addresses[0], leg.port.vni.get()), (Ipv4Addr::new(169, 254, 3, 1), 1001));
    let inbound = &leg.port.translation.inbound[0];
    assert_eq!((inbound.address, inbound.to_address), ([20, 60, 0, 9].into(), leg.addresses[0]));
    assert_eq!(known(vnet(&goal[1], "a"), "169.254.3.1"), Some((1001, 4)));
    let through = |vm: &str| {
        let routes = &machine(&goal, vm).network_interfaces[0].port.routes;
        let route = routes.iter().find(|route| route.prefix.to_string() == "20.60.0.9/32");
        route.map(|route| route.next_hop.clone())
    };
    let hop = NextHop::VirtualAppliance { addresses: leg.addresses.clone(), unreachable: Vec::new() };
    assert_eq!((through("web2"), through("web1")), (Some(hop), None));
}

#[test]
fn s9_3_probes_ask_every_backend_once_and_rules_name_theirs() {
    let mut network = everything().build();
    let probe = |name: &str| Probe {
        name: name.to_owned(),
        question: ProbeQuestion::Tcp,
        port: 80,
        interval_in_seconds: 5,
        number_of_probes: 2,
    };
    let balancer = &mut network.load_balancers[0];
    balancer.probes = vec![probe("unused"), probe("alive")];
    balancer.load_balancing_rules[0].probe = Some(1);
    balancer.load_balancing_rules[0].idle = IdleFlows { timeout_in_minutes: 10, tcp_reset: true };
    balancer.load_balancing_rules.push(balancer.load_balancing_rules[0].clone());
    let goal = goal(&network);
    let [prober] = &edge(&goal).edge.probers[..] else { panic!() };
    assert_eq!((prober.leg.vni.get(), prober.leg.address), (1001, Ipv4Addr::new(168, 63, 129, 16)));
    let [probe] = &prober.probes[..] else { panic!() };
    assert_eq!((probe.balancer.as_str(), probe.name.as_str(), probe.backends.len()), ("lb", "alive", 2));
    let rule = &frontend(&goal, "lb").rules[0];
    assert_eq!((rule.probe.as_deref(), rule.idle_timeout_s, rule.tcp_reset), (Some("alive"), 600, true));
    assert_eq!(known(vnet(&goal[0], "a"), "168.63.129.16"), Some((1001, 4)));
}

#[test]
fn s3_9_mail_is_closed_for_some_kinds_of_subscriptions() {
    let mut network = everything().build();
    assert!(!translation(&goal(&network), "web1").mail_closed);
    network.subscription = crate::network::Subscription::PayAsYouGo;
    assert!(translation(&goal(&network), "web1").mail_closed);
}
