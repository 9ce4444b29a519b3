//! Making and entering namespaces of all kinds.

use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sched::{CloneFlags, setns};
use nix::unistd::{getegid, geteuid};

use super::SandboxError;

/// A kind of namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// User and group ids, capabilities.
    User,
    /// Process ids. Only children are in the new one.
    Pid,
    /// Devices, addresses, routes, rulesets.
    Net,
    /// Host name.
    Uts,
    /// System V IPC and POSIX message queues.
    Ipc,
    /// Mounts.
    Mount,
}

impl Kind {
    /// All kinds, in the order in which they are entered: the user namespace gives the right to the others, the mount
    /// namespace comes last because it changes what /proc is.
    pub const ALL: [Self; 6] = [Self::User, Self::Pid, Self::Net, Self::Uts, Self::Ipc, Self::Mount];

    /// All kinds but the user namespace.
    pub const ALL_BUT_USER: [Self; 5] = [Self::Pid, Self::Net, Self::Uts, Self::Ipc, Self::Mount];

    pub(crate) fn flag(self) -> CloneFlags {
        match self {
            Self::User => CloneFlags::CLONE_NEWUSER,
            Self::Pid => CloneFlags::CLONE_NEWPID,
            Self::Net => CloneFlags::CLONE_NEWNET,
            Self::Uts => CloneFlags::CLONE_NEWUTS,
            Self::Ipc => CloneFlags::CLONE_NEWIPC,
            Self::Mount => CloneFlags::CLONE_NEWNS,
        }
    }

    /// Its file below `/proc/<pid>/ns`.
    fn file(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Pid => "pid",
            Self::Net => "net",
            Self::Uts => "uts",
            Self::Ipc => "ipc",
            Self::Mount => "mnt",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file())
    }
}

/// Moves the process into new namespaces. With [`Kind::User`] the caller's user and group become root inside; no other id
/// exists there. With [`Kind::Pid`] the next child is pid 1 of the new namespace.
///
/// # Errors
/// The process must have a single thread for [`Kind::User`], and enough rights for the others without it.
pub fn unshare(kinds: &[Kind]) -> Result<(), SandboxError> {
    // Afterwards the ids of the outer namespace cannot be asked for any more.
    let (user, group) = (geteuid(), getegid());
    let flags = kinds.iter().map(|kind| kind.flag()).collect();
    nix::sched::unshare(flags).map_err(|errno| SandboxError::Unshare {
        kinds: kinds.iter().map(Kind::to_string).collect::<Vec<_>>().join(", "),
        source: errno.into(),
    })?;
    if kinds.contains(&Kind::User) {
        // Without the right to drop groups, a group map is refused (user_namespaces(7)).
        write_map("/proc/self/setgroups", "deny")?;
        write_map("/proc/self/uid_map", &format!("0 {user} 1"))?;
        write_map("/proc/self/gid_map", &format!("0 {group} 1"))?;
    }
    Ok(())
}

fn write_map(file: &'static str, text: &str) -> Result<(), SandboxError> {
    fs::write(file, text).map_err(|source| SandboxError::IdMap { file, source })
}

/// Moves the process into namespaces of another process, by the /proc that it sees now. Those that are the caller's own
/// already are left out. A pid namespace is entered by the next child.
///
/// Works for root, and for the user who made the process's user namespace. To go from a sandbox's namespaces into those
/// of a process inside, call it twice: after the first time /proc is the sandbox's.
///
/// # Errors
/// The process must have a single thread, and have called nothing that shares its working directory with others.
pub fn enter(pid: u32, kinds: &[Kind]) -> Result<(), SandboxError> {
    let mut wanted = Vec::new();
    for kind in Kind::ALL.into_iter().filter(|kind| kinds.contains(kind)) {
        let path = format!("/proc/{pid}/ns/{kind}");
        let open = || -> std::io::Result<Option<File>> {
            // Inside a sandbox that was entered before, /proc does not know the caller, whose pid namespace is outside.
            let own = fs::metadata(format!("/proc/self/ns/{}", own_file(kind))).ok();
            let other = File::open(Path::new(&path))?;
            let metadata = other.metadata()?;
            let same = own.is_some_and(|own| (metadata.dev(), metadata.ino()) == (own.dev(), own.ino()));
            Ok((!same).then_some(other))
        };
        let file = open().map_err(|source| SandboxError::OpenNamespace { path: path.clone(), source })?;
        wanted.extend(file.map(|file| (kind, path, file)));
    }
    for (kind, path, file) in wanted {
        setns(&file, kind.flag()).map_err(|errno| SandboxError::Enter { path, source: errno.into() })?;
    }
    Ok(())
}

/// For pids it counts where children would be.
fn own_file(kind: Kind) -> &'static str {
    if kind == Kind::Pid { "pid_for_children" } else { kind.file() }
}
