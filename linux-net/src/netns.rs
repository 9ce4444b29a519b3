//! A network namespace: make one, pin it by name, open it, run something inside it.
//!
//! Names are those of `ip netns`: a file under `/run/netns` with the namespace bound on it. No thread of the caller ever
//! changes its namespace: what must happen inside happens on a thread of its own that ends afterwards. That thread goes
//! further, and comes back, by itself; so whoever visits many namespaces does it inside one [`NetNs::run`].

use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, thread};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::statfs::{NSFS_MAGIC, fstatfs};

use crate::netlink::{self, Netlink};

/// Where `ip netns` keeps the names.
pub const NETNS_DIR: &str = "/run/netns";

/// The calling thread's own namespace.
const OWN: &str = "/proc/thread-self/ns/net";

thread_local! {
    /// Where a thread of ours is; none on all other threads.
    static HERE: RefCell<Option<NetNs>> = const { RefCell::new(None) };
}

/// What tells one namespace from another, whatever its name: the inode of the kernel's nsfs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetNsId {
    device: u64,
    inode: u64,
}

/// An open network namespace. It lives at least as long as this value (and its clones); a pinned one as long as its name.
///
/// Two values are equal when they are the same namespace.
#[derive(Clone)]
pub struct NetNs {
    fd: Arc<OwnedFd>,
    id: NetNsId,
    name: Option<String>,
}

