//! NAT gateways and frontends of load balancers.

use goal_state::NicId;
use goal_state::edge::{Backend, BackendLease, BalancingRule, Distribution, Frontend, NatGateway};
use goal_state::nsg::Protocol;

use super::EdgePlan;
use crate::effective::{FrontendRef, Policy};
use crate::network::public::{LoadBalancerProtocol, LoadDistribution};
use crate::network::{
    Frontend as NetworkFrontend, InboundNatRule, LoadBalancer, LoadBalancerId, LoadBalancingRule, Network,
    NicRef,
};

const SECONDS_PER_MINUTE: u32 = 60;

/// The NAT gateways that stand somewhere, sorted by name.
pub(super) fn nat_gateways(network: &Network, plan: &EdgePlan) -> Vec<NatGateway> {
    let gateways = network.nat_gateways.iter().zip(&plan.nat_gateways);
    let gateways = gateways.filter_map(|(gateway, legs)| {
        let legs = legs.as_ref()?;
        let vnet = network.vnet(legs.vnet);
        let mut addresses: Vec<_> =
            gateway.public_ips.iter().map(|&id| network.public_ip(id).address).collect();
        addresses.sort();
        Some(NatGateway {
            name: gateway.name.clone(),
            inside: legs.inside.clone(),
            outside: legs.outside.clone()?,
            addresses,
            router: plan.router(&vnet.location)?,
            space: vnet.address_space.clone(),
            tcp_idle_timeout_s: gateway.idle_timeout_in_minutes * SECONDS_PER_MINUTE,
        })
    });
    let mut gateways: Vec<_> = gateways.collect();
    gateways.sort_by(|left, right| left.name.cmp(&right.name));
    gateways
}

/// The frontends that stand somewhere, sorted by load balancer and name.
pub(super) fn frontends(policy: &Policy<'_>, plan: &EdgePlan) -> Vec<Frontend> {
    let network = policy.network();
    let mut frontends = Vec::new();
    for (position, balancer) in network.load_balancers.iter().enumerate() {
        let id = LoadBalancerId(position);
        for (index, frontend) in balancer.frontends.iter().enumerate() {
            frontends.extend(self::frontend(policy, plan, FrontendRef { balancer: id, index }, frontend));
        }
    }
    frontends.sort_by(|left, right| (&left.balancer, &left.name).cmp(&(&right.balancer, &right.name)));
    frontends
}

fn frontend(
    policy: &Policy<'_>,
    plan: &EdgePlan,
    at: FrontendRef,
    frontend: &NetworkFrontend,
) -> Option<Frontend> {
    let network = policy.network();
    let balancer = network.load_balancer(at.balancer);
    let legs = plan.frontend(at)?;
    let address = network.frontend_address(frontend.address);
    let leases = policy.leases().of_balancer(at.balancer).filter(|(_, ports)| ports.address == address);
    let leases = leases.filter(|(nic, _)| network.vm(nic.vm).runs());
    let mut leases: Vec<_> =
        leases.map(|(nic, ports)| BackendLease { ports, backend: network.nic(nic).addresses[0] }).collect();
    leases.sort();
    Some(Frontend {
        balancer: balancer.name.clone(),
        name: frontend.name.clone(),
        address,
        inside: legs.inside.clone(),
        outside: legs.outside.clone(),
        rules: rules(network, balancer, at.index),
        leases,
    })
}

fn rules(network: &Network, balancer: &LoadBalancer, frontend: usize) -> Vec<BalancingRule> {
    let nat = balancer.inbound_nat_rules.iter().filter(|rule| rule.frontend == frontend);
    let nat = nat.flat_map(|rule| {
        let of_machine = |&(nic, port): &(NicRef, u16)| inbound_nat_rule(network, rule, nic, port);
        rule.backends.iter().map(of_machine).collect::<Vec<_>>()
    });
    let balancing = balancer.load_balancing_rules.iter().filter(|rule| rule.frontend == frontend);
    nat.chain(balancing.map(|rule| load_balancing_rule(network, balancer, rule))).collect()
}

fn inbound_nat_rule(network: &Network, rule: &InboundNatRule, nic: NicRef, port: u16) -> BalancingRule {
    BalancingRule {
        name: rule.name.clone(),
        protocol: protocol(rule.protocol),
        port: Some(port),
        distribution: Distribution::Default,
        backends: backends(network, &[nic]),
        probe: None,
        idle_timeout_s: rule.idle.timeout_in_minutes * SECONDS_PER_MINUTE,
        tcp_reset: rule.idle.tcp_reset,
    }
}

fn load_balancing_rule(
    network: &Network,
    balancer: &LoadBalancer,
    rule: &LoadBalancingRule,
) -> BalancingRule {
    BalancingRule {
        name: rule.name.clone(),
        protocol: protocol(rule.protocol),
        port: (rule.frontend_port != 0).then_some(rule.frontend_port),
        distribution: match rule.load_distribution {
            LoadDistribution::Default => Distribution::Default,
            LoadDistribution::SourceIp => Distribution::SourceIp,
            LoadDistribution::SourceIpProtocol => Distribution::SourceIpProtocol,
        },
        backends: backends(network, &balancer.backend_pools[rule.backend_pool].1),
        probe: rule.probe.map(|probe| balancer.probes[probe].name.clone()),
        idle_timeout_s: rule.idle.timeout_in_minutes * SECONDS_PER_MINUTE,
        tcp_reset: rule.idle.tcp_reset,
    }
}

/// The protocol of a rule as the goal state has it.
pub(in crate::compile) fn protocol(of: LoadBalancerProtocol) -> Protocol {
    match of {
        LoadBalancerProtocol::Tcp => Protocol::Tcp,
        LoadBalancerProtocol::Udp => Protocol::Udp,
        LoadBalancerProtocol::All => Protocol::Any,
    }
}

/// Those of `members` whose machines run, sorted.
pub(super) fn backends(network: &Network, members: &[NicRef]) -> Vec<Backend> {
    let running = members.iter().filter(|nic| network.vm(nic.vm).runs());
    let mut backends: Vec<_> = running
        .map(|&nic| Backend {
            nic: NicId { vm: network.vm(nic.vm).name.clone(), nic: network.nic(nic).name.clone() },
            address: network.nic(nic).addresses[0],
        })
        .collect();
    backends.sort();
    backends.dedup();
    backends
}
