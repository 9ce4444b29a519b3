//! The goal state in force, and how the next one comes into force.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use goal_state::event::Event;
use goal_state::message::AgentStatus;
use goal_state::{Generation, HostGoalState, HostName, NicId, Report, VmName};
use tokio::sync::broadcast;

use crate::answer::Answerers;
use crate::data_paths::DataPaths;
use crate::encryption::Encryption;
use crate::load_balancing::LoadBalancing;
use crate::log_reader::LogReader;
use crate::machines::Machines;
use crate::platform::Platform;
use crate::state::StateFolder;

/// Events that a slow listener may be behind before it loses some.
const EVENT_BACKLOG: usize = 4096;

/// Why a goal state was refused as a whole.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// An agent never goes back.
    #[error("generation {given} is older than {wanted}, which this host has")]
    Older {
        /// Of the refused goal state.
        given: Generation,
        /// Of the one that is there.
        wanted: Generation,
    },
    /// It is for another host.
    #[error("this is {here}, and the goal state is for {there}")]
    OtherHost {
        /// This host.
        here: HostName,
        /// The goal state's.
        there: HostName,
    },
    /// It could not be kept, and what is not kept is not applied.
    #[error("cannot keep the goal state")]
    Save(#[source] std::io::Error),
}

/// One emulated host.
#[derive(Debug)]
pub struct Host {
    name: HostName,
    state: StateFolder,
    known: Mutex<Known>,
    /// Held during an apply: one at a time.
    applying: Mutex<()>,
    machines: Machines,
    data_paths: Arc<DataPaths>,
    encryption: Encryption,
    load_balancing: LoadBalancing,
    platform: Platform,
    logs: LogReader,
    answerers: Answerers,
    events: broadcast::Sender<Event>,
}

/// What is known without asking the kernel.
#[derive(Debug, Default)]
struct Known {
    wanted: Generation,
    applied: Generation,
    problems: Vec<String>,
    goal: Option<Arc<HostGoalState>>,
}

impl Host {
    /// Begins to read logs and to watch over VMs; applies nothing yet.
    ///
    /// What an agent before this one has kept counts if it was in this very namespace: a lab of the same name that is gone
    /// may have left its files.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(name: HostName, state: StateFolder) -> std::io::Result<Arc<Self>> {
        let (events, _) = broadcast::channel(EVENT_BACKLOG);
        if !vfp::reconcile::was_here() {
            state.clear();
        }
        let goal = state.load_goal().filter(|goal| goal.host == name).map(Arc::new);
        let wanted = goal.as_ref().map(|goal| goal.generation).unwrap_or_default();
        let data_paths = Arc::new(DataPaths::start(state.clone(), events.clone(), goal.as_deref())?);
        let told = Arc::clone(&data_paths);
        // Had it been down during an apply, it would have no VF until the next one. What is wrong shows in the status.
        let came_back = move |running: &[VmName]| drop(told.settle(running));
        Ok(Arc::new(Self {
            machines: Machines::start(state.clone(), came_back)?,
            data_paths,
            encryption: Encryption::start()?,
            load_balancing: LoadBalancing::start()?,
            platform: Platform::default(),
            logs: LogReader::start(events.clone())?,
            answerers: Answerers::default(),
            known: Mutex::new(Known { wanted, goal, ..Known::default() }),
            applying: Mutex::default(),
            events,
            name,
            state,
        }))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &HostName {
        &self.name
    }

    /// The generation in force; 0 for none.
    #[must_use]
    pub fn applied(&self) -> Generation {
        self.known().applied
    }

    /// The goal state in force, or on its way.
    #[must_use]
    pub fn goal(&self) -> Option<Arc<HostGoalState>> {
        self.known().goal.clone()
    }