/// A failure around a network namespace.
#[derive(Debug, thiserror::Error)]
pub enum NetNsError {
    /// The name has a slash, is empty, is `.` or `..`, or is longer than 255 bytes.
    #[error("{0:?} is no name for a network namespace")]
    InvalidName(String),
    /// The name is taken.
    #[error("network namespace {0} exists already")]
    Exists(String),
    /// No such name or path.
    #[error("there is no network namespace {0}")]
    NotFound(String),
    /// The file is there, but it is not a namespace.
    #[error("{} is not a namespace", .0.display())]
    NotANamespace(PathBuf),
    /// `/run/netns` could not be prepared.
    #[error("cannot prepare {NETNS_DIR}")]
    Directory(#[source] io::Error),
    /// The namespace could not be opened.
    #[error("cannot open the network namespace {what}")]
    Open {
        /// Its name or path.
        what: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The kernel made no new namespace.
    #[error("cannot make a network namespace")]
    Unshare(#[source] io::Error),
    /// `unshare` succeeded, yet the thread is still in the old namespace.
    #[error("the kernel left the thread in its old network namespace")]
    NotIsolated,
    /// The name could not be bound to the namespace.
    #[error("cannot pin the network namespace {name}")]
    Pin {
        /// The name.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The loopback device of a new namespace could not be brought up.
    #[error("cannot bring up the loopback device")]
    Loopback(#[source] Box<netlink::NetlinkError>),
    /// The name could not be removed.
    #[error("cannot remove the network namespace {name}")]
    Remove {
        /// The name.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The names could not be read.
    #[error("cannot list {NETNS_DIR}")]
    List(#[source] io::Error),
    /// A thread could not be started for work inside the namespace.
    #[error("cannot start a thread for the network namespace {what}")]
    Thread {
        /// The namespace.
        what: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A thread could not enter the namespace.
    #[error("cannot enter the network namespace {what}")]
    Enter {
        /// The namespace.
        what: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl NetNs {
    /// Makes a namespace with its loopback device up and pins it under `name`.
    ///
    /// # Errors
    /// [`NetNsError::Exists`] when the name is taken; it is left as it was.
    pub fn create(name: &str) -> Result<Self, NetNsError> {
        check_name(name)?;
        prepare_directory().map_err(NetNsError::Directory)?;
        let path = path_of(name);
        OpenOptions::new().write(true).create_new(true).mode(0o444).open(&path).map_err(
            |source| match source.kind() {
                io::ErrorKind::AlreadyExists => NetNsError::Exists(name.to_owned()),
                _ => NetNsError::Pin { name: name.to_owned(), source },
            },
        )?;
        let made = excursion(name, || {
            let namespace = unshare_here()?;
            bind(OWN, &path).map_err(|source| NetNsError::Pin { name: name.to_owned(), source })?;
            Ok(namespace)
        });
        match made {
            Ok(namespace) => Ok(Self { name: Some(name.to_owned()), ..namespace }),
            Err(error) => {
                // Best effort: the first error is the one that the caller must see.
                let _ = fs::remove_file(&path);
                Err(error)
            }
        }
    }

    /// Makes a namespace without a name, with its loopback device up. It ends with the last clone of the value and the
    /// last process inside.
    pub fn anonymous() -> Result<Self, NetNsError> {
        excursion("anonymous", unshare_here)
    }

    /// Opens `name`, or makes it. A stale file of that name (left by a crash: nothing is bound on it) is replaced.
    pub fn ensure(name: &str) -> Result<Self, NetNsError> {
        match Self::open(name) {
            Err(NetNsError::NotFound(_)) => {}
            Err(NetNsError::NotANamespace(_)) => Self::delete(name)?,
            other => return other,
        }
        match Self::create(name) {
            Err(NetNsError::Exists(_)) => Self::open(name),
            other => other,
        }
    }

    /// Opens the namespace that is pinned under `name`.
    pub fn open(name: &str) -> Result<Self, NetNsError> {
        check_name(name)?;
        let namespace = Self::open_path(&path_of(name)).map_err(|error| match error {
            NetNsError::NotFound(_) => NetNsError::NotFound(name.to_owned()),
            other => other,
        })?;
        Ok(Self { name: Some(name.to_owned()), ..namespace })
    }

    /// Opens a namespace by a path, such as `/proc/<pid>/ns/net`.
    pub fn open_path(path: &Path) -> Result<Self, NetNsError> {
        let what = || path.display().to_string();
        let file = File::open(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => NetNsError::NotFound(what()),
            _ => NetNsError::Open { what: what(), source },
        })?;
        let kind = fstatfs(&file).map_err(|errno| NetNsError::Open { what: what(), source: errno.into() })?;
        if kind.filesystem_type() != NSFS_MAGIC {
            return Err(NetNsError::NotANamespace(path.to_owned()));
        }
        let metadata = file.metadata().map_err(|source| NetNsError::Open { what: what(), source })?;
        let id = NetNsId { device: metadata.dev(), inode: metadata.ino() };
        Ok(Self { fd: Arc::new(file.into()), id, name: None })
    }

    /// The namespace of the calling thread.
    pub fn current() -> Result<Self, NetNsError> {
        Self::open_path(Path::new(OWN))
    }

    /// Removes the name. The namespace itself ends when no process, socket or open value holds it any more.
    /// A name that does not exist is no error.
    pub fn delete(name: &str) -> Result<(), NetNsError> {
        check_name(name)?;
        let path = path_of(name);
        let failed = |source: io::Error| NetNsError::Remove { name: name.to_owned(), source };
        match umount2(&path, MntFlags::MNT_DETACH) {
            // EINVAL: a file on which nothing is bound.
            Ok(()) | Err(Errno::ENOENT | Errno::EINVAL) => {}
            Err(errno) => return Err(failed(errno.into())),
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        }
    }

    /// All names, sorted.
    pub fn list() -> Result<Vec<String>, NetNsError> {
        let entries = match fs::read_dir(NETNS_DIR) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(NetNsError::List)?,
        };
        let mut names = entries
            .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<_>>>()
            .map_err(NetNsError::List)?;
        names.sort();
        Ok(names)
    }

    /// Runs `work` inside the namespace, on a thread of its own, and waits for it. A panic in `work` goes on in the caller.
    /// When `work` visits further namespaces, no further thread is started.
    ///
    /// File descriptors that `work` opens (sockets, above all) stay in the namespace for ever.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NetNsError> {
        excursion(&self.to_string(), || {
            self.enter()?;
            Ok(work())
        })
    }

    /// The name, when it was opened or made by name.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What tells this namespace from others.
    pub fn id(&self) -> NetNsId {
        self.id
    }

    /// Moves the calling thread, which is one of ours.
    fn enter(&self) -> Result<(), NetNsError> {
        if HERE.with_borrow(|here| here.as_ref() == Some(self)) {
            return Ok(());
        }
        setns(&self.fd, CloneFlags::CLONE_NEWNET)
            .map_err(|errno| NetNsError::Enter { what: self.to_string(), source: errno.into() })?;
        HERE.set(Some(self.clone()));
        Ok(())
    }
}

impl AsFd for NetNs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for NetNs {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl PartialEq for NetNs {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for NetNs {}

impl PartialOrd for NetNs {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for NetNs {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.id.cmp(&other.id)
    }
}

impl std::hash::Hash for NetNs {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl fmt::Display for NetNs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.write_str(name),
            None => write!(f, "net:[{}]", self.id.inode),
        }
    }
}

impl fmt::Debug for NetNs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetNs({self})")
    }
}

fn check_name(name: &str) -> Result<(), NetNsError> {
    let bad =
        name.is_empty() || name == "." || name == ".." || name.len() > 255 || name.contains(['/', '\0']);
    if bad { Err(NetNsError::InvalidName(name.to_owned())) } else { Ok(()) }
}

fn path_of(name: &str) -> PathBuf {
    Path::new(NETNS_DIR).join(name)
}

/// Makes `/run/netns` a shared mount, as `ip netns` does: a pin that is removed here then also goes away in mount
/// namespaces that were cloned from this one, which would otherwise keep the namespace alive.
fn prepare_directory() -> io::Result<()> {
    fs::create_dir_all(NETNS_DIR)?;
    // Two processes that do this at the same time would bind the directory twice.
    let lock = Flock::lock(File::open(NETNS_DIR)?, FlockArg::LockExclusive).map_err(|(_, errno)| errno)?;
    let share =
        || mount(None::<&str>, NETNS_DIR, None::<&str>, MsFlags::MS_SHARED | MsFlags::MS_REC, None::<&str>);
    if share() == Err(Errno::EINVAL) {
        let bind = MsFlags::MS_BIND | MsFlags::MS_REC;
        mount(Some(NETNS_DIR), NETNS_DIR, None::<&str>, bind, None::<&str>)?;
        share()?;
    }
    drop(lock);
    Ok(())
}

fn bind(source: &str, target: &Path) -> io::Result<()> {
    Ok(mount(Some(source), target, None::<&str>, MsFlags::MS_BIND, None::<&str>)?)
}

/// Moves the calling thread into a new namespace and brings up its loopback device.
fn unshare_here() -> Result<NetNs, NetNsError> {
    let before = NetNs::current()?;
    unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| NetNsError::Unshare(errno.into()))?;
    let after = NetNs::current()?;
    if before == after {
        return Err(NetNsError::NotIsolated);
    }
    HERE.set(Some(after.clone()));
    Netlink::open_in_this_thread()
        .and_then(|mut netlink| netlink.apply(&[netlink::Request::set_up("lo")]))
        .map_err(|error| NetNsError::Loopback(Box::new(error)))?;
    Ok(after)
}

/// Runs `work`, which moves its thread: a thread of ours, which then goes back to where it was, or else a new one.
fn excursion<T: Send>(
    what: &str,
    work: impl FnOnce() -> Result<T, NetNsError> + Send,
) -> Result<T, NetNsError> {
    let Some(home) = HERE.with_borrow(Clone::clone) else { return in_thread(what, work) };
    let result = work();
    home.enter()?;
    result
}

/// Runs `work` on a new thread and waits for it; a panic goes on in the caller.
fn in_thread<T: Send>(
    what: &str,
    work: impl FnOnce() -> Result<T, NetNsError> + Send,
) -> Result<T, NetNsError> {
    thread::scope(|scope| {
        let worker = thread::Builder::new()
            .name(format!("netns {what}"))
            .spawn_scoped(scope, work)
            .map_err(|source| NetNsError::Thread { what: what.to_owned(), source })?;
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_single_path_elements() {
        for name in ["", ".", "..", "a/b", "a\0b"] {
            assert!(matches!(NetNs::open(name), Err(NetNsError::InvalidName(_))), "{name:?}");
        }
    }

    #[test]
    fn the_current_namespace_is_itself() {
        assert_eq!(NetNs::current().unwrap(), NetNs::current().unwrap());
    }

    #[test]
    fn an_ordinary_file_is_no_namespace() {
        let path = Path::new("/proc/self/status");
        assert!(matches!(NetNs::open_path(path), Err(NetNsError::NotANamespace(_))));
    }
}
