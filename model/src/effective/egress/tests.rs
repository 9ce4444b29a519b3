//! Ways out, in the order in which Azure looks for them.

use super::*;
use crate::network::build::NetworkBuilder;
use crate::network::public::LoadDistribution;
use crate::network::{IdleFlows, LoadBalancingRule, NicIndex};

const ICMP: u8 = 1;
const ESP: u8 = 50;

/// web1 at 10.0.0.4 in the subnet a/default, and public addresses to give away.
fn base() -> NetworkBuilder {
    NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .vm("web1", "10.0.0.4")
        .public_ip("pip", "20.0.0.1")
        .public_ip("pip-nat", "20.0.0.2")
        .public_ip("pip-lb", "20.0.0.3")
        .nat_gateway("nat", &["pip-nat"])
}

/// `natGateway 20.0.0.2`, or why not.
fn out(network: &Network, protocol: u8) -> String {
    let nic = NicRef { vm: network.find_vm("web1").unwrap(), index: NicIndex(0) };
    match way_out(&Policy::new(network), nic, [10, 0, 0, 4].into(), protocol) {
        Ok(WayOut { method, address }) => {
            let method = match method {
                OutboundMethod::NatGateway(_) => "natGateway".to_owned(),
                OutboundMethod::PublicIpAddress(_) => "publicIPAddress".to_owned(),
                OutboundMethod::LoadBalancer { ports, .. } => format!("loadBalancer with {ports} ports"),
                OutboundMethod::DefaultOutboundAccess => "default".to_owned(),
            };
            format!("{method} {address}")
        }
        Err(why) => format!("{why:?}").split('(').next().unwrap().to_owned(),
    }
}

fn private(builder: NetworkBuilder) -> NetworkBuilder {
    builder.subnet_with("a/default", |subnet| subnet.default_outbound_access = false)
}

#[test]
fn s9_1_a_nat_gateway_goes_before_a_public_address_of_the_vm() {
    let with_both = || base().vm_public_ip("web1", "pip").subnet_nat_gateway("a/default", "nat");
    assert_eq!(out(&with_both().build(), TCP), "natGateway 20.0.0.2");
    let mut older = with_both().build();
    older.behavior.nat_gateway_over_public_ip = false;
    assert_eq!(out(&older, TCP), "publicIPAddress 20.0.0.1");
}

#[test]
fn s9_1_a_public_address_goes_before_an_outbound_rule() {
    let balanced = || base().load_balancer("lb", "pip-lb", &["web1"], &[]).outbound_rule("lb");
    assert_eq!(out(&balanced().vm_public_ip("web1", "pip").build(), UDP), "publicIPAddress 20.0.0.1");
    assert_eq!(out(&balanced().build(), UDP), "loadBalancer with 1024 ports 20.0.0.3");
}

#[test]
fn s9_1_a_load_balancing_rule_is_a_way_out_unless_that_is_switched_off() {
    let with = |off: bool| {
        base()
            .load_balancer_with("lb", "pip-lb", &["web1"], &[], |balancer| {
                balancer.load_balancing_rules.push(LoadBalancingRule {
                    name: "web".to_owned(),
                    frontend: 0,
                    backend_pool: 0,
                    protocol: LoadBalancerProtocol::Tcp,
                    frontend_port: 80,
                    backend_port: 80,
                    probe: None,
                    load_distribution: LoadDistribution::Default,
                    enable_floating_ip: false,
                    disable_outbound_snat: off,
                    idle: IdleFlows::default(),
                });
            })
            .build()
    };
    assert_eq!(out(&with(false), TCP), "loadBalancer with 1024 ports 20.0.0.3");
    // A rule for TCP is none for UDP, and the pool of a Standard load balancer has no default outbound access.
    assert_eq!(out(&with(false), UDP), "StandardPool");
    assert_eq!(out(&with(true), TCP), "StandardPool");
}

#[test]
fn s9_1_an_internal_standard_pool_has_no_default_outbound_access() {
    let internal = || base().load_balancer("lb", "10.0.0.9", &["web1"], &["All 0 0"]);
    assert_eq!(out(&internal().build(), TCP), "StandardPool");
    assert_eq!(out(&internal().subnet_nat_gateway("a/default", "nat").build(), TCP), "natGateway 20.0.0.2");
    let basic =
        base().load_balancer_with("lb", "10.0.0.9", &["web1"], &[], |lb| lb.sku = LoadBalancerSku::Basic);
    assert_eq!(out(&basic.build(), TCP), "default 198.51.100.1");
}

#[test]
fn s2_4_default_outbound_access_is_the_last_way_and_a_private_subnet_has_none() {
    assert_eq!(out(&base().build(), TCP), "default 198.51.100.1");
    assert_eq!(out(&private(base()).build(), TCP), "PrivateSubnet");
    let explicit = private(base()).subnet_nat_gateway("a/default", "nat");
    assert_eq!(out(&explicit.build(), TCP), "natGateway 20.0.0.2");
}

#[test]
fn s3_6_only_a_public_address_of_the_vm_carries_icmp_out() {
    assert_eq!(out(&base().vm_public_ip("web1", "pip").build(), ICMP), "publicIPAddress 20.0.0.1");
    assert_eq!(out(&base().vm_public_ip("web1", "pip").build(), ESP), "publicIPAddress 20.0.0.1");
    let with_nat = base().vm_public_ip("web1", "pip").subnet_nat_gateway("a/default", "nat");
    assert_eq!(out(&with_nat.build(), ICMP), "Protocol");
    let balanced = base().load_balancer("lb", "pip-lb", &["web1"], &[]).outbound_rule("lb");
    assert_eq!(out(&balanced.build(), ICMP), "Protocol");
    assert_eq!(out(&base().build(), ICMP), "Protocol");
}

#[test]
fn s9_3_ports_by_the_size_of_the_pool() {
    let sizes = [1, 50, 51, 100, 101, 200, 201, 400, 401, 800, 801, 1000];
    let ports = [1024, 1024, 512, 512, 256, 256, 128, 128, 64, 64, 32, 32];
    assert_eq!(sizes.map(default_ports), ports);
}

#[test]
fn s9_3_an_outbound_rule_may_say_how_many_ports() {
    let network = base().load_balancer("lb", "pip-lb", &["web1"], &[]).outbound_rule("lb").build();
    let mut given = network.clone();
    given.load_balancers[0].outbound_rules[0].allocated_outbound_ports = 8000;
    assert_eq!(out(&given, TCP), "loadBalancer with 8000 ports 20.0.0.3");
}

#[test]
fn s9_5_the_firewalls_subnet_has_no_default_outbound_access() {
    let network = NetworkBuilder::new()
        .vnet_with("a", &["10.0.0.0/16"])
        .subnet("a", "AzureFirewallSubnet", "10.0.0.0/26")
        .vm("web1", "10.0.0.4")
        .build();
    assert_eq!(out(&network, TCP), "Firewall");
}

#[test]
fn s6_9_what_a_vm_only_forwards_is_not_translated() {
    let network = base().subnet_nat_gateway("a/default", "nat").build();
    let nic = NicRef { vm: network.find_vm("web1").unwrap(), index: NicIndex(0) };
    let policy = Policy::new(&network);
    assert_eq!(way_out(&policy, nic, [10, 1, 0, 4].into(), TCP), Err(NoWayOut::ForeignSource));
    assert!(has_way_out(&policy, nic));
}
