//! `vnetlab shell VM`.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use super::exec::enter_vm;
use super::lab_choice::LabChoice;
use crate::sandbox::Stdin;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    lab: LabChoice,
    /// The VM; also a host of the internet (`internet/client`) or a service (`sql1`).
    vm: String,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    enter_vm(&args.lab.choose()?, &args.vm)?.run(&shell(), Stdin::Ours)
}

/// An interactive shell that is there.
pub(super) fn shell() -> Vec<OsString> {
    let shell = ["/bin/bash", "/bin/sh"].into_iter().find(|shell| Path::new(shell).exists()).unwrap_or("sh");
    vec![shell.into()]
}
