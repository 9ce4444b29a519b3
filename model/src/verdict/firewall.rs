//! The firewall of a service: whom it lets in at its public address.
//!
//! <https://learn.microsoft.com/azure/storage/common/storage-network-security>

use super::journey::{Arrival, End, Journey, Place};
use super::node::Node;
use crate::network::Network;

/// Whether the one where the packet has arrived lets it in. Only services have firewalls, and private endpoints go past them.
pub(super) fn admits(network: &Network, journey: &Journey) -> bool {
    let End::Arrived(Arrival { node: Node::Service(service), packet, back }) = journey.end else {
        return true;
    };
    let Some(firewall) = &network.service(service).firewall else { return true };
    if matches!(back, Place::BehindPrivateEndpoint(_)) {
        return true;
    }
    // A private source was left in place by the port that the packet left by, whose virtual network says which one is meant.
    let left_by = journey.crossings.iter().rev().find_map(|crossing| {
        let nics = &network.vm(network.find_vm(crossing.nic.vm.as_str())?).nics;
        nics.iter().find(|nic| nic.name == crossing.nic.nic)
    });
    let by_subnet = left_by.is_some_and(|nic| {
        let mut subnets =
            firewall.virtual_network_rules.iter().filter(|subnet| subnet.vnet == nic.subnet.vnet);
        subnets.any(|subnet| network.subnet(*subnet).prefix.contains(&packet.source))
    });
    by_subnet || firewall.ip_rules.iter().any(|range| range.contains(&packet.source))
}
