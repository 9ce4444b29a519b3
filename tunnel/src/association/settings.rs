//! How long and how often: everything about an association's life that is a number.

use std::time::Duration;

/// Durations and limits of an association. [`Settings::default`] is what agents use; tests and benchmarks change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Between two handshakes of one pair and direction, at least. 200 ms.
    pub handshake_interval: Duration,
    /// How long a handshake may take until it has failed. 3 s.
    pub handshake_timeout: Duration,
    /// How long the peer's handshake is waited for before an own one is begun beside it, and how long the side that goes first
    /// insists on its own. 500 ms.
    pub patience: Duration,
    /// After the first failed handshake; it doubles with each that fails in a row. 200 ms.
    pub retry_first: Duration,
    /// The longest wait after a failed handshake, and the one after a refused certificate. 5 s.
    pub retry_longest: Duration,
    /// How long a packet waits for keys, and therefore how long the wish for them holds. 1 s.
    pub packets_wait: Duration,
    /// How long records may still come with keys that the peer has ceased to use. 5 s.
    pub old_keys_kept: Duration,
    /// How long nothing authentic may come although packets are sent, before the peer is asked to answer. 1 s.
    pub ask_after: Duration,
    /// How long nothing may come after that, before a new handshake is begun. 3 s.
    pub renew_after: Duration,
    /// How long no packet goes either way before the association is closed. 5 min.
    pub idle: Duration,
    /// Records sealed or opened with the same keys before new ones are agreed on: 2^23, a third of what RFC 9147, section 4.5.3
    /// allows for AES-GCM. The side that does not go first waits for a sixteenth more, so that seldom both begin at once.
    pub rekey_records: u64,
    /// The age of keys at which new ones are agreed on. 1 h; and a sixteenth more, as above.
    pub rekey_age: Duration,
    /// Sets of keys that records may come with at the same time; at least 3. 4.
    pub sessions: usize,
}

/// For ever, as far as an association can tell: 100 years. More could not be added to a point in time.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 86_400);

impl Settings {
    /// The same, with no duration longer than for ever.
    pub(super) fn bounded(mut self) -> Self {
        let durations = [
            &mut self.handshake_interval,
            &mut self.handshake_timeout,
            &mut self.patience,
            &mut self.retry_first,
            &mut self.retry_longest,
            &mut self.packets_wait,
            &mut self.old_keys_kept,
            &mut self.ask_after,
            &mut self.renew_after,
            &mut self.idle,
            &mut self.rekey_age,
        ];
        durations.into_iter().for_each(|duration| *duration = (*duration).min(FOREVER));
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            handshake_interval: Duration::from_millis(200),
            handshake_timeout: Duration::from_secs(3),
            patience: Duration::from_millis(500),
            retry_first: Duration::from_millis(200),
            retry_longest: Duration::from_secs(5),
            packets_wait: Duration::from_secs(1),
            old_keys_kept: Duration::from_secs(5),
            ask_after: Duration::from_secs(1),
            renew_after: Duration::from_secs(3),
            idle: Duration::from_secs(300),
            rekey_records: 1 << 23,
            rekey_age: Duration::from_secs(3600),
            sessions: 4,
        }
    }
}
