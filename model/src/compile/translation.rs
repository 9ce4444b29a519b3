//! What the port of a NIC translates: what comes in for its public addresses and by load balancers, and what leaves for the internet.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use goal_state::nsg::Protocol;
use goal_state::translation::{InboundTranslation, OutboundTranslation, Translation, WayOut};

use super::edge::{EdgePlan, protocol};
use crate::effective::Policy;
use crate::effective::egress::{OutboundMethod, leases, way_out};
use crate::network::public::{LoadBalancerSku, PublicIpSku};
use crate::network::{FrontendAddress, LoadBalancer, Network, NicRef, Subscription};

/// How a rule of a load balancer hands flows to a machine.
struct Handing<'n> {
    rule: &'n str,
    protocol: Protocol,
    /// 0 is all.
    frontend_port: u16,
    /// 0 keeps it.
    backend_port: u16,
    floating: bool,
}

/// The translation of `nic`'s port.
pub(super) fn translation(policy: &Policy<'_>, plan: &EdgePlan, nic: NicRef) -> Translation {
    Translation {
        inbound: inbound(policy, nic),
        outbound: outbound(policy, plan, nic),
        mail_closed: policy.network().subscription != Subscription::EnterpriseAgreement,
    }
}

/// Whether anything comes in from outside, so that something must go back.
pub(super) fn has_inbound(policy: &Policy<'_>, nic: NicRef) -> bool {
    !inbound(policy, nic).is_empty()
}

/// The address of default outbound access of a NIC that uses it.
pub(super) fn default_outbound(policy: &Policy<'_>, nic: NicRef) -> Option<Ipv4Addr> {
    let mut addresses = policy.network().nic(nic).addresses.iter();
    let uses = |&source: &Ipv4Addr| {
        [Protocol::Tcp, Protocol::Udp].iter().any(|protocol| {
            let way = way_out(policy, nic, source, protocol.number().unwrap_or_default());
            way.is_ok_and(|way| way.method == OutboundMethod::DefaultOutboundAccess)
        })
    };
    addresses.any(uses).then(|| policy.default_outbound_address(nic))
}

/// The frontends that the guest of a machine has on its loopback device, for these NICs.
pub(super) fn floating(policy: &Policy<'_>, nics: impl Iterator<Item = NicRef>) -> Vec<Ipv4Addr> {
    let inbound = nics.flat_map(|nic| inbound(policy, nic));
    let floating: BTreeSet<_> = inbound.filter(|it| it.floating).map(|it| it.address).collect();
    floating.into_iter().collect()
}

fn inbound(policy: &Policy<'_>, nic: NicRef) -> Vec<InboundTranslation> {
    let mut inbound = of_public_addresses(policy.network(), nic);
    inbound.extend(of_load_balancers(policy, nic));
    inbound.extend(default_outbound(policy, nic).map(|address| InboundTranslation {
        resource: "default outbound access".to_owned(),
        rule: String::new(),
        address,
        protocol: Protocol::Any,
        port: None,
        to_address: policy.network().nic(nic).addresses[0],
        to_port: None,
        floating: false,
        closed: true,
        balanced: false,
    }));
    inbound
}

/// A Standard address is closed until a network security group lets something in.
/// <https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses#sku>
fn of_public_addresses(network: &Network, nic: NicRef) -> Vec<InboundTranslation> {
    let of_nic = network.nic(nic).public_ips.iter();
    let of_nic = of_nic.map(|&(private, id)| {
        let public_ip = network.public_ip(id);
        InboundTranslation {
            resource: public_ip.name.clone(),
            rule: String::new(),
            address: public_ip.address,
            protocol: Protocol::Any,
            port: None,
            to_address: private,
            to_port: None,
            floating: false,
            closed: public_ip.sku == PublicIpSku::Standard && !has_security_group(network, nic),
            balanced: false,
        }
    });
    of_nic.collect()
}

