//! Which customer addresses a host must know, and where they live.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use goal_state::NicId;
use goal_state::encryption::EncryptingNic;
use goal_state::overlay::{Mapping, VirtualNetwork};

use crate::effective::Policy;
use crate::effective::reach::reachable_nics;
use crate::network::{NicRef, VnetId};

/// The virtual networks with a NIC on each host, sorted by VNI.
pub(super) fn virtual_networks(policy: &Policy<'_>) -> Vec<Vec<VirtualNetwork>> {
    let network = policy.network();
    let mut hosts: Vec<BTreeSet<VnetId>> = vec![BTreeSet::new(); network.hosts.len()];
    for (at, nic) in network.nics().filter(|(at, _)| network.vm(at.vm).runs()) {
        hosts[network.vm(at.vm).host.0].insert(nic.subnet.vnet);
    }
    let known: Vec<_> = (0..network.virtual_networks.len()).map(|_| OnceCell::new()).collect();
    let known = |id: VnetId| known[id.0].get_or_init(|| virtual_network(policy, id)).clone();
    let of_host = |vnets: BTreeSet<VnetId>| {
        let mut vnets: Vec<_> = vnets.into_iter().map(known).collect();
        vnets.sort_by_key(|vnet| vnet.vni);
        vnets
    };
    hosts.into_iter().map(of_host).collect()
}

fn virtual_network(policy: &Policy<'_>, id: VnetId) -> VirtualNetwork {
    let network = policy.network();
    let (vnet, encryption) = (network.vnet(id), policy.encryption());
    let name =
        |nic: NicRef| NicId { vm: network.vm(nic.vm).name.clone(), nic: network.nic(nic).name.clone() };
    let mappings = reachable_nics(policy, id).into_iter().map(|(customer_address, owner)| {
        let nic = network.nic(owner);
        Mapping {
            customer_address,
            mac: nic.mac,
            provider_address: network.hosts[network.vm(owner.vm).host.0].provider_address,
            vni: network.vnet(nic.subnet.vnet).vni,
            encryption: encryption.port(owner).map(|port| EncryptingNic { nic: name(owner), port }),
        }
    });
    VirtualNetwork { name: vnet.name.clone(), vni: vnet.vni, mappings: mappings.collect() }
}
