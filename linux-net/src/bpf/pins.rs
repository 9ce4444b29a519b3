//! The file system where pins are: mounted where it is missing, and filled by one process at a time.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MsFlags, mount};
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};

use super::error::BpfError;

/// Where the programs of an object are pinned, below its folder.
pub(super) const PROGRAMS: &str = "programs";
/// Where its maps are.
pub(super) const MAPS: &str = "maps";

/// Where an object's pins are: the caller's folder, and what tells these bytes from others.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    parent: PathBuf,
    name: String,
}

impl Folder {
    /// `folder` with the digest of `bytes` in its name.
    pub(super) fn new(folder: &Path, bytes: &[u8]) -> Result<Self, BpfError> {
        let bad = || BpfError::BadFolder(folder.to_owned());
        let parent = folder.parent().filter(|parent| parent.parent().is_some()).ok_or_else(bad)?;
        let name = folder.file_name().and_then(|name| name.to_str()).ok_or_else(bad)?;
        // The kernel keeps dots for itself.
        if name.contains('.') || !parent.is_absolute() {
            return Err(bad());
        }
        Ok(Self { parent: parent.to_owned(), name: format!("{name}-{:016x}", digest(bytes)) })
    }

    /// Whether it is there, and then it is complete.
    pub(super) fn is_there(&self) -> bool {
        self.path().join(MAPS).is_dir()
    }

    /// The pin of something; `kind` is [`PROGRAMS`] or [`MAPS`].
    pub(super) fn pin(&self, kind: &str, name: &str) -> PathBuf {
        self.path().join(kind).join(pin_name(name))
    }

    fn path(&self) -> PathBuf {
        self.parent.join(&self.name)
    }

    /// Waits for others that fill folders of this parent. The lock ends with the value, or with the process.
    ///
    /// It is a file beside the parent, since a BPF file system takes no files.
    pub(super) fn lock(&self) -> Result<Flock<File>, BpfError> {
        let mut path = OsString::from(&self.parent);
        path.push(".lock");
        let path = PathBuf::from(path);
        let failed = |source| BpfError::Folder { what: "lock", path: path.clone(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = File::options().write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| failed(errno.into()))
    }

    /// Mounts a BPF file system on the parent, for root alone, unless it is one.
    pub(super) fn mount(&self) -> Result<(), BpfError> {
        let path = &self.parent;
        let failed = |what, source| BpfError::Folder { what, path: path.clone(), source };
        fs::create_dir_all(path).map_err(|error| failed("make", error))?;
        let there = statfs(path).map_err(|errno| failed("look at", errno.into()))?;
        if there.filesystem_type() == BPF_FS_MAGIC {
            return Ok(());
        }
        mount_on(path).map_err(|error| failed("mount a BPF file system on", error))
    }

    /// Lets `work` fill a folder, which then gets its name in one step: whoever finds the name finds all that is in it.
    /// What somebody left who was killed while he filled it goes. Only under the [lock](Self::lock).
    pub(super) fn fill(&self, work: impl FnOnce(&Path) -> Result<(), BpfError>) -> Result<(), BpfError> {
        let draft = self.parent.join(format!("{}-draft", self.name));
        let failed = |what, path: &Path, source| BpfError::Folder { what, path: path.to_owned(), source };
        remove(&draft).map_err(|error| failed("remove", &draft, error))?;
        for folder in [draft.clone(), draft.join(PROGRAMS), draft.join(MAPS)] {
            fs::create_dir(&folder).map_err(|error| failed("make", &folder, error))?;
        }
        work(&draft).inspect_err(|_| drop(remove(&draft)))?;
        let path = self.path();
        fs::rename(&draft, &path).map_err(|error| failed("rename to", &path, error))
    }
}

/// Whether somebody has loaded an object with pins in `folder`, of whatever bytes.
pub fn is_loaded(folder: &Path) -> bool {
    let (Some(parent), Some(name)) = (folder.parent(), folder.file_name().and_then(|name| name.to_str()))
    else {
        return false;
    };
    let is_ours = |entry: &str| {
        entry
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('-'))
            .is_some_and(|rest| !rest.contains('-'))
    };
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_str().is_some_and(is_ours))
}

/// Mounts a BPF file system for root alone.
pub(super) fn mount_on(target: &Path) -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    Ok(mount(Some("bpf"), target, Some("bpf"), flags, Some("mode=700"))?)
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The name of a pin: the compiler's own maps (`.rodata`) have dots, which the kernel keeps for itself.
pub(super) fn pin_name(name: &str) -> String {
    name.replace('.', "_")
}

/// FNV-1a, 64 bits: tells releases of an object apart, the same in every build of ours.
fn digest(bytes: &[u8]) -> u64 {
    let step = |digest: u64, byte: &u8| (digest ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_bytes_have_another_folder() {
        let pins = |bytes: &[u8]| Folder::new(Path::new("/run/bpf/offload"), bytes).unwrap().path();
        // FNV-1a's published test values.
        assert_eq!(pins(b""), Path::new("/run/bpf/offload-cbf29ce484222325"));
        assert_eq!(pins(b"foobar"), Path::new("/run/bpf/offload-85944171f73967e8"));
    }

    #[test]
    fn folders_that_cannot_be_are_refused() {
        for folder in ["/", "/offload", "offload", "run/bpf/offload", "/run/bpf/..", "/run/bpf/off.load"] {
            let refused = Folder::new(Path::new(folder), b"");
            assert!(matches!(refused, Err(BpfError::BadFolder(_))), "{folder}: {refused:?}");
        }
    }
}
