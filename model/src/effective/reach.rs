//! Peers of a virtual network, who has a private address, and who of them a subnet can send to.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use goal_state::DropReason;
use ipnet::Ipv4Net;
use prefix_trie::PrefixMap;

use super::{FrontendRef, Policy};
use crate::network::behavior::{AllowForwardedTrafficBehavior, AllowVirtualNetworkAccessBehavior};
use crate::network::{
    FrontendAddress, GatewayId, LoadBalancerId, Network, NicRef, Peering, PeeringScope, PrivateEndpointId,
    RouteServerId, SubnetRef, VirtualNetwork, VnetId,
};

/// Who has a private address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A network interface. Its VM may be deallocated: then the address is taken, and nobody answers.
    Nic(NicRef),
    /// A frontend of an internal load balancer.
    Frontend(FrontendRef),
    /// A private endpoint.
    PrivateEndpoint(PrivateEndpointId),
    /// A virtual network gateway.
    Gateway(GatewayId),
    /// An instance of a route server.
    RouteServer(RouteServerId),
}

/// The peering links of a virtual network that are connected, with the network on the other side.
///
/// Peering is not transitive, so these are all that there are.
/// <https://learn.microsoft.com/azure/virtual-network/virtual-network-peering-overview>
pub fn connected_peers(network: &Network, vnet: VnetId) -> impl Iterator<Item = (&Peering, &VirtualNetwork)> {
    let links = network.vnet(vnet).peerings.iter().filter(|link| link.is_connected());
    links.map(|link| (link, network.vnet(link.remote)))
}

/// Whether packets may follow this link: it is connected, and `allowVirtualNetworkAccess` is on or concerns the tag only.
#[must_use]
pub fn gives_access(network: &Network, link: &Peering) -> bool {
    let switch = network.behavior.allow_virtual_network_access;
    link.is_connected()
        && (link.allow_virtual_network_access || switch == AllowVirtualNetworkAccessBehavior::TagOnly)
}

/// Whether a link refuses packets that its peer only forwarded.
#[must_use]
pub fn refuses_forwarded_traffic(network: &Network, link: &Peering) -> bool {
    !link.allow_forwarded_traffic
        && network.behavior.allow_forwarded_traffic == AllowForwardedTrafficBehavior::Documented
}

/// What the routes of a link cover: the peer's space as last synced, or the prefixes of the subnets that take part in it.
pub fn routed_space<'a>(network: &'a Network, link: &'a Peering) -> impl Iterator<Item = Ipv4Net> + 'a {
    let (whole, subnets): (&[Ipv4Net], &[usize]) = match &link.scope {
        PeeringScope::CompleteVnets => (&link.remote_address_space, &[]),
        PeeringScope::Subnets { remote, .. } => (&[], remote),
    };
    let subnets = subnets.iter().map(|&index| network.vnet(link.remote).subnets[index].prefix);
    whole.iter().copied().chain(subnets)
}

/// Whether a subnet of the link's own side takes part in it.
#[must_use]
pub fn takes_part(link: &Peering, subnet: SubnetRef) -> bool {
    match &link.scope {
        PeeringScope::CompleteVnets => true,
        PeeringScope::Subnets { local, .. } => local.contains(&subnet.index),
    }
}

/// Who a packet reaches that a route sends to its destination itself, in the virtual network of `subnet` or in a peer.
///
/// # Errors
///
/// `Peering` when the subnet does not take part in the peering, `PrivateEndpoint` when only a route of its own leads to a
/// private endpoint, `NoDestination` when nobody has the address.
pub fn deliver(policy: &Policy<'_>, subnet: SubnetRef, destination: Ipv4Addr) -> Result<Owner, DropReason> {
    let network = policy.network();
    let (vnet, owner) = locate(policy, subnet, destination)?;
    match owner {
        // A route of type VnetLocal for a private endpoint is followed only where its routes are kept out of the way.
        Owner::PrivateEndpoint(_) if !super::private_endpoint::shares_route(network, vnet) => {
            Err(DropReason::PrivateEndpoint)
        }
        _ => Ok(owner),
    }
}

