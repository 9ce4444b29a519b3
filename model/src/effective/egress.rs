//! Who gives a flow to the internet its source address.
//!
//! The first that applies: the NAT gateway of the subnet, the public address of the sending IP configuration, an outbound
//! rule of a public load balancer (or a load balancing rule that allows it), default outbound access. A NAT gateway and a
//! public address change places by [`crate::network::Behavior::nat_gateway_over_public_ip`].
//! <https://learn.microsoft.com/azure/nat-gateway/nat-gateway-resource>,
//! <https://learn.microsoft.com/azure/load-balancer/load-balancer-outbound-connections>,
//! <https://learn.microsoft.com/azure/virtual-network/ip-services/default-outbound-access>

use std::net::Ipv4Addr;

use crate::network::public::{LoadBalancerProtocol, LoadBalancerSku};
use crate::network::{
    FrontendAddress, LoadBalancer, LoadBalancerId, NatGatewayId, Network, NicRef, PublicIpId,
};

use super::Policy;
use super::none_routes::private_ranges;

const TCP: u8 = 6;
const UDP: u8 = 17;

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
    let network = policy.network();
    let pools = policy.owners().pools(nic);
    let by = |find: fn(&LoadBalancer, usize, u8) -> Option<(usize, u32)>| {
        pools.iter().find_map(|&(id, pool)| {
            let balancer = network.load_balancer(id);
            let (frontend, ports) = find(balancer, pool, protocol)?;
            let FrontendAddress::Public(public_ip) = balancer.frontends[frontend].address else {
                return None;
            };
            let ports = if ports == 0 { default_ports(balancer.backend_pools[pool].1.len()) } else { ports };
            let method = OutboundMethod::LoadBalancer { balancer: id, ports };
            Some(WayOut { method, address: network.public_ip(public_ip).address })
        })
    };
    by(by_outbound_rule).or_else(|| by(by_load_balancing_rule))
}

/// The frontend and the ports of each machine, 0 for the default.
fn by_outbound_rule(balancer: &LoadBalancer, pool: usize, protocol: u8) -> Option<(usize, u32)> {
    let mut rules = balancer.outbound_rules.iter();
    let rule = rules.find(|rule| rule.backend_pool == pool && includes(rule.protocol, protocol))?;
    Some((*rule.frontends.first()?, rule.allocated_outbound_ports))
}

fn by_load_balancing_rule(balancer: &LoadBalancer, pool: usize, protocol: u8) -> Option<(usize, u32)> {
    let mut rules = balancer.load_balancing_rules.iter();
    let rule = rules.find(|rule| {
        let public = matches!(balancer.frontends[rule.frontend].address, FrontendAddress::Public(_));
        public
            && rule.backend_pool == pool
            && !rule.disable_outbound_snat
            && includes(rule.protocol, protocol)
    })?;
    Some((rule.frontend, 0))
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
        Ok(WayOut { method: OutboundMethod::DefaultOutboundAccess, address: default_address(nic) })
    }
}

/// Azure does not tell which address it takes, and may change it. Here an address of 198.51.100.0/24 (TEST-NET-2, RFC 5737)
/// stands for it: the same for a VM as long as its place in the file is.
fn default_address(nic: NicRef) -> Ipv4Addr {
    Ipv4Addr::new(198, 51, 100, u8::try_from(nic.vm.0 % 254).unwrap_or(0) + 1)
}

#[cfg(test)]
mod tests;
