//! An entry of a forwarding database: behind which port of a bridge, or behind which VXLAN peer, a MAC address is.

use std::collections::HashMap;
use std::fmt;
use std::net::Ipv4Addr;

use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourHeader, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::NetlinkError;
use super::link::{Link, LinkKind};
use super::socket::RouteSocket;
use crate::mac::MacAddr;

/// One entry. Device, MAC address and the kind of target are its identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FdbEntry {
    /// The bridge's port, or the VXLAN device.
    pub device: String,
    /// The MAC address.
    pub mac: MacAddr,
    /// Where it is.
    pub target: FdbTarget,
}

/// Where a MAC address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FdbTarget {
    /// `bridge fdb replace MAC dev DEVICE master static`: in the bridge's database, behind this port.
    Port,
    /// `bridge fdb replace MAC dev DEVICE self dst PEER vni VNI`: in the VXLAN device's database, behind this peer.
    Remote {
        /// The peer's underlay address.
        peer: Ipv4Addr,
        /// The VNI with which packets are sent; it may differ from the device's own.
        vni: u32,
    },
}

impl FdbEntry {
    pub(super) fn encode(&self, index: u32) -> NeighbourMessage {
        let (state, flags) = match self.target {
            // "static" in the words of `bridge`.
            FdbTarget::Port => (NeighbourState::Noarp, NeighbourFlags::Controller),
            FdbTarget::Remote { .. } => (NeighbourState::Permanent, NeighbourFlags::Own),
        };
        let mut message = NeighbourMessage::default();
        message.header = NeighbourHeader {
            family: AddressFamily::Bridge,
            ifindex: index,
            state,
            flags,
            ..NeighbourHeader::default()
        };
        message.attributes = vec![NeighbourAttribute::LinkLayerAddress(self.mac.0.to_vec())];
        if let FdbTarget::Remote { peer, vni } = self.target {
            message.attributes.push(NeighbourAttribute::Destination(NeighbourAddress::Inet(peer)));
            message.attributes.push(NeighbourAttribute::Vni(vni));
        }
        message
    }

    /// `None` for learnt entries and for the devices' own addresses.
    fn decode(message: &NeighbourMessage, links: &HashMap<u32, &Link>) -> Option<Self> {
        let link = links.get(&message.header.ifindex)?;
        let mut mac = None;
        let mut peer = None;
        let mut vni = None;
        for attribute in &message.attributes {
            match attribute {
                NeighbourAttribute::LinkLayerAddress(bytes) => mac = MacAddr::from_slice(bytes),
                NeighbourAttribute::Destination(address) => peer = ipv4(address),
                NeighbourAttribute::Vni(number) => vni = Some(*number),
                _ => {}
            }
        }
        let own = message.header.flags.contains(NeighbourFlags::Own);
        let target = match (&link.kind, own, message.header.state) {
            (LinkKind::Vxlan(vxlan), true, NeighbourState::Permanent) => {
                // The kernel leaves out the device's own VNI.
                FdbTarget::Remote { peer: peer?, vni: vni.unwrap_or(vxlan.vni) }
            }
            (_, false, NeighbourState::Noarp) => FdbTarget::Port,
            _ => return None,
        };
        Some(Self { device: link.name.clone(), mac: mac?, target })
    }
}

/// The address family of the message is "bridge", so the address comes as plain bytes.
fn ipv4(address: &NeighbourAddress) -> Option<Ipv4Addr> {
    match address {
        NeighbourAddress::Inet(address) => Some(*address),
        NeighbourAddress::Other(bytes) => <[u8; 4]>::try_from(bytes.as_slice()).ok().map(Ipv4Addr::from),
        _ => None,
    }
}

impl fmt::Display for FdbEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} dev {}", self.mac, self.device)?;
        match self.target {
            FdbTarget::Port => write!(f, " master static"),
            FdbTarget::Remote { peer, vni } => write!(f, " self dst {peer} vni {vni}"),
        }
    }
}

pub(super) fn list(socket: &mut RouteSocket, links: &[Link]) -> Result<Vec<FdbEntry>, NetlinkError> {
    let links: HashMap<u32, &Link> = links.iter().map(|link| (link.index, link)).collect();
    let mut question = NeighbourMessage::default();
    question.header.family = AddressFamily::Bridge;
    let answers = socket.dump("FDB entries", &RouteNetlinkMessage::GetNeighbour(question))?;
    let mut entries: Vec<FdbEntry> = answers
        .iter()
        .filter_map(|answer| match answer {
            RouteNetlinkMessage::NewNeighbour(message) => FdbEntry::decode(message, &links),
            _ => None,
        })
        .collect();
    entries.sort();
    Ok(entries)
}