/// Who has an address that `subnet` can send to at layer 3, and in which virtual network. The virtual network's own
/// addresses go first should a peer overlap.
pub(super) fn locate(
    policy: &Policy<'_>,
    subnet: SubnetRef,
    address: Ipv4Addr,
) -> Result<(VnetId, Owner), DropReason> {
    let network = policy.network();
    if let Some(&owner) = policy.addresses(subnet.vnet).get(&address) {
        return Ok((subnet.vnet, owner));
    }
    let link = policy.links(subnet.vnet).get_lpm(&Ipv4Net::from(address)).map(|(_, &link)| link);
    let link = link.ok_or(DropReason::NoDestination)?;
    let link = &network.vnet(subnet.vnet).peerings[link];
    if !takes_part(link, subnet) {
        return Err(DropReason::Peering);
    }
    let owner = policy.addresses(link.remote).get(&address);
    owner.map(|&owner| (link.remote, owner)).ok_or(DropReason::NoDestination)
}

/// Every private address of every virtual network.
pub(super) fn addresses(network: &Network) -> Vec<BTreeMap<Ipv4Addr, Owner>> {
    let mut all = vec![BTreeMap::new(); network.virtual_networks.len()];
    for (nic, properties) in network.nics() {
        for &address in &properties.addresses {
            all[properties.subnet.vnet.0].insert(address, Owner::Nic(nic));
        }
    }
    for (id, balancer) in network.load_balancers.iter().enumerate() {
        for (index, frontend) in balancer.frontends.iter().enumerate() {
            if let FrontendAddress::Private { subnet, address } = frontend.address {
                let frontend = FrontendRef { balancer: LoadBalancerId(id), index };
                all[subnet.vnet.0].insert(address, Owner::Frontend(frontend));
            }
        }
    }
    for (id, endpoint) in network.private_endpoints.iter().enumerate() {
        all[endpoint.subnet.vnet.0].insert(endpoint.address, Owner::PrivateEndpoint(PrivateEndpointId(id)));
    }
    for (id, gateway) in network.virtual_network_gateways.iter().enumerate() {
        for &address in &gateway.private_addresses {
            all[gateway.vnet.0].insert(address, Owner::Gateway(GatewayId(id)));
        }
    }
    for (id, server) in network.route_servers.iter().enumerate() {
        for address in server.private_addresses {
            all[server.vnet.0].insert(address, Owner::RouteServer(RouteServerId(id)));
        }
    }
    all
}

/// The positions of the peering links that give access, by what their routes cover. Of equal ranges the first link's.
pub(super) fn links(network: &Network, vnet: VnetId) -> PrefixMap<Ipv4Net, usize> {
    let mut map = PrefixMap::new();
    for (position, link) in network.vnet(vnet).peerings.iter().enumerate().rev() {
        if gives_access(network, link) {
            for range in routed_space(network, link) {
                map.insert(range.trunc(), position);
            }
        }
    }
    map
}

/// Every NIC address that some NIC of `vnet` can send a packet to at layer 3, and who has it: its own, and those of peers
/// that it has access to. Virtual machines that do not run answer nowhere and are left out, and so is who has the same address
/// in a peer.
#[must_use]
pub fn reachable_nics(policy: &Policy<'_>, vnet: VnetId) -> BTreeMap<Ipv4Addr, NicRef> {
    let network = policy.network();
    reachable(policy, vnet, |owner| match owner {
        Owner::Nic(nic) if network.vm(nic.vm).runs() => Some(nic),
        _ => None,
    })
}

