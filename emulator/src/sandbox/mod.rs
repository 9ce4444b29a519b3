//! The sandbox of a lab: new pid, mount, network, UTS and IPC namespaces, and a user namespace when the caller is not root.
//!
//! ```text
//! vnetlab up ── __launch ── unshare ── __init (pid 1) ── __controller ── agents ── VMs
//!   waits for "ready"   (ends)         reaps, supervises
//! ```
//!
//! The machine's own network namespace is never touched. When the init dies, the kernel ends every process below it, and
//! with the last one go namespaces, mounts and devices.

mod command;
mod enter;
mod init;
mod launch;

pub(crate) use command::{Stdin, run};
pub(crate) use enter::{enter, enter_vm};
pub(crate) use init::init;
pub(crate) use launch::{agent_program, launch, start};

/// Where the lab's state folder is inside the sandbox.
const STATE: &str = "/run/vnetlab";
