//! Where the files of a lab are.

use std::ffi::OsString;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use anyhow::{Context, Result, bail};
use goal_state::{HostName, VmName};

use super::LabName;

/// The longest path that a Unix socket may have (sun_path, less the final zero).
const LONGEST_SOCKET_PATH: usize = 107;

/// The folder of one lab, which may or may not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    path: PathBuf,
}

/// The folder of all labs of this user: `$VNETLAB_STATE_DIR`, or for root `/run/vnetlab`, or
/// `$XDG_RUNTIME_DIR/vnetlab`, or `/tmp/vnetlab-<uid>`.
pub(crate) fn state_dir() -> PathBuf {
    choose_state_dir(|name| env::var_os(name), nix::unistd::geteuid().as_raw())
}

fn choose_state_dir(variable: impl Fn(&str) -> Option<OsString>, uid: u32) -> PathBuf {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(chosen) = set("VNETLAB_STATE_DIR") {
        return chosen;
    }
    if uid == 0 {
        return PathBuf::from("/run/vnetlab");
    }
    match set("XDG_RUNTIME_DIR").filter(|runtime| runtime.is_dir()) {
        Some(runtime) => runtime.join("vnetlab"),
        None => PathBuf::from(format!("/tmp/vnetlab-{uid}")),
    }
}

impl Folder {
    /// The folder of `lab` below [`state_dir`].
    pub(crate) fn of(lab: &LabName) -> Self {
        Self::at(state_dir().join(lab.as_ref()))
    }

    /// The folder at this path.
    pub(crate) fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Makes the folder and the folders in it, for their owner only.
    ///
    /// # Errors
    /// When a parent belongs to somebody else (`/tmp` is everybody's), when its path is too long for sockets, or when
    /// the file system refuses.
    pub(crate) fn create(&self) -> Result<()> {
        self.check_socket_paths()?;
        if let Some(parent) = self.path.parent() {
            make_private(parent)?;
            check_owner(parent)?;
        }
        for folder in [self.path.clone(), self.agents(), self.logs(), self.vms()] {
            make_private(&folder)?;
        }
        Ok(())
    }

    fn check_socket_paths(&self) -> Result<()> {
        let longest = self.control_socket().as_os_str().len();
        if longest > LONGEST_SOCKET_PATH {
            bail!(
                "{} is too long a path for a Unix socket ({longest} bytes, {LONGEST_SOCKET_PATH} allowed): set VNETLAB_STATE_DIR to a shorter one",
                self.control_socket().display()
            );
        }
        Ok(())
    }

    /// Removes the folder and everything in it. One that is not there is no error.
    pub(crate) fn remove(&self) -> Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("removing {}", self.path.display()))
            }
            _ => Ok(()),
        }
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Locked as long as the lab lives.
    pub(crate) fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// The init's process id.
    pub(crate) fn init_pid(&self) -> PathBuf {
        self.path.join("init.pid")
    }

    /// The wanted network.
    pub(crate) fn wanted(&self) -> PathBuf {
        self.path.join("lab.json")
    }

    /// The controller's socket.
    pub(crate) fn control_socket(&self) -> PathBuf {
        self.path.join("control.sock")
    }

    fn agents(&self) -> PathBuf {
        self.path.join("agents")
    }

    /// The socket of a host's agent.
    pub(crate) fn agent_socket(&self, host: &HostName) -> PathBuf {
        self.agents().join(format!("{host}.sock"))
    }

    fn logs(&self) -> PathBuf {
        self.path.join("log")
    }

    /// The log of `who`: `init`, `controller`, or `agent-<host>`.
    pub(crate) fn log(&self, who: &str) -> PathBuf {
        self.logs().join(format!("{who}.log"))
    }

    fn vms(&self) -> PathBuf {
        self.path.join("vms")
    }

    /// The process id of a VM's init, as the sandbox numbers it.
    pub(crate) fn vm_pid(&self, vm: &VmName) -> PathBuf {
        self.vms().join(format!("{vm}.pid"))
    }
}

/// The last lines of a log, for an error that a person reads when the log itself may be gone.
pub(crate) fn tail(log: &Path) -> String {
    const LINES: usize = 12;
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<_> = text.lines().map(|line| format!("  {line}")).collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

fn make_private(folder: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("making {}: VNETLAB_STATE_DIR may name another place", folder.display()))
}

fn check_owner(folder: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let owner = fs::metadata(folder).with_context(|| format!("looking at {}", folder.display()))?.uid();
    if owner != nix::unistd::geteuid().as_raw() {
        bail!(
            "{} belongs to user {owner}, not to you: set VNETLAB_STATE_DIR to a folder of yours",
            folder.display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_folder_is_the_callers_choice_then_the_systems() {
        let with = |name: &'static str, value: &'static str| {
            move |asked: &str| (asked == name).then(|| OsString::from(value))
        };
        assert_eq!(choose_state_dir(with("VNETLAB_STATE_DIR", "/x"), 0), Path::new("/x"));
        assert_eq!(choose_state_dir(with("VNETLAB_STATE_DIR", ""), 0), Path::new("/run/vnetlab"));
        assert_eq!(choose_state_dir(with("XDG_RUNTIME_DIR", "/"), 7), Path::new("/vnetlab"));
        assert_eq!(choose_state_dir(with("XDG_RUNTIME_DIR", "/not there"), 7), Path::new("/tmp/vnetlab-7"));
    }

    #[test]
    fn a_folder_comes_with_its_folders_and_goes_with_them() {
        use std::os::unix::fs::PermissionsExt;
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::at(place.path().join("labs/one"));
        folder.create().unwrap();
        folder.create().unwrap();
        assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(folder.log("init").parent().unwrap().is_dir());
        folder.remove().unwrap();
        folder.remove().unwrap();
        assert!(!folder.path().exists());
    }

    #[test]
    fn a_path_that_no_socket_can_have_is_refused() {
        let error = Folder::at(format!("/tmp/{}", "x".repeat(100))).create().unwrap_err();
        assert!(error.to_string().contains("VNETLAB_STATE_DIR"), "{error}");
    }
}
