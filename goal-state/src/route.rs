//! A port's effective routes: the active ones only, one per prefix. The longest prefix decides.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::DropReason;

/// Who made a route, in the words of Azure's effective routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RouteSource {
    /// The platform.
    Default,
    /// A route table.
    User,
    /// BGP or a local network gateway.
    VirtualNetworkGateway,
}

/// What a packet meets at the end of a route.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "type", deny_unknown_fields)]
pub enum NextHop {
    /// The destination itself, in the NIC's own virtual network.
    VnetLocal,
    /// The destination itself, in a directly peered virtual network.
    VnetPeering,
    /// A network interface, in the same or a directly peered virtual network, to which the packet is handed.
    VirtualAppliance {
        /// That interface's private address. Several: each flow goes to one of them (ECMP). Sorted; never empty.
        addresses: Vec<Ipv4Addr>,
        /// Those of several to which this NIC's packets are not handed, though a NIC in the virtual network or in a peer has
        /// them: its own, and those behind a peering in which its subnet takes no part. Flows that fall to them are dropped
        /// as `NoDestination`. Sorted.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unreachable: Vec<Ipv4Addr>,
    },
    /// The internet. What the NIC itself begins leaves by the first of [`crate::translation::Translation::outbound`] that matches; a reply, and what
    /// is translated by the port, goes to the router.
    Internet {
        /// The address of the region's router.
        router: Ipv4Addr,
    },
    /// The packet is dropped with this reason: a next hop type of None, a next hop that cannot be reached, a peering
    /// that forbids the traffic, an internet that the lab does not have.
    Drop {
        /// The reason that the drop event carries.
        reason: DropReason,
    },
}

/// One effective route of a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route {
    /// The destinations that it covers.
    pub prefix: Ipv4Net,
    /// What happens to them.
    pub next_hop: NextHop,
    /// Who made it.
    pub source: RouteSource,
    /// What to call it when it drops something: `rt-spoke/default`, or `System Route`, or a peering's name.
    pub name: String,
}
