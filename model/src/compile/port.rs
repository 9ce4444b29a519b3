//! A NIC's policy: what its port enforces.

use goal_state::nsg::AddressSet;
use goal_state::port::{ForwardedTrafficRefusal, Port};

use super::Shared;
use super::neighbours::Neighbours;
use super::translation::translation;
use crate::effective::Policy;
use crate::effective::reach::{connected_peers, refuses_forwarded_traffic};
use crate::network::{Network, NicRef, VnetId};

/// The policy of `nic`'s port.
pub(super) fn port(policy: &Policy<'_>, shared: &Shared<'_>, nic: NicRef) -> Port {
    let network = policy.network();
    let properties = network.nic(nic);
    let vnet = properties.subnet.vnet;
    Port {
        vni: network.vnet(vnet).vni,
        enable_ip_forwarding: properties.enable_ip_forwarding,
        filter: policy.filter(nic).clone(),
        routes: shared.routes.of(policy, shared.plan, nic),
        forwarded_traffic_refused: forwarded_traffic_refused(network, &shared.neighbours, vnet),
        unencrypted_refused: shared.unencrypted.refused(policy, nic),
        translation: shared.plan.map(|plan| translation(policy, plan, nic)).unwrap_or_default(),
        private_endpoint: None,
    }
}

/// Peers whose forwarded packets the links of `vnet` refuse, for as far as those peers have a NIC that can forward.
fn forwarded_traffic_refused(
    network: &Network,
    neighbours: &Neighbours,
    vnet: VnetId,
) -> Vec<ForwardedTrafficRefusal> {
    let refusing =
        connected_peers(network, vnet).filter(|(link, _)| refuses_forwarded_traffic(network, link));
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
