//! A drop as people and programs read it.

use std::net::Ipv4Addr;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Result;
use goal_state::DropReason;
use goal_state::drop_sentence;
use goal_state::event::DropEvent;
use goal_state::nsg::Direction;
use model::verdict::IpProtocol;
use serde::Serialize;

use super::count_of;
use crate::output::{Columns, Format, Show};

const HEADINGS: [&str; 8] =
    ["TIME", "NIC", "DIRECTION", "PROTOCOL", "SOURCE", "DESTINATION", "REASON", "DETAIL"];
/// Of the columns of a table that nobody knows the end of.
const WIDTHS: [usize; 7] = [27, 16, 9, 8, 21, 21, 20];

/// Everything that is remembered.
#[derive(Debug, Default, Serialize)]
pub(super) struct Drops {
    /// The newest last.
    pub(super) value: Vec<Row>,
    /// How many were lost on their way.
    pub(super) lost: u64,
    /// How often nobody listened, so that nobody knows how many were lost.
    pub(super) gaps: u64,
    /// How many the controller has forgotten.
    pub(super) forgotten: u64,
}

impl Drops {
    /// What is not told, as sentences.
    pub(super) fn untold(&self) -> Vec<String> {
        let Self { lost, gaps, forgotten, .. } = self;
        let mut sentences = Vec::new();
        if *forgotten > 0 {
            sentences.push(format!("{} before these are forgotten", count_of(*forgotten)));
        }
        if *lost > 0 {
            sentences
                .push(format!("{} were not told: they came faster than they were read", count_of(*lost)));
        }
        if *gaps > 0 {
            sentences
                .push("an agent was started again: what its host dropped meanwhile was not told".to_owned());
        }
        sentences
    }
}

/// A drop.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    #[serde(skip)]
    pub(super) time_us: u64,
    /// RFC 3339, UTC.
    time: String,
    /// `vm/nic`, at whose port it was dropped.
    network_interface: Option<String>,
    /// Seen from that NIC.
    direction: Direction,
    /// None where only the addresses are known.
    protocol: Option<String>,
    source_address: Ipv4Addr,
    source_port: Option<u16>,
    destination_address: Ipv4Addr,
    destination_port: Option<u16>,
    /// The word in [`DropReason`]'s list.
    reason: DropReason,
    /// The configuration, group, route table or peering link.
    resource: Option<String>,
    /// Its rule or route.
    rule: Option<String>,
    /// The reason as a sentence in Azure's words.
    detail: String,
}

impl Row {
    /// A drop at a NIC that is in `subnet`.
    pub(super) fn of(drop: &DropEvent, subnet: Option<&str>) -> Self {
        let packet = &drop.packet;
        let has_ports = matches!(packet.protocol, 6 | 17);
        let port = |port: u16| has_ports.then_some(port);
        let by = drop.by.as_ref();
        Self {
            time_us: drop.time_us,
            time: time(drop.time_us),
            network_interface: drop.nic.as_ref().map(ToString::to_string),
            direction: drop.direction,
            protocol: (packet.protocol != 0).then(|| IpProtocol(packet.protocol).to_string()),
            source_address: packet.source,
            source_port: port(packet.source_port),
            destination_address: packet.destination,
            destination_port: port(packet.destination_port),
            reason: drop.reason,
            resource: by.map(|by| by.resource.clone()),
            rule: by.map(|by| by.rule.clone()).filter(|rule| !rule.is_empty()),
            detail: drop_sentence::sentence(drop, subnet),
        }
    }

    /// It alone, as a line of a table or a document of its own.
    ///
    /// # Errors
    /// When it cannot be written as JSON or YAML.
    pub(super) fn line(&self, format: Format) -> Result<String> {
        Ok(match format {
            Format::Table => padded(&self.cells()),
            Format::Json => serde_json::to_string(self)? + "\n",
            Format::Yaml => format!("---\n{}\n", serde_saphyr::to_string(self)?.trim_end()),
        })
    }

