//! Who gives a flow to the internet its source address.
//!
//! The first that applies: the NAT gateway of the subnet, the public address of the sending IP configuration, an outbound
//! rule of a public load balancer (or a load balancing rule that allows it), default outbound access. A NAT gateway and a
//! public address change places by [`crate::network::Behavior::nat_gateway_over_public_ip`].
//! <https://learn.microsoft.com/azure/nat-gateway/nat-gateway-resource>,
//! <https://learn.microsoft.com/azure/load-balancer/load-balancer-outbound-connections>,
//! <https://learn.microsoft.com/azure/virtual-network/ip-services/default-outbound-access>

use std::net::Ipv4Addr;

use goal_state::translation::PortLease;

use crate::network::public::{LoadBalancerProtocol, LoadBalancerSku};
use crate::network::{
    FrontendAddress, LoadBalancer, LoadBalancerId, NatGatewayId, Network, NicRef, PublicIpId,
};

use super::Policy;
use super::none_routes::private_ranges;

pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;

/// The subnet of Azure Firewall, whose own public addresses are its only way out.
const FIREWALL_SUBNET: &str = "AzureFirewallSubnet";

/// What gives a flow its public source address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutboundMethod {
    /// The NAT gateway of the subnet.
    NatGateway(NatGatewayId),
    /// The public address of the sending IP configuration.
    PublicIpAddress(PublicIpId),
    /// A public load balancer whose pool the NIC is in.
    LoadBalancer {
        /// The load balancer.
        balancer: LoadBalancerId,
        /// Source ports of this NIC.
        ports: u32,
    },
    /// An address of Azure's.
    DefaultOutboundAccess,
}

/// Positions of frontends, and how many of their ports each member of a pool gets.
pub(super) type OutboundPorts = (Vec<usize>, u32);

/// A way out to the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WayOut {
    /// What gives the address.
    pub method: OutboundMethod,
    /// The address that the internet sees.
    pub address: Ipv4Addr,
}

/// Why a flow has no way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoWayOut {
    /// The source belongs to somebody else, and the platform translates a NIC's own addresses only.
    ForeignSource,
    /// What would translate does not translate this protocol.
    Protocol(OutboundMethod),
    /// The subnet is private and nothing else is there.
    PrivateSubnet,
    /// The NIC is in a pool of a Standard load balancer, and has no default outbound access.
    StandardPool(LoadBalancerId),
    /// Azure Firewall without a public address.
    Firewall,
}

/// The way out of a flow of `protocol` (IANA number) that `nic` sends from its private address `source`.
///
/// # Errors
/// Why there is none.
pub fn way_out(policy: &Policy<'_>, nic: NicRef, source: Ipv4Addr, protocol: u8) -> Result<WayOut, NoWayOut> {
    let network = policy.network();
    if !network.nic(nic).addresses.contains(&source) {
        return Err(NoWayOut::ForeignSource);
    }
    let nat = nat_gateway(network, nic);
    let own = public_address(network, nic, source);
    let first = if network.behavior.nat_gateway_over_public_ip { nat.or(own) } else { own.or(nat) };
    if let Some(way) = first.or_else(|| load_balancer(policy, nic, protocol)) {
        return if translates(way.method, protocol) { Ok(way) } else { Err(NoWayOut::Protocol(way.method)) };
    }
    default_outbound_access(policy, nic, protocol)
}

/// Whether `nic` has any way out for anything that it sends itself.
#[must_use]
pub fn has_way_out(policy: &Policy<'_>, nic: NicRef) -> bool {
    let mut addresses = policy.network().nic(nic).addresses.iter();
    addresses.any(|&source| [TCP, UDP].iter().any(|&protocol| way_out(policy, nic, source, protocol).is_ok()))
}

/// Whether an address may be somebody's in the internet: none of the private, local, multicast or reserved ones.
#[must_use]
pub fn is_public(address: Ipv4Addr) -> bool {
    let special = address.is_loopback() || address.is_link_local() || address.octets()[0] == 0;
    let private = private_ranges().any(|range| range.contains(&address));
    !special && !private && address.octets()[0] < 224
}

/// TCP and UDP are translated by everything, other protocols by a public address of one's own only.
fn translates(method: OutboundMethod, protocol: u8) -> bool {
    matches!(method, OutboundMethod::PublicIpAddress(_)) || protocol == TCP || protocol == UDP
}

fn nat_gateway(network: &Network, nic: NicRef) -> Option<WayOut> {
    let id = network.subnet(network.nic(nic).subnet).nat_gateway?;
    let &public_ip = network.nat_gateway(id).public_ips.first()?;
    Some(WayOut { method: OutboundMethod::NatGateway(id), address: network.public_ip(public_ip).address })
}

fn public_address(network: &Network, nic: NicRef, source: Ipv4Addr) -> Option<WayOut> {
    let mut addresses = network.nic(nic).public_ips.iter();
    let &(_, id) = addresses.find(|(private, _)| *private == source)?;
    Some(WayOut { method: OutboundMethod::PublicIpAddress(id), address: network.public_ip(id).address })
}

