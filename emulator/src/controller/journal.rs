//! What the hosts of a lab have told lately, sorted by what it is about.

use goal_state::NicId;
use goal_state::data_path::DataPathEvent;
use goal_state::event::Event;

use super::protocol::Dropped;
use super::ring::Ring;

/// What is remembered.
#[derive(Default)]
pub(crate) struct Journal {
    /// Packets that were dropped.
    pub(crate) drops: Ring<Dropped>,
    /// The guests' kernel-log lines about their data paths.
    pub(crate) data_paths: Ring<DataPathEvent>,
}

impl Journal {
    /// Keeps what `event` tells. `subnet_of` knows the subnet of a NIC as it is now.
    pub(crate) fn note(&self, event: Event, subnet_of: impl FnOnce(&NicId) -> Option<String>) {
        match event {
            Event::Drop(drop) => {
                let subnet = drop.nic.as_ref().and_then(subnet_of);
                self.drops.push(Dropped { drop, subnet });
            }
            Event::DataPath(event) => self.data_paths.push(event),
            // Nobody knows what they were about. Most of what is told are drops.
            Event::Lost { count } => {
                self.drops.lost(count);
                self.data_paths.maybe_lost();
            }
            Event::Seen(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use goal_state::DropReason;
    use goal_state::data_path::DataPath;
    use goal_state::event::{DropEvent, FiveTuple};
    use goal_state::nsg::Direction;

    use super::super::protocol::Entry;
    use super::*;

    fn nic() -> NicId {
        NicId { vm: "web1".parse().unwrap(), nic: "nic0".parse().unwrap() }
    }

    fn drop() -> DropEvent {
        let (source, destination) = ([10, 0, 0, 4].into(), [10, 0, 0, 5].into());
        DropEvent {
            time_us: 1,
            nic: Some(nic()),
            at: None,
            direction: Direction::Inbound,
            reason: DropReason::Route,
            by: None,
            packet: FiveTuple { protocol: 6, source, source_port: 1, destination, destination_port: 2 },
        }
    }

    #[test]
    fn each_kind_of_event_has_its_own_ring_and_losses_are_noted_in_all() {
        let journal = Journal::default();
        let switched = DataPathEvent {
            time_us: 2,
            nic: nic(),
            path: DataPath::Vf,
            line: "eth0: Data path switched to VF: enP1s1np0".into(),
        };
        let note = |event| journal.note(event, |_| Some("v/s".to_owned()));
        note(Event::Drop(drop()));
        note(Event::DataPath(switched.clone()));
        note(Event::Lost { count: 9 });
        let dropped = Dropped { drop: drop(), subnet: Some("v/s".into()) };
        assert_eq!(journal.drops.page(0).entries, [Entry::Told(dropped), Entry::Lost { count: 9 }]);
        assert_eq!(journal.data_paths.page(0).entries, [Entry::Told(switched), Entry::Lost { count: 0 }]);
    }
}
