//! The socket and the lock: one agent per host, as many controllers as connect.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use goal_state::{HostGoalState, HostName};
use tokio::net::UnixListener;

use crate::connection;
use crate::host::Host;
use crate::starter::Starter;
use crate::state::StateFolder;

/// Serves until the process is ended from outside.
///
/// # Errors
/// When another agent serves this host, or the socket cannot be made.
pub fn run(host: HostName, socket: &Path, state_dir: &Path) -> Result<()> {
    let starter = Starter::on_stdout().context("taking standard output")?;
    let _lock = lock(socket)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting tokio")?;
    runtime.block_on(serve(host, socket, state_dir, starter))
}

/// Held as long as the agent lives. Nobody inherits it: the file closes on exec.
fn lock(socket: &Path) -> Result<File> {
    let path = socket.with_extension("lock");
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| format!("opening {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            bail!("another agent serves this host: {} is locked", path.display())
        }
        Err(fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("locking {}", path.display()))
        }
    }
}

async fn serve(host: HostName, socket: &Path, state_dir: &Path, starter: Starter) -> Result<()> {
    let state = StateFolder::new(state_dir, &host).context("preparing the state folder")?;
    let host = Host::start(host, state).context("starting")?;
    let listener = listen(socket)?;
    starter.tell_ready();
    tracing::info!(host = %host.name(), socket = %socket.display(), "listening");
    resume(&host);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection::serve(Arc::clone(&host), stream));
            }
            Err(error) => {
                // Out of descriptors, most likely: connections that close make room.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

/// A socket file without an agent is in the way; the lock says that there is none.
fn listen(socket: &Path) -> Result<UnixListener> {
    match fs::remove_file(socket) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("removing {}", socket.display()));
        }
        _ => {}
    }
    UnixListener::bind(socket).with_context(|| format!("listening on {}", socket.display()))
}

/// Applies the goal state of the agent before this one.
fn resume(host: &Arc<Host>) {
    let Some(goal) = host.goal() else { return };
    let host = Arc::clone(host);
    tokio::task::spawn_blocking(move || match host.apply(HostGoalState::clone(&goal), &|_, _| ()) {
        Ok(report) => tracing::info!(
            generation = report.generation.0,
            changes = report.changes,
            problems = report.problems.len(),
            "applied the saved goal state"
        ),
        Err(error) => tracing::warn!(%error, "cannot apply the saved goal state"),
    });
}
