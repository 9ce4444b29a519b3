//! What a link has counted.

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage, Stats64};

use super::NetlinkError;
use super::error::{Detail, libc_errno};
use super::link;
use super::socket::RouteSocket;

/// The counters of `ip -s link`, since the link was made. Bytes are those of whole frames, Ethernet headers included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkStatistics {
    /// Packets received.
    pub rx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Received, and then dropped before any protocol had them.
    pub rx_dropped: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Dropped instead of being sent.
    pub tx_dropped: u64,
}

impl From<&Stats64> for LinkStatistics {
    fn from(all: &Stats64) -> Self {
        Self {
            rx_packets: all.rx_packets,
            rx_bytes: all.rx_bytes,
            rx_dropped: all.rx_dropped,
            tx_packets: all.tx_packets,
            tx_bytes: all.tx_bytes,
            tx_dropped: all.tx_dropped,
        }
    }
}

/// `None` when there is no such device.
pub(super) fn get(socket: &mut RouteSocket, device: &str) -> Result<Option<LinkStatistics>, NetlinkError> {
    match socket.get(RouteNetlinkMessage::GetLink(link::named(device)))? {
        Ok(RouteNetlinkMessage::NewLink(message)) => decode(&message).map(Some),
        Ok(other) => Err(NetlinkError::Decode(format!("unexpected {other:?}"))),
        Err(answer) if answer.errno == libc_errno::NODEV => Ok(None),
        Err(answer) => Err(NetlinkError::List {
            what: "statistics",
            detail: Detail(answer.text),
            source: std::io::Error::from_raw_os_error(answer.errno),
        }),
    }
}

fn decode(message: &LinkMessage) -> Result<LinkStatistics, NetlinkError> {
    let statistics = message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Stats64(all) => Some(LinkStatistics::from(all)),
        _ => None,
    });
    statistics.ok_or_else(|| NetlinkError::Decode("a link without statistics".into()))
}
