//! One NIC with its two ways: its switch, driven.

use std::collections::VecDeque;

use goal_state::NicId;
use goal_state::data_path::{DataPath, DeviceCounters, NicCounters};
use linux_net::{NetNs, Netlink};

use super::bond::Bond;
use super::driver::{self, DataPathError, Driver};
use super::machine::{Action, Event, Machine};
use crate::offload::Offload;
use crate::with_causes;

/// What a NIC needs to be settled.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Carries known flows; none without BPF.
    pub offload: Option<&'a Offload>,
    /// Is told the lines of the guest's kernel log: whose, the state from there on, and the line.
    pub tell: &'a (dyn Fn(&NicId, DataPath, String) + Sync),
}

/// A NIC and the state of its data path.
#[derive(Debug)]
pub struct BondedNic {
    bond: Bond,
    /// None until the kernel has been asked.
    machine: Option<Machine>,
    /// The index of `vf` in the port's namespace, which tells this VF from the one before.
    vf_index: Option<u32>,
    /// What VFs have carried that are gone.
    carried: DeviceCounters,
    /// What the present one had carried when it was last asked. Of one that is torn away, nothing else is known.
    seen: DeviceCounters,
}

impl BondedNic {
    /// A NIC of which nothing is known yet, but what its VFs had carried before they were taken away.
    #[must_use]
    pub fn new(bond: Bond, carried: DeviceCounters) -> Self {
        Self { bond, machine: None, vf_index: None, carried, seen: DeviceCounters::default() }
    }

    /// Where its devices are.
    #[must_use]
    pub fn bond(&self) -> &Bond {
        &self.bond
    }

    /// Follows a new goal state. The NIC's place in its VM must not change.
    pub fn set_bond(&mut self, bond: Bond) {
        self.bond = bond;
    }

    /// Where packets go.
    #[must_use]
    pub fn path(&self) -> DataPath {
        self.machine.as_ref().map(Machine::path).unwrap_or_default()
    }

    /// Why the path has failed, if it has.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        self.machine.as_ref().and_then(Machine::why)
    }

    /// What VFs have carried that are gone.
    #[must_use]
    pub fn carried(&self) -> DeviceCounters {
        self.carried
    }

    /// Gives the NIC a VF that carries its packets, or takes the VF away without losing any. What is there already is taken
    /// over. Returns how many kernel objects were changed. Blocks; a removal for as long as packets are under way.
    pub fn settle(&mut self, wanted: bool, context: Context<'_>) -> u32 {
        let idle = self.machine.as_ref().is_some_and(|machine| machine.path() == DataPath::Synthetic);
        if idle && !wanted {
            return 0;
        }
        let known = self.vf_index;
        self.drive(context, |machine, driver| {
            let due = match (&machine, known) {
                (None, _) => {
                    let (adopted, due) = Machine::adopt(driver.observe()?);
                    *machine = Some(adopted);
                    due
                }
                (Some(_), Some(known)) => driver.look_after(known)?,
                (Some(_), None) => None,
            };
            Ok(due.into_iter().chain([if wanted { Event::Offer } else { Event::Revoke }]).collect())
        })
    }

    /// Something has happened to the device `vf` with that index in the port's namespace, or to whichever there was (`None`).
    /// When the VF carries packets no more, they go the synthetic way from now on. Content when it does, or when it was
    /// another VF.
    pub fn look_after(&mut self, index: Option<u32>, context: Context<'_>) {
        let Some(known) = self.vf_index else { return };
        if index.is_some_and(|index| index != known) {
            return;
        }
        self.drive(context, |_, driver| Ok(driver.look_after(known)?.into_iter().collect()));
    }

    /// What its devices have carried. Never less than the last time.
    ///
    /// # Errors
    /// When the VM's namespace cannot be asked.
    pub fn counters(&mut self) -> Result<NicCounters, DataPathError> {
        let mut netlink = Netlink::open(&NetNs::open(&self.bond.vm_namespace())?)?;
        let mut read = |device: &str| -> Result<Option<DeviceCounters>, DataPathError> {
            Ok(netlink.statistics(device)?.map(driver::counters))
        };
        let synthetic = read(&self.bond.synthetic())?.unwrap_or_default();
        self.seen = read(&self.bond.vf())?.unwrap_or(self.seen);
        let vf = driver::sum(self.carried, self.seen);
        Ok(NicCounters {
            nic: self.bond.id(),
            device: self.bond.synthetic(),
            synthetic,
            vf_device: self.bond.nic.accelerated.then(|| self.bond.vf()),
            vf,
        })
    }

    /// Lets the events happen that `begin` finds, and whatever follows from them. Returns the number of changes.
    fn drive(
        &mut self,
        context: Context<'_>,
        begin: impl FnOnce(&mut Option<Machine>, &mut Driver<'_>) -> Result<VecDeque<Event>, DataPathError>,
    ) -> u32 {
        let Self { bond, machine, vf_index, carried, seen } = self;
        let mut driver = match Driver::open(bond, context.offload) {
            Ok(driver) => driver,
            Err(error) => {
                machine.get_or_insert_default().on(Event::Refused(with_causes(&error)));
                return 0;
            }
        };
        (driver.carried, driver.seen) = (*carried, *seen);
        let events = begin(machine, &mut driver)
            .unwrap_or_else(|error| VecDeque::from([Event::Refused(with_causes(&error))]));
        run(machine.get_or_insert_default(), events, bond, &mut driver, context);
        (*vf_index, *carried, *seen) = (driver.vf_index, driver.carried, driver.seen);
        driver.changes
    }
}

fn run(
    machine: &mut Machine,
    mut events: VecDeque<Event>,
    bond: &Bond,
    driver: &mut Driver<'_>,
    context: Context<'_>,
) {
    // What follows from an event comes before the next one.
    while let Some(event) = events.pop_front() {
        for action in machine.on(event) {
            if let Action::Tell(line) = action {
                let line = line.text(&bond.synthetic(), &bond.vf(), bond.slot());
                (context.tell)(&bond.id(), machine.path(), line);
            }
            match driver.carry_out(action) {
                Ok(None) => {}
                Ok(Some(event)) => events.push_front(event),
                Err(error) => {
                    let why = format!("{}: {}", action, with_causes(&error));
                    events.push_front(Event::Refused(why));
                    break;
                }
            }
        }
    }
}
