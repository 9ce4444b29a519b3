//! Starting a program inside namespaces.
//!
//! [`Placement`] says where; [`Placement::spawn`] starts a [`Command`] there. The caller's own namespaces never change.
//! All descriptors that Rust opens are close-on-exec, so the program gets its standard streams and nothing else.

// Runs code between fork and exec, which only unsafe code may ask for.
#![allow(unsafe_code, reason = "Command::pre_exec is unsafe")]

use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::setsid;

use crate::netns::NetNs;
use crate::sandbox::Kind;

/// Where a program runs.
#[derive(Debug, Clone, Default)]
pub struct Placement {
    /// Its network namespace; `None` = the caller's.
    pub network: Option<NetNs>,
    /// New namespaces of its own. With [`Kind::Pid`] the program is pid 1 of its namespace. [`Kind::User`] is not possible
    /// here (see [`crate::sandbox::unshare`]); [`Kind::Net`] not together with `network`.
    pub unshare: Vec<Kind>,
    /// A session of its own: no controlling terminal, and signals to the caller's process group do not reach it.
    pub session: bool,
}

/// A program could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// A placement that makes no sense.
    #[error("cannot start {program}: {why}")]
    Placement {
        /// The program.
        program: String,
        /// What is wrong.
        why: &'static str,
    },
    /// No new pid namespace.
    #[error("cannot make a pid namespace for {program}")]
    PidNamespace {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Entering the namespaces, or the program itself, failed.
    #[error("cannot start {program}")]
    Spawn {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Placement {
    /// In that network namespace, everything else as the caller.
    pub fn network(namespace: &NetNs) -> Self {
        Self { network: Some(namespace.clone()), ..Self::default() }
    }

    /// Starts the program.
    pub fn spawn(&self, mut command: Command) -> Result<Child, ProcessError> {
        let program = command.get_program().to_string_lossy().into_owned();
        self.check(&program)?;
        let pid = self.unshare.contains(&Kind::Pid);
        self.install(&mut command);
        if !pid {
            return command.spawn().map_err(|source| ProcessError::Spawn { program, source });
        }
        // A new pid namespace is for the children of the thread that made it. The thread ends, the caller stays as it was.
        thread::scope(|scope| {
            let worker = thread::Builder::new().name("spawn".into()).spawn_scoped(scope, || {
                unshare(CloneFlags::CLONE_NEWPID).map_err(|errno| ProcessError::PidNamespace {
                    program: program.clone(),
                    source: errno.into(),
                })?;
                command.spawn().map_err(|source| ProcessError::Spawn { program: program.clone(), source })
            });
            let worker = worker.map_err(|source| ProcessError::Spawn { program: program.clone(), source })?;
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Makes `command` go to its place when it is started by somebody else (tokio, say). A pid namespace is only possible
    /// with [`Self::spawn`]; here it is left out.
    pub fn install(&self, command: &mut Command) {
        let network = self.network.clone();
        let flags = flags(&self.unshare);
        let session = self.session;
        // SAFETY: the closure runs in the child between fork and exec. It makes system calls only: it neither allocates
        // nor locks, and an error is a bare error number.
        unsafe {
            command.pre_exec(move || {
                if session {
                    setsid()?;
                }
                if let Some(network) = &network {
                    setns(network, CloneFlags::CLONE_NEWNET)?;
                }
                if !flags.is_empty() {
                    unshare(flags)?;
                }
                Ok(())
            });
        }
    }

    fn check(&self, program: &str) -> Result<(), ProcessError> {
        let wrong = |why| ProcessError::Placement { program: program.to_owned(), why };
        if self.unshare.contains(&Kind::User) {
            return Err(wrong("a user namespace is made by a single-threaded process for itself"));
        }
        if self.network.is_some() && self.unshare.contains(&Kind::Net) {
            return Err(wrong("both a given and a new network namespace"));
        }
        Ok(())
    }
}

/// What the child unshares itself: all but the pid namespace, which must be there before the fork.
fn flags(kinds: &[Kind]) -> CloneFlags {
    let here = kinds.iter().filter(|kind| !matches!(kind, Kind::Pid | Kind::User));
    here.map(|kind| kind.flag()).collect()
}

/// Where a program is, by PATH; /usr/sbin counts even when PATH lacks it, as for ordinary users on Debian.
pub fn find_program(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Whether a process of this user may make a user namespace: a child tries it and ends.
pub(crate) fn try_user_namespace() -> io::Result<()> {
    let mut command = Command::new("true");
    // SAFETY: as in `install`: one system call, and the error is a bare number.
    unsafe {
        command.pre_exec(|| Ok(unshare(CloneFlags::CLONE_NEWUSER)?));
    }
    command.status().map(drop)
}
