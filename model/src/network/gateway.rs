//! Virtual network gateways, what they are connected to, and route servers.
//!
//! <https://learn.microsoft.com/azure/vpn-gateway/vpn-gateway-about-vpngateways>,
//! <https://learn.microsoft.com/azure/expressroute/expressroute-about-virtual-network-gateways>,
//! <https://learn.microsoft.com/azure/route-server/overview>

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

pub use crate::topology::{GatewayType, HubRoutingPreference};

use super::{CircuitId, GatewayId, LocalNetworkGatewayId, PublicIpId, SiteId, VmId, VnetId};

/// A virtual network gateway. It stands in the GatewaySubnet of its virtual network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualNetworkGateway {
    /// Its name.
    pub name: String,
    /// The virtual network that it is in.
    pub vnet: VnetId,
    /// Vpn or ExpressRoute.
    pub gateway_type: GatewayType,
    /// Its private addresses in the GatewaySubnet: one, or two when active-active.
    pub private_addresses: Vec<Ipv4Addr>,
    /// Its public addresses; may be empty for ExpressRoute.
    pub public_ips: Vec<PublicIpId>,
    /// Its autonomous system number.
    pub asn: u32,
}

/// A VPN device on premises, as Azure knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalNetworkGateway {
    /// Its name.
    pub name: String,
    /// The site that it leads to.
    pub site: SiteId,
    /// Static routes.
    pub address_prefixes: Vec<Ipv4Net>,
    /// Its side of BGP, when it speaks it.
    pub bgp: Option<BgpSpeaker>,
}

/// An ExpressRoute circuit with private peering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressRouteCircuit {
    /// Its name.
    pub name: String,
    /// The site that it leads to.
    pub site: SiteId,
    /// The site's edge.
    pub bgp: BgpSpeaker,
}

/// A BGP speaker outside of Azure's control, and what it announces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BgpSpeaker {
    /// Its autonomous system number.
    pub asn: u32,
    /// What it announces, as given: nothing is filtered yet.
    pub routes: Vec<Announcement>,
}

/// A route that a BGP speaker announces.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Announcement {
    /// The prefix.
    pub prefix: Ipv4Net,
    /// Autonomous system numbers, the nearest first; the speaker's own alone when none were given.
    pub as_path: Vec<u32>,
}

/// A connection of a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its name.
    pub name: String,
    /// The gateway.
    pub gateway: GatewayId,
    /// What is on its other side.
    pub to: ConnectionTarget,
    /// Whether BGP runs over it. Always for ExpressRoute.
    pub enable_bgp: bool,
}

/// The other side of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectionTarget {
    /// Another virtual network's gateway. One connection stands for both directions.
    Gateway(GatewayId),
    /// A VPN device on premises.
    LocalNetworkGateway(LocalNetworkGatewayId),
    /// An ExpressRoute circuit.
    Circuit(CircuitId),
}

/// A route server. It stands in the RouteServerSubnet of its virtual network, and its ASN is 65515.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteServer {
    /// Its name.
    pub name: String,
    /// The virtual network that it is in.
    pub vnet: VnetId,
    /// The private addresses of its two instances in the RouteServerSubnet.
    pub private_addresses: [Ipv4Addr; 2],
    /// Whether gateways and appliances learn each other's routes.
    pub allow_branch_to_branch_traffic: bool,
    /// Which of equal routes wins.
    pub hub_routing_preference: HubRoutingPreference,
    /// Appliances that speak BGP with it, in the order of the file.
    pub peers: Vec<RouteServerPeer>,
}

/// An appliance that speaks BGP with a route server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteServerPeer {
    /// The appliance.
    pub vm: VmId,
    /// Its private address with which it speaks: the next hop of its routes.
    pub address: Ipv4Addr,
    /// What it announces.
    pub bgp: BgpSpeaker,
}

/// A site on premises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnPremisesSite {
    /// Its name.
    pub name: String,
    /// Its prefixes.
    pub address_prefixes: Vec<Ipv4Net>,
    /// Its machines by name; they answer on every port and to ping.
    pub machines: Vec<(String, Ipv4Addr)>,
}
