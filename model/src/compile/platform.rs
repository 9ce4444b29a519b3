//! What the platform tells machines: names, and what they are.

use std::collections::HashMap;

use goal_state::VmName;
use goal_state::overlay::VirtualNetwork;
use goal_state::platform::{Instance, Names, NetworkNames, Platform, Record};
use goal_state::vm;

use super::names;
use crate::network::{Network, VirtualMachine};
use crate::validate::fnv::hash_of_names;

/// What is found once for all hosts.
pub(super) struct Knowledge<'a> {
    network: &'a Network,
    machines: HashMap<&'a VmName, &'a VirtualMachine>,
    public: Vec<Record>,
    networks: Vec<NetworkNames>,
}

impl<'a> Knowledge<'a> {
    pub(super) fn new(network: &'a Network) -> Self {
        Self {
            network,
            machines: network.virtual_machines.iter().map(|machine| (&machine.name, machine)).collect(),
            public: names::public(network),
            networks: names::networks(network),
        }
    }

    /// What a host with these virtual networks and machines needs. Who is outside is no machine of Azure's, and is told no more than names.
    pub(super) fn of_host(&self, vnets: &[VirtualNetwork], machines: &[vm::VirtualMachine]) -> Platform {
        let here = |names: &&NetworkNames| vnets.iter().any(|vnet| vnet.vni == names.vni);
        let mut networks: Vec<_> = self.networks.iter().filter(here).cloned().collect();
        networks.sort_by_key(|names| names.vni);
        let known = machines.iter().filter_map(|machine| self.machines.get(&machine.name));
        let mut instances: Vec<_> = known.map(|machine| instance(self.network, machine)).collect();
        instances.sort();
        if machines.is_empty() {
            return Platform::default();
        }
        Platform { names: Names { public: self.public.clone(), networks }, instances }
    }
}

/// <https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service>
fn instance(network: &Network, machine: &VirtualMachine) -> Instance {
    let public = machine.nics.iter().flat_map(|nic| &nic.public_ips);
    let mut public_addresses: Vec<_> =
        public.map(|(private, public)| (*private, network.public_ip(*public).address)).collect();
    public_addresses.sort();
    let location = machine.nics.first().map(|nic| network.vnet(nic.subnet.vnet).location.clone());
    Instance {
        vm: machine.name.clone(),
        vm_id: vm_id(network, machine),
        location: location.unwrap_or_default(),
        vm_size: machine.size.clone(),
        resource_group: network.name.clone(),
        public_addresses,
    }
}

/// A UUID (RFC 9562, version 8) that is the same in every run.
fn vm_id(network: &Network, machine: &VirtualMachine) -> String {
    let hash = |half| hash_of_names(&[&network.name, machine.name.as_str(), half]);
    let (left, right) = (hash("vmId 1"), hash("vmId 2"));
    let (a, b, c) = (left >> 32, (left >> 16) & 0xffff, left & 0x0fff);
    let (d, e) = ((right >> 48) & 0x3fff | 0x8000, right & 0xffff_ffff_ffff);
    format!("{a:08x}-{b:04x}-8{c:03x}-{d:04x}-{e:012x}")
}
