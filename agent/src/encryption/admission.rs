//! Who may open now, and who waits: with too many handshakes at once each takes so long that it is sent again and again, and
//! none gets done.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;

/// Handshakes that are begun here and not over yet, at most. They keep two processors busy.
const AT_ONCE: usize = 24;

/// The handshakes that are under way, and those that wait for them.
#[derive(Debug)]
pub(super) struct Admission<K> {
    under_way: HashSet<K>,
    waiting: VecDeque<K>,
    /// The same, to be found quickly.
    queued: HashSet<K>,
}

impl<K: Copy + Eq + Hash> Admission<K> {
    pub(super) fn new() -> Self {
        Self { under_way: HashSet::new(), waiting: VecDeque::new(), queued: HashSet::new() }
    }

    /// Whether this one may begin, or go on. Else it waits for its turn.
    pub(super) fn admits(&mut self, key: K) -> bool {
        if self.under_way.contains(&key) {
            return true;
        }
        if self.under_way.len() < AT_ONCE {
            self.under_way.insert(key);
            return true;
        }
        if self.queued.insert(key) {
            self.waiting.push_back(key);
        }
        false
    }

    /// This one is over, or never began.
    pub(super) fn over(&mut self, key: K) {
        self.under_way.remove(&key);
    }

    /// Who may ask again now: whoever waits longest, if there is room.
    pub(super) fn next(&mut self) -> Option<K> {
        let next = (self.under_way.len() < AT_ONCE).then(|| self.waiting.pop_front())??;
        self.queued.remove(&next);
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_too_many_waits_for_one_to_be_over() {
        let mut admission = Admission::new();
        let all = 0..AT_ONCE + 2;
        let admitted = all.clone().filter(|key| admission.admits(*key)).count();
        assert_eq!(admitted, AT_ONCE);
        assert!(admission.admits(0), "it goes on");
        assert!(!admission.admits(AT_ONCE + 1), "it waits once, however often it asks");
        assert_eq!(admission.next(), None);
        admission.over(AT_ONCE);
        assert_eq!(admission.next(), None, "it was not under way");
        admission.over(0);
        assert_eq!(admission.next(), Some(AT_ONCE));
        assert!(admission.admits(AT_ONCE));
        assert_eq!(admission.next(), None);
        admission.over(1);
        assert_eq!(admission.next(), Some(AT_ONCE + 1), "who asked and did not begin leaves room");
        assert_eq!(admission.next(), None, "nobody waits");
    }
}
