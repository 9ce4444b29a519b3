//! What a session takes in, and when it goes down.

use super::export::MAX_EXPRESS_ROUTE_OUT;
use super::rib::{LearnedRoute, Origin};
use super::session::{MICROSOFT_EDGE, Neighbor, Session, SessionState};
use super::speaker::Speaker;
use super::{Bgp, is_covered};
use crate::network::{Announcement, CircuitId, Network};

/// Prefixes that a VPN gateway takes from a peer.
const MAX_VPN: usize = 4000;

/// Prefixes that ExpressRoute takes from a circuit that is not premium.
const MAX_EXPRESS_ROUTE: usize = 4000;

/// Routes that a route server takes from a peer.
const MAX_ROUTE_SERVER: usize = 1000;

impl Bgp {
    /// The state of a session and what it takes in, as things stand.
    pub(super) fn import(&self, network: &Network, session: &Session) -> (SessionState, Vec<LearnedRoute>) {
        if session.state == SessionState::Connecting {
            return (SessionState::Connecting, Vec::new());
        }
        let offered = self.offered(network, session);
        let limit = match session.neighbor {
            Neighbor::LocalNetworkGateway { .. } | Neighbor::Gateway { .. } => MAX_VPN,
            Neighbor::Circuit { .. } => MAX_EXPRESS_ROUTE,
            Neighbor::Appliance { .. } => MAX_ROUTE_SERVER,
            Neighbor::Inside(_) => usize::MAX,
        };
        let too_many_out = matches!(session.neighbor, Neighbor::Circuit { .. })
            && self.export(network, session).len() > MAX_EXPRESS_ROUTE_OUT;
        if offered.len() > limit || too_many_out {
            return (SessionState::Idle, Vec::new());
        }
        let taken = offered.into_iter().filter_map(|offer| accept(network, session, offer));
        (SessionState::Connected, taken.collect())
    }

    /// What the other side announces.
    fn offered(&self, network: &Network, session: &Session) -> Vec<Announcement> {
        match session.neighbor {
            Neighbor::LocalNetworkGateway { gateway, .. } => {
                let bgp = network.local_network_gateway(gateway).bgp.as_ref();
                bgp.map(|bgp| bgp.routes.clone()).unwrap_or_default()
            }
            Neighbor::Circuit { circuit, .. } => self.over_circuit(network, session, circuit),
            Neighbor::Appliance { index, .. } => {
                let Speaker::RouteServer(server) = session.speaker else { return Vec::new() };
                network.route_server(server).peers[index].bgp.routes.clone()
            }
            Neighbor::Gateway { .. } | Neighbor::Inside(_) => self
                .opposite(session)
                .map(|opposite| self.advertised_routes(network, opposite))
                .unwrap_or_default(),
        }
    }

    /// What Microsoft's edge announces: the site's routes, and those of the other virtual networks on the circuit.
    fn over_circuit(&self, network: &Network, session: &Session, circuit: CircuitId) -> Vec<Announcement> {
        let site = network.circuit(circuit).bgp.routes.iter().map(|route| Announcement {
            prefix: route.prefix,
            as_path: [&[MICROSOFT_EDGE], &route.as_path[..]].concat(),
        });
        let others = self.sessions.iter().filter(|other| {
            matches!(other.neighbor, Neighbor::Circuit { circuit: its, .. } if its == circuit)
                && other.speaker != session.speaker
        });
        let others = others.flat_map(|other| {
            let own = other.speaker.asn(network);
            self.advertised_routes(network, other).into_iter().map(move |route| Announcement {
                prefix: route.prefix,
                // The edge puts itself in the place of the gateway, whose number all gateways share.
                as_path: [MICROSOFT_EDGE]
                    .into_iter()
                    .chain(route.as_path.iter().map(|&asn| if asn == own { MICROSOFT_EDGE } else { asn }))
                    .collect(),
            })
        });
        site.chain(others).collect()
    }

    /// The other side of a session between two speakers.
    fn opposite(&self, session: &Session) -> Option<&Session> {
        self.sessions.iter().find(|other| match (session.neighbor, other.neighbor) {
            (Neighbor::Inside(there), Neighbor::Inside(here)) => {
                other.speaker == there && here == session.speaker
            }
            (Neighbor::Gateway { connection, gateway }, Neighbor::Gateway { connection: same, .. }) => {
                same == connection && other.speaker == Speaker::Gateway(gateway)
            }
            _ => false,
        })
    }
}

/// A route as the speaker takes it in; none for one that went round in a circle, or that a gateway ignores because its
/// virtual network has those addresses itself.
fn accept(network: &Network, session: &Session, offer: Announcement) -> Option<LearnedRoute> {
    let inside = matches!(session.neighbor, Neighbor::Inside(_));
    let own = &network.vnet(session.speaker.vnet(network)).address_space;
    let ignored = matches!(session.speaker, Speaker::Gateway(_)) && is_covered(own, offer.prefix);
    let circle = !inside && offer.as_path.contains(&session.speaker.asn(network));
    (!ignored && !circle).then(|| LearnedRoute {
        network: offer.prefix.trunc(),
        as_path: offer.as_path,
        next_hop: session.address,
        origin: if inside { Origin::IBgp } else { Origin::EBgp },
        neighbor: Some(session.neighbor),
        connection: session.neighbor.connection(),
    })
}
