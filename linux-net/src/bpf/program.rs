//! A loaded BPF program: an open descriptor, and what the kernel calls it.

#![allow(unsafe_code, reason = "bpf(2) has no wrapper, and it is one call here")]

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use nix::libc;

/// A command of bpf(2) (`enum bpf_cmd` in linux/bpf.h).
const OBJ_GET_INFO_BY_FD: libc::c_int = 15;

/// A loaded program. It stays loaded at least as long as this value and its clones.
///
/// Two values are equal when they are the same program of the kernel, by whichever descriptor.
#[derive(Clone)]
pub struct Program {
    id: u32,
    name: String,
    fd: Arc<OwnedFd>,
}

/// The part of `union bpf_attr` that the command reads.
#[repr(C)]
struct InfoRequest {
    fd: u32,
    length: u32,
    /// A pointer to what the kernel fills.
    info: u64,
}

/// The beginning of `struct bpf_prog_info`. The kernel fills as much as there is room for, and copies instructions only to
/// where a pointer in it asks for them.
#[repr(C)]
#[derive(Default)]
struct ProgramInfo {
    kind: u32,
    id: u32,
    /// Tag, lengths and pointers of instructions, load time, user, maps.
    unused: [u64; 7],
    name: [u8; 16],
}

impl Program {
    /// Takes the descriptor of a loaded program.
    ///
    /// # Errors
    /// The kernel's, when the descriptor is not one of BPF.
    pub fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        let info = info(&fd)?;
        let length = info.name.iter().position(|byte| *byte == 0).unwrap_or(info.name.len());
        let name = String::from_utf8_lossy(&info.name[..length]).into_owned();
        Ok(Self { id: info.id, name, fd: Arc::new(fd) })
    }

    /// The kernel's number for it, unique on the machine as long as the program is loaded.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The name of its function, cut to 15 bytes.
    pub fn name(&self) -> &str {
        &self.name
    }
}

fn info(fd: &OwnedFd) -> io::Result<ProgramInfo> {
    let mut info = ProgramInfo::default();
    let request = InfoRequest {
        fd: fd.as_raw_fd() as u32,
        length: size_of::<ProgramInfo>() as u32,
        info: (&raw mut info) as u64,
    };
    // SAFETY: the kernel reads the request, of the length that is given, and writes at most `length` bytes to `info`; both
    // live until the call returns, and every pattern of bytes is a valid `ProgramInfo`.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, OBJ_GET_INFO_BY_FD, &raw const request, size_of::<InfoRequest>())
    };
    if result == 0 { Ok(info) } else { Err(io::Error::last_os_error()) }
}

impl AsFd for Program {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
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

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Program({} {})", self.id, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_where_the_kernel_writes_it() {
        assert_eq!(std::mem::offset_of!(ProgramInfo, name), 64);
    }

    #[test]
    fn an_ordinary_descriptor_is_no_program() {
        let file = std::fs::File::open("/proc/self/status").unwrap();
        assert!(Program::from_fd(file.into()).is_err());
    }
}
