//! When an own handshake may begin: not too soon after the one before, and later with each that fails in a row.

use std::time::{Duration, Instant};

use super::settings::Settings;

#[derive(Debug, Default)]
pub(super) struct Pace {
    started: Option<Instant>,
    failures: u32,
    not_before: Option<Instant>,
    wanted: Option<Instant>,
}

impl Pace {
    /// A packet waits.
    pub(super) fn want(&mut self, now: Instant) {
        self.wanted = Some(now);
    }

    /// Since when packets wait, and until when.
    pub(super) fn wanted(&self, settings: &Settings) -> Option<(Instant, Instant)> {
        self.wanted.map(|wanted| (wanted, wanted + settings.packets_wait))
    }

    /// The earliest time for the next; none if it may begin at any.
    pub(super) fn not_before(&self, settings: &Settings) -> Option<Instant> {
        self.not_before.max(self.started.map(|started| started + settings.handshake_interval))
    }

    pub(super) fn started(&mut self, now: Instant) {
        self.started = Some(now);
    }

    /// One has failed, and if `refused`, it will fail again until somebody mends the certificate.
    pub(super) fn failed(&mut self, refused: bool, settings: &Settings, now: Instant) {
        let wait = if refused { settings.retry_longest } else { self.backoff(settings) };
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(now + wait);
    }

    fn backoff(&self, settings: &Settings) -> Duration {
        let doubled =
            1u32.checked_shl(self.failures).and_then(|times| settings.retry_first.checked_mul(times));
        doubled.map_or(settings.retry_longest, |wait| wait.min(settings.retry_longest))
    }

    /// Keys are in use; nothing waits any more.
    pub(super) fn succeeded(&mut self) {
        *self = Self { started: self.started, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let (settings, now) = (Settings::default(), Instant::now());
        let mut pace = Pace::default();
        for expected in [200, 400, 800, 1600, 3200, 5000, 5000] {
            pace.failed(false, &settings, now);
            assert_eq!(pace.not_before(&settings), Some(now + Duration::from_millis(expected)));
        }
        for _ in 0..100 {
            pace.failed(false, &settings, now);
        }
        assert_eq!(pace.not_before(&settings), Some(now + settings.retry_longest));
        pace.succeeded();
        assert_eq!(pace.not_before(&settings), None);
    }
}
