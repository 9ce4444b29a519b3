//! The routes that gateways and route servers put into a virtual network: source `VirtualNetworkGateway`.
//!
//! <https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview#border-gateway-protocol>,
//! <https://learn.microsoft.com/azure/route-server/hub-routing-preference>

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use goal_state::route::RouteSource;
use ipnet::Ipv4Net;

use super::bgp::rib::preference;
use super::bgp::speaker::{gateway_vnet, speakers_in};
use super::bgp::{Bgp, LearnedRoute, Neighbor, Origin, Speaker};
use super::routes::{EffectiveNextHop, EffectiveRoute, RouteState};
use crate::network::gateway::{GatewayType, HubRoutingPreference};
use crate::network::{GatewayId, Network, VnetId};

/// Who leads to a prefix, the preferred first where nothing else decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    ExpressRoute(GatewayId),
    Vpn(GatewayId),
    Appliance(Ipv4Addr),
}

/// The gateway routes of a virtual network, sorted by prefix: one per prefix. Those of the hub for one that uses its
/// gateways.
#[must_use]
pub(super) fn gateway_routes(network: &Network, bgp: &Bgp, vnet: VnetId) -> Vec<EffectiveRoute> {
    let hub = gateway_vnet(network, vnet);
    let own = &network.vnet(hub).address_space;
    let mut candidates: BTreeMap<Ipv4Net, Vec<(Kind, usize)>> = BTreeMap::new();
    for speaker in speakers_in(network, hub) {
        for route in bgp.rib(speaker).into_iter().flat_map(|rib| rib.all()) {
            // A virtual network's own ranges are not steered by a part of them.
            let covered = own.iter().any(|range| range.contains(&route.network));
            if let (Some(kind), false) = (kind(network, speaker, route), covered) {
                candidates.entry(route.network).or_default().push((kind, route.as_path.len()));
            }
        }
    }
    let preference = network.route_servers.iter().find(|server| server.vnet == hub);
    let preference =
        preference.map_or(HubRoutingPreference::ExpressRoute, |server| server.hub_routing_preference);
    let route = |(prefix, candidates): (Ipv4Net, Vec<(Kind, usize)>)| EffectiveRoute {
        source: RouteSource::VirtualNetworkGateway,
        state: RouteState::Active,
        prefix,
        next_hop: next_hop(preference, candidates),
        user: None,
    };
    candidates.into_iter().map(route).collect()
}

/// Who a route is to be had from; none for what a speaker only heard from another one beside it.
fn kind(network: &Network, speaker: Speaker, route: &LearnedRoute) -> Option<Kind> {
    match (speaker, route.neighbor) {
        _ if route.origin == Origin::IBgp => None,
        (Speaker::Gateway(id), _) => Some(match network.gateway(id).gateway_type {
            GatewayType::ExpressRoute => Kind::ExpressRoute(id),
            GatewayType::Vpn => Kind::Vpn(id),
        }),
        (Speaker::RouteServer(server), Some(Neighbor::Appliance { index, .. })) => {
            Some(Kind::Appliance(network.route_server(server).peers[index].address))
        }
        (Speaker::RouteServer(_), _) => None,
    }
}

/// The preferred kind, then the shortest path, then ExpressRoute before VPN before appliances. Appliances with equally
/// short paths share the flows.
fn next_hop(hub: HubRoutingPreference, mut candidates: Vec<(Kind, usize)>) -> EffectiveNextHop {
    let class = |kind: Kind| preference(hub, matches!(kind, Kind::ExpressRoute(_)));
    candidates.sort_by_key(|&(kind, length)| (class(kind), length, kind));
    let (first, shortest) = candidates[0];
    match first {
        Kind::ExpressRoute(gateway) | Kind::Vpn(gateway) => {
            EffectiveNextHop::VirtualNetworkGateway([gateway].into())
        }
        Kind::Appliance(_) => {
            let equal = candidates.iter().filter(|&&(_, length)| length == shortest);
            let mut addresses: Vec<_> = equal
                .filter_map(|&(kind, _)| match kind {
                    Kind::Appliance(address) => Some(address),
                    Kind::ExpressRoute(_) | Kind::Vpn(_) => None,
                })
                .collect();
            addresses.sort_unstable();
            addresses.dedup();
            EffectiveNextHop::VirtualAppliance(addresses.into())
        }
    }
}
