//! Service tags as addresses, as one subnet sees them.
//!
//! <https://learn.microsoft.com/azure/virtual-network/service-tags-overview>

use std::net::Ipv4Addr;

use goal_state::nsg::AddressSet;
use ipnet::Ipv4Net;

use super::difference::difference;
use super::reach::connected_peers;
use super::routes::private_ranges;
use crate::network::{Network, ServiceTag, SubnetRef, UserNextHop};

/// The platform's virtual public address: DHCP, DNS, WireServer, and the source of health probes.
/// <https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16>
pub const WIRE_SERVER: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// The instance metadata service.
pub const INSTANCE_METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// The tags of one subnet. They differ per subnet, because user-defined routes count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tags {
    virtual_network: AddressSet,
    internet: AddressSet,
    azure_load_balancer: AddressSet,
}

impl Tags {
    /// The tags as NICs of `subnet` see them.
    #[must_use]
    pub fn of(network: &Network, subnet: SubnetRef) -> Self {
        let virtual_network = virtual_network(network, subnet);
        let internet = difference(&public_addresses(), &virtual_network);
        Self { virtual_network, internet, azure_load_balancer: AddressSet::new([WIRE_SERVER.into()]) }
    }

    /// The addresses of a tag.
    #[must_use]
    pub fn expand(&self, tag: ServiceTag) -> &AddressSet {
        match tag {
            ServiceTag::VirtualNetwork => &self.virtual_network,
            ServiceTag::Internet => &self.internet,
            ServiceTag::AzureLoadBalancer => &self.azure_load_balancer,
        }
    }
}

/// The space of the virtual network and of the peers that it has access to, the platform's address, and the prefixes of
/// user-defined routes whose appliance lies in that space. Routes of other types do not count.
fn virtual_network(network: &Network, subnet: SubnetRef) -> AddressSet {
    let own = network.vnet(subnet.vnet).address_space.iter().copied();
    let peers = connected_peers(network, subnet.vnet)
        .filter(|(link, _)| link.allow_virtual_network_access)
        .flat_map(|(_, peer)| peer.address_space.iter().copied());
    let space = AddressSet::new(own.chain(peers).chain([WIRE_SERVER.into()]));
    let Some(table) = network.subnet(subnet).route_table else { return space };
    let steered = network.route_table(table).routes.iter().filter_map(|route| match route.next_hop {
        UserNextHop::VirtualAppliance(address) => space.contains(address).then_some(route.prefix),
        UserNextHop::VnetLocal
        | UserNextHop::Internet
        | UserNextHop::VirtualNetworkGateway
        | UserNextHop::None => None,
    });
    AddressSet::new(space.prefixes().iter().copied().chain(steered))
}

/// Everything but what is private, this machine's own, link-local, multicast or reserved.
fn public_addresses() -> AddressSet {
    let special = [([0, 0, 0, 0], 8), ([127, 0, 0, 0], 8), ([169, 254, 0, 0], 16), ([224, 0, 0, 0], 3)];
    let special = special.into_iter().map(|(address, length)| Ipv4Net::new_assert(address.into(), length));
    difference(&AddressSet::all(), &AddressSet::new(special.chain(private_ranges())))
}
