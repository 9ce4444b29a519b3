//! What gateways and route servers learn and announce, and whom they speak with.
//!
//! Shapes: <https://learn.microsoft.com/rest/api/network-gateway/virtual-network-gateways/get-learned-routes>,
//! <https://learn.microsoft.com/rest/api/network-gateway/virtual-network-gateways/get-bgp-peer-status>

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::Serialize;

use crate::diagnostic::did_you_mean;
use crate::effective::Policy;
use crate::effective::bgp::{LearnedRoute, Session, Speaker};
use crate::network::{GatewayId, Network, RouteServerId};

/// Why a question about BGP is about nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BgpError {
    /// Neither a gateway nor a route server.
    #[error("there is no virtual network gateway or route server {name}{}", hint(.similar.as_deref()))]
    UnknownSpeaker {
        /// As asked.
        name: String,
        /// The nearest name that there is.
        similar: Option<String>,
    },
    /// It speaks with nobody of this name.
    #[error("{speaker} has no BGP peer {name}; it has {}", list(.peers))]
    UnknownPeer {
        /// The gateway or route server.
        speaker: String,
        /// As asked.
        name: String,
        /// Its peers.
        peers: Vec<String>,
    },
}

fn hint(similar: Option<&str>) -> String {
    similar.map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

fn list(peers: &[String]) -> String {
    if peers.is_empty() { "none".to_owned() } else { peers.join(", ") }
}

/// Azure's `GatewayRouteListResult`, of what is learned or announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GatewayRouteList {
    /// Sorted by prefix.
    pub value: Vec<GatewayRoute>,
}

/// Azure's `GatewayRoute`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayRoute {
    /// The gateway's address.
    pub local_address: Option<Ipv4Addr>,
    /// The prefix.
    pub network: Ipv4Net,
    /// Where packets go next; none for the gateway's own and where the lab has no address for it.
    pub next_hop: Option<Ipv4Addr>,
    /// Who said it: its address, or its name where it has none.
    pub source_peer: Option<String>,
    /// Network, EBgp or IBgp; Igp for what is announced.
    pub origin: &'static str,
    /// Autonomous system numbers, the nearest first: `65010-65020`. Empty for the gateway's own.
    pub as_path: String,
}

/// Azure's `BgpPeerStatusListResult`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BgpPeerStatusList {
    /// In the order of the file.
    pub value: Vec<BgpPeerStatus>,
}

/// Azure's `BgpPeerStatus`, and the peer's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BgpPeerStatus {
    /// The peer's name.
    pub name: String,
    /// The gateway's address.
    pub local_address: Option<Ipv4Addr>,
    /// The peer's address, or its name where the lab has no address for it.
    pub neighbor: String,
    /// The peer's autonomous system number.
    pub asn: u32,
    /// Connected, Connecting or Idle. (Azure also knows Unknown and Stopped.)
    pub state: &'static str,
    /// How many routes were taken in.
    pub routes_received: usize,
}

/// What a gateway or a route server knows.
///
/// # Errors
/// When there is none of this name.
pub fn list_learned_routes(policy: &Policy<'_>, name: &str) -> Result<GatewayRouteList, BgpError> {
    let network = policy.network();
    let speaker = find_speaker(network, name)?;
    let routes = policy.bgp().learned_routes(network, speaker).into_iter();
    let value = routes.map(|route| GatewayRoute {
        local_address: speaker.address(network),
        network: route.network,
        next_hop: route.next_hop,
        source_peer: source_peer(policy, speaker, &route),
        origin: route.origin.as_str(),
        as_path: as_path(&route.as_path),
    });
    Ok(GatewayRouteList { value: value.collect() })
}

/// What a gateway or a route server announces to one of its peers. Nothing when the session is down.
///
/// # Errors
/// When there is no such gateway or route server, or it has no such peer.
pub fn list_advertised_routes(
    policy: &Policy<'_>,
    name: &str,
    peer: &str,
) -> Result<GatewayRouteList, BgpError> {
    let network = policy.network();
    let speaker = find_speaker(network, name)?;
    let session = find_session(policy, speaker, peer)?;
    let routes = policy.bgp().advertised_routes(network, session).into_iter();
    let value = routes.map(|route| GatewayRoute {
        local_address: speaker.address(network),
        network: route.prefix,
        next_hop: speaker.address(network),
        source_peer: None,
        origin: "Igp",
        as_path: as_path(&route.as_path),
    });
    Ok(GatewayRouteList { value: value.collect() })
}

/// Whom a gateway or a route server speaks BGP with.
///
/// # Errors
/// When there is none of this name.
pub fn list_bgp_peer_status(policy: &Policy<'_>, name: &str) -> Result<BgpPeerStatusList, BgpError> {
    let network = policy.network();
    let speaker = find_speaker(network, name)?;
    let bgp = policy.bgp();
    let value = bgp.sessions(speaker).map(|session| BgpPeerStatus {
        name: session.name.clone(),
        local_address: speaker.address(network),
        neighbor: address_or_name(session),
        asn: session.asn,
        state: session.state.as_str(),
        routes_received: bgp.routes_received(session),
    });
    Ok(BgpPeerStatusList { value: value.collect() })
}

/// The gateway or route server of this name, compared without case.
fn find_speaker(network: &Network, name: &str) -> Result<Speaker, BgpError> {
    let gateways =
        (0..network.virtual_network_gateways.len()).map(|index| Speaker::Gateway(GatewayId(index)));
    let servers = (0..network.route_servers.len()).map(|index| Speaker::RouteServer(RouteServerId(index)));
    let speakers: Vec<_> = gateways.chain(servers).collect();
    let found = speakers.iter().find(|speaker| speaker.name(network).eq_ignore_ascii_case(name));
    found.copied().ok_or_else(|| BgpError::UnknownSpeaker {
        name: name.to_owned(),
        similar: did_you_mean(name, speakers.iter().map(|speaker| speaker.name(network))).map(str::to_owned),
    })
}

/// The session with a peer, given by its name or, as `az` does, its address.
fn find_session<'p>(policy: &'p Policy<'_>, speaker: Speaker, peer: &str) -> Result<&'p Session, BgpError> {
    let bgp = policy.bgp();
    let of_address =
        |address: Ipv4Addr| bgp.sessions(speaker).find(|session| session.address == Some(address));
    let found = bgp.session(speaker, peer).or_else(|| peer.parse().ok().and_then(of_address));
    found.ok_or_else(|| BgpError::UnknownPeer {
        speaker: speaker.name(policy.network()).to_owned(),
        name: peer.to_owned(),
        peers: bgp.sessions(speaker).map(|session| session.name.clone()).collect(),
    })
}

fn source_peer(policy: &Policy<'_>, speaker: Speaker, route: &LearnedRoute) -> Option<String> {
    let neighbor = route.neighbor?;
    policy.bgp().sessions(speaker).find(|session| session.neighbor == neighbor).map(address_or_name)
}

fn address_or_name(session: &Session) -> String {
    session.address.map_or_else(|| session.name.clone(), |address| address.to_string())
}

/// As Azure writes it: numbers with hyphens between.
fn as_path(numbers: &[u32]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join("-")
}
