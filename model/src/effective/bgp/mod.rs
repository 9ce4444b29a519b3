//! What gateways and route servers learn and announce, and where they send packets.
//!
//! Announcements go round until nobody learns anything new. Only data: no timers, no packets.
//!
//! | module | idea |
//! |---|---|
//! | [`speaker`] | who of Azure's speaks, what it has by itself |
//! | [`session`] | who speaks with whom |
//! | `import` | what a session takes in; when it goes down |
//! | `export` | what is announced to whom |
//! | [`rib`] | the best of what was learnt |
//! | [`site`] | what sites on premises learn |
//!
//! <https://learn.microsoft.com/azure/vpn-gateway/vpn-gateway-vpn-faq#bgp>,
//! <https://learn.microsoft.com/azure/expressroute/expressroute-routing>,
//! <https://learn.microsoft.com/azure/route-server/route-server-faq>

mod export;
mod import;
pub mod rib;
pub mod session;
pub mod site;
pub mod speaker;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

pub use rib::{LearnedRoute, Origin, Rib};
pub use session::{Neighbor, Session, SessionState};
pub use site::{SiteExit, SiteRoute};
pub use speaker::Speaker;

use crate::network::{Announcement, GatewayId, Network, SiteId};

/// How often announcements go round at most. Networks settle after as many rounds as the longest chain of speakers;
/// policies that contradict each other might never, and then the last round counts.
const ROUNDS: usize = 64;

/// BGP of one network, settled.
#[derive(Debug)]
pub struct Bgp {
    sessions: Vec<Session>,
    /// By session: what it took in.
    received: Vec<Vec<LearnedRoute>>,
    ribs: BTreeMap<Speaker, Rib>,
    /// By site.
    sites: Vec<Vec<SiteRoute>>,
}

impl Bgp {
    /// Lets everybody speak until nobody has news.
    #[must_use]
    pub fn of(network: &Network) -> Self {
        let mut bgp = Self {
            sessions: session::sessions(network),
            received: Vec::new(),
            ribs: BTreeMap::new(),
            sites: Vec::new(),
        };
        bgp.received = vec![Vec::new(); bgp.sessions.len()];
        for _ in 0..ROUNDS {
            bgp.ribs = bgp.choose(network);
            let imported: Vec<_> = bgp.sessions.iter().map(|session| bgp.import(network, session)).collect();
            let mut news = false;
            for (index, (state, routes)) in imported.into_iter().enumerate() {
                news |= bgp.sessions[index].state != state || bgp.received[index] != routes;
                bgp.sessions[index].state = state;
                bgp.received[index] = routes;
            }
            if !news {
                break;
            }
        }
        bgp.sites = site::learn(network, &bgp);
        bgp
    }

    /// The sessions of a speaker, in the order of the file.
    pub fn sessions(&self, speaker: Speaker) -> impl Iterator<Item = &Session> {
        self.sessions.iter().filter(move |session| session.speaker == speaker)
    }

    /// The session of a speaker with a neighbor of this name, compared without case.
    #[must_use]
    pub fn session(&self, speaker: Speaker, name: &str) -> Option<&Session> {
        self.sessions(speaker).find(|session| session.name.eq_ignore_ascii_case(name))
    }

    /// How many routes a session took in.
    #[must_use]
    pub fn routes_received(&self, session: &Session) -> usize {
        let position = self.sessions.iter().position(|known| known == session);
        position.map_or(0, |position| self.received[position].len())
    }

    /// What a speaker knows: its own virtual networks, static routes, and all that it has learnt, sorted by prefix and the
    /// best first. (`list-learned-routes`)
    #[must_use]
    pub fn learned_routes(&self, network: &Network, speaker: Speaker) -> Vec<LearnedRoute> {
        let own = speaker::networks(network, speaker).into_iter().map(LearnedRoute::own);
        let learned = self.ribs.get(&speaker).into_iter().flat_map(Rib::all).cloned();
        let mut routes: Vec<_> = own.chain(learned).collect();
        routes.sort_by_key(|route| route.network);
        routes
    }

    /// What a speaker announces over one of its sessions, sorted by prefix; nothing over one that is down.
    /// (`list-advertised-routes`)
    #[must_use]
    pub fn advertised_routes(&self, network: &Network, session: &Session) -> Vec<Announcement> {
        if session.state == SessionState::Connected { self.export(network, session) } else { Vec::new() }
    }

    /// What a speaker has learnt or knows as a static route.
    #[must_use]
    pub fn rib(&self, speaker: Speaker) -> Option<&Rib> {
        self.ribs.get(&speaker)
    }

    /// The ways on from a gateway to `destination` outside of its virtual network: the best routes of the longest prefix,
    /// each with its connection. Each flow takes one of them. Empty: the gateway drops it.
    #[must_use]
    pub fn exits(&self, gateway: GatewayId, destination: Ipv4Addr) -> &[LearnedRoute] {
        let rib = self.ribs.get(&Speaker::Gateway(gateway));
        rib.and_then(|rib| rib.lookup(destination)).unwrap_or_default()
    }

    /// What a site on premises has learnt of Azure and of other sites, sorted by prefix.
    #[must_use]
    pub fn site_routes(&self, site: SiteId) -> &[SiteRoute] {
        &self.sites[site.0]
    }

    /// The connections over which a site sends packets to `destination`: those of the best routes of the longest prefix.
    #[must_use]
    pub fn site_exits(&self, site: SiteId, destination: Ipv4Addr) -> Vec<SiteExit> {
        site::exits(&self.sites[site.0], destination)
    }

    fn choose(&self, network: &Network) -> BTreeMap<Speaker, Rib> {
        let learned = self.sessions.iter().zip(&self.received);
        let mut routes: BTreeMap<Speaker, Vec<LearnedRoute>> = BTreeMap::new();
        for speaker in speaker::speakers(network) {
            routes.insert(speaker, speaker::static_routes(network, speaker));
        }
        for (session, received) in learned {
            routes.entry(session.speaker).or_default().extend(received.iter().cloned());
        }
        routes.into_iter().map(|(speaker, routes)| (speaker, Rib::of(network, speaker, routes))).collect()
    }
}

/// Whether one of `ranges` is `prefix` or holds it: a gateway does not take such a route in.
fn is_covered(ranges: &[Ipv4Net], prefix: Ipv4Net) -> bool {
    ranges.iter().any(|range| range.contains(&prefix))
}
