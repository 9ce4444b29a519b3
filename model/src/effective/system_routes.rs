//! The platform's own routes: virtual network, peers, services, private endpoints, the internet, and what is reserved.
//!
//! <https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview#system-routes>

use std::sync::Arc;

use goal_state::route::RouteSource;
use ipnet::Ipv4Net;

use super::none_routes::reserved;
use super::reach::{connected_peers, routed_space};
use super::routes::{EffectiveNextHop, EffectiveRoute, RouteState};
use super::{Policy, private_endpoint};
use crate::network::{Network, SubnetRef, VnetId};

/// The system routes of a subnet. `other_default`: a user-defined or BGP route for 0.0.0.0/0 takes those to None away.
pub(super) fn system_routes(
    policy: &Policy<'_>,
    subnet: SubnetRef,
    other_default: bool,
) -> Vec<EffectiveRoute> {
    let network = policy.network();
    let own = network.vnet(subnet.vnet).address_space.iter();
    let mut routes: Vec<_> = own.map(|&range| system_route(range, EffectiveNextHop::VnetLocal)).collect();
    let table = network.subnet(subnet).route_table.map(|table| network.route_table(table));
    if !table.is_some_and(|table| table.disable_peering_route) {
        routes.extend(peering_routes(network, subnet.vnet));
    }
    if !other_default {
        // A range that is or holds a reserved one takes its place; one inside of it does not.
        let free = |range: &Ipv4Net| !routes.iter().any(|route| route.prefix.contains(range));
        let reserved: Vec<_> = reserved(network.behavior.none_routes).filter(free).collect();
        routes.extend(reserved.into_iter().map(|range| system_route(range, EffectiveNextHop::None)));
    }
    routes.extend(service_endpoint_routes(network, subnet));
    routes.extend(private_endpoint::routes(policy, subnet.vnet));
    routes.push(system_route(Ipv4Net::default(), EffectiveNextHop::Internet));
    routes
}

pub(super) fn system_route(prefix: Ipv4Net, next_hop: EffectiveNextHop) -> EffectiveRoute {
    EffectiveRoute {
        source: RouteSource::Default,
        state: RouteState::Active,
        prefix: prefix.trunc(),
        next_hop,
        user: None,
    }
}

fn peering_routes(network: &Network, vnet: VnetId) -> impl Iterator<Item = EffectiveRoute> {
    connected_peers(network, vnet).flat_map(move |(link, peer)| {
        let global = peer.location != network.vnet(vnet).location;
        let next_hop = EffectiveNextHop::VnetPeering { remote: link.remote, global };
        routed_space(network, link).map(move |range| system_route(range, next_hop.clone()))
    })
}

fn service_endpoint_routes(network: &Network, subnet: SubnetRef) -> impl Iterator<Item = EffectiveRoute> {
    network.subnet(subnet).service_endpoints.iter().flat_map(|endpoint| {
        let next_hop = EffectiveNextHop::VirtualNetworkServiceEndpoint(Arc::from(endpoint.service.as_str()));
        let prefixes =
            endpoint.tags.iter().flat_map(|&tag| network.service_tags.get(tag).addresses.prefixes());
        prefixes.map(move |&prefix| system_route(prefix, next_hop.clone()))
    })
}
