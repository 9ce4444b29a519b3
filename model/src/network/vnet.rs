//! Virtual networks, their subnets and their peering links.

use goal_state::Vni;
use ipnet::Ipv4Net;

use super::{NsgId, RouteTableId, VnetId};

/// A virtual network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualNetwork {
    /// Its name.
    pub name: String,
    /// Its region.
    pub location: String,
    /// Its identifier on the underlay, stable for its name.
    pub vni: Vni,
    /// Its prefixes, in the order of the file; disjoint.
    pub address_space: Vec<Ipv4Net>,
    /// Its subnets, in the order of the file; disjoint, each inside one prefix of the space.
    pub subnets: Vec<Subnet>,
    /// Its peering links, in the order of the file.
    pub peerings: Vec<Peering>,
}

impl VirtualNetwork {
    /// Its link to `remote`, if it has one. Azure allows one per pair.
    #[must_use]
    pub fn peering_to(&self, remote: VnetId) -> Option<&Peering> {
        self.peerings.iter().find(|peering| peering.remote == remote)
    }
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its name.
    pub name: String,
    /// Its prefix.
    pub prefix: Ipv4Net,
    /// The group that filters it.
    pub nsg: Option<NsgId>,
    /// The table that steers it.
    pub route_table: Option<RouteTableId>,
}

/// One link of a peering: what this side declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peering {
    /// Its name.
    pub name: String,
    /// The other virtual network.
    pub remote: VnetId,
    /// Whether the other side has a link back (peering state Connected rather than Initiated). No traffic without.
    pub connected: bool,
    /// Off: no traffic to the peer, and the peer's space is not part of the tag VirtualNetwork.
    pub allow_virtual_network_access: bool,
    /// Off: packets that the peer only forwarded are refused here.
    pub allow_forwarded_traffic: bool,
}
