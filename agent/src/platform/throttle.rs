//! How many questions a VM may ask Azure DNS: 1,000 a second, and 200 may wait.
//!
//! <https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits#azure-dns-limits>

use std::time::Duration;

/// One question in the long run.
const TURN: Duration = Duration::from_millis(1);
/// Questions that are answered at once, when there were few before.
const AT_ONCE: u32 = 100;
/// Questions that may wait.
const QUEUE: u32 = 200;

/// What becomes of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is answered.
    Now,
    /// It is answered after that time.
    After(Duration),
    /// It is not answered.
    Never,
}

/// The questions of one VM. Times are since any fixed moment, and do not go back.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    /// When all that was admitted has had its turn.
    busy_until: Duration,
}

impl Throttle {
    /// A question comes.
    pub(super) fn admit(&mut self, now: Duration) -> Turn {
        let begin = self.busy_until.max(now);
        let ahead = begin - now;
        if ahead >= TURN * (AT_ONCE + QUEUE) {
            return Turn::Never;
        }
        self.busy_until = begin + TURN;
        match ahead.checked_sub(TURN * AT_ONCE) {
            Some(wait) => Turn::After(wait + TURN),
            None => Turn::Now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_answered_queued_and_then_dropped() {
        let mut throttle = Throttle::default();
        let now = Duration::from_secs(7);
        let turns = (0..500).map(|_| throttle.admit(now)).collect::<Vec<_>>();
        let count = |wanted: fn(&Turn) -> bool| turns.iter().filter(|turn| wanted(turn)).count();
        assert_eq!(count(|turn| *turn == Turn::Now), 100);
        assert_eq!(count(|turn| matches!(turn, Turn::After(_))), 200);
        assert_eq!(turns[100], Turn::After(TURN));
        assert_eq!(turns[299], Turn::After(TURN * 200));
        assert_eq!(turns[300], Turn::Never);
    }

    /// Ten seconds of 3,000 questions a second.
    #[test]
    fn in_the_long_run_a_thousand_a_second_are_answered() {
        let mut throttle = Throttle::default();
        let at = |index: u32| Duration::from_secs(10) * index / 30_000;
        let answered = (0..30_000).filter(|index| throttle.admit(at(*index)) != Turn::Never).count();
        assert!((10_000..=10_300).contains(&answered), "{answered}");
    }

    #[test]
    fn who_asks_slowly_never_waits() {
        let mut throttle = Throttle::default();
        for index in 0..5000 {
            assert_eq!(throttle.admit(TURN * index), Turn::Now);
        }
    }
}
