//! As whom a lab is run.

use std::path::Path;
use std::process::Command;

use nix::unistd::geteuid;

/// The ordinary user that root becomes: nobody. scripts/test.sh asks for the same one.
pub const ORDINARY: u32 = 65534;

/// When this variable is set, labs come up without BPF.
const NO_OFFLOAD: &str = "VNETLAB_NO_OFFLOAD";

/// Whether known flows of root's labs are carried by BPF in this run of the tests. scripts/test.sh runs them both ways, and
/// leaves tests that have `offloaded` in their names out where they are not.
#[must_use]
pub fn offload() -> bool {
    std::env::var_os(NO_OFFLOAD).is_none_or(|value| value.is_empty())
}

/// As whom a lab is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// Root, without a user namespace.
    Root,
    /// An ordinary user: root drops its privileges, anybody else stays who he is.
    Ordinary,
}

impl User {
    /// A command that runs `program` as this user, with an environment such as a fresh login of it has.
    ///
    /// # Panics
    /// When this process is not root and must be. scripts/test.sh leaves such tests out.
    #[must_use]
    pub fn command(self, program: &Path) -> Command {
        let mut command = match (self, geteuid().is_root()) {
            (Self::Root, true) | (Self::Ordinary, false) => Command::new(program),
            (Self::Root, false) => panic!("this test needs root"),
            (Self::Ordinary, true) => {
                let mut command = Command::new("setpriv");
                command.args([format!("--reuid={ORDINARY}"), format!("--regid={ORDINARY}")]);
                command.arg("--clear-groups").arg(program);
                command
            }
        };
        command.env_clear().env("PATH", self.path()).env("LANG", "C.UTF-8").env("RUST_BACKTRACE", "1");
        if !offload() {
            command.env(NO_OFFLOAD, "1");
        }
        command
    }

    /// Whether files must be handed over to be this user's.
    #[must_use]
    pub fn is_someone_else(self) -> bool {
        self == Self::Ordinary && geteuid().is_root()
    }

    /// Debian's own: an ordinary user does not have the sbin folders.
    fn path(self) -> &'static str {
        match self {
            Self::Root => "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            Self::Ordinary => "/usr/local/bin:/usr/bin:/bin",
        }
    }
}
