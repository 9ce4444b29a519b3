//! Which customer addresses a host must know, and where they live.

use std::collections::BTreeSet;

use goal_state::overlay::{Mapping, VirtualNetwork};

use crate::effective::Policy;
use crate::effective::reach::reachable_nics;
use crate::network::{HostId, VnetId};

/// The virtual networks with a NIC on `host`, sorted by VNI.
pub(super) fn virtual_networks(policy: &Policy<'_>, host: HostId) -> Vec<VirtualNetwork> {
    let network = policy.network();
    let here = network.nics().filter(|(nic, _)| network.vm(nic.vm).host == host);
    let vnets: BTreeSet<_> = here.map(|(_, nic)| nic.subnet.vnet).collect();
    let mut vnets: Vec<_> = vnets.into_iter().map(|vnet| virtual_network(policy, vnet)).collect();
    vnets.sort_by_key(|vnet| vnet.vni);
    vnets
}

fn virtual_network(policy: &Policy<'_>, id: VnetId) -> VirtualNetwork {
    let network = policy.network();
    let vnet = network.vnet(id);
    let mappings = reachable_nics(policy, id).into_iter().map(|(customer_address, owner)| {
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
