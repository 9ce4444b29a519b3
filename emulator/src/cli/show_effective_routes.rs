//! `vnetlab show-effective-routes`: every route of a network interface.

use std::process::ExitCode;

use anyhow::Result;
use model::effective::Policy;
use model::network_watcher::{EffectiveRouteList, Target, effective_routes};

use super::network_choice::NetworkChoice;
use crate::output::{self, Columns, Format, Show, some_of};
use crate::refusal::refuse;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    network: NetworkChoice,
    /// The VM (`web1`), one of its network interfaces (`fw/nic1`), or a subnet (`hub/GatewaySubnet`).
    #[arg(value_name = "VM[/NIC]")]
    vm: String,
}

pub(super) fn run(args: &Args, format: Format) -> Result<ExitCode> {
    let loaded = args.network.load()?;
    let subnet = Target::find(&loaded.network, &args.vm).map_err(refuse)?.subnet(&loaded.network);
    output::show(&effective_routes(&Policy::new(&loaded.network), subnet), format)?;
    Ok(ExitCode::SUCCESS)
}

impl Show for EffectiveRouteList {
    fn table(&self) -> String {
        let mut columns =
            Columns::new(["SOURCE", "STATE", "ADDRESS PREFIX", "NEXT HOP TYPE", "NEXT HOP IP", "NAME"]);
        for route in &self.value {
            columns.row([
                format!("{:?}", route.source),
                format!("{:?}", route.state),
                some_of(&route.address_prefix),
                route.next_hop_type.to_owned(),
                some_of(&route.next_hop_ip_address),
                route.name.clone().unwrap_or_default(),
            ]);
        }
        columns.to_string()
    }
}
