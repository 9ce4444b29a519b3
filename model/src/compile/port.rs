//! A NIC's policy: what its port enforces.

use goal_state::DropReason;
use goal_state::nsg::AddressSet;
use goal_state::port::{ForwardedTrafficRefusal, Port};
use goal_state::route::{NextHop, Route};

use super::neighbours::Neighbours;
use crate::effective::egress::has_way_out;
use crate::effective::hop::route_name;
use crate::effective::reach::connected_peers;
use crate::effective::{EffectiveNextHop, EffectiveRoute, Hop, Policy, hop};
use crate::network::{Network, NicRef, VnetId};

/// The policy of `nic`'s port.
pub(super) fn port(policy: &Policy<'_>, neighbours: &Neighbours, nic: NicRef) -> Port {
    let network = policy.network();
    let properties = network.nic(nic);
    let vnet = properties.subnet.vnet;
    Port {
        vni: network.vnet(vnet).vni,
        enable_ip_forwarding: properties.enable_ip_forwarding,
        filter: policy.filter(nic).clone(),
        routes: routes(policy, nic),
        forwarded_traffic_refused: forwarded_traffic_refused(network, neighbours, vnet),
    }
}

/// The routes in force; what cannot be delivered is a drop with its reason.
fn routes(policy: &Policy<'_>, nic: NicRef) -> Vec<Route> {
    let network = policy.network();
    let subnet = network.nic(nic).subnet;
    let lower = |route: &EffectiveRoute| Route {
        prefix: route.prefix,
        next_hop: match hop(policy, nic, route) {
            Hop::Destination if matches!(route.next_hop, EffectiveNextHop::VnetPeering { .. }) => {
                NextHop::VnetPeering
            }
            Hop::Destination => NextHop::VnetLocal,
            Hop::Appliances(appliances) => {
                let mut addresses: Vec<_> = appliances.iter().map(|appliance| appliance.address).collect();
                addresses.sort();
                NextHop::VirtualAppliance { addresses }
            }
            Hop::LoadBalancer(_) => NextHop::Drop { reason: DropReason::LoadBalancer },
            Hop::Gateway(_) => NextHop::Drop { reason: DropReason::Gateway },
            Hop::PrivateEndpoint(_) => NextHop::Drop { reason: DropReason::PrivateEndpoint },
            Hop::Internet if !has_way_out(policy, nic) => {
                NextHop::Drop { reason: DropReason::OutboundAccess }
            }
            // A lab has no internet yet: nobody has a public address.
            Hop::Internet | Hop::ServiceEndpoint(_) => NextHop::Drop { reason: DropReason::NoDestination },
            Hop::Drop(reason) => NextHop::Drop { reason },
        },
        source: route.source,
        name: route_name(network, subnet.vnet, route),
    };
    policy.routes(subnet).active().map(lower).collect()
}

/// Peers whose forwarded packets the links of `vnet` refuse, for as far as those peers have a NIC that can forward.
fn forwarded_traffic_refused(
    network: &Network,
    neighbours: &Neighbours,
    vnet: VnetId,
) -> Vec<ForwardedTrafficRefusal> {
    let refusing = connected_peers(network, vnet).filter(|(link, _)| !link.allow_forwarded_traffic);
    let refusals = refusing.filter_map(|(link, peer)| {
        let forwarders = neighbours.forwarders(link.remote);
        (!forwarders.is_empty()).then(|| ForwardedTrafficRefusal {
            peering: format!("{}/{}", network.vnet(vnet).name, link.name),
            forwarders: forwarders.to_vec(),
            space: AddressSet::new(peer.address_space.iter().copied()),
        })
    });
    refusals.collect()
}