/// An outbound rule for one of the NIC's pools, or else a load balancing rule that is a way out, too. Where there are only
/// rules for another protocol the balancer is what does not translate this one.
fn load_balancer(policy: &Policy<'_>, nic: NicRef, protocol: u8) -> Option<WayOut> {
    let (balancer, leases) = leases(policy, nic, protocol)?;
    let ports = leases.iter().map(|lease| u32::from(lease.last - lease.first) + 1).sum();
    let method = OutboundMethod::LoadBalancer { balancer, ports };
    Some(WayOut { method, address: leases.first()?.address })
}

/// The source ports by which `nic` leaves when a load balancer is its way out, and that load balancer. Never empty.
#[must_use]
pub fn leases<'p>(
    policy: &'p Policy<'_>,
    nic: NicRef,
    protocol: u8,
) -> Option<(LoadBalancerId, &'p [PortLease])> {
    let network = policy.network();
    let pools = policy.owners().pools(nic);
    let by = |find: fn(&LoadBalancer, usize, u8) -> Option<OutboundPorts>| {
        pools.iter().find_map(|&(id, pool)| {
            let (frontends, _) = find(network.load_balancer(id), pool, protocol)?;
            let leases = policy.leases().get(id, &frontends, nic);
            (!leases.is_empty()).then_some((id, leases))
        })
    };
    by(by_outbound_rule).or_else(|| by(by_load_balancing_rule))
}

/// The ways out that a load balancer is for the members of a pool: the frontends of each, and how many of their ports each member gets.
pub(super) fn outbound_ports(balancer: &LoadBalancer, pool: usize, protocol: u8) -> Vec<OutboundPorts> {
    let ways = [by_outbound_rule(balancer, pool, protocol), by_load_balancing_rule(balancer, pool, protocol)];
    ways.into_iter().flatten().collect()
}

fn by_outbound_rule(balancer: &LoadBalancer, pool: usize, protocol: u8) -> Option<OutboundPorts> {
    let mut rules = balancer.outbound_rules.iter();
    let rule = rules.find(|rule| rule.backend_pool == pool && includes(rule.protocol, protocol))?;
    let default = default_ports(balancer.backend_pools[pool].1.len());
    let ports = if rule.allocated_outbound_ports == 0 { default } else { rule.allocated_outbound_ports };
    (!rule.frontends.is_empty()).then(|| (rule.frontends.clone(), ports))
}

fn by_load_balancing_rule(balancer: &LoadBalancer, pool: usize, protocol: u8) -> Option<OutboundPorts> {
    let mut rules = balancer.load_balancing_rules.iter();
    let rule = rules.find(|rule| {
        let public = matches!(balancer.frontends[rule.frontend].address, FrontendAddress::Public(_));
        public
            && rule.backend_pool == pool
            && !rule.disable_outbound_snat
            && includes(rule.protocol, protocol)
    })?;
    Some((vec![rule.frontend], default_ports(balancer.backend_pools[pool].1.len())))
}

/// Whether a rule for `of` is about packets of this protocol. Those that no load balancer translates are about any, so that
/// it is told what does not translate them.
fn includes(of: LoadBalancerProtocol, protocol: u8) -> bool {
    match of {
        LoadBalancerProtocol::Tcp => protocol != UDP,
        LoadBalancerProtocol::Udp => protocol != TCP,
        LoadBalancerProtocol::All => true,
    }
}

/// Source ports of each machine, by the size of the pool.
/// <https://learn.microsoft.com/azure/load-balancer/load-balancer-outbound-connections#default-port-allocation>
#[must_use]
pub fn default_ports(pool: usize) -> u32 {
    match pool {
        0..=50 => 1024,
        51..=100 => 512,
        101..=200 => 256,
        201..=400 => 128,
        401..=800 => 64,
        _ => 32,
    }
}

fn default_outbound_access(policy: &Policy<'_>, nic: NicRef, protocol: u8) -> Result<WayOut, NoWayOut> {
    let network = policy.network();
    let subnet = network.subnet(network.nic(nic).subnet);
    let standard = |id: LoadBalancerId| network.load_balancer(id).sku == LoadBalancerSku::Standard;
    let pools = policy.owners().pools(nic);
    if let Some(&(id, _)) = pools.iter().find(|(id, _)| standard(*id)) {
        Err(NoWayOut::StandardPool(id))
    } else if subnet.name == FIREWALL_SUBNET {
        Err(NoWayOut::Firewall)
    } else if !subnet.default_outbound_access {
        Err(NoWayOut::PrivateSubnet)
    } else if !translates(OutboundMethod::DefaultOutboundAccess, protocol) {
        Err(NoWayOut::Protocol(OutboundMethod::DefaultOutboundAccess))
    } else {
        Ok(WayOut {
            method: OutboundMethod::DefaultOutboundAccess,
            address: policy.default_outbound_address(nic),
        })
    }
}

#[cfg(test)]
mod tests;
