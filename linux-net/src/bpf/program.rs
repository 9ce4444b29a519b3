//! A program that the kernel has loaded.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use super::sys;

/// A loaded program. It stays loaded as long as this value (and its clones), a filter or a pin has it.
///
/// Two values are equal when they are the same program of the kernel, by whichever descriptor.
#[derive(Clone)]
pub struct Program {
    id: u32,
    name: String,
    fd: Arc<OwnedFd>,
}

impl Program {
    /// The program that a descriptor is of.
    ///
    /// # Errors
    /// When it is no program's, or the kernel does not tell about it.
    pub fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        let info = sys::program_info(fd.as_fd())?;
        Ok(Self { id: info.id, name: info.name, fd: Arc::new(fd) })
    }

    /// The kernel's number for it, which no other program has while this one is loaded.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Its name: the first 15 bytes of the function's.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl AsFd for Program {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Program({} {})", self.id, self.name)
    }
}

impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Program {}

impl PartialOrd for Program {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Program {
    fn cmp(&self, other: &Self) -> Ordering {
        self.id.cmp(&other.id)
    }
}

impl Hash for Program {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}
