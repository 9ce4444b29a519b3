//! `vnetlab down LAB`: nothing of a lab is left.

use std::process::ExitCode;

use anyhow::Result;

use crate::lab::{LabName, running};
use crate::output;

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Args {
    /// The lab.
    lab: Option<LabName>,
    /// Every running lab.
    #[arg(long)]
    all: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let Some(name) = &args.lab else { return all() };
    let had_folder = running::has_folder(name);
    match running::find(name)? {
        Some(lab) => {
            lab.end()?;
            output::tell(format_args!("lab {name} is gone"));
            Ok(ExitCode::SUCCESS)
        }
        None => {
            let rest = if had_folder { "; what it had left is removed" } else { "" };
            output::tell(format_args!("lab {name} is not running{rest}"));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Ends every lab; one that cannot be ended does not save the others.
fn all() -> Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for lab in running::all()? {
        match lab.end() {
            Ok(()) => output::tell(format_args!("lab {} is gone", lab.name)),
            Err(error) => {
                output::tell(format_args!("lab {}: {error:#}", lab.name));
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}
