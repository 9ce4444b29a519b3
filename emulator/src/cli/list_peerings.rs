//! `vnetlab list-peerings`: peering links and their state.

use std::process::ExitCode;

use anyhow::Result;
use model::network_watcher::target::find_vnet;
use model::network_watcher::{PeeringList, list_peerings};

use super::network_choice::NetworkChoice;
use crate::output::{self, Columns, Format, Show};
use crate::refusal::refuse;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    network: NetworkChoice,
    /// The virtual network; all of them when it is left out.
    #[arg(value_name = "VNET")]
    virtual_network: Option<String>,
}

pub(super) fn run(args: &Args, format: Format) -> Result<ExitCode> {
    let loaded = args.network.load()?;
    let vnet = args.virtual_network.as_ref().map(|name| find_vnet(&loaded.network, name));
    output::show(&list_peerings(&loaded.network, vnet.transpose().map_err(refuse)?), format)?;
    Ok(ExitCode::SUCCESS)
}

impl Show for PeeringList {
    fn table(&self) -> String {
        let mut columns =
            Columns::new(["VIRTUAL NETWORK", "NAME", "REMOTE VIRTUAL NETWORK", "STATE", "SYNC LEVEL"]);
        for link in &self.value {
            columns.row([
                link.virtual_network.clone(),
                link.name.clone(),
                link.remote_virtual_network.clone(),
                link.peering_state.to_owned(),
                format!("{:?}", link.peering_sync_level),
            ]);
        }
        columns.to_string()
    }
}