/// The same for whoever of its owners `choose` makes something of.
pub fn reachable<T>(
    policy: &Policy<'_>,
    vnet: VnetId,
    choose: impl Fn(Owner) -> Option<T>,
) -> BTreeMap<Ipv4Addr, T> {
    let network = policy.network();
    let chosen = |(&address, &owner): (&Ipv4Addr, &Owner)| Some((address, choose(owner)?));
    let own = policy.addresses(vnet);
    let mut owners: BTreeMap<_, _> = own.iter().filter_map(chosen).collect();
    let links = policy.links(vnet);
    for link in network.vnet(vnet).peerings.iter().filter(|link| gives_access(network, link)) {
        for (address, owner) in policy.addresses(link.remote).iter().filter_map(chosen) {
            let covered = links.get_lpm(&Ipv4Net::from(address));
            if !own.contains_key(&address)
                && covered.is_some_and(|(_, &by)| network.vnet(vnet).peerings[by].remote == link.remote)
            {
                owners.entry(address).or_insert(owner);
            }
        }
    }
    owners
}

/// Whose NIC [`reachable_nics`] has at `address`.
#[must_use]
pub fn reachable_nic(policy: &Policy<'_>, vnet: VnetId, address: Ipv4Addr) -> Option<NicRef> {
    match reachable_owner(policy, vnet, address) {
        Some(Owner::Nic(nic)) if policy.network().vm(nic.vm).runs() => Some(nic),
        _ => None,
    }
}

/// Who has an address that some NIC of `vnet` can send a packet to at layer 3, be it there or not.
#[must_use]
pub fn reachable_owner(policy: &Policy<'_>, vnet: VnetId, address: Ipv4Addr) -> Option<Owner> {
    let network = policy.network();
    let owner = policy.addresses(vnet).get(&address).or_else(|| {
        let (_, &link) = policy.links(vnet).get_lpm(&Ipv4Net::from(address))?;
        policy.addresses(network.vnet(vnet).peerings[link].remote).get(&address)
    });
    owner.copied()
}

#[cfg(test)]
mod tests {
    use crate::network::build::NetworkBuilder;

    use super::*;

    fn reach(network: &Network, vnet: usize) -> Vec<&str> {
        let policy = Policy::new(network);
        let owners = reachable_nics(&policy, VnetId(vnet));
        for (_, nic) in network.nics() {
            for &address in &nic.addresses {
                let owner = reachable_nic(&policy, VnetId(vnet), address);
                assert_eq!(owner, owners.get(&address).copied(), "{address}");
            }
        }
        owners.values().map(|nic| network.vm(nic.vm).name.as_str()).collect()
    }

    fn delivered(network: &Network, subnet: (usize, usize), to: &str) -> Result<Owner, DropReason> {
        let subnet = SubnetRef { vnet: VnetId(subnet.0), index: subnet.1 };
        deliver(&Policy::new(network), subnet, to.parse().unwrap())
    }

    /// a - b - c, with a link from a to d that d does not answer: b is reached from both ends, c and d not from a.
    #[test]
    fn s7_1_peering_is_not_transitive_and_needs_both_links() {
        let network = NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .vnet("b", "10.1.0.0/16")
            .vnet("c", "10.2.0.0/16")
            .vnet("d", "10.3.0.0/16")
            .peer("a", "b")
            .peer("b", "c")
            .link("a", "d", |_| {})
            .vm("a1", "10.0.0.4")
            .vm("b1", "10.1.0.4")
            .vm("c1", "10.2.0.4")
            .vm("d1", "10.3.0.4")
            .build();
        assert_eq!(reach(&network, 0), ["a1", "b1"]);
        assert_eq!(reach(&network, 1), ["a1", "b1", "c1"]);
        assert_eq!(reach(&network, 2), ["b1", "c1"]);
        assert_eq!(reach(&network, 3), ["d1"]);
        assert_eq!(delivered(&network, (0, 0), "10.2.0.4"), Err(DropReason::NoDestination));
    }

