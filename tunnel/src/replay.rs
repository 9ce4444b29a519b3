//! Which record numbers were there already: a sliding window without shifting (RFC 6479).
//!
//! Numbers are bits in a ring of words. Where the window moves on, words that it enters are cleared, and one word is always
//! ahead of it; so a window of 8,192 bits tells 8,128 numbers apart, and moving it costs the same however long it is.

/// Words in the ring.
const WORDS: u64 = 128;
/// Numbers behind the highest seen, itself among them, of which the window knows whether they were seen.
pub const WINDOW: u64 = (WORDS - 1) * 64;

/// The numbers of the records that were authentic. Numbers are below 2^48.
#[derive(Debug, Clone)]
pub struct Window {
    /// One above the highest number seen.
    next: u64,
    seen: [u64; WORDS as usize],
}

impl Window {
    /// Nothing seen.
    #[must_use]
    pub fn new() -> Self {
        Self { next: 0, seen: [0; WORDS as usize] }
    }

    /// One above the highest number seen; 0 where none was.
    #[inline]
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Whether a record of this number may still be taken: it was not seen, and is not older than the window.
    #[inline]
    #[must_use]
    pub fn is_new(&self, number: u64) -> bool {
        if number >= self.next {
            return true;
        }
        self.next - number <= WINDOW && self.seen[word(number)] & bit(number) == 0
    }

    /// Remembers a number that [`is_new`](Self::is_new), once its record has proved authentic.
    #[inline]
    pub fn commit(&mut self, number: u64) {
        if number >= self.next {
            self.clear(self.next.saturating_sub(1) / 64 + 1, number / 64);
            self.next = number + 1;
        }
        self.seen[word(number)] |= bit(number);
    }

    /// Clears the words from the `first` to the `last` since number 0, each once.
    #[inline]
    fn clear(&mut self, first: u64, last: u64) {
        for word in first..=last.min(first + WORDS - 1) {
            self.seen[(word % WORDS) as usize] = 0;
        }
    }
}

impl Default for Window {
    fn default() -> Self {
        Self::new()
    }
}

#[inline]
fn word(number: u64) -> usize {
    (number / 64 % WORDS) as usize
}

#[inline]
fn bit(number: u64) -> u64 {
    1 << (number % 64)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// Takes a number if it may be taken.
    fn take(window: &mut Window, number: u64) -> bool {
        let new = window.is_new(number);
        if new {
            window.commit(number);
        }
        new
    }

    #[test]
    fn every_number_is_taken_once() {
        let mut window = Window::new();
        for number in 0..20_000 {
            assert!(take(&mut window, number), "{number}");
            assert!(!take(&mut window, number), "{number} again");
        }
    }

    #[test]
    fn a_number_as_old_as_the_window_is_taken_and_an_older_one_is_not() {
        for highest in [WINDOW, 8_191, 8_192, 100_000, 100_031, 100_032, 100_063, 100_064] {
            let mut window = Window::new();
            window.commit(highest);
            assert!(window.is_new(highest + 1 - WINDOW));
            assert!(highest < WINDOW || !window.is_new(highest - WINDOW));
            assert!(take(&mut window, highest + 1 - WINDOW));
            assert!(!window.is_new(highest), "the word of the oldest is not that of the newest");
        }
    }

    #[test]
    fn numbers_that_were_passed_over_stay_new() {
        let mut window = Window::new();
        window.commit(5_000);
        let before: Vec<u64> = (0..5_000).rev().collect();
        assert!(before.into_iter().all(|number| take(&mut window, number)));
        assert!((0..=5_000).all(|number| !window.is_new(number)));
    }

    #[test]
    fn a_jump_of_any_length_forgets_what_lies_behind() {
        for jump in [8_128, 8_192, 8_193, 16_384, 65_536, 1 << 40] {
            let mut window = Window::new();
            (0..10_000).for_each(|number| window.commit(number));
            let landed = 9_999 + jump;
            assert!(take(&mut window, landed));
            assert!(
                (landed + 1 - WINDOW..landed).all(|number| number < 10_000 || window.is_new(number)),
                "{jump}"
            );
            assert!(!window.is_new(9_999));
        }
    }

    #[test]
    fn asking_changes_nothing() {
        let mut window = Window::new();
        assert!(window.is_new(1 << 40));
        assert_eq!(window.next(), 0);
        assert!(take(&mut window, 0));
        assert_eq!(window.next(), 1);
    }

    proptest! {
        /// Against a set of all the numbers ever taken.
        #[test]
        fn it_agrees_with_a_set(steps in prop::collection::vec((0_u8..8, -9_000_i64..9_000), 1..2_000)) {
            let mut window = Window::new();
            let mut taken = HashSet::new();
            let mut at = 0_i64;
            for (kind, step) in steps {
                // Mostly small steps, so that the same number comes more than once.
                at = (at + match kind { 0 => step, 1 => step * 16, _ => step % 100 }).max(0);
                let number = at as u64;
                let old = window.next() > number && window.next() - number > WINDOW;
                prop_assert_eq!(take(&mut window, number), !old && taken.insert(number));
            }
        }
    }
}
