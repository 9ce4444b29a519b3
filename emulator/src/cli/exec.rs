//! `vnetlab exec VM -- CMD`: a command in a VM, or outside.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Result;

use super::lab_choice::LabChoice;
use crate::lab::{RunningLab, Wanted};
use crate::question::Endpoint;
use crate::refusal::refuse;
use crate::sandbox::{self, Stdin};
use crate::topology;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    lab: LabChoice,
    /// The VM; also a host of the internet (`internet/client`) or a service (`sql1`).
    vm: String,
    /// Pass standard input on even when it is no terminal.
    #[arg(short, long)]
    interactive: bool,
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(super) fn run(args: Args) -> Result<ExitCode> {
    let lab = args.lab.choose()?;
    // A loop that reads its list from standard input would otherwise lose it to the first command.
    let pass_on = args.interactive || std::io::stdin().is_terminal();
    enter_vm(&lab, &args.vm)?.run(&args.command, if pass_on { Stdin::Ours } else { Stdin::Null })
}

/// A VM that this process is now in.
pub(super) struct Inside {
    lab: String,
    vm: String,
}

impl Inside {
    /// Runs a command here; its exit status.
    pub(super) fn run(&self, command: &[OsString], stdin: Stdin) -> Result<ExitCode> {
        sandbox::run(command, stdin, &[("VNETLAB_LAB", &self.lab), ("VNETLAB_VM", &self.vm)])
    }
}

/// Takes this process into a VM, given as any endpoint that is one: `VM`, `VM/NIC`, `internet/HOST`, a service or an address. There is no way
/// back.
///
/// # Errors
/// A refusal when there is no such VM or NIC.
pub(super) fn enter_vm(lab: &RunningLab, vm: &str) -> Result<Inside> {
    let network = network_of(lab)?.network;
    let name = Endpoint::resolve(&network, vm)?.vm()?.parse()?;
    sandbox::enter_vm(lab, &name)?;
    Ok(Inside { lab: lab.name.to_string(), vm: name.to_string() })
}

/// The network that a running lab should be.
pub(super) fn network_of(lab: &RunningLab) -> Result<topology::Loaded> {
    topology::from_wanted(&wanted_of(lab)?)
}

/// What a running lab should be.
///
/// # Errors
/// A refusal when nobody has said so yet.
pub(super) fn wanted_of(lab: &RunningLab) -> Result<Wanted> {
    Wanted::load(&lab.folder)?.ok_or_else(|| refuse(format!("lab {} is still coming up", lab.name)))
}
