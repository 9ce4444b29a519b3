//! One agent per host, as many controllers as connect.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use goal_state::{HostGoalState, HostName};

use crate::door::Door;
use crate::host::Host;
use crate::starter::Starter;
use crate::state::StateFolder;

/// Serves until the process is ended from outside.
///
/// # Errors
/// When another agent serves this host, or nothing can be listened on.
pub fn run(host: HostName, door: &Door, state_dir: &Path) -> Result<()> {
    let starter = Starter::on_stdout().context("taking standard output")?;
    fs::create_dir_all(state_dir).with_context(|| format!("making {}", state_dir.display()))?;
    let _lock = lock(&door.lock_file(state_dir, &host))?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting tokio")?;
    runtime.block_on(serve(host, door, state_dir, starter))
}

/// Held as long as the agent lives. Nobody inherits it: the file closes on exec.
fn lock(path: &Path) -> Result<File> {
    let file = File::options()
        .create(true)
        .append(true)
        .open(path)
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

async fn serve(host: HostName, door: &Door, state_dir: &Path, starter: Starter) -> Result<()> {
    let state = StateFolder::new(state_dir, &host).context("preparing the state folder")?;
    let host = Host::start(host, state).context("starting")?;
    let open = door.open().await?;
    starter.tell_ready();
    tracing::info!(host = %host.name(), ?door, "listening");
    resume(&host);
    open.serve(host).await;
    Ok(())
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
