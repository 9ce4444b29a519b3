//! Which routes of a subnet are in force.
//!
//! The longest prefix decides at each packet; here the routes that may take part are chosen, one per prefix: user-defined
//! before gateway before system. Exceptions: a system route of the virtual network, a peering or a service endpoint is
//! preferred over gateway routes for the same addresses however specific, a service endpoint's also over user-defined ones
//! (or less, by [`crate::network::Behavior::service_endpoint_routes`]).
//! <https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview#how-azure-selects-a-route>,
//! <https://learn.microsoft.com/azure/virtual-network/virtual-network-service-endpoints-overview>

use std::collections::HashSet;

use goal_state::route::RouteSource;
use ipnet::Ipv4Net;
use prefix_trie::PrefixSet;

use super::private_endpoint::yields_to;
use super::routes::{EffectiveNextHop, EffectiveRoute, RouteState};
use super::user_routes::{Ranked, TagRank};
use crate::network::Network;
use crate::network::behavior::ServiceEndpointRoutesBehavior;

/// Decides the state of each route, and sorts them by prefix, the active one of a prefix first.
pub(super) fn select(
    network: &Network,
    mut user: Vec<Ranked>,
    mut gateway: Vec<EffectiveRoute>,
    mut system: Vec<EffectiveRoute>,
) -> Vec<EffectiveRoute> {
    let switch = network.behavior.service_endpoint_routes;
    let services = prefixes(&system, |hop| matches!(hop, EffectiveNextHop::VirtualNetworkServiceEndpoint(_)));
    for ranked in &mut user {
        if service_goes_before_user(switch, &services, ranked) {
            ranked.route.state = RouteState::Invalid;
        }
    }
    let usable: HashSet<_> =
        user.iter().filter(|ranked| is_active(&ranked.route)).map(|r| r.route.prefix).collect();
    let mut preferred = prefixes(&system, |hop| {
        matches!(hop, EffectiveNextHop::VnetLocal | EffectiveNextHop::VnetPeering { .. })
    });
    // What a user-defined route of the same prefix replaces protects nothing any more.
    preferred.retain(|prefix| !usable.contains(prefix));
    for route in &mut gateway {
        let shadowed = preferred.get_lpm(&route.prefix).is_some()
            || service_goes_before_gateway(switch, &services, route.prefix);
        if shadowed {
            route.state = RouteState::Invalid;
        }
    }
    for route in &mut system {
        if let EffectiveNextHop::InterfaceEndpoint(endpoint) = route.next_hop {
            let mut user = user.iter().filter(|ranked| is_active(&ranked.route));
            if user.any(|ranked| yields_to(network, endpoint, ranked.route.prefix)) {
                route.state = RouteState::Invalid;
            }
        }
    }
    rank(user, gateway, system)
}

fn is_active(route: &EffectiveRoute) -> bool {
    route.state == RouteState::Active
}

fn prefixes(routes: &[EffectiveRoute], wanted: impl Fn(&EffectiveNextHop) -> bool) -> PrefixSet<Ipv4Net> {
    routes.iter().filter(|route| wanted(&route.next_hop)).map(|route| route.prefix).collect()
}

/// Whether a service endpoint takes all addresses of a user-defined route.
fn service_goes_before_user(
    switch: ServiceEndpointRoutesBehavior,
    services: &PrefixSet<Ipv4Net>,
    user: &Ranked,
) -> bool {
    let prefix = user.route.prefix;
    match switch {
        ServiceEndpointRoutesBehavior::Documented => services.get_lpm(&prefix).is_some(),
        ServiceEndpointRoutesBehavior::ExactTie => services.contains(&prefix),
        // Only a route of a tag to the internet, where the endpoint leads to the same service, changes nothing.
        ServiceEndpointRoutesBehavior::Observed => {
            user.rank != TagRank::Explicit
                && user.route.next_hop == EffectiveNextHop::Internet
                && services.get_lpm(&prefix).is_some()
        }
    }
}

/// Whether a service endpoint takes all addresses of a gateway route.
fn service_goes_before_gateway(
    switch: ServiceEndpointRoutesBehavior,
    services: &PrefixSet<Ipv4Net>,
    prefix: Ipv4Net,
) -> bool {
    match switch {
        ServiceEndpointRoutesBehavior::Documented => services.get_lpm(&prefix).is_some(),
        ServiceEndpointRoutesBehavior::ExactTie => services.contains(&prefix),
        ServiceEndpointRoutesBehavior::Observed => false,
    }
}

/// Of each prefix the first usable route stays active: user-defined (a prefix of its own before those of tags), gateway,
/// system, a service before the internet.
fn rank(user: Vec<Ranked>, gateway: Vec<EffectiveRoute>, system: Vec<EffectiveRoute>) -> Vec<EffectiveRoute> {
    let others = gateway.into_iter().chain(system).map(|route| (TagRank::Explicit, route));
    let mut routes: Vec<_> =
        user.into_iter().map(|ranked| (ranked.rank, ranked.route)).chain(others).collect();
    let source = |route: &EffectiveRoute| match route.source {
        RouteSource::User => 0,
        RouteSource::VirtualNetworkGateway => 1,
        RouteSource::Default => 2,
    };
    routes.sort_by_key(|(tag, route)| (route.prefix, !is_active(route), source(route), *tag));
    let mut previous = None;
    for (_, route) in &mut routes {
        if previous == Some(route.prefix) {
            route.state = RouteState::Invalid;
        }
        previous = Some(route.prefix);
    }
    routes.into_iter().map(|(_, route)| route).collect()
}
