//! The sandbox of a lab: new pid, mount, network, UTS and IPC namespaces, and a user namespace when the caller is not root.
//!
//! ```text
//! vnetlab up ── __launch ── unshare ── __init (pid 1) ── __controller ── agents ── VMs
//!   waits for "ready"   (ends)         reaps, supervises
//! ```
//!
//! The machine's own network namespace is never touched. When the init dies, the kernel ends every process below it, and
//! with the last one go namespaces, mounts and devices.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

mod command;
mod enter;
mod init;
mod launch;

pub(crate) use command::{Stdin, run, run_in};
pub(crate) use enter::{enter, enter_vm};
pub(crate) use init::init;
pub(crate) use launch::{agent_program, launch, start};

/// Where programs are looked for: `PATH`, and the folders of system tools, which an ordinary user's `PATH` leaves out and
/// root's, whom the user becomes inside a lab, has.
pub(crate) fn search_path() -> OsString {
    let own = env::var_os("PATH").unwrap_or_default();
    let own: Vec<_> = env::split_paths(&own).filter(|folder| !folder.as_os_str().is_empty()).collect();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from);
    let missing = system.into_iter().filter(|folder| !own.contains(folder)).collect::<Vec<_>>();
    env::join_paths(own.iter().chain(&missing)).unwrap_or_default()
}

/// Where the lab's state folder is inside the sandbox.
const STATE: &str = "/run/vnetlab";
