//! The controller of a lab: compiles the wanted network to goal states, keeps one agent per host, and answers the
//! command line.
//!
//! It runs inside the sandbox, below the init. It may die at any moment: agents and VMs live on, and the next
//! controller reads `lab.json`, finds the agents by their sockets and applies the wanted network again.

mod agent;
pub(crate) mod client;
mod data_path;
mod encryption;
mod journal;
mod load_balancers;
mod network;
pub(crate) mod protocol;
mod ring;
mod server;
mod status;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use goal_state::event::Event;
use goal_state::{HostGoalState, HostName, NicId, VmName};
use tokio::sync::broadcast;
use tracing::{error, info};

use crate::authority::{Authority, Estate};
use crate::lab::{Folder, Wanted};
use agent::Agent;
use journal::Journal;

/// Events that may wait for a slow reader before it is told that some were lost.
const EVENTS_KEPT: usize = 1 << 16;

/// Says on the first controller's standard output that the lab can be talked to.
pub(crate) const READY: &str = "ready";

/// A lab's controller.
pub(crate) struct Controller {
    folder: Folder,
    agent_program: PathBuf,
    authority: Arc<Authority>,
    agents: Mutex<BTreeMap<HostName, Arc<Agent>>>,
    events: broadcast::Sender<(HostName, Event)>,
    /// What was told lately.
    journal: Journal,
    /// What was last asked for, for those who only look.
    network: Mutex<Option<Arc<Desired>>>,
    /// Held by whoever applies: one at a time.
    apply: tokio::sync::Mutex<()>,
    /// Held by whoever changes the fabric's shortcuts.
    shortening: tokio::sync::Mutex<()>,
}

/// A wanted network and what it means for the hosts.
pub(crate) struct Desired {
    wanted: Wanted,
    network: model::network::Network,
    /// `vnet/subnet` of each NIC.
    subnets: BTreeMap<NicId, String>,
    goals: Vec<HostGoalState>,
}

/// Runs the controller of the lab in `folder` for as long as the lab lives. Its standard input is the lab's authority.
///
/// # Errors
/// When there is no authority, or its socket cannot be made.
pub(crate) fn run(folder: Folder, agent_program: PathBuf) -> Result<()> {
    let authority = Estate::take_from_stdin()?.authority()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(folder, agent_program, authority))
}

async fn serve(folder: Folder, agent_program: PathBuf, authority: Authority) -> Result<()> {
    let listener = server::listen(&folder)?;
    let controller = Arc::new(Controller {
        folder,
        agent_program,
        authority: Arc::new(authority),
        agents: Mutex::default(),
        events: broadcast::channel(EVENTS_KEPT).0,
        journal: Journal::default(),
        network: Mutex::default(),
        apply: tokio::sync::Mutex::default(),
        shortening: tokio::sync::Mutex::default(),
    });
    tokio::spawn(remember(Arc::clone(&controller), controller.events.subscribe()));
    announce()?;
    info!(pid = std::process::id(), "controller ready");
    let restoring = Arc::clone(&controller);
    tokio::spawn(async move {
        if let Err(error) = restoring.restore().await {
            error!(error = format!("{error:#}"), "the wanted network could not be restored");
        }
    });
    server::serve(controller, listener).await
}

/// Fills the journal for as long as the controller lives.
async fn remember(controller: Arc<Controller>, mut events: broadcast::Receiver<(HostName, Event)>) {
    use broadcast::error::RecvError;
    loop {
        let event = match events.recv().await {
            Ok((_, event)) => event,
            Err(RecvError::Lagged(count)) => Event::Lost { count },
            Err(RecvError::Closed) => return,
        };
        controller.journal.note(event, |nic| controller.desired()?.subnets.get(nic).cloned());
    }
}

/// Tells `up`, which reads our standard output, then leaves it alone.
fn announce() -> Result<()> {
    let mut out = std::io::stdout().lock();
    // A later controller talks to a pipe that nobody reads.
    let _ = writeln!(out, "{READY}").and_then(|()| out.flush());
    let nowhere = std::fs::File::options().write(true).open("/dev/null").context("opening /dev/null")?;
    nix::unistd::dup2_stdout(&nowhere).context("closing standard output")
}

impl Controller {
    fn desired(&self) -> Option<Arc<Desired>> {
        locked(&self.network).clone()
    }

    /// The same; a controller that has just been started first finds out what its lab should be.
    async fn desired_once_known(&self) -> Option<Arc<Desired>> {
        if self.desired().is_none() {
            // Restoring began before anybody could ask.
            drop(self.apply.lock().await);
        }
        self.desired()
    }

    fn agents(&self) -> MutexGuard<'_, BTreeMap<HostName, Arc<Agent>>> {
        locked(&self.agents)
    }

    /// The agent of the host that has this VM.
    fn agent_of(&self, vm: &VmName) -> Option<Arc<Agent>> {
        let desired = self.desired()?;
        let has_vm = |goal: &&HostGoalState| goal.virtual_machines.iter().any(|machine| machine.name == *vm);
        let host = &desired.goals.iter().find(has_vm)?.host;
        self.agents().get(host).cloned()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
