//! Where an active route leads a packet, or why it drops it.

use std::net::Ipv4Addr;
use std::sync::Arc;

use goal_state::DropReason;

use super::reach::{Owner, gives_access, locate, takes_part};
use super::{EffectiveNextHop, EffectiveRoute, FrontendRef, Policy};
use crate::network::{
    GatewayId, Network, NicRef, PrivateEndpointId, PrivateLinkServiceConnectionState, SubnetRef, VnetId,
};

/// The meaning of a route for the packets of one NIC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hop {
    /// To whoever has the destination address, in the virtual network or a peer: [`super::deliver`] says who.
    Destination,
    /// To one of these; each flow keeps to its own. Never empty, at least one is somebody, and not a single frontend.
    Appliances(Vec<Appliance>),
    /// To a frontend of an internal load balancer, which has the address that the route names.
    LoadBalancer(FrontendRef),
    /// To one of these gateways. Never empty.
    Gateway(Arc<[GatewayId]>),
    /// To the internet, by whatever way out there is.
    Internet,
    /// To this service, by its service endpoint.
    ServiceEndpoint(Arc<str>),
    /// To this private endpoint, which is approved.
    PrivateEndpoint(PrivateEndpointId),
    /// Nowhere.
    Drop(DropReason),
}

/// One of the addresses that a route to appliances names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appliance {
    /// The address.
    pub address: Ipv4Addr,
    /// Who takes the packets.
    pub taker: Taker,
}

/// Who takes packets at the address of an appliance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taker {
    /// This NIC. Its VM may be deallocated: nothing checks that it lives, and its flows are lost.
    Nic(NicRef),
    /// A frontend of an internal load balancer.
    Frontend(FrontendRef),
    /// Nobody that can be reached directly: flows that fall to this address are dropped, as `NextHop`.
    Nobody,
}

/// What `route` does with a packet that `nic` sends.
///
/// An appliance must be in the same or a directly peered virtual network, or what is sent to it is dropped. So is what a
/// route sends to the very NIC that it steers; on Azure that packet circles until its TTL ends.
#[must_use]
pub fn hop(policy: &Policy<'_>, nic: NicRef, route: &EffectiveRoute) -> Hop {
    hop_from(policy, policy.network().nic(nic).subnet, Some(nic), route)
}

/// What `route` does with a packet from `subnet`: of `nic`, or of something that is no NIC of a VM, such as a gateway.
#[must_use]
pub fn hop_from(policy: &Policy<'_>, subnet: SubnetRef, nic: Option<NicRef>, route: &EffectiveRoute) -> Hop {
    let network = policy.network();
    match &route.next_hop {
        EffectiveNextHop::VnetLocal => Hop::Destination,
        &EffectiveNextHop::VnetPeering { remote, .. } => {
            let link = network.vnet(subnet.vnet).peering_to(remote);
            if link.is_some_and(|link| gives_access(network, link) && takes_part(link, subnet)) {
                Hop::Destination
            } else {
                Hop::Drop(DropReason::Peering)
            }
        }
        EffectiveNextHop::VirtualAppliance(addresses) => appliances(policy, subnet, nic, addresses),
        EffectiveNextHop::VirtualNetworkGateway(gateways) if gateways.is_empty() => {
            Hop::Drop(DropReason::Gateway)
        }
        EffectiveNextHop::VirtualNetworkGateway(gateways) => Hop::Gateway(Arc::clone(gateways)),
        EffectiveNextHop::VirtualNetworkServiceEndpoint(service) => Hop::ServiceEndpoint(Arc::clone(service)),
        &EffectiveNextHop::InterfaceEndpoint(endpoint) => private_endpoint(network, subnet, endpoint),
        EffectiveNextHop::Internet => Hop::Internet,
        EffectiveNextHop::None => Hop::Drop(DropReason::Route),
    }
}

/// Only an approved private endpoint takes packets, and in a peer only what may follow the link.
fn private_endpoint(network: &Network, subnet: SubnetRef, id: PrivateEndpointId) -> Hop {
    let endpoint = network.private_endpoint(id);
    let remote = endpoint.subnet.vnet;
    let link = network.vnet(subnet.vnet).peering_to(remote);
    if remote != subnet.vnet
        && !link.is_some_and(|link| gives_access(network, link) && takes_part(link, subnet))
    {
        Hop::Drop(DropReason::Peering)
    } else if endpoint.state == PrivateLinkServiceConnectionState::Approved {
        Hop::PrivateEndpoint(id)
    } else {
        Hop::Drop(DropReason::PrivateEndpoint)
    }
}

fn appliances(policy: &Policy<'_>, subnet: SubnetRef, nic: Option<NicRef>, addresses: &[Ipv4Addr]) -> Hop {
    let taker = |address| match locate(policy, subnet, address) {
        Ok((_, Owner::Nic(owner))) if Some(owner) != nic => Taker::Nic(owner),
        Ok((_, Owner::Frontend(frontend))) => Taker::Frontend(frontend),
        _ => Taker::Nobody,
    };
    let appliances: Vec<_> =
        addresses.iter().map(|&address| Appliance { address, taker: taker(address) }).collect();
    match appliances[..] {
        [Appliance { taker: Taker::Frontend(frontend), .. }] => Hop::LoadBalancer(frontend),
        _ if appliances.iter().all(|appliance| appliance.taker == Taker::Nobody) => {
            Hop::Drop(DropReason::NextHop)
        }
        _ => Hop::Appliances(appliances),
    }
}

/// What to call a route: `rt-spoke/default`, `System Route`, or `spoke1/to-hub` for one of a peering link.
#[must_use]
pub fn route_name(network: &Network, vnet: VnetId, route: &EffectiveRoute) -> String {
    let user = route.user.as_ref().map(|name| format!("{}/{}", name.table, name.route));
    user.or_else(|| peering_name(network, vnet, route)).unwrap_or_else(|| "System Route".to_owned())
}

/// The link of `vnet` that a peering route follows, `spoke1/to-hub`; none for other routes.
#[must_use]
pub fn peering_name(network: &Network, vnet: VnetId, route: &EffectiveRoute) -> Option<String> {
    let EffectiveNextHop::VnetPeering { remote, .. } = route.next_hop else { return None };
    let vnet = network.vnet(vnet);
    vnet.peering_to(remote).map(|link| format!("{}/{}", vnet.name, link.name))
}
