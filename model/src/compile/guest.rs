//! What runs in a VM.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use goal_state::vm::Guest;

use super::Shared;
use super::names;
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
        // Azure knows nobody's name where DHCP hands out other servers.
        hosts: if own_servers(network, vm).is_empty() {
            hosts(network, &shared.neighbours, vm)
        } else {
            Vec::new()
        },
        floating: shared.plan.map(|_| floating(policy, nics(network, vm))).unwrap_or_default(),
        dns_servers: dns_servers(network, vm),
        dns_suffix: Some(dns_suffix(network, vm)),
    }
}

/// What DHCP hands out by the primary interface: the virtual network's own servers, or Azure's.
/// <https://learn.microsoft.com/azure/virtual-network/virtual-networks-name-resolution-for-vms-and-role-instances#specify-dns-servers>
fn dns_servers(network: &Network, vm: VmId) -> Vec<Ipv4Addr> {
    match own_servers(network, vm) {
        [] => vec![WIRE_SERVER],
        own => own.to_vec(),
    }
}

fn own_servers(network: &Network, vm: VmId) -> &[Ipv4Addr] {
    network.vm(vm).nics.first().map_or(&[], |nic| &network.vnet(nic.subnet.vnet).dns_servers)
}

fn dns_suffix(network: &Network, vm: VmId) -> String {
    match network.vm(vm).nics.first() {
        Some(nic) if own_servers(network, vm).is_empty() => names::suffix(network, nic.subnet.vnet),
        _ => names::PLACEHOLDER.to_owned(),
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
