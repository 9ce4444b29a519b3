//! From `vnetlab up` to a running init.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, PipeReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use linux_net::sandbox::{Kind, unshare};
use nix::sys::signal::SigSet;

use crate::controller::READY;
use crate::lab::{Folder, LabName, RunningLab, folder};

/// Starts the sandbox of a lab; returns when its controller can be talked to.
///
/// `lock` becomes file descriptor 0 of the init, which keeps it as long as it lives.
///
/// # Errors
/// With the end of the log of whatever failed.
pub(crate) fn start(lab: &RunningLab, lock: File, agent: &Path) -> Result<()> {
    let log = lab.folder.log("init");
    let (ready, writer) = std::io::pipe().context("making a pipe")?;
    let mut launch = this_program("__launch", &lab.name, lab.folder.path(), agent);
    launch.stdin(lock).stdout(writer).stderr(File::create(&log).context("making the init's log")?);
    let status = launch.status().context("starting the sandbox")?;
    // Our own copy of the pipe's end goes too, so that the last one below tells by going.
    drop(launch);
    if !status.success() {
        bail!("the sandbox could not be made:\n{}", folder::tail(&log));
    }
    wait_ready(ready).with_context(|| {
        format!(
            "the lab's controller did not start:\n{}\n{}",
            folder::tail(&log),
            folder::tail(&lab.folder.log("controller"))
        )
    })
}

fn wait_ready(pipe: PipeReader) -> Result<()> {
    let mut line = String::new();
    BufReader::new(pipe).read_line(&mut line)?;
    if line.trim_end() == READY { Ok(()) } else { bail!("it ended before it was ready") }
}

/// `__launch`: moves into new namespaces and starts the init there. Has one thread only.
///
/// # Errors
/// When the kernel refuses new namespaces.
pub(crate) fn launch(lab: &LabName, folder: &Path, agent: &Path) -> Result<ExitCode> {
    // `up` has blocked signals for itself; VMs must not inherit that.
    SigSet::all().thread_unblock().context("unblocking signals")?;
    // A session of its own: Ctrl-C in the terminal of `up` is not for the lab.
    nix::unistd::setsid().context("making a session")?;
    let kinds = if nix::unistd::geteuid().is_root() { &Kind::ALL_BUT_USER[..] } else { &Kind::ALL[..] };
    unshare(kinds).context("this machine does not give us new namespaces; `vnetlab doctor` says why")?;
    let init = this_program("__init", lab, folder, agent).spawn().context("starting the init")?;
    let path = Folder::at(folder).init_pid();
    fs::write(&path, init.id().to_string()).with_context(|| format!("writing {}", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// This very executable, even when its file has been replaced meanwhile.
pub(super) fn this_program(command: &str, lab: &LabName, folder: &Path, agent: &Path) -> Command {
    let mut program = Command::new("/proc/self/exe");
    program.env("PATH", super::search_path());
    program.arg0("vnetlab").arg(command).arg(lab.as_ref()).arg(folder).arg(agent);
    program
}

/// The agent's executable: `$VNETLAB_AGENT`, or `vnetlab-agent` beside this executable.
///
/// # Errors
/// When it is not there.
pub(crate) fn agent_program() -> Result<PathBuf> {
    let path = match std::env::var_os("VNETLAB_AGENT").filter(|path| !path.is_empty()) {
        Some(path) => PathBuf::from(path),
        None => std::env::current_exe().context("finding this executable")?.with_file_name("vnetlab-agent"),
    };
    let executable =
        fs::metadata(&path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
    if !executable {
        bail!(
            "there is no executable {}: build it with `cargo build --bins`, or set VNETLAB_AGENT",
            path.display()
        );
    }
    path.canonicalize().with_context(|| format!("finding {}", path.display()))
}
