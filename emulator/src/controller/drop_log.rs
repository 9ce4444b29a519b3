//! The lab's last drops, kept in the controller's memory: a ring that forgets the oldest, and dies with the controller.
//!
//! Readers ask for what comes after a number that they were given, and may wait for it. So a slow reader holds nobody up;
//! it is told how many entries it came too late for.

use std::collections::VecDeque;
use std::sync::Mutex;

use goal_state::event::Event;
use tokio::sync::watch;

use super::locked;
use super::protocol::{DropEntry, DropPage};

/// How many entries are kept.
const KEPT: usize = 10_000;
/// How many entries a page has at most.
const PAGE: usize = 1_000;

/// The ring.
pub(crate) struct DropLog {
    entries: Mutex<VecDeque<DropEntry>>,
    /// The number of entries since the beginning, those that are forgotten included.
    count: watch::Sender<u64>,
}

impl Default for DropLog {
    fn default() -> Self {
        Self { entries: Mutex::default(), count: watch::Sender::new(0) }
    }
}

impl DropLog {
    /// Keeps what `event` tells, if it is about drops. `subnet_of` knows the subnet of a NIC as it is now.
    pub(crate) fn note(&self, event: Event, subnet_of: impl FnOnce(&goal_state::NicId) -> Option<String>) {
        match event {
            Event::Drop(drop) => {
                let subnet = drop.nic.as_ref().and_then(subnet_of);
                self.push(DropEntry::Drop { drop, subnet });
            }
            Event::Lost { count } => self.push(DropEntry::Lost { count }),
            Event::Seen(_) | Event::DataPath(_) => {}
        }
    }

    fn push(&self, entry: DropEntry) {
        let mut entries = locked(&self.entries);
        if entries.len() == KEPT {
            entries.pop_front();
        }
        entries.push_back(entry);
        // While the ring is locked, so that the number fits it.
        self.count.send_modify(|count| *count += 1);
    }

    /// The entries after the first `after` ones, at most a page.
    pub(crate) fn page(&self, after: u64) -> DropPage {
        let entries = locked(&self.entries);
        let count = *self.count.borrow();
        let oldest = count - entries.len() as u64;
        let first = after.clamp(oldest, count);
        let skipped = usize::try_from(first - oldest).unwrap_or(usize::MAX);
        let entries: Vec<_> = entries.iter().skip(skipped).take(PAGE).cloned().collect();
        DropPage { next: first + entries.len() as u64, forgotten: first.saturating_sub(after), entries }
    }

    /// The same, once there is at least one.
    pub(crate) async fn next_page(&self, after: u64) -> DropPage {
        let mut count = self.count.subscribe();
        // The sender lives as long as we do.
        let _ = count.wait_for(|count| *count > after).await;
        self.page(after)
    }
}

#[cfg(test)]
mod tests {
    use goal_state::event::{DropEvent, FiveTuple};
    use goal_state::nsg::Direction;
    use goal_state::{DropReason, NicId};

    use super::*;

    fn drop(time_us: u64) -> Event {
        Event::Drop(DropEvent {
            time_us,
            nic: Some(NicId { vm: "web1".parse().unwrap(), nic: "nic0".parse().unwrap() }),
            direction: Direction::Inbound,
            reason: DropReason::Route,
            by: None,
            packet: FiveTuple {
                protocol: 6,
                source: [10, 0, 0, 4].into(),
                source_port: 1,
                destination: [10, 0, 0, 5].into(),
                destination_port: 2,
            },
        })
    }

    fn times(page: &DropPage) -> Vec<u64> {
        let time = |entry: &DropEntry| match entry {
            DropEntry::Drop { drop, subnet } => {
                assert_eq!(subnet.as_deref(), Some("v/s"));
                drop.time_us
            }
            DropEntry::Lost { count } => *count,
        };
        page.entries.iter().map(time).collect()
    }

    fn note(log: &DropLog, event: Event) {
        log.note(event, |_| Some("v/s".to_owned()));
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition() {
        let log = DropLog::default();
        let total = PAGE as u64 + 10;
        (0..total).for_each(|time| note(&log, drop(time)));
        let first = log.page(0);
        let second = log.page(first.next);
        assert_eq!((first.entries.len(), second.entries.len()), (PAGE, 10));
        assert_eq!([times(&first), times(&second)].concat(), (0..total).collect::<Vec<_>>());
        assert_eq!((second.next, second.forgotten), (total, 0));
        assert!(log.page(total).entries.is_empty());
    }

    #[test]
    fn the_oldest_are_forgotten_and_a_late_reader_is_told_how_many() {
        let log = DropLog::default();
        (0..KEPT as u64 + 7).for_each(|time| note(&log, drop(time)));
        let page = log.page(2);
        assert_eq!((page.forgotten, times(&page)[0]), (5, 7));
        assert_eq!(log.page(page.next).forgotten, 0);
    }

    #[test]
    fn lost_events_stand_where_they_were_lost() {
        let log = DropLog::default();
        note(&log, drop(1));
        note(&log, Event::Lost { count: 99 });
        note(&log, drop(2));
        assert_eq!(times(&log.page(0)), [1, 99, 2]);
    }

    /// A reader of a controller before this one asks for what comes after a number that was never given.
    #[test]
    fn a_number_too_large_is_the_end() {
        let log = DropLog::default();
        note(&log, drop(1));
        let page = log.page(50);
        assert_eq!((page.entries.len(), page.next, page.forgotten), (0, 1, 0));
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_by_the_next() {
        let log = std::sync::Arc::new(DropLog::default());
        note(&log, drop(1));
        assert_eq!(times(&log.next_page(0).await), [1]);
        let waiting = tokio::spawn({
            let log = std::sync::Arc::clone(&log);
            async move { log.next_page(1).await }
        });
        tokio::task::yield_now().await;
        note(&log, drop(2));
        assert_eq!(times(&waiting.await.unwrap()), [2]);
    }
}
