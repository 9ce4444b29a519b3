//! What a speaker has learnt, and the best of it.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use prefix_trie::PrefixMap;

use super::session::Neighbor;
use super::speaker::Speaker;
use crate::network::gateway::HubRoutingPreference;
use crate::network::{ConnectionId, Network};

/// Where a route comes from, in Azure's words but for `Static`, which Azure calls `Network`, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The speaker's own virtual network, or one that uses it by gateway transit.
    Network,
    /// A prefix of a local network gateway, or of a virtual network at the other end of a connection without BGP.
    Static,
    /// Another autonomous system.
    EBgp,
    /// A speaker of the same virtual network.
    IBgp,
}

impl Origin {
    /// Azure's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Network | Self::Static => "Network",
            Self::EBgp => "EBgp",
            Self::IBgp => "IBgp",
        }
    }
}

/// A route that a speaker knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearnedRoute {
    /// The prefix.
    pub network: Ipv4Net,
    /// Autonomous system numbers, the nearest first; empty for what needs no BGP.
    pub as_path: Vec<u32>,
    /// The address of who announced it; none outside of virtual networks.
    pub next_hop: Option<Ipv4Addr>,
    /// Where it comes from.
    pub origin: Origin,
    /// Who announced it; none without BGP.
    pub neighbor: Option<Neighbor>,
    /// The connection that packets take; none inside a virtual network.
    pub connection: Option<ConnectionId>,
}

impl LearnedRoute {
    /// A range that the speaker announces as its own.
    pub(super) fn own(network: Ipv4Net) -> Self {
        Self {
            network,
            as_path: Vec::new(),
            next_hop: None,
            origin: Origin::Network,
            neighbor: None,
            connection: None,
        }
    }
}

/// What a speaker has learnt, by prefix.
#[derive(Debug, Default)]
pub struct Rib {
    routes: PrefixMap<Ipv4Net, Candidates>,
}

/// The routes of one prefix, the best first.
#[derive(Debug, Default)]
struct Candidates {
    routes: Vec<LearnedRoute>,
    /// How many of them are equally good.
    best: usize,
}

impl Rib {
    /// Ranks what `speaker` knows: by its hub routing preference if it is a route server, then the shortest path, then
    /// other autonomous systems before the own. What remains equal is used together.
    pub(super) fn of(network: &Network, speaker: Speaker, routes: Vec<LearnedRoute>) -> Self {
        let mut map: PrefixMap<Ipv4Net, Candidates> = PrefixMap::new();
        for route in routes {
            map.entry(route.network).or_default().routes.push(route);
        }
        for (_, candidates) in map.iter_mut() {
            let rank = |route: &LearnedRoute| rank(network, speaker, route);
            candidates.routes.sort_by_key(rank);
            let first = candidates.routes.first().map(rank);
            candidates.best = candidates.routes.iter().take_while(|route| Some(rank(route)) == first).count();
        }
        Self { routes: map }
    }

    /// Every route, sorted by prefix and the best first.
    pub fn all(&self) -> impl Iterator<Item = &LearnedRoute> {
        self.routes.iter().flat_map(|(_, candidates)| &candidates.routes)
    }

    /// The best routes of each prefix, sorted by prefix; never empty.
    pub fn best(&self) -> impl Iterator<Item = &[LearnedRoute]> {
        self.routes.iter().map(|(_, candidates)| &candidates.routes[..candidates.best])
    }

    /// The best routes of the longest prefix that covers `destination`.
    #[must_use]
    pub fn lookup(&self, destination: Ipv4Addr) -> Option<&[LearnedRoute]> {
        let (_, candidates) = self.routes.get_lpm(&Ipv4Net::from(destination))?;
        Some(&candidates.routes[..candidates.best])
    }
}

fn rank(network: &Network, speaker: Speaker, route: &LearnedRoute) -> (u8, usize, Origin) {
    let preference = match (speaker, route.neighbor) {
        (Speaker::RouteServer(server), Some(Neighbor::Inside(gateway))) => {
            preference(network.route_server(server).hub_routing_preference, gateway.is_express_route(network))
        }
        (Speaker::RouteServer(server), _) => {
            preference(network.route_server(server).hub_routing_preference, false)
        }
        (Speaker::Gateway(_), _) => 0,
    };
    (preference, route.as_path.len(), route.origin)
}

/// 0 for what a hub prefers whatever the path, 1 for the others.
/// <https://learn.microsoft.com/azure/route-server/hub-routing-preference>
pub(crate) fn preference(preference: HubRoutingPreference, express_route: bool) -> u8 {
    match preference {
        HubRoutingPreference::ExpressRoute => u8::from(!express_route),
        HubRoutingPreference::VpnGateway => u8::from(express_route),
        HubRoutingPreference::AsPath => 0,
    }
}
