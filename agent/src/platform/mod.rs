//! The platform's own services, answered in every port: Azure DNS, instance metadata, WireServer.
//!
//! The sockets are opened inside the ports' namespaces, where the platform's addresses are, so the agent knows who asks, whatever addresses
//! VMs have. They are there as long as their NIC is, and go before the NIC's port does.
//! <https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16>
//!
//! | module | idea |
//! |---|---|
//! | [`door`] | the sockets of one port |
//! | [`asker`] | who asks, and what there is to tell |
//! | [`dns`], [`names`], [`throttle`] | Azure DNS; what a name stands for; how many questions are answered |
//! | [`http`] | the little HTTP that the others speak |
//! | [`metadata`] | the instance metadata service |
//! | [`wire_server`] | the channel of the guest's agent |

mod asker;
mod dns;
mod door;
mod http;
mod metadata;
mod names;
mod throttle;
mod wire_server;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use goal_state::platform::Names;
use goal_state::vm::{NetworkInterface, VirtualMachine};
use goal_state::{HostGoalState, NicId};
use linux_net::NetNs;
use linux_net::netns::NetNsId;
use tokio::runtime::Handle;

use asker::{Asker, Knowledge};
use names::View;

/// The platform's services of one host.
#[derive(Debug, Default)]
pub struct Platform {
    served: Mutex<BTreeMap<NicId, Served>>,
}

/// A port that is answered.
#[derive(Debug)]
struct Served {
    namespace: NetNsId,
    asker: Arc<Asker>,
    _answering: door::Answering,
}

impl Platform {
    /// Closes the sockets of ports that `goal` does not have, so that nothing of them is left.
    pub fn release(&self, goal: &HostGoalState) {
        let wanted = interfaces(goal).map(|(vm, nic)| id(vm, nic)).collect::<BTreeSet<_>>();
        self.served().retain(|nic, _| wanted.contains(nic));
    }

    /// Answers in every port of `goal`, as it says. Returns what could not be, as sentences. Wants to be called from within a tokio runtime, on
    /// a thread that may block.
    pub fn follow(&self, goal: &HostGoalState) -> Vec<String> {
        let names = Arc::new(goal.platform.names.clone());
        // One thread visits all ports.
        let (here, runtime) = match (NetNs::current(), Handle::try_current()) {
            (Ok(here), Ok(runtime)) => (here, runtime),
            (Err(error), _) => return vec![format!("platform: {error}")],
            (_, Err(error)) => return vec![format!("platform: {error}")],
        };
        let visits = || {
            let _within = runtime.enter();
            let mut served = self.served();
            let seen = |(vm, nic)| {
                let problem = serve(&mut served, vm, nic, || knowledge(goal, &names, vm, nic)).err()?;
                Some(format!("platform services of {}: {problem}", id(vm, nic)))
            };
            interfaces(goal).filter_map(seen).collect()
        };
        here.run(visits).unwrap_or_else(|error| vec![format!("platform: {error}")])
    }

    fn served(&self) -> MutexGuard<'_, BTreeMap<NicId, Served>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ports of private endpoints begin nothing, so they are not asked for.
fn interfaces(goal: &HostGoalState) -> impl Iterator<Item = (&VirtualMachine, &NetworkInterface)> {
    let machines = goal.virtual_machines.iter();
    machines
        .flat_map(|vm| vm.network_interfaces.iter().map(move |nic| (vm, nic)))
        .filter(|(_, nic)| nic.port.private_endpoint.is_none())
}

fn id(vm: &VirtualMachine, nic: &NetworkInterface) -> NicId {
    NicId { vm: vm.name.clone(), nic: nic.name.clone() }
}

/// Opens the sockets of one port, or tells those that are open what is new.
fn serve(
    served: &mut BTreeMap<NicId, Served>,
    vm: &VirtualMachine,
    nic: &NetworkInterface,
    knowledge: impl FnOnce() -> Knowledge,
) -> anyhow::Result<()> {
    let id = id(vm, nic);
    let namespace = NetNs::open(&vfp::names::port_namespace(&id))?;
    if let Some(known) = served.get(&id).filter(|known| known.namespace == namespace.id()) {
        known.asker.learn(knowledge());
        return Ok(());
    }
    let sibling = served.iter().find(|(other, _)| other.vm == id.vm);
    let questions = sibling.map(|(_, known)| Arc::clone(known.asker.questions())).unwrap_or_default();
    let asker = Arc::new(Asker::new(knowledge(), questions));
    // What was open is of a namespace that is gone.
    served.remove(&id);
    let answering = door::open(&namespace, &asker)?;
    served.insert(id, Served { namespace: namespace.id(), asker, _answering: answering });
    Ok(())
}

fn knowledge(
    goal: &HostGoalState,
    names: &Arc<Names>,
    vm: &VirtualMachine,
    nic: &NetworkInterface,
) -> Knowledge {
    let instance = goal.platform.instances.iter().find(|instance| instance.vm == vm.name);
    Knowledge {
        names: View::new(names, nic.port.vni),
        instance: instance.map(|instance| (metadata::document(vm, instance), instance.vm_id.clone())),
        incarnation: goal.generation.0,
    }
}
