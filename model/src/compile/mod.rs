//! From a network to the goal states of its hosts.
//!
//! | module | idea |
//! |---|---|
//! | `edge` | the host at the edge: stations, the internet, those outside |
//! | `translation` | what a port translates |
//! | `overlay` | which addresses a host must know, and where they live |
//! | `port` | a NIC's policy |
//! | `routes` | its routes |
//! | `exceptions` | destinations that a route delivers to and packets do not reach |
//! | `neighbours` | who is in which virtual network |
//! | `unencrypted` | next hops that would get packets in clear, where that is refused |
//! | `guest` | what runs in a VM |
//! | `platform`, `names` | what the platform tells VMs; what names stand for |

mod edge;
mod exceptions;
mod guest;
mod names;
mod neighbours;
mod overlay;
mod platform;
mod port;
mod routes;
mod translation;
mod unencrypted;

#[cfg(test)]
mod tests;

use goal_state::vm::{NetworkInterface, VirtualMachine};
use goal_state::{Generation, HostGoalState};

use edge::EdgePlan;
use neighbours::Neighbours;
use routes::Routes;
use unencrypted::Unencrypted;

use crate::effective::Policy;
use crate::network::{HostId, Network, NicIndex, NicRef, VmId};
use crate::parallel;

/// The goal state of every host, in the order of [`Network::hosts`], also of hosts without VMs.
///
/// Equal networks give equal goal states: everything in them is sorted, and nothing depends on chance.
#[must_use]
pub fn compile(network: &Network, generation: Generation) -> Vec<HostGoalState> {
    let policy = Policy::new(network);
    let plan = EdgePlan::of(&policy);
    let machines = virtual_machines(&policy, plan.as_ref());
    let of_hosts = machines.into_iter().zip(overlay::virtual_networks(&policy, plan.as_ref()));
    let hosts = network.hosts.iter().zip(of_hosts);
    let edge_of = |host: HostId| plan.as_ref().filter(|plan| plan.host == host);
    let known = platform::Knowledge::new(network);
    hosts
        .enumerate()
        .map(|(at, (host, (virtual_machines, virtual_networks)))| HostGoalState {
            generation,
            host: host.name.clone(),
            provider_address: host.provider_address,
            platform: known.of_host(&virtual_networks, &virtual_machines),
            virtual_networks,
            virtual_machines,
            edge: edge_of(HostId(at)).map(|plan| edge::edge(&policy, plan)).unwrap_or_default(),
            offload: true,
            honest_packets: false,
        })
        .collect()
}

/// What is found once for all machines.
struct Shared<'p> {
    plan: Option<&'p EdgePlan>,
    neighbours: Neighbours,
    routes: Routes,
    unencrypted: Unencrypted,
}

/// The VMs of each host, sorted by name.
fn virtual_machines(policy: &Policy<'_>, plan: Option<&EdgePlan>) -> Vec<Vec<VirtualMachine>> {
    let network = policy.network();
    let shared = Shared {
        plan,
        neighbours: Neighbours::of(network),
        routes: Routes::new(network),
        unencrypted: Unencrypted::default(),
    };
    // A deallocated machine keeps its addresses, but no host runs it.
    let runs = |id: &VmId| network.vm(*id).runs();
    let running: Vec<_> = (0..network.virtual_machines.len()).map(VmId).filter(runs).collect();
    let machines = parallel::map(running.len(), |index| virtual_machine(policy, &shared, running[index]));
    let mut hosts: Vec<Vec<_>> = network.hosts.iter().map(|_| Vec::new()).collect();
    for (machine, id) in machines.into_iter().zip(running) {
        hosts[network.vm(id).host.0].push(machine);
    }
    if let Some(plan) = plan {
        hosts[plan.host.0].extend(edge::outside::machines(policy, plan));
    }
    for machines in &mut hosts {
        machines.sort_by(|left, right| left.name.cmp(&right.name));
    }
    hosts
}

fn virtual_machine(policy: &Policy<'_>, shared: &Shared<'_>, vm: VmId) -> VirtualMachine {
    let network = policy.network();
    let nics = (0..network.vm(vm).nics.len()).map(|index| NicRef { vm, index: NicIndex(index) });
    VirtualMachine {
        name: network.vm(vm).name.clone(),
        network_interfaces: nics.map(|nic| network_interface(policy, shared, nic)).collect(),
        guest: guest::guest(policy, shared, vm),
    }
}

fn network_interface(policy: &Policy<'_>, shared: &Shared<'_>, nic: NicRef) -> NetworkInterface {
    let network = policy.network();
    let properties = network.nic(nic);
    NetworkInterface {
        name: properties.name.clone(),
        mac: properties.mac,
        addresses: properties.addresses.clone(),
        subnet: network.subnet(properties.subnet).prefix,
        accelerated: properties.enable_accelerated_networking,
        encryption_port: policy.encryption().port(nic),
        port: port::port(policy, shared, nic),
    }
}
