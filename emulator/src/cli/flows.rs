//! `vnetlab flows VM`: the unified flows of a VM's ports, by which known flows skip the virtual switch's software layers.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use goal_state::MacAddr;
use goal_state::data_path::{FlowTable, UnifiedFlow};
use goal_state::nsg::Direction;
use model::verdict::IpProtocol;
use serde::Serialize;

use super::exec::network_of;
use super::lab_choice::LabChoice;
use crate::controller::client::Client;
use crate::controller::protocol::{Request, Response, VmFlows};
use crate::output::{self, Columns, Format, Show, sentence};
use crate::question::Place;

const ICMP: u8 = 1;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    lab: LabChoice,
    /// The VM (`web1`), or one of its network interfaces (`fw/nic1`).
    #[arg(value_name = "VM[/NIC]")]
    vm: String,
}

pub(super) fn run(args: &Args, format: Format) -> Result<ExitCode> {
    let lab = args.lab.choose()?;
    let place = Place::resolve(&network_of(&lab)?.network, &args.vm)?;
    match Client::connect(&lab.folder)?.ask(Request::Flows { vm: place.vm.clone() })? {
        Response::Flows(VmFlows { flows, table, not_offloaded }) => {
            let there = flows.iter().filter(|flow| place.has(&flow.nic));
            let flows = Flows { value: there.map(Row::of).collect(), table, not_offloaded };
            output::show(&flows, format).map(|()| ExitCode::SUCCESS)
        }
        other => bail!("the controller answers {other:?}"),
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Flows {
    value: Vec<Row>,
    /// How full the host's table is; null where nothing is offloaded.
    table: Option<FlowTable>,
    /// Why nothing is offloaded; null when it is.
    not_offloaded: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// `vm/nic`.
    network_interface: String,
    /// Seen from that NIC.
    direction: Direction,
    protocol: String,
    source_address: Ipv4Addr,
    /// For ICMP the identifier of the echo request.
    source_port: u16,
    destination_address: Ipv4Addr,
    /// Null for ICMP.
    destination_port: Option<u16>,
    /// To which Ethernet address its packets are sent.
    next_hop: MacAddr,
    /// Packets that took it.
    hits: u64,
    bytes: u64,
    /// Since it was learnt.
    age_microseconds: u64,
    /// Since a packet last took it.
    idle_microseconds: u64,
    /// Of the port's policy by which it was learnt.
    generation: u32,
    /// Whether that policy is still in force.
    current: bool,
}

impl Row {
    fn of(flow: &UnifiedFlow) -> Self {
        let packet = &flow.packet;
        Self {
            network_interface: flow.nic.to_string(),
            direction: flow.direction,
            protocol: IpProtocol(packet.protocol).to_string(),
            source_address: packet.source,
            source_port: packet.source_port,
            destination_address: packet.destination,
            destination_port: (packet.protocol != ICMP).then_some(packet.destination_port),
            next_hop: flow.next_hop,
            hits: flow.packets,
            bytes: flow.bytes,
            age_microseconds: flow.age_us,
            idle_microseconds: flow.idle_us,
            generation: flow.generation,
            current: flow.current,
        }
    }

    fn cells(&self) -> [String; 11] {
        let destination = match self.destination_port {
            Some(port) => format!("{}:{port}", self.destination_address),
            None => self.destination_address.to_string(),
        };
        let generation = if self.current { "" } else { " (voided)" };
        [
            self.network_interface.clone(),
            self.direction.to_string(),
            self.protocol.clone(),
            format!("{}:{}", self.source_address, self.source_port),
            destination,
            self.next_hop.to_string(),
            self.hits.to_string(),
            self.bytes.to_string(),
            span(self.age_microseconds),
            span(self.idle_microseconds),
            format!("{}{generation}", self.generation),
        ]
    }
}

/// `12.3s` below a minute, then whole seconds: `1m 2s`.
fn span(microseconds: u64) -> String {
    if microseconds < 60_000_000 {
        format!("{}.{}s", microseconds / 1_000_000, microseconds % 1_000_000 / 100_000)
    } else {
        humantime::format_duration(Duration::from_secs(microseconds / 1_000_000)).to_string()
    }
}

impl Show for Flows {
    fn table(&self) -> String {
        let mut columns = Columns::new([
            "NIC",
            "DIRECTION",
            "PROTOCOL",
            "SOURCE",
            "DESTINATION",
            "NEXT HOP",
            "HITS",
            "BYTES",
            "AGE",
            "IDLE",
            "GENERATION",
        ]);
        self.value.iter().for_each(|row| columns.row(row.cells()));
        let table = self.table.as_ref().map(|table| describe_table(self.value.len(), table));
        let reason = self.not_offloaded.as_ref().map(|why| format!("nothing is offloaded: {why}\n"));
        format!("{columns}{}{}", table.unwrap_or_default(), reason.unwrap_or_default())
    }
}

fn describe_table(here: usize, FlowTable { capacity, learnt, refused }: &FlowTable) -> String {
    let here = sentence(here, "flow", "flows");
    format!(
        "{here} here; {capacity} fit into the table, {learnt} were learnt so far, {refused} found no room\n"
    )
}

#[cfg(test)]
mod tests {
    use goal_state::NicId;
    use goal_state::event::FiveTuple;

    use super::*;

    fn flow(protocol: u8, direction: Direction, current: bool) -> UnifiedFlow {
        let (source, destination) = ([10, 1, 1, 4].into(), [10, 2, 1, 4].into());
        UnifiedFlow {
            nic: NicId { vm: "web1".parse().unwrap(), nic: "nic0".parse().unwrap() },
            direction,
            packet: FiveTuple { protocol, source, source_port: 50_000, destination, destination_port: 443 },
            next_hop: MacAddr([0, 0x0d, 0x3a, 1, 2, 3]),
            packets: 1000,
            bytes: 64_000,
            age_us: 62_345_678,
            idle_us: 123_456,
            generation: 3,
            current,
        }
    }

    #[test]
    fn flows_read_like_this() {
        let value = vec![
            Row::of(&flow(6, Direction::Outbound, true)),
            Row::of(&flow(ICMP, Direction::Inbound, false)),
        ];
        let table = Some(FlowTable { capacity: 524_288, learnt: 12, refused: 0 });
        let flows = Flows { value, table, not_offloaded: None };
        insta::assert_snapshot!(flows.table());
        insta::assert_json_snapshot!(flows);
    }

    #[test]
    fn without_offload_it_says_why() {
        let why = Some("the lab was brought up with --no-offload".to_owned());
        let flows = Flows { value: Vec::new(), table: None, not_offloaded: why };
        let table = flows.table();
        assert!(
            table.ends_with("\nnothing is offloaded: the lab was brought up with --no-offload\n"),
            "{table}"
        );
        assert_eq!(serde_json::to_value(&flows).unwrap()["table"], serde_json::Value::Null);
    }
}
