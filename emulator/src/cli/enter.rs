//! `vnetlab enter`: the lab from inside, where `ip netns list` shows every namespace.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;

use super::lab_choice::LabChoice;
use crate::sandbox::{self, Stdin};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    lab: LabChoice,
    /// A command; a shell when there is none.
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let lab = args.lab.choose()?;
    sandbox::enter(&lab)?;
    let command = if args.command.is_empty() { super::shell::shell() } else { args.command.clone() };
    sandbox::run(&command, Stdin::Ours, &[("VNETLAB_LAB", lab.name.as_ref())])
}
