//! Standard public addresses, which are closed to the internet until some network security group opens them.
//!
//! <https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses#sku>

use std::net::Ipv4Addr;

use crate::effective::Policy;
use crate::effective::tags::{INSTANCE_METADATA, WIRE_SERVER};
use crate::network::public::{LoadBalancerSku, PublicIpSku};
use crate::network::{FrontendAddress, LoadBalancer, Network, NicRef};

/// Whether what comes from `remote` to `local`, an address of `nic`, has to pass a Standard public address (its own or a load
/// balancer's) that nobody has opened: neither `nic` nor its subnet has a network security group.
pub(super) fn is_closed(policy: &Policy<'_>, nic: NicRef, local: Ipv4Addr, remote: Ipv4Addr) -> bool {
    let network = policy.network();
    let has_group = network.nic(nic).nsg.is_some() || network.subnet(network.nic(nic).subnet).nsg.is_some();
    !has_group
        && is_outside(network, nic, remote)
        && (has_standard_address(network, nic, local) || is_behind_standard_balancer(policy, nic))
}

/// Whether `remote` is in the internet: a public address that neither the virtual network nor a peer uses.
fn is_outside(network: &Network, nic: NicRef, remote: Ipv4Addr) -> bool {
    let vnet = network.vnet(network.nic(nic).subnet.vnet);
    let mut peers = vnet.peerings.iter().filter(|link| link.is_connected());
    let is_shared = remote.octets()[0] == 100 && remote.octets()[1] & 0xc0 == 64;
    !remote.is_private()
        && !is_shared
        && ![WIRE_SERVER, INSTANCE_METADATA].contains(&remote)
        && !vnet.contains(remote)
        && !peers.any(|link| link.remote_address_space.iter().any(|range| range.contains(&remote)))
}

fn has_standard_address(network: &Network, nic: NicRef, local: Ipv4Addr) -> bool {
    let mut addresses = network.nic(nic).public_ips.iter();
    addresses
        .any(|&(private, public)| private == local && network.public_ip(public).sku == PublicIpSku::Standard)
}

fn is_behind_standard_balancer(policy: &Policy<'_>, nic: NicRef) -> bool {
    let network = policy.network();
    let is_public = |balancer: &LoadBalancer, frontend: usize| {
        matches!(balancer.frontends[frontend].address, FrontendAddress::Public(_))
    };
    policy.owners().pools(nic).iter().any(|&(id, pool)| {
        let balancer = network.load_balancer(id);
        let mut rules = balancer.load_balancing_rules.iter();
        balancer.sku != LoadBalancerSku::Basic
            && rules.any(|rule| rule.backend_pool == pool && is_public(balancer, rule.frontend))
    })
}
