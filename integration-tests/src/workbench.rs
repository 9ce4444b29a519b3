//! A folder of a test's own: the programs, the state of its labs, the files that it writes.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::output::Finished;
use crate::user::{ORDINARY, User};

/// A place to run `vnetlab` from, apart from every other. Labs that were brought up here go with it.
#[derive(Debug)]
pub struct Workbench {
    user: User,
    folder: TempDir,
    programs: PathBuf,
}

impl Workbench {
    /// A new one for `user`.
    ///
    /// # Panics
    /// When the programs are not built, or the folder cannot be made.
    #[must_use]
    pub fn new(user: User) -> Self {
        let folder = tempfile::Builder::new().prefix("vnetlab-it-").tempdir().unwrap();
        fs::create_dir(folder.path().join("state")).unwrap();
        let mut bench = Self { user, folder, programs: built_programs() };
        if user.is_someone_else() {
            bench.copy_programs();
            bench.hand_over(bench.folder.path());
            bench.hand_over(&bench.state());
        }
        bench
    }

    /// As whom its labs run.
    #[must_use]
    pub fn user(&self) -> User {
        self.user
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where labs keep their state.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Where `vnetlab` and `vnetlab-agent` are.
    #[must_use]
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// Uses copies of the programs, so that a test may replace one of them.
    pub fn copy_programs(&mut self) {
        let copies = self.folder.path().join("bin");
        fs::create_dir(&copies).unwrap();
        for program in ["vnetlab", "vnetlab-agent"] {
            fs::copy(self.programs.join(program), copies.join(program)).unwrap();
        }
        fs::set_permissions(&copies, fs::Permissions::from_mode(0o755)).unwrap();
        self.programs = copies;
    }

    /// Writes a file that the user can read.
    #[must_use]
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        self.hand_over(&path);
        path
    }

    /// A `vnetlab` command with `arguments`.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.user.command(&self.programs.join("vnetlab"));
        command.env("VNETLAB_STATE_DIR", self.state()).env("HOME", self.folder.path());
        command.current_dir(self.folder.path()).args(arguments);
        command
    }

    /// Runs `vnetlab` with `arguments` to its end.
    #[must_use]
    pub fn vnetlab(&self, arguments: &[&str]) -> Finished {
        Finished::run(&mut self.command(arguments))
    }

    fn hand_over(&self, path: &Path) {
        if self.user.is_someone_else() {
            chown(path, Some(ORDINARY), Some(ORDINARY)).unwrap();
        }
    }
}

impl Drop for Workbench {
    /// Whatever a failed test left standing goes; what a passed one left has been complained about by [`crate::Lab`].
    fn drop(&mut self) {
        let _ = self.vnetlab(&["down", "--all"]);
    }
}

/// The folder in which Cargo put the programs: the one above that of this test.
fn built_programs() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().skip(1).find(|folder| folder.join("vnetlab").exists());
    let folder = folder.unwrap_or_else(|| panic!("vnetlab is not built: cargo build --workspace --bins"));
    folder.to_owned()
}
