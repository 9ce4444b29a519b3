//! Packets of all kinds through two engines, with keys that both have from the beginning on.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test says what it expects by unwrapping it, and why it cannot run"
)]

mod ends;
mod hostile;
mod keys;
mod traffic;

use ends::End;

/// Runs `test` with two engines, or says why not.
fn with_engines(test: impl FnOnce(End, End)) {
    match ends::engines() {
        Some((one, two)) => test(one, two),
        None => eprintln!("SKIPPED: no right to make network namespaces or TAP devices: run as root"),
    }
}
