//! A permanent neighbour: which MAC address an IPv4 address has, without asking.

use std::fmt;
use std::net::Ipv4Addr;

use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourHeader, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::RouteType;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::socket::RouteSocket;
use super::{DeviceNames, NetlinkError};
use crate::mac::MacAddr;

/// `ip neighbour replace ADDRESS lladdr MAC dev DEVICE nud permanent`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Neighbour {
    /// The device's name.
    pub device: String,
    /// The neighbour's address.
    pub address: Ipv4Addr,
    /// Its MAC address.
    pub mac: MacAddr,
}

impl Neighbour {
    pub(super) fn encode(&self, index: u32) -> NeighbourMessage {
        let mut message = NeighbourMessage::default();
        message.header = NeighbourHeader {
            family: AddressFamily::Inet,
            ifindex: index,
            state: NeighbourState::Permanent,
            kind: RouteType::Unicast,
            ..NeighbourHeader::default()
        };
        message.attributes = vec![
            NeighbourAttribute::Destination(NeighbourAddress::Inet(self.address)),
            NeighbourAttribute::LinkLayerAddress(self.mac.0.to_vec()),
        ];
        message
    }

    fn decode(message: &NeighbourMessage, names: &DeviceNames) -> Option<Self> {
        if message.header.state != NeighbourState::Permanent {
            return None;
        }
        let mut address = None;
        let mut mac = None;
        for attribute in &message.attributes {
            match attribute {
                NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => address = Some(*ip),
                NeighbourAttribute::LinkLayerAddress(bytes) => mac = MacAddr::from_slice(bytes),
                _ => {}
            }
        }
        Some(Self { device: names.get(message.header.ifindex), address: address?, mac: mac? })
    }
}

impl fmt::Display for Neighbour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lladdr {} dev {}", self.address, self.mac, self.device)
    }
}

pub(super) fn list(socket: &mut RouteSocket, names: &DeviceNames) -> Result<Vec<Neighbour>, NetlinkError> {
    let mut question = NeighbourMessage::default();
    question.header.family = AddressFamily::Inet;
    let answers = socket.dump("neighbours", &RouteNetlinkMessage::GetNeighbour(question))?;
    let mut neighbours: Vec<Neighbour> = answers
        .iter()
        .filter_map(|answer| match answer {
            RouteNetlinkMessage::NewNeighbour(message) => Neighbour::decode(message, names),
            _ => None,
        })
        .collect();
    neighbours.sort();
    Ok(neighbours)
}
