//! Telling a lab's controller what to make true, and asking whoever typed `up` about what that takes.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Result, bail};
use goal_state::{HostName, VmName};

use crate::cli::progress::ProgressLine;
use crate::controller::client::Client;
use crate::controller::protocol::{Applied, Request, Response};
use crate::lab::{Carriage, Folder};
use crate::output::sentence;
use crate::refusal::refuse;
use crate::topology::Loaded;

/// How a topology is to be applied.
#[derive(Debug, Clone, Copy)]
pub(super) struct How<'a> {
    /// How packets are carried.
    pub(super) carriage: Carriage,
    /// Hosts whose agents are on other machines, and where.
    pub(super) agents: &'a BTreeMap<HostName, SocketAddr>,
    /// Whether VMs may be restarted.
    pub(super) restart_vms: bool,
}

/// Applies a topology to the lab in `folder`, which lives.
///
/// # Errors
/// A refusal when VMs would have to be restarted and nobody agrees; nothing is changed then.
pub(super) fn apply(folder: &Folder, loaded: &Loaded, how: How<'_>) -> Result<Applied> {
    let mut controller = Client::connect(folder)?;
    let mut response = converse(&mut controller, loaded, how)?;
    if let Response::MustRestart { vms } = &response {
        agree_to_restart(vms, &loaded.path)?;
        response = converse(&mut controller, loaded, How { restart_vms: true, ..how })?;
    }
    match response {
        Response::Applied(applied) => Ok(applied),
        other => bail!("the controller answers {other:?}"),
    }
}

/// The controller's last word.
fn converse(controller: &mut Client, loaded: &Loaded, how: How<'_>) -> Result<Response> {
    controller.send(Request::Apply {
        path: loaded.path.clone(),
        topology: loaded.text.clone(),
        service_tags: loaded.service_tags.clone(),
        carriage: how.carriage,
        agents: how.agents.clone(),
        restart_vms: how.restart_vms,
    })?;
    let mut line = ProgressLine::begin(&format!("lab {}", loaded.network.name));
    loop {
        match controller.receive()? {
            Response::Progress { what, done, total } => line.advance(&what, done, total),
            other => {
                line.finish();
                return Ok(other);
            }
        }
    }
}

/// Returns when the VMs may be restarted.
///
/// # Errors
/// A refusal when they may not, or nobody is there to be asked.
fn agree_to_restart(vms: &[VmName], file: &Path) -> Result<()> {
    let reason = reason_to_restart(vms);
    if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
        let mut terminal = std::io::stderr().lock();
        write!(terminal, "{reason}. Restart them now? [y/N] ")?;
        terminal.flush()?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        if matches!(answer.trim(), "y" | "Y" | "yes") {
            return Ok(());
        }
        return Err(refuse("nothing was changed"));
    }
    Err(refuse(format!("{reason}. Nothing was changed; {}", how_to_restart(file))))
}

/// Why these VMs must be restarted.
pub(super) fn reason_to_restart(vms: &[VmName]) -> String {
    let names: Vec<_> = vms.iter().map(VmName::as_str).collect();
    let must = sentence(vms.len(), "VM must", "VMs must");
    format!(
        "accelerated networking changes, and encryption begins, only while a VM is stopped, so {must} be restarted: {}",
        names.join(", ")
    )
}

/// The command that does it.
pub(super) fn how_to_restart(file: &Path) -> String {
    format!("`vnetlab up {} --restart-vms` restarts them and makes the change", file.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Refusal;

    /// Tests have no terminal.
    #[test]
    fn without_anybody_to_ask_a_restart_is_refused_with_the_command_that_does_it() {
        if std::io::stdin().is_terminal() {
            return;
        }
        let vms = ["web1", "nva"].map(|name| name.parse().unwrap());
        let error = agree_to_restart(&vms, Path::new("/a/lab.yaml")).unwrap_err();
        assert!(error.downcast_ref::<Refusal>().is_some());
        assert_eq!(
            error.to_string(),
            "accelerated networking changes, and encryption begins, only while a VM is stopped, so 2 VMs must be restarted: web1, nva. \
             Nothing was changed; `vnetlab up /a/lab.yaml --restart-vms` restarts them and makes the change"
        );
    }
}
