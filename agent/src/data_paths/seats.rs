//! The NICs of a host, each behind a lock of its own: one that is being settled does not keep the others from being saved.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use goal_state::NicId;
use goal_state::data_path::DeviceCounters;
use linux_net::NetNs;
use vfp::data_path::{Bond, BondedNic};

use super::lock;

/// As many as reconcile ports: most of the work is the kernel's, which does it one by one.
const THREADS: usize = 2;

/// A NIC, and whether it is to have a VF.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) nic: BondedNic,
    pub(super) wanted: bool,
}

/// The NICs of the goal state in force.
#[derive(Debug)]
pub(super) struct Seats {
    /// In the order of VMs and their NICs.
    seats: Mutex<Vec<(NicId, Arc<Mutex<Seat>>)>>,
    /// What VFs had carried that an agent before this one has taken away.
    carried: BTreeMap<NicId, DeviceCounters>,
}

impl Seats {
    pub(super) fn new(carried: BTreeMap<NicId, DeviceCounters>) -> Self {
        Self { seats: Mutex::default(), carried }
    }

    /// From now on there are these NICs. Those that are known keep their state, but want no VF without accelerated networking.
    pub(super) fn follow(&self, bonds: Vec<Bond>) {
        let mut seats = lock(&self.seats);
        let mut old = std::mem::take(&mut *seats).into_iter().collect::<BTreeMap<_, _>>();
        for bond in bonds {
            let id = bond.id();
            // A NIC in another place has other devices.
            let same = |seat: &Arc<Mutex<Seat>>| lock(seat).nic.bond().index == bond.index;
            let seat = match old.remove(&id).filter(same) {
                Some(seat) => {
                    lock(&seat).nic.set_bond(bond);
                    seat
                }
                None => {
                    let carried = self.carried.get(&id).copied().unwrap_or_default();
                    Arc::new(Mutex::new(Seat { nic: BondedNic::new(bond, carried), wanted: false }))
                }
            };
            seats.push((id, seat));
        }
    }

    pub(super) fn get(&self, nic: &NicId) -> Option<Arc<Mutex<Seat>>> {
        let seats = lock(&self.seats);
        seats.iter().find(|(id, _)| id == nic).map(|(_, seat)| Arc::clone(seat))
    }

    /// Visits all, in order.
    pub(super) fn each(&self, mut work: impl FnMut(&mut Seat)) {
        for seat in self.all() {
            work(&mut lock(&seat));
        }
    }

    /// Works on all, on several threads, each of which visits namespaces by itself. Returns the sum.
    pub(super) fn settle(&self, work: impl Fn(&mut Seat) -> u32 + Sync) -> u32 {
        let seats = self.all();
        let (next, changes) = (AtomicUsize::new(0), AtomicU32::new(0));
        let take_turns = || {
            while let Some(seat) = seats.get(next.fetch_add(1, Ordering::Relaxed)) {
                changes.fetch_add(work(&mut lock(seat)), Ordering::Relaxed);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..THREADS.min(seats.len()) {
                scope.spawn(|| {
                    let here = NetNs::current().and_then(|here| here.run(take_turns));
                    if let Err(error) = here {
                        tracing::error!(%error, "cannot visit namespaces");
                    }
                });
            }
        });
        changes.into_inner()
    }

    /// The NICs that may have a VF.
    pub(super) fn accelerated(&self) -> Vec<Bond> {
        let mut bonds = Vec::new();
        self.each(|seat| bonds.extend(Some(seat.nic.bond().clone()).filter(|bond| bond.nic.accelerated)));
        bonds
    }

    /// What VFs have carried that were taken away.
    pub(super) fn carried(&self) -> BTreeMap<NicId, DeviceCounters> {
        let mut carried = BTreeMap::new();
        self.each(|seat| {
            carried.insert(seat.nic.bond().id(), seat.nic.carried());
        });
        carried
    }

    fn all(&self) -> Vec<Arc<Mutex<Seat>>> {
        lock(&self.seats).iter().map(|(_, seat)| Arc::clone(seat)).collect()
    }
}
