//! The first process of a VM: pid 1 of its pid namespace, alive as long as the VM is.
//!
//! It is started by the agent and does not need it any more: a VM survives its agent. It may not enter other
//! namespaces, load code into the kernel or change the machine, nor may anything that runs in the VM.

mod config;
pub(crate) mod files;
pub mod pid_file;
mod responder;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use goal_state::vm::{ANSWERING_PORT, Listen, Transport};
use linux_net::sandbox::{self, capabilities};
use nix::sys::signal::{SigSet, Signal};

pub use config::Config;

use crate::starter::Starter;

/// Lives until it is killed.
///
/// # Errors
/// When the VM cannot be set up; then it is not.
pub fn run(config: &Path) -> Result<()> {
    let starter = Starter::on_stdout().context("taking standard output")?;
    let text = fs::read(config).with_context(|| format!("reading {}", config.display()))?;
    let config: Config =
        serde_json::from_slice(&text).with_context(|| format!("reading {}", config.display()))?;
    let mut lock = pid_file::take(&config.pid_file).context("taking the VM's lock")?;
    let pid = outer_pid()?;
    block_child_signals()?;
    files::arrange(&config.guest)?;
    std::env::set_current_dir("/").context("going to /")?;
    sandbox::set_host_name(config.name.as_str())?;
    capabilities::drop_everywhere(&capabilities::CONFINING)?;
    start_responders(&config);
    start_commands(&config);
    pid_file::announce(&mut lock, pid).context("saying that the VM is up")?;
    starter.tell_ready();
    tracing::info!(vm = %config.name, pid, "up");
    reap()
}

/// This process's number outside: /proc is still the one of the sandbox.
fn outer_pid() -> Result<u32> {
    let link = fs::read_link("/proc/self").context("reading /proc/self")?;
    link.to_string_lossy().parse().context("reading /proc/self")
}

/// Before any thread starts, so that every thread leaves the signal to [`reap`].
fn block_child_signals() -> Result<()> {
    SigSet::from(Signal::SIGCHLD).thread_block().context("blocking SIGCHLD")
}

/// A port that is taken is the VM's own matter: it says so in its log and goes on.
fn start_responders(config: &Config) {
    let everything = [Transport::Tcp, Transport::Udp];
    let everything = everything.map(|transport| Listen { port: ANSWERING_PORT, transport });
    let everything = everything.iter().filter(|_| config.guest.answers_everything);
    for listen in config.guest.listen.iter().chain(everything) {
        if let Err(error) = responder::start(*listen, &config.addresses) {
            tracing::warn!(port = listen.port, transport = ?listen.transport, %error, "cannot listen");
        }
    }
}

fn start_commands(config: &Config) {
    for command in &config.guest.commands {
        match Command::new("sh").arg("-c").arg(command).stdin(Stdio::null()).spawn() {
            Ok(child) => tracing::info!(command, pid = child.id(), "started"),
            Err(error) => tracing::warn!(command, %error, "cannot start"),
        }
    }
}

/// Everything in the VM that loses its parent becomes a child of this process.
fn reap() -> Result<()> {
    let signals = SigSet::from(Signal::SIGCHLD);
    loop {
        while let Some(exit) = sandbox::try_wait_any()? {
            tracing::debug!(?exit, "ended");
        }
        signals.wait().context("waiting for a child")?;
    }
}
