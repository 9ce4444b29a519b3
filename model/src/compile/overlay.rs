//! Which customer addresses a host must know, and where they live.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use goal_state::NicId;
use goal_state::edge::Leg;
use goal_state::encryption::EncryptingNic;
use goal_state::overlay::{Mapping, VirtualNetwork};

use super::edge::EdgePlan;
use super::edge::internet::{internet, mapping};
use crate::effective::reach::reachable;
use crate::effective::{Owner, Policy};
use crate::network::{NicRef, VnetId};

/// The virtual networks with a NIC, or with a station of the edge, on each host, sorted by VNI. The last one of the host at the edge is the internet.
pub(super) fn virtual_networks(policy: &Policy<'_>, plan: Option<&EdgePlan>) -> Vec<Vec<VirtualNetwork>> {
    let network = policy.network();
    let mut hosts: Vec<BTreeSet<VnetId>> = vec![BTreeSet::new(); network.hosts.len()];
    for (at, nic) in network.nics().filter(|(at, _)| network.vm(at.vm).runs()) {
        hosts[network.vm(at.vm).host.0].insert(nic.subnet.vnet);
    }
    if let Some(plan) = plan {
        hosts[plan.host.0].extend(plan.vnets(network));
    }
    let known: Vec<_> = (0..network.virtual_networks.len()).map(|_| OnceCell::new()).collect();
    let known = |id: VnetId| known[id.0].get_or_init(|| virtual_network(policy, plan, id)).clone();
    let of_host = |vnets: BTreeSet<VnetId>| {
        let mut vnets: Vec<_> = vnets.into_iter().map(known).collect();
        vnets.sort_by_key(|vnet| vnet.vni);
        vnets
    };
    let mut hosts: Vec<_> = hosts.into_iter().map(of_host).collect();
    if let Some(plan) = plan {
        hosts[plan.host.0].extend(internet(policy, plan));
    }
    hosts
}

fn virtual_network(policy: &Policy<'_>, plan: Option<&EdgePlan>, id: VnetId) -> VirtualNetwork {
    let network = policy.network();
    let vnet = network.vnet(id);
    let found = reachable(policy, id, |owner| known(policy, plan, owner));
    let with_address = |(customer_address, mapping)| Mapping { customer_address, ..mapping };
    let mut mappings: Vec<_> = found.into_iter().map(with_address).collect();
    if let Some(plan) = plan {
        mappings.extend(plan.legs_in(network, id).into_iter().map(|leg| mapping(leg, plan)));
        mappings.sort_by_key(|mapping| mapping.customer_address);
    }
    VirtualNetwork { name: vnet.name.clone(), vni: vnet.vni, mappings }
}

/// How an owner of a private address is known; none where nobody answers.
fn known(policy: &Policy<'_>, plan: Option<&EdgePlan>, owner: Owner) -> Option<Mapping> {
    let network = policy.network();
    match owner {
        Owner::Nic(nic) if network.vm(nic.vm).runs() => Some(of_nic(policy, nic)),
        Owner::Frontend(frontend) => Some(mapping(&plan?.frontend(frontend)?.inside, plan?)),
        Owner::PrivateEndpoint(id) => {
            let endpoint = network.private_endpoint(id);
            let vni = network.vnet(endpoint.subnet.vnet).vni;
            let leg = Leg { vni, mac: plan?.private_endpoints[id.0], address: endpoint.address };
            Some(mapping(&leg, plan?))
        }
        Owner::Nic(_) | Owner::Gateway(_) | Owner::RouteServer(_) => None,
    }
}

fn of_nic(policy: &Policy<'_>, owner: NicRef) -> Mapping {
    let network = policy.network();
    let (vm, nic) = (network.vm(owner.vm), network.nic(owner));
    let name = || NicId { vm: vm.name.clone(), nic: nic.name.clone() };
    Mapping {
        customer_address: nic.addresses[0],
        mac: nic.mac,
        provider_address: network.hosts[vm.host.0].provider_address,
        vni: network.vnet(nic.subnet.vnet).vni,
        encryption: policy.encryption().port(owner).map(|port| EncryptingNic { nic: name(), port }),
    }
}