    /// Events from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// The ports of VMs that answer probes.
    #[must_use]
    pub fn answerers(&self) -> &Answerers {
        &self.answerers
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> AgentStatus {
        let running_vms = self.machines.running();
        let (data_paths, not_offloaded) = self.data_paths.status(self.goal().as_deref());
        let known = self.known();
        let mut problems = known.problems.clone();
        problems.extend(self.machines.problems());
        AgentStatus {
            wanted: known.wanted,
            applied: known.applied,
            problems,
            running_vms,
            data_paths,
            not_offloaded,
            not_encrypted: self.encryption.why_not(),
        }
    }

    /// Its NICs' VFs and flows.
    #[must_use]
    pub fn data_paths(&self) -> &DataPaths {
        &self.data_paths
    }

    /// What its NICs encrypt.
    #[must_use]
    pub fn encryption(&self) -> &Encryption {
        &self.encryption
    }

    /// What its load balancers know of their backends.
    #[must_use]
    pub fn load_balancing(&self) -> &LoadBalancing {
        &self.load_balancing
    }

    /// Takes the VFs away and returns them after that time; see [`DataPaths::service`]. Waits for an apply.
    ///
    /// # Errors
    /// When the time cannot be kept.
    pub fn service(&self, time: Duration) -> std::io::Result<Vec<NicId>> {
        let _one_at_a_time = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        self.data_paths.service(time)
    }

    /// Makes `goal` true. Blocks; a second call waits for the first.
    ///
    /// # Errors
    /// When the goal state is refused; then nothing was changed. What cannot be made true is told in the report.
    pub fn apply(
        &self,
        goal: HostGoalState,
        progress: &(dyn Fn(u32, u32) + Sync),
    ) -> Result<Report, Refusal> {
        let _one_at_a_time = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        self.accept(&goal)?;
        let goal = self.encryption.admit(goal);
        let network = vfp::lower(&goal);
        let wanted = vfp::reconcile::namespace_names(&network);
        let owned = self.own(&wanted)?;
        let stopped = self.machines.stop_unwanted(&goal);
        self.platform.release(&goal);
        let (revoked, mut problems) = self.data_paths.prepare(&goal);
        let outcome = vfp::reconcile(&network, &owned, progress);
        problems.extend(outcome.problems);
        problems.extend(self.platform.follow(&goal));
        problems.extend(self.encryption.follow(&goal));
        problems.extend(self.load_balancing.follow(&goal.edge));
        problems.extend(self.data_paths.resume(&goal, outcome.changes > 0));
        problems.extend(self.logs.follow(Arc::new(goal.clone())));
        let started = self.machines.ensure(&goal);
        problems.extend(self.machines.problems());
        let (switched, without_vf) = self.data_paths.settle(&self.machines.running());
        problems.extend(without_vf);
        // A namespace that could not be removed stays on the list, to be tried again.
        let left =
            owned.into_iter().filter(|name| wanted.contains(name) || linux_net::NetNs::open(name).is_ok());
        self.state.save_namespaces(&left.collect()).map_err(Refusal::Save)?;
        let changes = outcome.changes + stopped + revoked + started + switched;
        Ok(self.finish(goal.generation, changes, problems))
    }

    /// From here on the goal state is the one that is wanted, also after a crash.
    fn accept(&self, goal: &HostGoalState) -> Result<(), Refusal> {
        if goal.host != self.name {
            return Err(Refusal::OtherHost { here: self.name.clone(), there: goal.host.clone() });
        }
        let mut known = self.known();
        if goal.generation < known.wanted {
            return Err(Refusal::Older { given: goal.generation, wanted: known.wanted });
        }
        self.state.save_goal(goal).map_err(Refusal::Save)?;
        known.wanted = goal.generation;
        known.goal = Some(Arc::new(goal.clone()));
        Ok(())
    }

    /// Notes the namespaces before they are made. Returns all that are this host's.
    fn own(&self, wanted: &BTreeSet<String>) -> Result<BTreeSet<String>, Refusal> {
        let mut owned = self.state.load_namespaces();
        owned.extend(wanted.iter().cloned());
        self.state.save_namespaces(&owned).map_err(Refusal::Save)?;
        Ok(owned)
    }

    fn finish(&self, generation: Generation, changes: u32, problems: Vec<String>) -> Report {
        let mut known = self.known();
        known.applied = generation;
        known.problems.clone_from(&problems);
        for problem in &problems {
            tracing::warn!(generation = generation.0, problem, "not applied");
        }
        tracing::info!(generation = generation.0, changes, problems = problems.len(), "applied");
        Report { generation, changes, problems }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
