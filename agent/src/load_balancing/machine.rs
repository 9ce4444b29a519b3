//! From answers to health: how many in a row change it. Pure.

use std::time::Duration;

use goal_state::load_balancing::Health;

/// Until a backend has answered for the first time it is asked this often, so that it has work soon after it comes up…
const EAGER_PAUSE: Duration = Duration::from_secs(1);
/// …but no more than so many times.
const EAGER_QUESTIONS: u32 = 30;

/// What is known of a backend.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Record {
    health: Health,
    /// Answers in a row that say otherwise.
    contradictions: u32,
    asked: u32,
    has_answered: bool,
}

impl Record {
    /// How it is.
    pub(super) fn health(&self) -> Health {
        self.health
    }

    /// Notes an answer; whether health has changed by it. `threshold` answers in a row change it, and the very first good one does.
    pub(super) fn note(&mut self, is_good: bool, threshold: u32) -> bool {
        self.asked = self.asked.saturating_add(1);
        let said = if is_good { Health::Up } else { Health::Down };
        self.contradictions = if said == self.health { 0 } else { self.contradictions + 1 };
        let is_first = is_good && !self.has_answered;
        self.has_answered |= is_good;
        let changes = said != self.health && (is_first || self.contradictions >= threshold);
        if changes {
            self.health = said;
            self.contradictions = 0;
        }
        changes
    }

    /// From one question to the next.
    pub(super) fn pause(&self, interval: Duration) -> Duration {
        let is_eager = !self.has_answered && self.asked < EAGER_QUESTIONS;
        if is_eager { interval.min(EAGER_PAUSE) } else { interval }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(answers: &[bool], threshold: u32) -> Health {
        let mut record = Record::default();
        for answer in answers {
            record.note(*answer, threshold);
        }
        record.health()
    }

    #[test]
    fn so_many_answers_in_a_row_change_it() {
        assert_eq!(after(&[], 2), Health::Unknown);
        assert_eq!(after(&[false], 2), Health::Unknown);
        assert_eq!(after(&[false, false], 2), Health::Down);
        assert_eq!(after(&[true], 2), Health::Up);
        assert_eq!(after(&[true, false], 2), Health::Up);
        assert_eq!(after(&[true, false, true, false], 2), Health::Up, "not in a row");
        assert_eq!(after(&[true, false, false], 2), Health::Down);
        assert_eq!(after(&[true, false, false, true], 2), Health::Down);
        assert_eq!(after(&[true, false, false, true, true], 2), Health::Up);
        assert_eq!(after(&[true, false], 1), Health::Down);
    }

    #[test]
    fn who_has_just_come_up_need_not_wait() {
        assert_eq!(after(&[false, false, true], 2), Health::Up);
        let mut record = Record::default();
        let interval = Duration::from_secs(5);
        for _ in 0..EAGER_QUESTIONS {
            assert_eq!(record.pause(interval), EAGER_PAUSE);
            record.note(false, 2);
        }
        assert_eq!(record.pause(interval), interval, "it is not there");
        record.note(true, 2);
        record.note(false, 1);
        assert_eq!(record.pause(interval), interval, "it has been there");
    }

    #[test]
    fn it_says_when_it_changes() {
        let mut record = Record::default();
        let changes = [true, true, false, false, false, true].map(|answer| record.note(answer, 2));
        assert_eq!(changes, [true, false, false, true, false, false]);
    }
}
