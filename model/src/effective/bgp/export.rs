//! What is announced to whom.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;

use super::Bgp;
use super::rib::{LearnedRoute, Origin, Rib};
use super::session::{Neighbor, Session};
use super::speaker::{Speaker, networks};
use crate::network::{Announcement, Network};

/// Prefixes that ExpressRoute announces to a circuit: with more the connection goes down.
pub(super) const MAX_EXPRESS_ROUTE_OUT: usize = 1000;

impl Bgp {
    /// What a speaker announces over a session, whatever the session's state, sorted by prefix.
    pub(super) fn export(&self, network: &Network, session: &Session) -> Vec<Announcement> {
        let mut routes: BTreeMap<Ipv4Net, Vec<u32>> = BTreeMap::new();
        let inside = matches!(session.neighbor, Neighbor::Inside(_));
        let best = self.ribs.get(&session.speaker).into_iter().flat_map(Rib::best);
        for route in best.filter_map(|best| best.iter().find(|route| passes_on(network, session, route))) {
            routes.insert(route.network, route.as_path.clone());
        }
        // Those beside it know the virtual network themselves.
        if !inside {
            routes.extend(networks(network, session.speaker).into_iter().map(|own| (own, Vec::new())));
        }
        let asn = session.speaker.asn(network);
        let announce = |(prefix, path): (Ipv4Net, Vec<u32>)| Announcement {
            prefix,
            as_path: if inside { path } else { [&[asn], &path[..]].concat() },
        };
        routes.into_iter().map(announce).collect()
    }
}

/// Whether a route that a speaker has learnt is announced over `session`. Never the default route, never to where it comes
/// from, nor what overlaps with the virtual network.
fn passes_on(network: &Network, session: &Session, route: &LearnedRoute) -> bool {
    let own = &network.vnet(session.speaker.vnet(network)).address_space;
    let overlaps = own.iter().any(|range| range.contains(&route.network) || route.network.contains(range));
    let back = route.neighbor == Some(session.neighbor)
        || (route.connection.is_some() && route.connection == session.neighbor.connection());
    if route.network.prefix_len() == 0 || overlaps || back {
        return false;
    }
    match (session.speaker, session.neighbor) {
        // A route server hands on between branches only where it has sessions with gateways.
        (Speaker::RouteServer(server), Neighbor::Appliance { .. }) => {
            network.route_server(server).allow_branch_to_branch_traffic
        }
        (Speaker::RouteServer(_), _) => true,
        // What came from inside is not handed on inside.
        (Speaker::Gateway(_), Neighbor::Inside(_)) => route.origin != Origin::IBgp,
        // No transit between circuits.
        (Speaker::Gateway(_), Neighbor::Circuit { .. }) => route.origin == Origin::IBgp,
        (Speaker::Gateway(_), _) => true,
    }
}