    fn cells(&self) -> [String; 8] {
        let end = |address: Ipv4Addr, port: Option<u16>| match port {
            Some(port) => format!("{address}:{port}"),
            None => address.to_string(),
        };
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        [
            self.time.clone(),
            or_dash(&self.network_interface),
            self.direction.to_string(),
            or_dash(&self.protocol),
            end(self.source_address, self.source_port),
            end(self.destination_address, self.destination_port),
            self.reason.to_string(),
            self.detail.clone(),
        ]
    }
}

impl Show for Drops {
    fn table(&self) -> String {
        let mut columns = Columns::new(HEADINGS);
        self.value.iter().for_each(|row| columns.row(row.cells()));
        let untold: String = self.untold().iter().map(|sentence| format!("{sentence}\n")).collect();
        format!("{columns}{untold}")
    }
}

/// The headings above rows that come one by one.
pub(super) fn header() -> String {
    padded(&HEADINGS.map(str::to_owned))
}

fn padded(cells: &[String; 8]) -> String {
    let [fixed @ .., detail] = cells;
    let padded = fixed.iter().zip(WIDTHS).map(|(cell, width)| format!("{cell:<width$}  "));
    padded.collect::<String>() + detail + "\n"
}

fn time(time_us: u64) -> String {
    let time = UNIX_EPOCH.checked_add(Duration::from_micros(time_us)).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_micros(time).to_string()
}

#[cfg(test)]
pub(super) mod tests {
    use goal_state::event::{DroppedBy, FiveTuple};
    use goal_state::nsg::Association;

    use super::*;

    pub(in crate::cli::drops) fn dropped(reason: DropReason, by: Option<DroppedBy>) -> DropEvent {
        DropEvent {
            time_us: 1_795_000_000_123_456,
            nic: Some(
                "web1/nic0"
                    .split_once('/')
                    .map(|(vm, nic)| goal_state::NicId { vm: vm.parse().unwrap(), nic: nic.parse().unwrap() })
                    .unwrap(),
            ),
            direction: Direction::Inbound,
            reason,
            by,
            packet: FiveTuple {
                protocol: 6,
                source: [10, 2, 1, 4].into(),
                source_port: 50_000,
                destination: [10, 1, 1, 4].into(),
                destination_port: 22,
            },
        }
    }

    fn drops() -> Drops {
        let by = DroppedBy {
            resource: "nsg-web".into(),
            rule: "DenyAllInBound".into(),
            association: Some(Association::Subnet),
        };
        let denied = dropped(DropReason::NetworkSecurityGroup, Some(by));
        let mut unknown = dropped(DropReason::NoDestination, None);
        unknown.direction = Direction::Outbound;
        unknown.packet = FiveTuple {
            protocol: 0,
            source: [10, 1, 1, 4].into(),
            source_port: 0,
            destination: [10, 1, 1, 99].into(),
            destination_port: 0,
        };
        let value = vec![Row::of(&denied, Some("spoke1/web")), Row::of(&unknown, None)];
        Drops { value, lost: 3, gaps: 1, forgotten: 1 }
    }

    #[test]
    fn drops_read_like_this() {
        insta::assert_snapshot!(drops().table());
        insta::assert_json_snapshot!(drops());
    }

    #[test]
    fn a_drop_that_is_followed_is_one_line_or_one_document() {
        let rows = drops().value;
        let table: String = rows.iter().map(|row| row.line(Format::Table).unwrap()).collect();
        insta::assert_snapshot!(header() + &table);
        let json = rows[0].line(Format::Json).unwrap();
        assert_eq!(json.lines().count(), 1);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["sourcePort"], 50_000);
        let yaml = rows[0].line(Format::Yaml).unwrap();
        assert!(yaml.starts_with("---\n") && yaml.contains("reason: networkSecurityGroup\n"), "{yaml}");
    }
}
