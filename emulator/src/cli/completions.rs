//! `vnetlab completions SHELL`.

use std::process::ExitCode;

use anyhow::Result;

use crate::output;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "vnetlab", &mut script);
    output::print(&String::from_utf8(script)?).map(|()| ExitCode::SUCCESS)
}