    fn without_access() -> Network {
        NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .vnet("b", "10.1.0.0/16")
            .link("a", "b", |link| link.allow_virtual_network_access = false)
            .link("b", "a", |_| {})
            .vm("a1", "10.0.0.4")
            .vm("b1", "10.1.0.4")
            .build()
    }

    #[test]
    fn s7_2_a_peer_without_access_is_not_reached() {
        let network = without_access();
        assert_eq!(reach(&network, 0), ["a1"]);
        assert_eq!(reach(&network, 1), ["a1", "b1"]);
    }

    #[test]
    fn s7_2_without_access_only_the_tag_shrinks_where_the_switch_says_so() {
        let mut network = without_access();
        network.behavior.allow_virtual_network_access = AllowVirtualNetworkAccessBehavior::TagOnly;
        assert_eq!(reach(&network, 0), ["a1", "b1"]);
    }

    /// a/front and b/front are peered; the other two subnets are not.
    #[test]
    fn s7_4_subnets_that_do_not_take_part_neither_send_nor_receive() {
        let network = NetworkBuilder::new()
            .vnet_with("a", &["10.0.0.0/16"])
            .subnet("a", "front", "10.0.0.0/24")
            .subnet("a", "back", "10.0.1.0/24")
            .vnet_with("b", &["10.1.0.0/16"])
            .subnet("b", "back", "10.1.0.0/24")
            .subnet("b", "front", "10.1.1.0/24")
            .peer_subnets(("a", 0), ("b", 1))
            .vm("a-front", "10.0.0.4")
            .vm("a-back", "10.0.1.4")
            .vm("b-back", "10.1.0.4")
            .vm("b-front", "10.1.1.4")
            .build();
        assert_eq!(reach(&network, 0), ["a-front", "a-back", "b-front"]);
        assert!(delivered(&network, (0, 0), "10.1.1.4").is_ok());
        assert_eq!(delivered(&network, (0, 1), "10.1.1.4"), Err(DropReason::Peering));
        assert_eq!(delivered(&network, (0, 0), "10.1.0.4"), Err(DropReason::NoDestination));
        assert!(delivered(&network, (0, 1), "10.0.0.4").is_ok());
    }

    /// a/back has the range of the peer's subnet that takes part; it takes no part itself.
    #[test]
    fn a_deallocated_machine_stands_before_a_namesake_in_a_peer() {
        let network = |state| {
            NetworkBuilder::new()
                .vnet_with("a", &["10.0.0.0/16"])
                .subnet("a", "front", "10.0.0.0/24")
                .subnet("a", "back", "10.0.1.0/24")
                .vnet_with("b", &["10.0.0.0/16"])
                .subnet("b", "front", "10.0.1.0/24")
                .peer_subnets(("a", 0), ("b", 0))
                .vm_with("a1", &["a/10.0.0.4"], |_| {})
                .vm_with("a2", &["a/10.0.1.4"], |vm| vm.power_state = state)
                .vm_with("b1", &["b/10.0.1.4"], |_| {})
                .build()
        };
        let running = network(crate::network::PowerState::Running);
        assert_eq!(reach(&running, 0), ["a1", "a2"]);
        let off = network(crate::network::PowerState::Deallocated);
        assert_eq!(reach(&off, 0), ["a1"]);
        assert_eq!(delivered(&off, (0, 0), "10.0.1.4"), delivered(&running, (0, 0), "10.0.1.4"));
    }

    #[test]
    fn a_deallocated_machine_keeps_its_address_and_is_not_reached() {
        let network = NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .vm("a1", "10.0.0.4")
            .vm_with("off", &["10.0.0.5"], |vm| vm.power_state = crate::network::PowerState::Deallocated)
            .build();
        assert_eq!(reach(&network, 0), ["a1"]);
        assert!(delivered(&network, (0, 0), "10.0.0.5").is_ok());
    }
}
