//! BPF, where it is to be had and wanted. It is loaded beside other work, by the first agent of the sandbox.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use goal_state::HostGoalState;
use vfp::offload::{Offload, OffloadError};

use super::lock;

/// Inside the sandbox's mount namespace; VMs do not see it.
const FOLDER: &str = "/run/bpf/offload";

/// Whether it is loaded.
#[derive(Debug)]
pub(super) struct Loading {
    state: Mutex<State>,
    /// An agent before this one may have left filters and flows.
    returning: bool,
}

#[derive(Debug)]
enum State {
    /// Not wanted yet.
    New,
    Begun(JoinHandle<Result<Arc<Offload>, OffloadError>>),
    On(Arc<Offload>),
    /// Not wanted any more.
    Off,
    /// For good: neither rights nor the kernel change while an agent lives.
    Refused(String),
}

impl Loading {
    pub(super) fn new(returning: bool) -> Self {
        Self { state: Mutex::new(State::New), returning }
    }

    /// Begins to load, unless that has been done or `goal` has no use for it.
    pub(super) fn begin(&self, goal: &HostGoalState) {
        let mut state = lock(&self.state);
        // What was left is taken away by what has made it.
        let left =
            self.returning && matches!(*state, State::New) && linux_net::bpf::is_loaded(Path::new(FOLDER));
        let wanted = why_unwanted(goal).is_none() || left;
        if wanted && matches!(*state, State::New | State::Off) {
            let open = || Offload::open(Path::new(FOLDER));
            *state = match std::thread::Builder::new().name("offload".into()).spawn(open) {
                Ok(thread) => State::Begun(thread),
                Err(error) => State::Refused(error.to_string()),
            };
        }
    }

    /// Before a change of policy: all packets take the software way, and nothing is learnt. Returns what cannot be done, as
    /// sentences.
    pub(super) fn suspend(&self, goal: &HostGoalState) -> Vec<String> {
        // On a host that is new there is nothing to suspend, and loading goes on while namespaces are made.
        let offload = if self.returning { self.in_use() } else { self.loaded() };
        let Some(offload) = offload else { return Vec::new() };
        let suspended = offload.suspend(goal).or_else(|error| {
            tracing::warn!(%error, "cannot suspend flows; they are withdrawn");
            offload.withdraw(goal)
        });
        sentence(suspended)
    }

    /// After it. Returns what cannot be done, as sentences.
    pub(super) fn resume(&self, goal: &HostGoalState, changed: bool) -> Vec<String> {
        let Some(offload) = self.in_use() else { return Vec::new() };
        if why_unwanted(goal).is_none() {
            return sentence(offload.resume(goal, changed));
        }
        *lock(&self.state) = State::Off;
        sentence(offload.withdraw(goal))
    }

    /// What carries known flows, if it is there already.
    fn loaded(&self) -> Option<Arc<Offload>> {
        match &*lock(&self.state) {
            State::On(offload) => Some(Arc::clone(offload)),
            _ => None,
        }
    }

    /// What carries known flows. Waits for it if it is on its way.
    pub(super) fn in_use(&self) -> Option<Arc<Offload>> {
        let mut state = lock(&self.state);
        if let State::Begun(_) = *state
            && let State::Begun(thread) = std::mem::replace(&mut *state, State::Off)
        {
            *state = match thread.join() {
                Ok(Ok(offload)) => State::On(offload),
                Ok(Err(error)) => State::Refused(vfp::with_causes(&error)),
                Err(_) => State::Refused("loading it has failed".to_owned()),
            };
            if let State::Refused(why) = &*state {
                tracing::warn!(why, "nothing is offloaded");
            }
        }
        drop(state);
        self.loaded()
    }

    /// Why nothing is offloaded, as a sentence; none when it is.
    pub(super) fn why_not(&self, goal: Option<&HostGoalState>) -> Option<String> {
        let Some(goal) = goal else { return Some("this host has no goal state yet".to_owned()) };
        let unwanted = why_unwanted(goal);
        match &*lock(&self.state) {
            _ if unwanted.is_some() => unwanted.map(str::to_owned),
            State::New | State::Off | State::Begun(_) => Some("it is being loaded".to_owned()),
            State::On(_) => None,
            State::Refused(why) => Some(why.clone()),
        }
    }
}

fn sentence(result: Result<(), OffloadError>) -> Vec<String> {
    result.err().map(|error| format!("offload: {}", vfp::with_causes(&error))).into_iter().collect()
}

fn why_unwanted(goal: &HostGoalState) -> Option<&'static str> {
    let mut nics = goal.virtual_machines.iter().flat_map(|vm| &vm.network_interfaces);
    if !goal.offload {
        Some("it is switched off")
    } else if !nics.any(|nic| nic.accelerated) {
        Some("no NIC of this host has accelerated networking")
    } else {
        None
    }
}
