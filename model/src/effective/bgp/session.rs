//! Who speaks BGP with whom.

use std::net::Ipv4Addr;

use super::speaker::{AZURE, Speaker, speakers_in};
use crate::network::{
    CircuitId, ConnectionId, ConnectionTarget, GatewayId, LocalNetworkGatewayId, Network, RouteServerId, VmId,
};

/// The ASN of Microsoft's edge routers, between ExpressRoute gateways and the customer's edge.
pub(super) const MICROSOFT_EDGE: u32 = 12076;

/// Appliances that a route server speaks with at most.
const ROUTE_SERVER_PEERS: usize = 8;

/// The other side of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Neighbor {
    /// A VPN device on premises.
    LocalNetworkGateway {
        /// Over this connection.
        connection: ConnectionId,
        /// The device.
        gateway: LocalNetworkGatewayId,
    },
    /// Microsoft's edge, before a circuit.
    Circuit {
        /// Over this connection.
        connection: ConnectionId,
        /// The circuit.
        circuit: CircuitId,
    },
    /// The VPN gateway of another virtual network.
    Gateway {
        /// Over this connection.
        connection: ConnectionId,
        /// That gateway.
        gateway: GatewayId,
    },
    /// An appliance that speaks with a route server.
    Appliance {
        /// Its position among the route server's peers.
        index: usize,
        /// The VM.
        vm: VmId,
    },
    /// The route server, or a gateway, of the same virtual network: where branch-to-branch traffic is allowed.
    Inside(Speaker),
}

impl Neighbor {
    /// The connection that the session runs over; none inside a virtual network.
    #[must_use]
    pub fn connection(self) -> Option<ConnectionId> {
        match self {
            Self::LocalNetworkGateway { connection, .. }
            | Self::Circuit { connection, .. }
            | Self::Gateway { connection, .. } => Some(connection),
            Self::Appliance { .. } | Self::Inside(_) => None,
        }
    }
}

/// The state of a session, in Azure's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// Up.
    Connected,
    /// The neighbor does not answer: its VM does not run.
    Connecting,
    /// Down: too many routes came in, or would go out.
    Idle,
}

impl SessionState {
    /// Azure's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "Connected",
            Self::Connecting => "Connecting",
            Self::Idle => "Idle",
        }
    }
}

/// One speaker's side of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Whose side it is.
    pub speaker: Speaker,
    /// The other side.
    pub neighbor: Neighbor,
    /// The name of the other side: a local network gateway, circuit, gateway, VM or route server.
    pub name: String,
    /// The ASN of the other side.
    pub asn: u32,
    /// Its address; none for what is not in a virtual network, which a lab gives no address for BGP.
    pub address: Option<Ipv4Addr>,
    /// Whether it is up.
    pub state: SessionState,
}

/// Every session, both sides of those between two speakers, in the order of the file.
pub(super) fn sessions(network: &Network) -> Vec<Session> {
    let mut sessions = Vec::new();
    for (position, connection) in network.connections.iter().enumerate() {
        if connection.enable_bgp {
            over_connection(network, ConnectionId(position), &mut sessions);
        }
    }
    for server in (0..network.route_servers.len()).map(RouteServerId) {
        with_appliances(network, server, &mut sessions);
        if network.route_server(server).allow_branch_to_branch_traffic {
            inside(network, server, &mut sessions);
        }
    }
    sessions
}

fn over_connection(network: &Network, connection: ConnectionId, sessions: &mut Vec<Session>) {
    let ends = network.connection(connection);
    let near = ends.gateway;
    let speaker = Speaker::Gateway(near);
    match ends.to {
        ConnectionTarget::LocalNetworkGateway(to) => {
            let far = network.local_network_gateway(to);
            sessions.extend(far.bgp.as_ref().map(|bgp| Session {
                speaker,
                neighbor: Neighbor::LocalNetworkGateway { connection, gateway: to },
                name: far.name.clone(),
                asn: bgp.asn,
                address: None,
                state: SessionState::Connected,
            }));
        }
        ConnectionTarget::Circuit(to) => sessions.push(Session {
            speaker,
            neighbor: Neighbor::Circuit { connection, circuit: to },
            name: network.circuit(to).name.clone(),
            asn: MICROSOFT_EDGE,
            address: None,
            state: SessionState::Connected,
        }),
        ConnectionTarget::Gateway(far) => {
            for (here, there) in [(near, far), (far, near)] {
                sessions.push(Session {
                    speaker: Speaker::Gateway(here),
                    neighbor: Neighbor::Gateway { connection, gateway: there },
                    name: network.gateway(there).name.clone(),
                    asn: network.gateway(there).asn,
                    address: Speaker::Gateway(there).address(network),
                    state: SessionState::Connected,
                });
            }
        }
    }
}

fn with_appliances(network: &Network, server: RouteServerId, sessions: &mut Vec<Session>) {
    for (index, peer) in network.route_server(server).peers.iter().enumerate() {
        let answers = index < ROUTE_SERVER_PEERS && network.vm(peer.vm).runs();
        sessions.push(Session {
            speaker: Speaker::RouteServer(server),
            neighbor: Neighbor::Appliance { index, vm: peer.vm },
            name: network.vm(peer.vm).name.to_string(),
            asn: peer.bgp.asn,
            address: Some(peer.address),
            state: if answers { SessionState::Connected } else { SessionState::Connecting },
        });
    }
}

/// Between a route server and the gateways of its virtual network, which are of one autonomous system.
fn inside(network: &Network, server: RouteServerId, sessions: &mut Vec<Session>) {
    let server = Speaker::RouteServer(server);
    let beside =
        speakers_in(network, server.vnet(network)).filter(|other| matches!(other, Speaker::Gateway(_)));
    for gateway in beside {
        for (here, there) in [(server, gateway), (gateway, server)] {
            sessions.push(Session {
                speaker: here,
                neighbor: Neighbor::Inside(there),
                name: there.name(network).to_owned(),
                asn: AZURE,
                address: there.address(network),
                state: SessionState::Connected,
            });
        }
    }
}
