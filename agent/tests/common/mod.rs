//! A machine room for agents: a sandbox, an underlay, hosts with an agent each, and a controller's side of the link.

#![allow(dead_code, reason = "every test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

pub(crate) mod controller;
pub(crate) mod internet;
pub(crate) mod network;
pub(crate) mod room;

use std::process::Command;

const INSIDE: &str = "VNETLAB_TEST_INSIDE";

/// Runs `body` in namespaces of its own, by starting this very test again below `unshare`. Needs no root: without it, a
/// user namespace gives the rights. When the test ends, the kernel removes everything that it made.
pub(crate) fn in_sandbox(test: &str, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        body();
        return;
    }
    let mut unshare = Command::new("unshare");
    if !nix::unistd::geteuid().is_root() || std::env::var_os("VNETLAB_TEST_ROOTLESS").is_some() {
        unshare.arg("--map-root-user");
    }
    let status = unshare
        .args(["--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc"])
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .status()
        .expect("unshare of util-linux is installed");
    assert!(status.success(), "{test} failed in its sandbox: {status}");
}
