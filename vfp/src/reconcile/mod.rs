//! Makes the kernel hold what a [`HostNetwork`] says: observe, plan, apply. A second time does nothing.
//!
//! The order is such that no port is ever open before its filter: for each port the ruleset comes first, then its
//! cables, then routes; the host's end of a cable comes up last. A station is made like a port. What goes wrong with one of them is noted
//! and the others go on.
//!
//! The host's rulesets come after the devices that they hold, ports and TAPs, and before these devices come up and others go: so a
//! NIC whose packets are to be encrypted has sent none in clear, and none that is still to be encrypted finds an old ruleset without
//! its device. All of the host's tables are replaced in one transaction.

mod aftermath;
mod cable;
mod namespace;
mod observe;
mod plan;
mod ruleset;
mod setting;
mod tap;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use linux_net::netlink::{Link, NetlinkError};
use linux_net::nft::ttl::TtlError;
use linux_net::nft::{InvalidText, NftError};
use linux_net::{NetNs, Netlink};

use crate::network::{HostNetwork, MachineNetwork, Namespace, PortNetwork, StationNetwork};
use crate::reconcile::plan::Owner;
use crate::with_causes;

pub use observe::Observed;

/// Ports and VMs are worked on by this many threads: nft is a process, the kernel's own work is done one by one anyway.
const THREADS: usize = 2;

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Kernel objects created, changed or removed.
    pub changes: u32,
    /// What could not be done, as sentences.
    pub problems: Vec<String>,
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error("network namespace {name}")]
    Namespace {
        name: String,
        #[source]
        source: linux_net::netns::NetNsError,
    },
    #[error("devices, addresses and routes")]
    Netlink(#[from] NetlinkError),
    #[error("ruleset")]
    Nft(#[from] NftError),
    #[error("a name in the ruleset")]
    Name(#[from] InvalidText),
    #[error("time to live")]
    Ttl(#[from] TtlError),
    #[error("device {name}, without which packets that are to be encrypted are dropped")]
    Tap {
        name: String,
        #[source]
        source: std::io::Error,
    },
    #[error("setting {path}")]
    Setting {
        path: String,
        #[source]
        source: std::io::Error,
    },
}

/// Makes the calling thread's namespace, and the namespaces of its ports and VMs, hold what `wanted` says.
///
/// `owned` are the namespaces that earlier calls made for this host: those that are no longer wanted are removed. The
/// processes in them must have ended. `progress` is told steps done and steps in all.
pub fn reconcile(
    wanted: &HostNetwork,
    owned: &BTreeSet<String>,
    progress: &(dyn Fn(u32, u32) + Sync),
) -> Outcome {
    let run = Run::new(wanted, progress);
    if let Err(error) = visiting(|| run.settle(wanted, owned)) {
        run.note("host", Err(error));
    }
    run.finish()
}

/// Whether the calling thread's namespace has been reconciled before. If not, what an earlier agent has written down is
/// about another namespace.
#[must_use]
pub fn was_here() -> bool {
    let digest = NetNs::current().ok().and_then(|namespace| linux_net::nft::current_digest(&namespace).ok());
    digest.flatten().is_some()
}

/// The names of the namespaces that `wanted` has.
#[must_use]
pub fn namespace_names(wanted: &HostNetwork) -> BTreeSet<String> {
    let ports = wanted.ports.iter().map(|port| &port.name);
    let stations = wanted.stations.iter().map(|station| &station.name);
    let machines = wanted.machines.iter().map(|machine| &machine.name);
    ports.chain(stations).chain(machines).cloned().collect()
}

/// The host's own namespace, as it was in the beginning.
struct Host {
    namespace: NetNs,
    links: BTreeMap<String, Link>,
}

impl Host {
    fn open() -> Result<Self, StepError> {
        let namespace =
            NetNs::current().map_err(|source| StepError::Namespace { name: "of the host".into(), source })?;
        let links = observe::links(&mut Netlink::open(&namespace)?)?;
        Ok(Self { namespace, links })
    }
}

/// One call of [`reconcile`]: what is counted on the way.
struct Run<'a> {
    changes: AtomicU32,
    problems: Mutex<Vec<String>>,
    done: AtomicU32,
    total: u32,
    progress: &'a (dyn Fn(u32, u32) + Sync),
    wanted: BTreeSet<String>,
}

impl<'a> Run<'a> {
    fn new(wanted: &HostNetwork, progress: &'a (dyn Fn(u32, u32) + Sync)) -> Self {
        let total = wanted.ports.len() + wanted.stations.len() + wanted.machines.len() + 1;
        Self {
            changes: AtomicU32::new(0),
            problems: Mutex::new(Vec::new()),
            done: AtomicU32::new(0),
            total: u32::try_from(total).unwrap_or(u32::MAX),
            progress,
            wanted: namespace_names(wanted),
        }
    }

    fn settle(&self, wanted: &HostNetwork, owned: &BTreeSet<String>) {
        self.attempt("host", |run| {
            let host = Host::open()?;
            run.remove_unwanted(owned);
            run.each(&wanted.machines, |machine| (&machine.name, run.make_namespace(&machine.name)), false);
            run.each(&wanted.ports, |port| (&port.name, run.settle_port(&host, port)), true);
            run.each(&wanted.stations, |station| (&station.name, run.settle_station(&host, station)), true);
            let outdated = run.settle_switch(&host, &wanted.switch)?;
            aftermath::forget(wanted, &outdated);
            Ok(())
        });
        self.each(&wanted.machines, |machine| (&machine.name, self.settle_machine(machine)), true);
        if self.has_changed() {
            aftermath::await_carriers(wanted);
        }
    }

    /// Works on all items, on several threads, each of which visits the namespaces of its items by itself.
    fn each<'b, T: Sync>(
        &self,
        items: &'b [T],
        work: impl Fn(&'b T) -> (&'b String, Result<(), StepError>) + Sync,
        counts: bool,
    ) {
        let next = AtomicUsize::new(0);
        let take_turns = || {
            while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                let (name, result) = work(item);
                self.note(name, result);
                if counts {
                    self.step();
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..THREADS.min(items.len()) {
                scope.spawn(|| {
                    if let Err(error) = visiting(take_turns) {
                        self.note("host", Err(error));
                    }
                });
            }
        });
    }

    fn attempt(&self, what: &str, work: impl FnOnce(&Self) -> Result<(), StepError>) {
        self.note(what, work(self));
        self.step();
    }

    fn note(&self, what: &str, result: Result<(), StepError>) {
        if let Err(error) = result {
            let mut problems = self.problems.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            problems.push(format!("{what}: {}", with_causes(&error)));
        }
    }

    fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        (self.progress)(done, self.total);
    }

    fn changed(&self, count: usize) {
        self.changes.fetch_add(u32::try_from(count).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    fn has_changed(&self) -> bool {
        self.changes.load(Ordering::Relaxed) > 0
    }

    fn remove_unwanted(&self, owned: &BTreeSet<String>) {
        for name in owned.difference(&self.wanted) {
            match namespace::remove(name) {
                Ok(removed) => self.changed(usize::from(removed)),
                Err(error) => self.note(name, Err(error)),
            }
        }
    }

    fn make_namespace(&self, name: &str) -> Result<(), StepError> {
        let (_, made) = namespace::ensure(name)?;
        self.changed(usize::from(made));
        Ok(())
    }

    fn settle_port(&self, host: &Host, port: &PortNetwork) -> Result<(), StepError> {
        let (namespace, made) = namespace::ensure(&port.name)?;
        self.changed(usize::from(made));
        self.settle_ruleset(&namespace, &port.namespace, &BTreeMap::new())?;
        ruleset::keep_ttl(&namespace)?;
        let owner = cable::Owner { name: &port.name, namespace: &port.namespace };
        for cable in [&port.guest_cable, &port.uplink_cable] {
            self.changed(usize::from(cable::ensure(cable, host, owner)?));
        }
        self.settle_content(&namespace, &port.namespace, Owner::Port).map(drop)
    }

    fn settle_station(&self, host: &Host, station: &StationNetwork) -> Result<(), StepError> {
        let (namespace, made) = namespace::ensure(&station.name)?;
        self.changed(usize::from(made));
        self.settle_ruleset(&namespace, &station.namespace, &BTreeMap::new())?;
        if station.keeps_ttl {
            ruleset::keep_ttl(&namespace)?;
        }
        let owner = cable::Owner { name: &station.name, namespace: &station.namespace };
        for cable in &station.cables {
            self.changed(usize::from(cable::ensure(cable, host, owner)?));
        }
        self.settle_content(&namespace, &station.namespace, Owner::Port).map(drop)
    }

    /// Returns the addresses that ports must forget.
    fn settle_switch(&self, host: &Host, switch: &Namespace) -> Result<Vec<Ipv4Addr>, StepError> {
        let (made, failures) = tap::ensure(host, switch)?;
        self.changed(made);
        failures.into_iter().for_each(|error| self.note("host", Err(error)));
        // Ports have made devices since the beginning, and so have we.
        let links = observe::links(&mut Netlink::open(&host.namespace)?)?;
        self.settle_ruleset(&host.namespace, switch, &links)?;
        self.settle_content(&host.namespace, switch, Owner::Switch)
    }

    fn settle_machine(&self, machine: &MachineNetwork) -> Result<(), StepError> {
        let (namespace, _) = namespace::ensure(&machine.name)?;
        self.settle_ruleset(&namespace, &machine.namespace, &BTreeMap::new())?;
        self.settle_content(&namespace, &machine.namespace, Owner::Guest).map(drop)
    }

    /// `devices` are those of the namespace, where rulesets hold any.
    fn settle_ruleset(
        &self,
        namespace: &NetNs,
        wanted: &Namespace,
        devices: &BTreeMap<String, Link>,
    ) -> Result<(), StepError> {
        let is_there = |device: &str| devices.contains_key(device);
        self.changed(usize::from(ruleset::ensure(namespace, &wanted.rulesets, is_there)?));
        Ok(())
    }

    /// Everything but cables and ruleset.
    fn settle_content(
        &self,
        namespace: &NetNs,
        wanted: &Namespace,
        owner: Owner,
    ) -> Result<Vec<Ipv4Addr>, StepError> {
        let name = namespace.name().unwrap_or("host");
        let mut netlink = Netlink::open(namespace)?;
        let plan = plan::plan(wanted, &Observed::of(&mut netlink)?, owner);
        // What one device refuses does not keep the others from being settled.
        self.note(name, netlink.apply(&plan.devices).map_err(StepError::from));
        match setting::ensure(namespace, &wanted.sysctls) {
            Ok(settings) => self.changed(settings),
            Err(error) => self.note(name, Err(error)),
        }
        self.note(name, netlink.apply(&plan.content).map_err(StepError::from));
        self.changed(plan.devices.len() + plan.content.len());
        Ok(plan.outdated)
    }

    fn finish(self) -> Outcome {
        let mut problems = self.problems.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        problems.sort();
        Outcome { changes: self.changes.into_inner(), problems }
    }
}

/// Runs `work` on a thread that visits namespaces by itself and comes back to this one each time.
fn visiting<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, StepError> {
    let here = NetNs::current().and_then(|here| here.run(work));
    here.map_err(|source| StepError::Namespace { name: "of the host".into(), source })
}
