//! The data paths of a host's NICs: VFs are given and taken, looked after, and taken for a while when the host is serviced.
//!
//! | file | idea |
//! |---|---|
//! | `seats` | the NICs, each with its switch behind a lock of its own |
//! | `offload` | BPF, where it is to be had and wanted |
//! | `watch` | the thread that hears when a VF is torn away |
//! | `servicing` | taking all VFs away until a time that survives the agent |
//!
//! An agent that comes back finds the VFs as they are and takes them over.

mod offload;
mod seats;
mod servicing;
mod watch;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use goal_state::data_path::{DataPathEvent, FlowTable, NicCounters, NicDataPath, UnifiedFlow};
use goal_state::event::Event;
use goal_state::{DataPath, HostGoalState, NicId, VmName};
use tokio::sync::broadcast;
use vfp::data_path::{Bond, Context};

use crate::clock::now_us;
use crate::state::StateFolder;
use offload::Loading;
use seats::Seats;
use servicing::Servicing;
use watch::Watch;

/// The NICs of one host.
#[derive(Debug)]
pub struct DataPaths {
    shared: Arc<Shared>,
    watch: Watch,
}

#[derive(Debug)]
struct Shared {
    state: StateFolder,
    events: broadcast::Sender<Event>,
    seats: Seats,
    offload: Loading,
    servicing: Servicing,
    /// Held while VFs are given and taken: one at a time.
    settling: Mutex<()>,
}

impl DataPaths {
    /// Starts to watch, and to wait for the end of a servicing that an agent before this one has begun. `goal` is the goal
    /// state that was in force, if this host has had one.
    ///
    /// # Errors
    /// When there are no threads or no sockets to be had.
    pub fn start(
        state: StateFolder,
        events: broadcast::Sender<Event>,
        goal: Option<&HostGoalState>,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            servicing: Servicing::load(&state),
            seats: Seats::new(state.load_carried()),
            offload: Loading::new(goal.is_some()),
            settling: Mutex::default(),
            events,
            state,
        });
        if let Some(goal) = goal {
            shared.offload.begin(goal);
        }
        let serviced = Arc::clone(&shared);
        std::thread::Builder::new().name("servicing".into()).spawn(move || serviced.end_servicings())?;
        let watch = Watch::start(Arc::clone(&shared))?;
        Ok(Self { shared, watch })
    }

    /// Before the host becomes as `goal` says: NICs that lose accelerated networking lose their VFs while the port still knows
    /// them, and known flows wait. Returns the number of changes, and what cannot be done, as sentences.
    pub fn prepare(&self, goal: &HostGoalState) -> (u32, Vec<String>) {
        let _one_at_a_time = lock(&self.shared.settling);
        self.shared.offload.begin(goal);
        self.shared.seats.follow(Bond::all(goal));
        let changes = self.shared.settle(|seat| !seat.nic.bond().nic.accelerated);
        (changes, self.shared.offload.suspend(goal))
    }

    /// After the host has become as `goal` says: known flows are carried again, by the new policy if it has `changed`. Returns
    /// what cannot be done, as sentences.
    pub fn resume(&self, goal: &HostGoalState, changed: bool) -> Vec<String> {
        let _one_at_a_time = lock(&self.shared.settling);
        self.shared.offload.resume(goal, changed)
    }

    /// Gives a VF to every accelerated NIC of the VMs that run and takes it from all others, unless the host is being serviced.
    /// Returns the number of changes, and what cannot be done, as sentences.
    pub fn settle(&self, running: &[VmName]) -> (u32, Vec<String>) {
        let _one_at_a_time = lock(&self.shared.settling);
        self.shared.seats.each(|seat| {
            let bond = seat.nic.bond();
            seat.wanted = bond.nic.accelerated && running.contains(&bond.vm);
        });
        let mut problems = self.watch.follow(&self.shared.seats.accelerated());
        let changes = self.shared.settle(|_| true);
        problems.extend(self.shared.problems());
        (changes, problems)
    }

    /// The path of every NIC, in the order of VMs and their NICs, and why nothing is offloaded.
    #[must_use]
    pub fn status(&self, goal: Option<&HostGoalState>) -> (Vec<NicDataPath>, Option<String>) {
        let not_offloaded = self.shared.offload.why_not(goal);
        let mut paths = Vec::new();
        self.shared.seats.each(|seat| {
            let path = seat.nic.path();
            paths.push(NicDataPath {
                nic: seat.nic.bond().id(),
                path,
                offloaded: path == DataPath::Vf && not_offloaded.is_none(),
                why: seat.nic.why().map(str::to_owned),
            });
        });
        (paths, not_offloaded)
    }

    /// What the NICs' devices have carried. A NIC whose VM's namespace cannot be asked is left out.
    #[must_use]
    pub fn counters(&self) -> Vec<NicCounters> {
        let read = || {
            let mut counters = Vec::new();
            self.shared.seats.each(|seat| match seat.nic.counters() {
                Ok(of_nic) => counters.push(of_nic),
                Err(error) => tracing::warn!(nic = %seat.nic.bond().id(), %error, "cannot read counters"),
            });
            counters
        };
        // One thread visits all VMs.
        linux_net::NetNs::current().and_then(|here| here.run(read)).unwrap_or_default()
    }

    /// The unified flows of a VM, and how full the table is; nothing where nothing is offloaded.
    ///
    /// # Errors
    /// When the kernel cannot be asked, as a sentence.
    pub fn flows(
        &self,
        goal: &HostGoalState,
        vm: &VmName,
    ) -> Result<(Vec<UnifiedFlow>, Option<FlowTable>), String> {
        let Some(offload) = self.shared.offload.in_use() else { return Ok((Vec::new(), None)) };
        match offload.flows(goal, vm) {
            Ok((flows, table)) => Ok((flows, Some(table))),
            Err(error) => Err(vfp::with_causes(&error)),
        }
    }

    /// Takes the VFs of all NICs away and returns them after that time, whatever becomes of this process. Returns the NICs that
    /// had one. Called again meanwhile, sets a new time.
    ///
    /// # Errors
    /// When the time cannot be kept; nothing is changed then.
    pub fn service(&self, time: Duration) -> std::io::Result<Vec<NicId>> {
        let _one_at_a_time = lock(&self.shared.settling);
        self.shared.servicing.begin(&self.shared.state, time)?;
        let mut had = Vec::new();
        self.shared.seats.each(|seat| {
            if matches!(seat.nic.path(), DataPath::Vf | DataPath::VfOffered) {
                had.push(seat.nic.bond().id());
            }
        });
        self.shared.settle(|_| true);
        // On a busy machine that takes a while, and the time is the one for which they are away.
        self.shared.servicing.begin(&self.shared.state, time)?;
        Ok(had)
    }

    /// Waits until the host is not being serviced. Returns the VFs that could not be returned, as sentences.
    #[must_use]
    pub fn await_service(&self) -> Vec<String> {
        self.shared.servicing.wait();
        // Not before the VFs are back.
        let _one_at_a_time = lock(&self.shared.settling);
        self.shared.problems()
    }
}

