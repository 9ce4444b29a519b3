//! A drop as people and programs read it.

use std::net::Ipv4Addr;

use goal_state::DropReason;
use goal_state::drop_sentence;
use goal_state::event::DropEvent;
use goal_state::nsg::Direction;
use model::verdict::IpProtocol;
use serde::Serialize;

use crate::cli::log::time;

/// A drop.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Row {
    /// RFC 3339, UTC.
    time: String,
    /// `vm/nic`, at whose port it was dropped.
    network_interface: Option<String>,
    /// The load balancer or NAT gateway that dropped it, or `internet`, where it was no NIC's port.
    at: Option<String>,
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
            time: time(drop.time_us),
            network_interface: drop.nic.as_ref().map(ToString::to_string),
            at: drop.at.clone(),
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

    /// A text for each heading.
    pub(super) fn cells(&self) -> Vec<String> {
        let end = |address: Ipv4Addr, port: Option<u16>| match port {
            Some(port) => format!("{address}:{port}"),
            None => address.to_string(),
        };
        let or_dash = |text: Option<&String>| text.cloned().unwrap_or_else(|| "-".to_owned());
        vec![
            self.time.clone(),
            or_dash(self.network_interface.as_ref().or(self.at.as_ref())),
            self.direction.to_string(),
            or_dash(self.protocol.as_ref()),
            end(self.source_address, self.source_port),
            end(self.destination_address, self.destination_port),
            self.reason.to_string(),
            self.detail.clone(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use goal_state::event::{DroppedBy, FiveTuple};
    use goal_state::nsg::Association;

    use super::*;
    use crate::cli::log::logged::{Logged, header, line};
    use crate::controller::protocol::Dropped;
    use crate::output::{Format, Show};

    fn dropped(reason: DropReason, by: Option<DroppedBy>) -> DropEvent {
        DropEvent {
            time_us: 1_795_000_000_123_456,
            nic: Some(
                "web1/nic0"
                    .split_once('/')
                    .map(|(vm, nic)| goal_state::NicId { vm: vm.parse().unwrap(), nic: nic.parse().unwrap() })
                    .unwrap(),
            ),
            at: None,
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

    fn drops() -> Logged<Dropped> {
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
        let subnet = Some("spoke1/web".to_owned());
        let full = DroppedBy { resource: "lb".into(), rule: "web".into(), association: None };
        let mut full = dropped(DropReason::LoadBalancer, Some(full));
        (full.nic, full.at) = (None, Some("lb".into()));
        let value = vec![
            Dropped { drop: denied, subnet },
            Dropped { drop: unknown, subnet: None },
            Dropped { drop: full, subnet: None },
        ];
        Logged { value, lost: 3, gaps: 1, forgotten: 1 }
    }

    #[test]
    fn drops_read_like_this() {
        insta::assert_snapshot!(drops().table());
        insta::assert_json_snapshot!(drops());
    }

    #[test]
    fn a_drop_that_is_followed_is_one_line_or_one_document() {
        let drops = drops().value;
        let table: String = drops.iter().map(|drop| line(drop, Format::Table).unwrap()).collect();
        insta::assert_snapshot!(header::<Dropped>() + &table);
        let json = line(&drops[0], Format::Json).unwrap();
        assert_eq!(json.lines().count(), 1);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["sourcePort"], 50_000);
        let yaml = line(&drops[0], Format::Yaml).unwrap();
        assert!(yaml.starts_with("---\n") && yaml.contains("reason: networkSecurityGroup\n"), "{yaml}");
    }
}
