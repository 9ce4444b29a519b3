//! A process that is held by a descriptor: its number cannot come to mean another process meanwhile.

#![allow(unsafe_code, reason = "pidfd_open and pidfd_send_signal have no safe wrapper in nix")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
pub use nix::sys::signal::Signal;

use super::SandboxError;

/// A process, alive or ended but not yet waited for by its parent.
#[derive(Debug)]
pub struct PidFd {
    pid: u32,
    fd: OwnedFd,
}

impl PidFd {
    /// The process with that number in the caller's pid namespace.
    ///
    /// # Errors
    /// The source is `ESRCH` when there is no such process.
    pub fn open(pid: u32) -> Result<Self, SandboxError> {
        // SAFETY: the call takes two numbers and returns a descriptor or -1; it touches no memory of ours.
        let result = unsafe { libc::syscall(libc::SYS_pidfd_open, pid as libc::pid_t, 0) };
        if result < 0 {
            let source = io::Error::last_os_error();
            return Err(SandboxError::Process { what: format!("open process {pid}"), source });
        }
        // SAFETY: the kernel has just given us this descriptor (close-on-exec), and nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(result as i32) };
        Ok(Self { pid, fd })
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it still runs.
    pub fn is_alive(&self) -> Result<bool, SandboxError> {
        self.wait(Some(Duration::ZERO)).map(|ended| !ended)
    }

    /// Waits until it ends; `false` when it still runs after `timeout` (`None` = for ever).
    pub fn wait(&self, timeout: Option<Duration>) -> Result<bool, SandboxError> {
        let end = timeout.map(|timeout| Instant::now() + timeout);
        loop {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let left = left
                .map_or(PollTimeout::NONE, |left| PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX));
            match poll(&mut [PollFd::new(self.fd.as_fd(), PollFlags::POLLIN)], left) {
                Ok(ready) => return Ok(ready > 0),
                // A signal for the caller; the rest of the time remains.
                Err(Errno::EINTR) => {}
                Err(errno) => {
                    let what = format!("wait for process {}", self.pid);
                    return Err(SandboxError::Process { what, source: errno.into() });
                }
            }
        }
    }

    /// Sends a signal. A process that has ended already is no error.
    pub fn kill(&self, signal: Signal) -> Result<(), SandboxError> {
        let no_info = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: the descriptor is a pidfd, and a null pointer is allowed for the signal's information.
        let result = unsafe {
            libc::syscall(libc::SYS_pidfd_send_signal, self.fd.as_raw_fd(), signal as i32, no_info, 0)
        };
        let source = io::Error::last_os_error();
        if result == 0 || source.raw_os_error() == Some(libc::ESRCH) {
            return Ok(());
        }
        Err(SandboxError::Process { what: format!("send {signal} to process {}", self.pid), source })
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