/// Of each load balancer that leads flows here first the inbound NAT rules, then the load balancing rules.
fn of_load_balancers(policy: &Policy<'_>, nic: NicRef) -> Vec<InboundTranslation> {
    let network = policy.network();
    let mut all = Vec::new();
    for (position, balancer) in network.load_balancers.iter().enumerate() {
        let pools = policy.owners().pools(nic).iter().filter(|(id, _)| id.0 == position);
        let pools: Vec<_> = pools.map(|(_, pool)| *pool).collect();
        for (frontend, handing) in nat_rules(balancer, nic).chain(balancing_rules(balancer, &pools)) {
            let front = balancer.frontends[frontend].address;
            let (address, public) =
                (network.frontend_address(front), matches!(front, FrontendAddress::Public(_)));
            let port = |number: u16| (number != 0).then_some(number);
            all.push(InboundTranslation {
                resource: balancer.name.clone(),
                rule: handing.rule.to_owned(),
                address,
                protocol: handing.protocol,
                port: port(handing.frontend_port),
                to_address: network.nic(nic).addresses[0],
                to_port: port(handing.backend_port),
                floating: handing.floating,
                closed: public && balancer.sku != LoadBalancerSku::Basic && !has_security_group(network, nic),
                balanced: true,
            });
        }
    }
    all
}

fn nat_rules(balancer: &LoadBalancer, nic: NicRef) -> impl Iterator<Item = (usize, Handing<'_>)> {
    balancer.inbound_nat_rules.iter().flat_map(move |rule| {
        let own = rule.backends.iter().filter(move |(backend, _)| *backend == nic);
        own.map(move |&(_, frontend_port)| {
            let handing = Handing {
                rule: &rule.name,
                protocol: protocol(rule.protocol),
                frontend_port,
                backend_port: rule.backend_port,
                floating: rule.enable_floating_ip,
            };
            (rule.frontend, handing)
        })
    })
}

fn balancing_rules<'n>(
    balancer: &'n LoadBalancer,
    pools: &[usize],
) -> impl Iterator<Item = (usize, Handing<'n>)> {
    let rules = balancer.load_balancing_rules.iter().filter(|rule| pools.contains(&rule.backend_pool));
    rules.map(|rule| {
        let handing = Handing {
            rule: &rule.name,
            protocol: protocol(rule.protocol),
            frontend_port: rule.frontend_port,
            backend_port: rule.backend_port,
            floating: rule.enable_floating_ip,
        };
        (rule.frontend, handing)
    })
}

fn has_security_group(network: &Network, nic: NicRef) -> bool {
    let nic = network.nic(nic);
    nic.nsg.is_some() || network.subnet(nic.subnet).nsg.is_some()
}

/// For each private address what gives it a public one, for each protocol that leaves.
fn outbound(policy: &Policy<'_>, plan: &EdgePlan, nic: NicRef) -> Vec<OutboundTranslation> {
    let addresses = policy.network().nic(nic).addresses.iter();
    addresses.flat_map(|&source| of_source(policy, plan, nic, source)).collect()
}

fn of_source(
    policy: &Policy<'_>,
    plan: &EdgePlan,
    nic: NicRef,
    source: Ipv4Addr,
) -> Vec<OutboundTranslation> {
    let way = |protocol: Protocol| way(policy, plan, nic, source, protocol);
    let (tcp, udp, others) = (way(Protocol::Tcp), way(Protocol::Udp), way(Protocol::Icmp));
    let ways = if tcp == udp && udp == others {
        vec![(Protocol::Any, tcp)]
    } else {
        vec![(Protocol::Tcp, tcp), (Protocol::Udp, udp), (Protocol::Any, others)]
    };
    let ways = ways.into_iter().filter_map(|(protocol, way)| Some((protocol, way?)));
    ways.map(|(protocol, way)| OutboundTranslation { source, protocol, way }).collect()
}

fn way(
    policy: &Policy<'_>,
    plan: &EdgePlan,
    nic: NicRef,
    source: Ipv4Addr,
    protocol: Protocol,
) -> Option<WayOut> {
    let number = protocol.number().unwrap_or_default();
    let way = way_out(policy, nic, source, number).ok()?;
    match way.method {
        OutboundMethod::PublicIpAddress(_) | OutboundMethod::DefaultOutboundAccess => {
            Some(WayOut::Address { address: way.address })
        }
        OutboundMethod::NatGateway(gateway) => {
            let legs = plan.nat_gateways.get(gateway.0)?.as_ref()?;
            Some(WayOut::NatGateway { next_hop: legs.inside.address })
        }
        OutboundMethod::LoadBalancer { balancer, .. } => {
            let (_, leases) = leases(policy, nic, number)?;
            let resource = policy.network().load_balancer(balancer).name.clone();
            Some(WayOut::Ports { resource, leases: leases.to_vec() })
        }
    }
}
