//! The compiled BPF programs in the repository are what their sources make.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test says what it expects by unwrapping it, and says why it cannot run"
)]

use std::path::Path;
use std::process::Command;

/// What the script ends with when the reference compiler is not here. `scripts/test.sh` leaves the test out then.
const CANNOT_TELL: i32 = 2;

#[test]
fn prebuilt_bpf_objects_equal_their_sources() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/build-bpf.sh");
    let output = Command::new(script).arg("--check").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(CANNOT_TELL) => eprintln!("SKIPPED: {said}"),
        status => assert_eq!(status, Some(0), "{said}"),
    }
}
