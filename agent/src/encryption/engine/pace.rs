//! At most so many events a second, from somebody who might send any number.

use std::time::{Duration, Instant};

/// A bucket of tokens.
#[derive(Debug)]
pub(crate) struct Pace {
    every: Duration,
    most: u32,
    /// When the bucket would be full.
    full: Option<Instant>,
}

impl Pace {
    /// One event each `every`, and up to `most` of them at once.
    pub(crate) fn new(every: Duration, most: u32) -> Self {
        Self { every, most, full: None }
    }

    /// Whether one more event is within the pace.
    pub(crate) fn allows(&mut self, now: Instant) -> bool {
        let full = self.full.map_or(now, |full| full.max(now)) + self.every;
        let within = full.duration_since(now) <= self.every * self.most;
        if within {
            self.full = Some(full);
        }
        within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_one_by_one() {
        let start = Instant::now();
        let mut pace = Pace::new(Duration::from_millis(10), 3);
        let allowed =
            [0, 0, 0, 0, 9, 10, 10, 30, 30, 30].map(|ms| pace.allows(start + Duration::from_millis(ms)));
        assert_eq!(allowed, [true, true, true, false, false, true, false, true, true, false]);
    }
}
