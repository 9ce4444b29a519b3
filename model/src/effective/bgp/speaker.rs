//! Who of Azure's speaks BGP, and what it knows without it.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::is_covered;
use super::rib::{LearnedRoute, Origin};
use crate::effective::reach::routed_space;
use crate::network::gateway::GatewayType;
use crate::network::{ConnectionId, ConnectionTarget, GatewayId, Network, Peering, RouteServerId, VnetId};

/// The ASN of a route server, and of a gateway that has no other.
pub(super) const AZURE: u32 = 65515;

/// A gateway or a route server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Speaker {
    /// A virtual network gateway; also one that speaks no BGP and has static routes only.
    Gateway(GatewayId),
    /// A route server.
    RouteServer(RouteServerId),
}

impl Speaker {
    /// The virtual network that it is in.
    #[must_use]
    pub fn vnet(self, network: &Network) -> VnetId {
        match self {
            Self::Gateway(id) => network.gateway(id).vnet,
            Self::RouteServer(id) => network.route_server(id).vnet,
        }
    }

    /// Its autonomous system number.
    #[must_use]
    pub fn asn(self, network: &Network) -> u32 {
        match self {
            Self::Gateway(id) => network.gateway(id).asn,
            Self::RouteServer(_) => AZURE,
        }
    }

    /// The address that it speaks from: that of its first instance.
    #[must_use]
    pub fn address(self, network: &Network) -> Option<Ipv4Addr> {
        match self {
            Self::Gateway(id) => network.gateway(id).private_addresses.first().copied(),
            Self::RouteServer(id) => network.route_server(id).private_addresses.first().copied(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self, network: &Network) -> &str {
        match self {
            Self::Gateway(id) => &network.gateway(id).name,
            Self::RouteServer(id) => &network.route_server(id).name,
        }
    }

    /// Whether it is an ExpressRoute gateway.
    pub(super) fn is_express_route(self, network: &Network) -> bool {
        match self {
            Self::Gateway(id) => network.gateway(id).gateway_type == GatewayType::ExpressRoute,
            Self::RouteServer(_) => false,
        }
    }
}

/// Every gateway and route server.
pub(super) fn speakers(network: &Network) -> impl Iterator<Item = Speaker> {
    let gateways = (0..network.virtual_network_gateways.len()).map(|id| Speaker::Gateway(GatewayId(id)));
    gateways.chain((0..network.route_servers.len()).map(|id| Speaker::RouteServer(RouteServerId(id))))
}

/// Those in one virtual network.
pub(crate) fn speakers_in(network: &Network, vnet: VnetId) -> impl Iterator<Item = Speaker> {
    speakers(network).filter(move |speaker| speaker.vnet(network) == vnet)
}

/// The links of `hub` to peers that use its gateways and route server: both links are connected, this one allows transit,
/// that one uses it.
/// <https://learn.microsoft.com/azure/vpn-gateway/vpn-gateway-peering-gateway-transit>
pub fn transit_links(network: &Network, hub: VnetId) -> impl Iterator<Item = &Peering> {
    let links = network.vnet(hub).peerings.iter();
    links.filter(move |link| {
        let back = network.vnet(link.remote).peering_to(hub);
        let uses = back.is_some_and(|back| back.is_connected() && back.use_remote_gateways);
        link.is_connected() && link.allow_gateway_transit && uses
    })
}

/// The virtual network whose gateways `vnet` uses: another one by gateway transit, or itself.
#[must_use]
pub fn gateway_vnet(network: &Network, vnet: VnetId) -> VnetId {
    let uses = |link: &&Peering| {
        let back = network.vnet(link.remote).peering_to(vnet);
        let allows = back.is_some_and(|back| back.is_connected() && back.allow_gateway_transit);
        link.is_connected() && link.use_remote_gateways && allows
    };
    network.vnet(vnet).peerings.iter().find(uses).map_or(vnet, |link| link.remote)
}

/// What a speaker announces as its own: the ranges of its virtual network and of those that use it by gateway transit.
pub(super) fn networks(network: &Network, speaker: Speaker) -> Vec<Ipv4Net> {
    let vnet = speaker.vnet(network);
    let own = network.vnet(vnet).address_space.iter().copied();
    let spokes = transit_links(network, vnet).flat_map(|link| routed_space(network, link));
    let mut networks: Vec<_> = own.chain(spokes).map(|range| range.trunc()).collect();
    networks.sort_unstable();
    networks.dedup();
    networks
}

/// The static routes of a VPN gateway: the prefixes of local network gateways, and the space of a virtual network at the
/// other end of a connection without BGP. What its virtual network has itself is left out.
pub(super) fn static_routes(network: &Network, speaker: Speaker) -> Vec<LearnedRoute> {
    let Speaker::Gateway(gateway) = speaker else { return Vec::new() };
    let own = &network.vnet(network.gateway(gateway).vnet).address_space;
    let mut routes = Vec::new();
    for (position, connection) in network.connections.iter().enumerate() {
        let prefixes = match connection.to {
            ConnectionTarget::LocalNetworkGateway(to) if connection.gateway == gateway => {
                &network.local_network_gateway(to).address_prefixes
            }
            ConnectionTarget::Gateway(to) if !connection.enable_bgp && connection.gateway == gateway => {
                &network.vnet(network.gateway(to).vnet).address_space
            }
            ConnectionTarget::Gateway(to) if !connection.enable_bgp && to == gateway => {
                &network.vnet(network.gateway(connection.gateway).vnet).address_space
            }
            _ => continue,
        };
        let prefixes = prefixes.iter().filter(|&&prefix| !is_covered(own, prefix));
        routes.extend(prefixes.map(|prefix| LearnedRoute {
            network: prefix.trunc(),
            as_path: Vec::new(),
            next_hop: None,
            origin: Origin::Static,
            neighbor: None,
            connection: Some(ConnectionId(position)),
        }));
    }
    routes
}
