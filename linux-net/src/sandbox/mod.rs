//! What the first process of a sandbox needs: namespaces, mounts, capabilities, other processes.
//!
//! A sandbox begins in a process with a single thread: [`unshare`] (all kinds; [`Kind::User`] when the caller is not
//! root), then start the sandbox's first process (it becomes pid 1, and the starter sees its pid in the outer
//! numbering). Pid 1 then makes mounts private, mounts its own /proc, and ends in a loop over [`wait_any`].
//! [`enter`] brings a later process inside.

pub mod capabilities;
pub mod mounts;
mod namespaces;
mod pidfd;
mod reap;

use std::io;

pub use namespaces::{Kind, enter, unshare};
pub use pidfd::{PidFd, Signal};
pub use reap::{Exit, become_subreaper, try_wait_any, wait_any};

/// One step of setting up or using a sandbox failed.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// No new namespaces.
    #[error("cannot make new namespaces ({kinds})")]
    Unshare {
        /// Which.
        kinds: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The user namespace has no ids.
    #[error("cannot write {file}")]
    IdMap {
        /// Which map.
        file: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The namespaces of a process could not be opened.
    #[error("cannot open {path}")]
    OpenNamespace {
        /// Of which process, and which.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The namespaces of a process could not be entered.
    #[error("cannot enter {path}")]
    Enter {
        /// Of which process, and which.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A mount failed.
    #[error("cannot {what}")]
    Mount {
        /// In words: `mount proc on /proc`.
        what: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The host name was refused.
    #[error("cannot set the host name {name:?}")]
    HostName {
        /// The name.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Capabilities could not be dropped.
    #[error("cannot drop the capability {capability}")]
    Capability {
        /// Which.
        capability: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A process could not be waited for, signalled or found.
    #[error("cannot {what}")]
    Process {
        /// In words: `open process 12`.
        what: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Sets the host name of the UTS namespace.
pub fn set_host_name(name: &str) -> Result<(), SandboxError> {
    nix::unistd::sethostname(name)
        .map_err(|errno| SandboxError::HostName { name: name.to_owned(), source: errno.into() })
}
