//! Which customer addresses a host must know, and where they live.

use std::collections::BTreeSet;

use goal_state::overlay::{Mapping, VirtualNetwork};

use crate::effective::reach::reachable_addresses;
use crate::network::{HostId, Network, VnetId};

/// The virtual networks with a NIC on `host`, sorted by VNI.
pub(super) fn virtual_networks(network: &Network, host: HostId) -> Vec<VirtualNetwork> {
    let here = network.nics().filter(|(nic, _)| network.vm(nic.vm).host == host);
    let vnets: BTreeSet<_> = here.map(|(_, nic)| nic.subnet.vnet).collect();
    let mut vnets: Vec<_> = vnets.into_iter().map(|vnet| virtual_network(network, vnet)).collect();
    vnets.sort_by_key(|vnet| vnet.vni);
    vnets
}

fn virtual_network(network: &Network, id: VnetId) -> VirtualNetwork {
    let vnet = network.vnet(id);
    let mappings = reachable_addresses(network, id).into_iter().map(|(customer_address, owner)| {
        let nic = network.nic(owner);
        Mapping {
            customer_address,
            mac: nic.mac,
            provider_address: network.hosts[network.vm(owner.vm).host.0].provider_address,
            vni: network.vnet(nic.subnet.vnet).vni,
        }
    });
    VirtualNetwork { name: vnet.name.clone(), vni: vnet.vni, mappings: mappings.collect() }
}
