//! What was told lately, kept in the controller's memory: a ring that forgets the oldest, and dies with the controller.
//!
//! Readers ask for what comes after a number that they were given, and may wait for it. So a slow reader holds nobody up;
//! it is told how many entries it came too late for.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::sync::watch;

use super::locked;
use super::protocol::{Entry, Page};

/// How many entries are kept.
const KEPT: usize = 10_000;
/// How many entries a page has at most.
const PAGE: usize = 1_000;

/// The ring.
pub(crate) struct Ring<T> {
    entries: Mutex<VecDeque<Entry<T>>>,
    /// The number of entries since the beginning, those that are forgotten included.
    count: watch::Sender<u64>,
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self { entries: Mutex::default(), count: watch::Sender::new(0) }
    }
}

impl<T: Clone> Ring<T> {
    /// Keeps what was told.
    pub(crate) fn push(&self, told: T) {
        self.append(Entry::Told(told), |_| true);
    }

    /// Notes that as many were lost here; 0 where nobody knows.
    pub(crate) fn lost(&self, count: u64) {
        self.append(Entry::Lost { count }, |_| true);
    }

    /// Notes that some may have been lost here, once for one place.
    pub(crate) fn maybe_lost(&self) {
        self.append(Entry::Lost { count: 0 }, |last| !matches!(last, Some(Entry::Lost { .. })));
    }

    fn append(&self, entry: Entry<T>, fits: impl FnOnce(Option<&Entry<T>>) -> bool) {
        let mut entries = locked(&self.entries);
        if !fits(entries.back()) {
            return;
        }
        if entries.len() == KEPT {
            entries.pop_front();
        }
        entries.push_back(entry);
        // While the ring is locked, so that the number fits it.
        self.count.send_modify(|count| *count += 1);
    }

    /// The entries after the first `after` ones, at most a page.
    pub(crate) fn page(&self, after: u64) -> Page<T> {
        let entries = locked(&self.entries);
        let count = *self.count.borrow();
        let oldest = count - entries.len() as u64;
        let first = after.clamp(oldest, count);
        let skipped = usize::try_from(first - oldest).unwrap_or(usize::MAX);
        let entries: Vec<_> = entries.iter().skip(skipped).take(PAGE).cloned().collect();
        Page { next: first + entries.len() as u64, forgotten: first.saturating_sub(after), entries }
    }

    /// The same, once there is at least one.
    pub(crate) async fn next_page(&self, after: u64) -> Page<T> {
        let mut count = self.count.subscribe();
        // The sender lives as long as we do.
        let _ = count.wait_for(|count| *count > after).await;
        self.page(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was told, and how many were lost.
    fn numbers(page: &Page<u64>) -> Vec<u64> {
        let number = |entry: &Entry<u64>| match entry {
            Entry::Told(number) => *number,
            Entry::Lost { count } => *count,
        };
        page.entries.iter().map(number).collect()
    }

    fn ring(numbers: impl IntoIterator<Item = u64>) -> Ring<u64> {
        let ring = Ring::default();
        numbers.into_iter().for_each(|number| ring.push(number));
        ring
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition() {
        let total = PAGE as u64 + 10;
        let ring = ring(0..total);
        let first = ring.page(0);
        let second = ring.page(first.next);
        assert_eq!((first.entries.len(), second.entries.len()), (PAGE, 10));
        assert_eq!([numbers(&first), numbers(&second)].concat(), (0..total).collect::<Vec<_>>());
        assert_eq!((second.next, second.forgotten), (total, 0));
        assert!(ring.page(total).entries.is_empty());
    }

    #[test]
    fn the_oldest_are_forgotten_and_a_late_reader_is_told_how_many() {
        let ring = ring(0..KEPT as u64 + 7);
        let page = ring.page(2);
        assert_eq!((page.forgotten, numbers(&page)[0]), (5, 7));
        assert_eq!(ring.page(page.next).forgotten, 0);
    }

    #[test]
    fn lost_entries_stand_where_they_were_lost() {
        let ring = ring([1]);
        ring.lost(99);
        ring.push(2);
        assert_eq!(numbers(&ring.page(0)), [1, 99, 2]);
    }

    /// However many drops a host loses, they push nothing out of the ring of what is told rarely.
    #[test]
    fn a_place_where_some_may_be_lost_is_noted_once() {
        let ring = ring([1]);
        (0..2 * KEPT).for_each(|_| ring.maybe_lost());
        ring.push(2);
        ring.maybe_lost();
        assert_eq!(numbers(&ring.page(0)), [1, 0, 2, 0]);
    }

    /// A reader of a controller before this one asks for what comes after a number that was never given.
    #[test]
    fn a_number_too_large_is_the_end() {
        let page = ring([1]).page(50);
        assert_eq!((page.entries.len(), page.next, page.forgotten), (0, 1, 0));
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_by_the_next() {
        let ring = std::sync::Arc::new(ring([1]));
        assert_eq!(numbers(&ring.next_page(0).await), [1]);
        let waiting = tokio::spawn({
            let ring = std::sync::Arc::clone(&ring);
            async move { ring.next_page(1).await }
        });
        tokio::task::yield_now().await;
        ring.push(2);
        assert_eq!(numbers(&waiting.await.unwrap()), [2]);
    }
}
