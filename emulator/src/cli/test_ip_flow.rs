//! `vnetlab test-ip-flow`: IP flow verify.

use std::net::SocketAddrV4;
use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum;
use goal_state::nsg::{Access, Direction};
use model::effective::Policy;
use model::network_watcher::{Target, VerificationIpFlow, ip_flow};
use model::verdict::{IpProtocol, Packet};

use super::flow_words::DirectionWord;
use super::network_choice::NetworkChoice;
use crate::output::{self, Columns, Format, Show};
use crate::refusal::refuse;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    network: NetworkChoice,
    /// The VM (`web1`) or one of its network interfaces (`fw/nic1`). Of several, the one with the local address is meant.
    #[arg(value_name = "VM[/NIC]")]
    vm: String,
    /// Inbound or Outbound, seen from the VM.
    #[arg(long, value_enum, ignore_case = true)]
    direction: DirectionWord,
    /// TCP or UDP.
    #[arg(long, value_enum, ignore_case = true)]
    protocol: Protocol,
    /// The VM's side, a private address of it: `10.1.1.4:80`.
    #[arg(long, value_name = "IP:PORT")]
    local: SocketAddrV4,
    /// The other side.
    #[arg(long, value_name = "IP:PORT")]
    remote: SocketAddrV4,
}

/// What Azure's IP flow verify can ask about.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Protocol {
    #[value(name = "TCP")]
    Tcp,
    #[value(name = "UDP")]
    Udp,
}

pub(super) fn run(args: &Args, format: Format) -> Result<ExitCode> {
    let loaded = args.network.load()?;
    let nic = Target::find_owner(&loaded.network, &args.vm, *args.local.ip()).map_err(refuse)?;
    let direction = args.direction.into();
    let flow = ip_flow(&Policy::new(&loaded.network), nic, direction, &args.packet(direction)).answer();
    output::show(&flow, format)?;
    Ok(match flow.access {
        Access::Allow => ExitCode::SUCCESS,
        Access::Deny => ExitCode::FAILURE,
    })
}

impl Args {
    fn packet(&self, direction: Direction) -> Packet {
        let (source, destination) = match direction {
            Direction::Inbound => (self.remote, self.local),
            Direction::Outbound => (self.local, self.remote),
        };
        Packet {
            protocol: match self.protocol {
                Protocol::Tcp => IpProtocol::TCP,
                Protocol::Udp => IpProtocol::UDP,
            },
            source: *source.ip(),
            source_port: source.port(),
            destination: *destination.ip(),
            destination_port: destination.port(),
        }
    }
}

impl Show for VerificationIpFlow {
    fn table(&self) -> String {
        let mut columns = Columns::new(["ACCESS", "RULE NAME"]);
        let rule = self.rule_name.as_deref().unwrap_or("(no group, no filter)");
        columns.row([self.access.to_string(), rule.to_owned()]);
        columns.to_string()
    }
}
