//! Route tables and their user-defined routes.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// A route table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTable {
    /// Its name.
    pub name: String,
    /// Whether gateway routes are kept from its subnets. Of no effect until there are gateways.
    pub disable_bgp_route_propagation: bool,
    /// Its routes, in the order of the file; each prefix once.
    pub routes: Vec<UserRoute>,
}

/// A user-defined route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRoute {
    /// Its name.
    pub name: String,
    /// The destinations that it covers.
    pub prefix: Ipv4Net,
    /// Where they go.
    pub next_hop: UserNextHop,
}

/// The next hop of a user-defined route.
/// <https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UserNextHop {
    /// The NIC with this private address.
    VirtualAppliance(Ipv4Addr),
    /// The default routing inside the virtual network.
    VnetLocal,
    /// The internet.
    Internet,
    /// A VPN gateway. None is built yet, so packets are dropped.
    VirtualNetworkGateway,
    /// Nowhere.
    None,
}
