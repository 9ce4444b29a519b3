//! The kernel's clocks, as programs in the kernel read them.

use nix::time::{ClockId, clock_gettime};

/// Nanoseconds of CLOCK_MONOTONIC as of the last tick, some milliseconds ago at most (`bpf_ktime_get_coarse_ns`).
#[must_use]
pub fn monotonic_ns() -> u64 {
    // Every kernel has this clock.
    let Ok(time) = clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE) else { return 0 };
    u64::try_from(time.tv_sec()).unwrap_or_default() * 1_000_000_000
        + u64::try_from(time.tv_nsec()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on() {
        let before = monotonic_ns();
        assert!(before > 0);
        let start = std::time::Instant::now();
        while monotonic_ns() == before {
            assert!(start.elapsed().as_secs() < 5, "the clock stands still");
        }
        assert!(monotonic_ns() > before);
    }
}
