//! Waiting for children, also those that were left by their parents.

use std::io;

use nix::errno::Errno;
use nix::sys::prctl::set_child_subreaper;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

use super::SandboxError;

/// A child that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// Its pid, which is free for others from now on.
    pub pid: u32,
    /// Its exit code, or 128 + the signal that ended it, as shells count.
    pub code: i32,
}

/// Waits until any child ends; `None` when there is no child. Pid 1 of a namespace must call this again and again, or
/// processes that have ended pile up.
pub fn wait_any() -> Result<Option<Exit>, SandboxError> {
    loop {
        match waitpid(None, None) {
            Ok(status) => {
                if let Some(exit) = exit(status) {
                    return Ok(Some(exit));
                }
            }
            Err(Errno::EINTR) => {}
            Err(Errno::ECHILD) => return Ok(None),
            Err(errno) => return Err(failed(errno)),
        }
    }
}

/// A child that has ended already, if there is one. Does not wait.
pub fn try_wait_any() -> Result<Option<Exit>, SandboxError> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(None),
            Ok(status) => {
                if let Some(exit) = exit(status) {
                    return Ok(Some(exit));
                }
            }
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(failed(errno)),
        }
    }
}

/// From now on descendants that lose their parent become children of this process.
pub fn become_subreaper() -> Result<(), SandboxError> {
    set_child_subreaper(true)
        .map_err(|errno| SandboxError::Process { what: "become a subreaper".into(), source: errno.into() })
}

/// `None` for a child that was only stopped or continued.
fn exit(status: WaitStatus) -> Option<Exit> {
    match status {
        WaitStatus::Exited(pid, code) => Some(Exit { pid: pid.as_raw() as u32, code }),
        WaitStatus::Signaled(pid, signal, _) => {
            Some(Exit { pid: pid.as_raw() as u32, code: 128 + signal as i32 })
        }
        _ => None,
    }
}

fn failed(errno: Errno) -> SandboxError {
    SandboxError::Process { what: "wait for children".into(), source: io::Error::from(errno) }
}
