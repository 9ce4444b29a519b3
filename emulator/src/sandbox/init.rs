//! The sandbox's first process: mounts, then a loop that reaps the dead and keeps a controller alive.

use std::fs::{self, File, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use linux_net::sandbox::{self, mounts};

use super::STATE;
use super::launch::this_program;
use crate::authority::Estate;
use crate::lab::{Folder, LabName};
use crate::output;

/// A controller that lived this long was well: the next one starts at once.
const WELL: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// `__init`: runs for as long as the lab lives.
///
/// # Errors
/// When a mount is refused or no controller can be started at all. The sandbox ends then.
pub(crate) fn init(lab: &LabName, folder: &Path, agent: &Path) -> Result<ExitCode> {
    mount(folder).context("preparing the sandbox's mounts")?;
    sandbox::set_host_name(lab.as_ref())?;
    let (agent, authority) = (agent.to_path_buf(), Estate::found()?);
    let folder = Folder::at(STATE);
    Supervision { lab: lab.clone(), folder, agent, authority, pause: Duration::ZERO }.run()
}

/// Gives the sandbox its own /proc and /sys, and its own /run with nothing in it but network namespaces and the lab's state.
fn mount(folder: &Path) -> Result<()> {
    mounts::make_private()?;
    // Opened before /run is covered, since the folder may be below it. Mounting by the descriptor finds it all the same.
    let state = File::open(folder).with_context(|| format!("opening {}", folder.display()))?;
    mounts::proc(Path::new("/proc"))?;
    // The machine's own shows the machine's devices. Where another one is refused, nothing else is amiss.
    if let Err(error) = mounts::sysfs(Path::new("/sys")) {
        output::tell(format_args!("no /sys of the lab's own: {error}"));
    }
    mounts::tmpfs(Path::new("/run"), 0o755)?;
    for folder in ["/run/netns", STATE] {
        fs::create_dir(folder).with_context(|| format!("making {folder}"))?;
        fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    }
    mounts::bind(&PathBuf::from(format!("/proc/self/fd/{}", state.as_raw_fd())), Path::new(STATE))?;
    Ok(())
}

/// Keeps one controller alive.
struct Supervision {
    lab: LabName,
    folder: Folder,
    agent: PathBuf,
    /// Controllers come and go, and the authority stays.
    authority: Estate,
    pause: Duration,
}

impl Supervision {
    fn run(mut self) -> Result<ExitCode> {
        // The first one tells `up` through our standard output that it is ready. Later ones have nobody to tell.
        let mut controller = self.start(Stdio::inherit())?;
        close_stdout()?;
        loop {
            let began = Instant::now();
            let ended = reap_until(controller)?;
            self.pause = next_pause(self.pause, began.elapsed());
            output::tell(format_args!(
                "controller {controller} ended with status {ended}, the next one starts in {:?}",
                self.pause
            ));
            std::thread::sleep(self.pause);
            controller = self.start(Stdio::null())?;
        }
    }

    fn start(&self, stdout: Stdio) -> Result<u32> {
        let path = self.folder.log("controller");
        let log = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("opening {}", path.display()))?;
        let controller = this_program("__controller", &self.lab, self.folder.path(), &self.agent)
            .stdin(self.authority.share()?)
            .stdout(stdout)
            .stderr(log)
            .spawn()
            .context("starting the controller")?;
        Ok(controller.id())
    }
}

/// Reaps whoever ends, until it is `process`; its exit status.
fn reap_until(process: u32) -> Result<i32> {
    loop {
        match sandbox::wait_any()? {
            Some(exit) if exit.pid == process => return Ok(exit.code),
            Some(_) => {}
            None => anyhow::bail!("process {process} is nobody's child"),
        }
    }
}

/// At once after a controller that was well, ever slower after ones that were not.
fn next_pause(last: Duration, lived: Duration) -> Duration {
    if lived >= WELL {
        Duration::ZERO
    } else if last.is_zero() {
        Duration::from_millis(20)
    } else {
        (last * 2).min(LONGEST_PAUSE)
    }
}

fn close_stdout() -> Result<()> {
    let nowhere = File::options().write(true).open("/dev/null").context("opening /dev/null")?;
    nix::unistd::dup2_stdout(&nowhere).context("closing standard output")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controllers_that_die_young_are_started_ever_slower() {
        let young = Duration::from_secs(1);
        let mut pause = Duration::ZERO;
        let pauses: Vec<_> = std::iter::repeat_with(|| {
            pause = next_pause(pause, young);
            pause.as_millis()
        })
        .take(8)
        .collect();
        assert_eq!(pauses, [20, 40, 80, 160, 320, 640, 1000, 1000]);
        assert_eq!(next_pause(pause, WELL), Duration::ZERO);
    }
}
