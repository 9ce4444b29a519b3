//! An IPv4 address of a device.

use std::fmt;
use std::net::IpAddr;

use ipnet::Ipv4Net;
use netlink_packet_route::address::{AddressAttribute, AddressHeader, AddressMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::socket::RouteSocket;
use super::{DeviceNames, NetlinkError};

/// `ip address add ADDRESS dev DEVICE`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The device's name.
    pub device: String,
    /// The address (host bits kept) with its prefix length. The kernel makes the prefix's connected route.
    pub address: Ipv4Net,
}

impl Address {
    pub(super) fn encode(&self, index: u32) -> AddressMessage {
        let mut message = AddressMessage::default();
        message.header = AddressHeader {
            family: AddressFamily::Inet,
            prefix_len: self.address.prefix_len(),
            index,
            ..AddressHeader::default()
        };
        let address = IpAddr::V4(self.address.addr());
        message.attributes = vec![AddressAttribute::Local(address), AddressAttribute::Address(address)];
        message
    }

    fn decode(message: &AddressMessage, names: &DeviceNames) -> Option<Self> {
        let address = message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Local(IpAddr::V4(address)) => Some(*address),
            _ => None,
        })?;
        let address = Ipv4Net::new(address, message.header.prefix_len).ok()?;
        Some(Self { device: names.get(message.header.index), address })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} dev {}", self.address, self.device)
    }
}

pub(super) fn list(socket: &mut RouteSocket, names: &DeviceNames) -> Result<Vec<Address>, NetlinkError> {
    let mut question = AddressMessage::default();
    question.header.family = AddressFamily::Inet;
    let answers = socket.dump("addresses", &RouteNetlinkMessage::GetAddress(question))?;
    let mut addresses: Vec<Address> = answers
        .iter()
        .filter_map(|answer| match answer {
            RouteNetlinkMessage::NewAddress(message) => Address::decode(message, names),
            _ => None,
        })
        .collect();
    addresses.sort();
    Ok(addresses)
}
