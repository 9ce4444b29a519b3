//! Labs that live: found through their locks, ended through their inits.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use linux_net::sandbox::{PidFd, Signal};

use super::{Folder, LabName, lock, state_dir};

/// A lab whose init held the lock when it was looked at.
#[derive(Debug)]
pub(crate) struct RunningLab {
    /// Its name.
    pub(crate) name: LabName,
    /// Its folder.
    pub(crate) folder: Folder,
}

/// The lab of this name, if it lives. What a dead one has left is removed.
///
/// # Errors
/// When its folder cannot be read.
pub(crate) fn find(name: &LabName) -> Result<Option<RunningLab>> {
    find_in(&state_dir(), name)
}

/// Every lab that lives, by name. What dead ones have left is removed.
///
/// # Errors
/// When the state folder cannot be read.
pub(crate) fn all() -> Result<Vec<RunningLab>> {
    all_in(&state_dir())
}

fn all_in(state: &Path) -> Result<Vec<RunningLab>> {
    let mut labs = Vec::new();
    for name in names_in(state)? {
        labs.extend(find_in(state, &name)?);
    }
    Ok(labs)
}

/// Every lab that has a folder, living or dead, by name.
fn names_in(state: &Path) -> Result<Vec<LabName>> {
    let entries = match fs::read_dir(state) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("reading {}", state.display()))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().to_str().and_then(|name| name.parse::<LabName>().ok()));
    }
    names.sort();
    Ok(names)
}

fn find_in(state: &Path, name: &LabName) -> Result<Option<RunningLab>> {
    let folder = Folder::at(state.join(name.as_ref()));
    if !folder.path().is_dir() {
        return Ok(None);
    }
    match lock::try_take(&folder)? {
        None => Ok(Some(RunningLab { name: name.clone(), folder })),
        Some(_held_while_removing) => folder.remove().map(|()| None),
    }
}

/// Whether anything of a lab of this name is there, living or dead.
pub(crate) fn has_folder(name: &LabName) -> bool {
    Folder::of(name).path().is_dir()
}

impl RunningLab {
    /// The lab's init: its process id, and a handle that stays its own when the number is given to another.
    ///
    /// # Errors
    /// When the init is gone, or has not been started yet.
    pub(crate) fn init(&self) -> Result<(u32, PidFd)> {
        let path = self.folder.init_pid();
        let pid = fs::read_to_string(&path)
            .with_context(|| format!("reading {}: the lab is not up yet", path.display()))?;
        let pid =
            pid.trim().parse().with_context(|| format!("{} does not name a process", path.display()))?;
        let handle = PidFd::open(pid).with_context(|| format!("the lab's init, process {pid}, is gone"))?;
        // Looked at after the handle was taken: if this is the init now, the handle is its.
        if !holds_lock(pid, &self.folder) {
            bail!("process {pid} is not the init of lab {}", self.name);
        }
        Ok((pid, handle))
    }

    /// Ends the lab and removes what it leaves; returns when nothing of it is there.
    ///
    /// # Errors
    /// When it does not end in time, or its folder cannot be removed.
    pub(crate) fn end(&self) -> Result<()> {
        const PATIENCE: Duration = Duration::from_secs(60);
        let (pid, init) = self.init()?;
        init.kill(Signal::SIGKILL).with_context(|| format!("ending the lab's init, process {pid}"))?;
        // An init is gone when everything in its pid namespace is; network namespaces go with their last process.
        if !init.wait(Some(PATIENCE)).with_context(|| format!("waiting for process {pid}"))? {
            bail!("process {pid} was killed and is still there after {} s", PATIENCE.as_secs());
        }
        self.folder.remove()?;
        Ok(())
    }
}

/// Whether the process has the lab's lock as its file descriptor 0, which only its init has.
fn holds_lock(pid: u32, folder: &Folder) -> bool {
    let held = fs::metadata(format!("/proc/{pid}/fd/0"));
    matches!((held, fs::metadata(folder.lock())), (Ok(a), Ok(b)) if a.dev() == b.dev() && a.ino() == b.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lab_lives_as_long_as_its_lock_is_held_and_a_dead_one_is_removed() {
        let state = tempfile::tempdir().unwrap();
        let [living, dead] = ["living", "dead"].map(|name| Folder::at(state.path().join(name)));
        living.create().unwrap();
        dead.create().unwrap();
        fs::create_dir(state.path().join("Not A Lab")).unwrap();
        let lock = lock::try_take(&living).unwrap().unwrap();
        let found = all_in(state.path()).unwrap();
        assert_eq!(found.iter().map(|lab| lab.name.to_string()).collect::<Vec<_>>(), ["living"]);
        assert!(!dead.path().exists());
        assert!(state.path().join("Not A Lab").exists(), "what is not ours stays");
        drop(lock);
        assert!(all_in(state.path()).unwrap().is_empty());
    }

    #[test]
    fn no_state_folder_is_no_lab() {
        assert!(all_in(Path::new("/nonexistent/vnetlab")).unwrap().is_empty());
    }

    #[test]
    fn a_process_that_is_not_the_init_is_not_touched() {
        let state = tempfile::tempdir().unwrap();
        let folder = Folder::at(state.path().join("lab"));
        folder.create().unwrap();
        let _lock = lock::try_take(&folder).unwrap().unwrap();
        fs::write(folder.init_pid(), std::process::id().to_string()).unwrap();
        let lab = find_in(state.path(), &"lab".parse().unwrap()).unwrap().unwrap();
        let error = lab.end().unwrap_err().to_string();
        assert!(error.contains("is not the init"), "{error}");
    }
}
