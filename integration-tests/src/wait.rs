//! Waiting for conditions, never for time.

use std::time::{Duration, Instant};

/// How long anything may take before a test gives up: far more than it takes, since the machine may be busy.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Asks `condition` again and again until it says something.
///
/// # Panics
/// After [`LIMIT`], with `what` in the message.
pub fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(started.elapsed() < LIMIT, "waited {LIMIT:?} in vain for: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
