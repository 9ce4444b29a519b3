//! From a network to the goal states of its hosts.
//!
//! | module | idea |
//! |---|---|
//! | `overlay` | which addresses a host must know, and where they live |
//! | `port` | a NIC's policy |
//! | `guest` | what runs in a VM |

mod guest;
mod overlay;
mod port;

#[cfg(test)]
mod tests;

use goal_state::vm::{NetworkInterface, VirtualMachine};
use goal_state::{Generation, HostGoalState};

use crate::effective::Policy;
use crate::network::{self, HostId, Network, NicIndex, NicRef, PowerState, VmId};

/// The goal state of every host, in the order of [`Network::hosts`], also of hosts without VMs.
///
/// Equal networks give equal goal states: everything in them is sorted, and nothing depends on chance.
#[must_use]
pub fn compile(network: &Network, generation: Generation) -> Vec<HostGoalState> {
    let policy = Policy::new(network);
    let hosts = network.hosts.iter().enumerate();
    hosts
        .map(|(index, host)| HostGoalState {
            generation,
            host: host.name.clone(),
            provider_address: host.provider_address,
            virtual_networks: overlay::virtual_networks(&policy, HostId(index)),
            virtual_machines: virtual_machines(&policy, HostId(index)),
        })
        .collect()
}

fn virtual_machines(policy: &Policy<'_>, host: HostId) -> Vec<VirtualMachine> {
    let network = policy.network();
    let ids = (0..network.virtual_machines.len()).map(VmId);
    // A deallocated machine keeps its addresses, but no host runs it.
    let runs = |vm: &network::VirtualMachine| vm.power_state == PowerState::Running;
    let here = ids.filter(|&id| network.vm(id).host == host && runs(network.vm(id)));
    let mut machines: Vec<_> = here.map(|id| virtual_machine(policy, id)).collect();
    machines.sort_by(|left, right| left.name.cmp(&right.name));
    machines
}

fn virtual_machine(policy: &Policy<'_>, vm: VmId) -> VirtualMachine {
    let network = policy.network();
    let nics = (0..network.vm(vm).nics.len()).map(|index| NicRef { vm, index: NicIndex(index) });
    VirtualMachine {
        name: network.vm(vm).name.clone(),
        network_interfaces: nics.map(|nic| network_interface(policy, nic)).collect(),
        guest: guest::guest(network, vm),
    }
}

fn network_interface(policy: &Policy<'_>, nic: NicRef) -> NetworkInterface {
    let network = policy.network();
    let properties = network.nic(nic);
    NetworkInterface {
        name: properties.name.clone(),
        mac: properties.mac,
        addresses: properties.addresses.clone(),
        subnet: network.subnet(properties.subnet).prefix,
        port: port::port(policy, nic),
    }
}
