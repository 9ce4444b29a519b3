//! Route tables and their user-defined routes.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::ServiceTag;

/// A route table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTable {
    /// Its name.
    pub name: String,
    /// Whether routes of gateways, also static ones, and of route servers are kept from its subnets.
    pub disable_bgp_route_propagation: bool,
    /// Whether routes of peerings are kept from its subnets.
    pub disable_peering_route: bool,
    /// Its routes, in the order of the file; each prefix once.
    pub routes: Vec<UserRoute>,
}

/// A user-defined route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRoute {
    /// Its name.
    pub name: String,
    /// The destinations that it covers.
    pub destination: RouteDestination,
    /// Where they go.
    pub next_hop: UserNextHop,
}

/// What a user-defined route covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RouteDestination {
    /// A prefix.
    Prefix(Ipv4Net),
    /// Each prefix of a service tag. Of equal prefixes an explicit one goes before a regional tag, that one before the plain
    /// tag, that one before AzureCloud.REGION, that one before AzureCloud.
    Tag(ServiceTag),
}

/// The next hop of a user-defined route.
/// <https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview>
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UserNextHop {
    /// The NIC or internal load balancer frontend with this private address. Several (type VirtualApplianceEcmp): each flow
    /// goes to one of them. Never empty.
    VirtualAppliance(Vec<Ipv4Addr>),
    /// The default routing inside the virtual network.
    VnetLocal,
    /// The internet.
    Internet,
    /// The virtual network's VPN gateway.
    VirtualNetworkGateway,
    /// Nowhere.
    None,
}
