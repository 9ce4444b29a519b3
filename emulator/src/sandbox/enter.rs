//! Taking this process into a lab, and into a VM of it. There is no way back, and no other thread may exist.

use std::fs;

use anyhow::{Context, Result, anyhow};
use goal_state::VmName;
use linux_net::sandbox::{self, Kind, capabilities};

use crate::lab::{Folder, RunningLab};

/// Enters the sandbox's namespaces. What this process starts from now on runs there.
///
/// # Errors
/// When the lab is gone.
pub(crate) fn enter(lab: &RunningLab) -> Result<()> {
    let here = std::env::current_dir();
    let (pid, _init) = lab.init()?;
    sandbox::enter(pid, &Kind::ALL).with_context(|| format!("entering lab {}", lab.name))?;
    // A new mount namespace begins at its root; the same files are there under the same names.
    if let Ok(here) = here {
        let _ = std::env::set_current_dir(here);
    }
    Ok(())
}

/// Enters a VM of the lab, with the rights that its own processes have.
///
/// # Errors
/// When the lab is gone or the VM does not run.
pub(crate) fn enter_vm(lab: &RunningLab, vm: &VmName) -> Result<()> {
    let here = std::env::current_dir();
    enter(lab)?;
    let path = Folder::at(super::STATE).vm_pid(vm);
    let pid = fs::read_to_string(&path)
        .ok()
        .and_then(|pid| pid.trim().parse::<u32>().ok())
        .ok_or_else(|| anyhow!("VM {vm} is not running; `vnetlab status -l {}` may say why", lab.name))?;
    sandbox::enter(pid, &Kind::ALL_BUT_USER).with_context(|| format!("entering VM {vm}"))?;
    if let Ok(here) = here {
        let _ = std::env::set_current_dir(here);
    }
    capabilities::drop_from_bounding_set(&capabilities::CONFINING)
        .context("giving up rights that a VM does not have")
}
