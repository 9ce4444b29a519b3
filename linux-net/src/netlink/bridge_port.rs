//! How a bridge treats one of its ports.

use netlink_packet_route::link::InfoBridgePort;

/// How a bridge treats one of its ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BridgePort {
    /// The bridge answers ARP requests that come in by this port from its own neighbour table (`IFLA_BRPORT_PROXYARP`).
    pub proxy_arp: bool,
    /// Sources of received frames are learnt.
    pub learning: bool,
    /// Unicast frames to unknown destinations are sent out here.
    pub flood: bool,
    /// Multicast frames are sent out here.
    pub mcast_flood: bool,
    /// Broadcast frames are sent out here.
    pub bcast_flood: bool,
    /// ARP is answered for other ports too, from the neighbour table.
    pub neigh_suppress: bool,
    /// A frame may leave by the port by which it came.
    pub hairpin: bool,
    /// May talk only to ports that are not isolated.
    pub isolated: bool,
}

impl BridgePort {
    /// A port whose traffic goes only where static entries say: nothing learnt, nothing flooded.
    pub const STATIC: Self = Self {
        proxy_arp: false,
        learning: false,
        flood: false,
        mcast_flood: false,
        bcast_flood: false,
        neigh_suppress: false,
        hairpin: false,
        isolated: false,
    };

    /// The kernel's default: a learning switch.
    pub const LEARNING: Self =
        Self { learning: true, flood: true, mcast_flood: true, bcast_flood: true, ..Self::STATIC };

    pub(super) fn encode(self) -> Vec<InfoBridgePort> {
        vec![
            InfoBridgePort::ProxyARP(self.proxy_arp),
            InfoBridgePort::Learning(self.learning),
            InfoBridgePort::UnicastFlood(self.flood),
            InfoBridgePort::MulticastFlood(self.mcast_flood),
            InfoBridgePort::BroadcastFlood(self.bcast_flood),
            InfoBridgePort::NeighSupress(self.neigh_suppress),
            InfoBridgePort::HairpinMode(self.hairpin),
            InfoBridgePort::Isolated(self.isolated),
        ]
    }

    pub(super) fn decode(attributes: &[InfoBridgePort]) -> Self {
        let mut port = Self::STATIC;
        for attribute in attributes {
            match attribute {
                InfoBridgePort::ProxyARP(on) => port.proxy_arp = *on,
                InfoBridgePort::Learning(on) => port.learning = *on,
                InfoBridgePort::UnicastFlood(on) => port.flood = *on,
                InfoBridgePort::MulticastFlood(on) => port.mcast_flood = *on,
                InfoBridgePort::BroadcastFlood(on) => port.bcast_flood = *on,
                InfoBridgePort::NeighSupress(on) => port.neigh_suppress = *on,
                InfoBridgePort::HairpinMode(on) => port.hairpin = *on,
                InfoBridgePort::Isolated(on) => port.isolated = *on,
                _ => {}
            }
        }
        port
    }
}
