//! `vnetlab ping FROM TO`.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;

use super::exec::{enter_vm, network_of};
use super::lab_choice::LabChoice;
use crate::question::Endpoint;
use crate::sandbox::Stdin;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    lab: LabChoice,
    /// Who pings: a VM (`web1`), a NIC (`fw/nic1`), a host of the internet (`internet/client`), a service, or an address.
    from: String,
    /// Whom it pings: the same, or any address. From outside, a VM is its public address.
    to: String,
    /// Arguments for ping, such as `-c 3`. Options of vnetlab stand before FROM.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

pub(super) fn run(args: Args) -> Result<ExitCode> {
    let lab = args.lab.choose()?;
    let network = network_of(&lab)?.network;
    let from = Endpoint::resolve(&network, &args.from)?;
    let to = Endpoint::resolve(&network, &args.to)?;
    let mut command: Vec<OsString> = vec!["ping".into()];
    if let Some(source) = from.bound_address() {
        command.extend(["-I".into(), source.to_string().into()]);
    }
    command.extend(args.args);
    command.push(to.address_from(&network, &from)?.to_string().into());
    enter_vm(&lab, &args.from)?.run(&command, Stdin::Null)
}
