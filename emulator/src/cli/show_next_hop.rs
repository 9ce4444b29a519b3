//! `vnetlab show-next-hop`: where a packet goes next.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use anyhow::Result;
use model::effective::Policy;
use model::network_watcher::{NextHop, Target, next_hop};

use super::network_choice::NetworkChoice;
use crate::output::{self, Columns, Format, Show};
use crate::refusal::refuse;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    network: NetworkChoice,
    /// The VM that sends (`web1`), one of its network interfaces (`fw/nic1`), or a subnet (`hub/GatewaySubnet`).
    #[arg(value_name = "VM[/NIC]")]
    vm: String,
    /// Where the packet is sent to.
    #[arg(long, value_name = "IP")]
    dest_ip: Ipv4Addr,
    /// The address that it is sent from [default: the primary one]. Of several network interfaces, the one with it is meant.
    #[arg(long, value_name = "IP")]
    source_ip: Option<Ipv4Addr>,
}

pub(super) fn run(args: &Args, format: Format) -> Result<ExitCode> {
    let loaded = args.network.load()?;
    let network = &loaded.network;
    let target = match args.source_ip {
        Some(source) => Target::find_sender(network, &args.vm, source),
        None => Target::find(network, &args.vm),
    };
    let subnet = target.map_err(refuse)?.subnet(network);
    output::show(&next_hop(&Policy::new(network), subnet, args.dest_ip), format)?;
    Ok(ExitCode::SUCCESS)
}

impl Show for NextHop {
    fn table(&self) -> String {
        let mut columns = Columns::new(["NEXT HOP TYPE", "NEXT HOP IP ADDRESS", "ROUTE TABLE"]);
        let addresses = match &self.next_hop_ip_addresses[..] {
            [] => self.next_hop_ip_address.iter().map(ToString::to_string).collect::<Vec<_>>(),
            several => several.iter().map(ToString::to_string).collect(),
        };
        columns.row([self.next_hop_type.to_owned(), addresses.join(" "), self.route_table_id.clone()]);
        columns.to_string()
    }
}
