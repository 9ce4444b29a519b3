//! Mounts of a mount namespace of one's own.

use std::io;
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::SandboxError;

const SAFE: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV).union(MsFlags::MS_NOEXEC);

/// Cuts the namespace's mounts off from those that it was cloned from, in both directions.
pub fn make_private() -> Result<(), SandboxError> {
    change_root("make all mounts private", MsFlags::MS_PRIVATE)
}

/// Changes do not leave the namespace any more; those of the namespace that it was cloned from still arrive, so that
/// an unmount there does not leave a copy here.
pub fn make_slave() -> Result<(), SandboxError> {
    change_root("make all mounts slaves", MsFlags::MS_SLAVE)
}

fn change_root(what: &str, propagation: MsFlags) -> Result<(), SandboxError> {
    let flags = propagation | MsFlags::MS_REC;
    mount(None::<&str>, "/", None::<&str>, flags, None::<&str>)
        .map_err(|errno| failed(what.to_owned(), errno))
}

/// Mounts the /proc of the caller's pid namespace.
pub fn proc(target: &Path) -> Result<(), SandboxError> {
    filesystem("proc", target, SAFE, "")
}

/// Mounts the /sys of the caller's network namespace.
pub fn sysfs(target: &Path) -> Result<(), SandboxError> {
    filesystem("sysfs", target, SAFE, "")
}

/// Mounts an empty file system in memory; `mode` are the permission bits of its root.
pub fn tmpfs(target: &Path, mode: u32) -> Result<(), SandboxError> {
    let options = format!("mode={mode:o}");
    filesystem("tmpfs", target, MsFlags::MS_NOSUID | MsFlags::MS_NODEV, &options)
}

fn filesystem(kind: &str, target: &Path, flags: MsFlags, options: &str) -> Result<(), SandboxError> {
    let options = Some(options).filter(|options| !options.is_empty());
    mount(Some(kind), target, Some(kind), flags, options)
        .map_err(|errno| failed(format!("mount {kind} on {}", target.display()), errno))
}

/// Makes the file or directory `source` (with everything mounted below) visible at `target`, which must exist.
pub fn bind(source: &Path, target: &Path) -> Result<(), SandboxError> {
    mount(Some(source), target, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)
        .map_err(|errno| failed(format!("bind {} on {}", source.display(), target.display()), errno))
}

/// Makes a mount read-only, without what is mounted below.
pub fn make_read_only(target: &Path) -> Result<(), SandboxError> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(None::<&str>, target, None::<&str>, flags, None::<&str>)
        .map_err(|errno| failed(format!("make {} read-only", target.display()), errno))
}

/// Takes a mount out of the tree at once; it ends when nobody uses it any more.
pub fn detach(target: &Path) -> Result<(), SandboxError> {
    umount2(target, MntFlags::MNT_DETACH)
        .map_err(|errno| failed(format!("unmount {}", target.display()), errno))
}

fn failed(what: String, errno: nix::Error) -> SandboxError {
    SandboxError::Mount { what, source: io::Error::from(errno) }
}
