//! What runs in a VM.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use goal_state::vm::Guest;

use super::Shared;
use super::neighbours::Neighbours;
use super::translation::floating;
use crate::effective::Policy;
use crate::effective::tags::WIRE_SERVER;
use crate::network::{Network, NicIndex, NicRef, VmId};

/// The guest of `vm`.
pub(super) fn guest(policy: &Policy<'_>, shared: &Shared<'_>, vm: VmId) -> Guest {
    let network = policy.network();
    let machine = network.vm(vm);
    let mut listen = machine.listen.clone().unwrap_or_default();
    listen.sort();
    Guest {
        ip_forwarding: machine.guest_ip_forwarding,
        masquerade: machine.guest_masquerade,
        admits: Vec::new(),
        masquerade_except: machine.guest_masquerade_except.clone(),
        listen,
        answers_everything: false,
        commands: machine.commands.clone(),
        hosts: hosts(network, &shared.neighbours, vm),
        floating: shared.plan.map(|_| floating(policy, nics(network, vm))).unwrap_or_default(),
        dns_servers: vec![WIRE_SERVER],
        dns_suffix: None,
    }
}

fn nics(network: &Network, vm: VmId) -> impl Iterator<Item = NicRef> {
    (0..network.vm(vm).nics.len()).map(move |index| NicRef { vm, index: NicIndex(index) })
}

/// The VMs of the same virtual network by name, each at its primary address. Azure-provided names do not resolve across
/// a peering.
/// <https://learn.microsoft.com/azure/virtual-network/virtual-networks-name-resolution-for-vms-and-role-instances>
fn hosts(network: &Network, neighbours: &Neighbours, vm: VmId) -> Vec<(Ipv4Addr, String)> {
    let own: BTreeSet<_> = network.vm(vm).nics.iter().map(|nic| nic.subnet.vnet).collect();
    let near: BTreeSet<_> = own.iter().flat_map(|&vnet| neighbours.machines(vnet)).collect();
    let names = near.into_iter().filter_map(|&id| {
        let machine = network.vm(id);
        let nic = machine.nics.iter().find(|nic| own.contains(&nic.subnet.vnet))?;
        Some((*nic.addresses.first()?, machine.name.to_string()))
    });
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}
