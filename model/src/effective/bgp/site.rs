//! What sites on premises learn of Azure and of each other, and which connection they take.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::Bgp;
use super::session::{MICROSOFT_EDGE, Neighbor, SessionState};
use super::speaker::{Speaker, networks};
use crate::network::{ConnectionId, ConnectionTarget, GatewayId, Network};

/// A route of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteRoute {
    /// The prefix.
    pub network: Ipv4Net,
    /// Autonomous system numbers, the nearest first; empty for a static route.
    pub as_path: Vec<u32>,
    /// Over this connection.
    pub exit: SiteExit,
    /// Whether the connection is ExpressRoute.
    pub express_route: bool,
}

/// A way out of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteExit {
    /// The connection.
    pub connection: ConnectionId,
    /// The gateway at its Azure end.
    pub gateway: GatewayId,
}

/// By site, what it learns. Over a connection without BGP its device is set up with static routes for what the gateway has.
pub(super) fn learn(network: &Network, bgp: &Bgp) -> Vec<Vec<SiteRoute>> {
    let mut sites = vec![Vec::new(); network.on_premises.len()];
    for (position, connection) in network.connections.iter().enumerate() {
        let (site, express_route) = match connection.to {
            ConnectionTarget::LocalNetworkGateway(to) => (network.local_network_gateway(to).site, false),
            ConnectionTarget::Circuit(to) => (network.circuit(to).site, true),
            ConnectionTarget::Gateway(_) => continue,
        };
        let exit = SiteExit { connection: ConnectionId(position), gateway: connection.gateway };
        let route = |network: Ipv4Net, as_path: Vec<u32>| SiteRoute { network, as_path, exit, express_route };
        let session = bgp.sessions(Speaker::Gateway(exit.gateway)).find(|session| {
            !matches!(session.neighbor, Neighbor::Gateway { .. })
                && session.neighbor.connection() == Some(exit.connection)
        });
        match session {
            Some(session) if session.state == SessionState::Connected => {
                let announced = bgp.export(network, session).into_iter();
                let edge: &[u32] = if express_route { &[MICROSOFT_EDGE] } else { &[] };
                sites[site.0]
                    .extend(announced.map(|told| route(told.prefix, [edge, &told.as_path[..]].concat())));
            }
            Some(_) => {}
            None => {
                let own = networks(network, Speaker::Gateway(exit.gateway)).into_iter();
                sites[site.0].extend(own.map(|own| route(own, Vec::new())));
            }
        }
    }
    for routes in &mut sites {
        routes.sort_by_key(|route| (route.network, !route.express_route, route.as_path.len()));
    }
    sites
}

/// The best of the longest prefix: ExpressRoute first, then the shortest path.
pub(super) fn exits(routes: &[SiteRoute], destination: Ipv4Addr) -> Vec<SiteExit> {
    let covering = || routes.iter().filter(|route| route.network.contains(&destination));
    let rank = |route: &SiteRoute| {
        (std::cmp::Reverse(route.network.prefix_len()), !route.express_route, route.as_path.len())
    };
    let best = covering().map(rank).min();
    covering().filter(|route| Some(rank(route)) == best).map(|route| route.exit).collect()
}