impl Shared {
    /// Makes the NICs that `which` takes as they are wanted now. Returns the number of changes.
    fn settle(&self, which: impl Fn(&seats::Seat) -> bool + Sync) -> u32 {
        let serviced = self.servicing.is_on();
        let offload = self.offload.in_use();
        let tell = |nic: &NicId, path, line| self.tell(nic, path, line);
        let context = Context { offload: offload.as_deref(), tell: &tell };
        let changes = self.seats.settle(|seat| {
            let wanted = seat.wanted && seat.nic.bond().nic.accelerated && !serviced;
            if which(seat) { seat.nic.settle(wanted, context) } else { 0 }
        });
        if changes > 0 {
            self.state.save_carried(&self.seats.carried());
        }
        changes
    }

    /// Something has happened to the device `vf` of a port.
    fn look_after(&self, nic: &NicId, index: Option<u32>) {
        let Some(seat) = self.seats.get(nic) else { return };
        let offload = self.offload.in_use();
        let tell = |nic: &NicId, path, line| self.tell(nic, path, line);
        let context = Context { offload: offload.as_deref(), tell: &tell };
        lock(&seat).nic.look_after(index, context);
    }

    /// NICs that are to have a VF and have none.
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        self.seats.each(|seat| {
            if let Some(why) = seat.nic.why() {
                problems.push(format!("data path of {}: {why}", seat.nic.bond().id()));
            }
        });
        problems
    }

    fn end_servicings(&self) {
        loop {
            self.servicing.wait_for_end();
            let _one_at_a_time = lock(&self.settling);
            if self.servicing.finish(&self.state) {
                self.settle(|_| true);
            }
        }
    }

    /// Without a listener there is nobody to tell.
    fn tell(&self, nic: &NicId, path: DataPath, line: String) {
        tracing::info!(%nic, path = path.as_str(), "{line}");
        let event = DataPathEvent { time_us: now_us(), nic: nic.clone(), path, line };
        let _ = self.events.send(Event::DataPath(event));
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
