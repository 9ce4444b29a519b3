//! Which channel a frame or a datagram belongs to.

use std::collections::HashMap;
use std::net::SocketAddrV4;
use std::sync::Arc;

use linux_net::MacAddr;

use super::channel::Channel;

/// All channels of a host. Made anew when anything changes.
#[derive(Debug, Default)]
pub struct Table {
    by_addresses: HashMap<(MacAddr, MacAddr), Arc<Channel>>,
    by_sockets: HashMap<(u16, SocketAddrV4), Arc<Channel>>,
}

impl Table {
    /// A table of these.
    pub fn new(channels: impl IntoIterator<Item = Arc<Channel>>) -> Self {
        let mut table = Self::default();
        for channel in channels {
            let pair = channel.pair();
            let macs = (pair.mac, pair.peer_mac);
            let sockets = (pair.socket.address().port(), pair.peer_address);
            table.by_addresses.insert(macs, Arc::clone(&channel));
            table.by_sockets.insert(sockets, channel);
        }
        table
    }

    /// That of frames from a NIC of this host to a NIC of another.
    pub(crate) fn by_addresses(&self, source: MacAddr, destination: MacAddr) -> Option<&Arc<Channel>> {
        self.by_addresses.get(&(source, destination))
    }

    /// That of datagrams that came from `source` to a NIC's port.
    pub(crate) fn by_sockets(&self, port: u16, source: SocketAddrV4) -> Option<&Arc<Channel>> {
        self.by_sockets.get(&(port, source))
    }
}
