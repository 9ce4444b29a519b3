//! User-defined routes of a subnet, tags as prefixes.
//!
//! <https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview#user-defined>

use std::net::Ipv4Addr;
use std::sync::Arc;

use goal_state::route::RouteSource;

use super::Policy;
use super::bgp::Speaker;
use super::bgp::speaker::{gateway_vnet, speakers_in};
use super::routes::{EffectiveNextHop, EffectiveRoute, RouteState, UserRouteName};
use crate::network::gateway::GatewayType;
use crate::network::{
    GatewayId, Network, RouteDestination, ServiceTag, SubnetRef, TagId, UserNextHop, UserRoute, VnetId,
};

/// A user-defined route with its place among those of the same prefix.
pub(super) struct Ranked {
    pub(super) rank: TagRank,
    pub(super) route: EffectiveRoute,
}

/// Which of several user-defined routes of one prefix goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TagRank {
    /// The prefix itself.
    Explicit,
    /// `Storage.WestEurope`.
    Regional,
    /// `Storage`.
    Plain,
    /// `AzureCloud.WestEurope`.
    RegionalCloud,
    /// `AzureCloud`.
    Cloud,
}

/// The routes of the subnet's table, in the order of the table, one for each prefix of a tag.
pub(super) fn user_routes(policy: &Policy<'_>, subnet: SubnetRef) -> Vec<Ranked> {
    let network = policy.network();
    let Some(table) = network.subnet(subnet).route_table else { return Vec::new() };
    let table = network.route_table(table);
    let mut routes = Vec::with_capacity(table.routes.len());
    for route in &table.routes {
        let next_hop = next_hop(network, subnet.vnet, &route.next_hop);
        let state = if is_behind_express_route(policy, subnet.vnet, &next_hop) {
            RouteState::Invalid
        } else {
            RouteState::Active
        };
        let (rank, tag, prefixes) = destination(network, route);
        let name = Arc::new(UserRouteName { table: table.name.clone(), route: route.name.clone(), tag });
        routes.extend(prefixes.iter().map(|prefix| Ranked {
            rank,
            route: EffectiveRoute {
                source: RouteSource::User,
                state,
                prefix: prefix.trunc(),
                next_hop: next_hop.clone(),
                user: Some(Arc::clone(&name)),
            },
        }));
    }
    routes
}

fn destination<'a>(
    network: &'a Network,
    route: &'a UserRoute,
) -> (TagRank, Option<TagId>, &'a [ipnet::Ipv4Net]) {
    match &route.destination {
        RouteDestination::Prefix(prefix) => (TagRank::Explicit, None, std::slice::from_ref(prefix)),
        &RouteDestination::Tag(ServiceTag::Named(tag)) => {
            let known = network.service_tags.get(tag);
            (rank(&known.name), Some(tag), known.addresses.prefixes())
        }
        // The other tags differ per subnet or are no destinations: no route can name them.
        RouteDestination::Tag(_) => (TagRank::Plain, None, &[]),
    }
}

fn rank(tag: &str) -> TagRank {
    let (service, region) =
        tag.split_once('.').map_or((tag, None), |(service, region)| (service, Some(region)));
    match (service.eq_ignore_ascii_case("AzureCloud"), region) {
        (false, Some(_)) => TagRank::Regional,
        (false, None) => TagRank::Plain,
        (true, Some(_)) => TagRank::RegionalCloud,
        (true, None) => TagRank::Cloud,
    }
}

fn next_hop(network: &Network, vnet: VnetId, next_hop: &UserNextHop) -> EffectiveNextHop {
    match next_hop {
        UserNextHop::VirtualAppliance(addresses) => {
            EffectiveNextHop::VirtualAppliance(addresses.as_slice().into())
        }
        UserNextHop::VnetLocal => EffectiveNextHop::VnetLocal,
        UserNextHop::Internet => EffectiveNextHop::Internet,
        UserNextHop::VirtualNetworkGateway => {
            EffectiveNextHop::VirtualNetworkGateway(vpn_gateway(network, vnet).as_slice().into())
        }
        UserNextHop::None => EffectiveNextHop::None,
    }
}

/// The gateway that a user-defined route of type VirtualNetworkGateway means: the VPN gateway that the virtual network has
/// or uses; none beside an ExpressRoute gateway.
fn vpn_gateway(network: &Network, vnet: VnetId) -> Option<GatewayId> {
    let mut gateways =
        speakers_in(network, gateway_vnet(network, vnet)).filter_map(|speaker| match speaker {
            Speaker::Gateway(gateway) => Some(gateway),
            Speaker::RouteServer(_) => None,
        });
    let only = gateways.next()?;
    let vpn = network.gateway(only).gateway_type == GatewayType::Vpn;
    (vpn && gateways.next().is_none()).then_some(only)
}

/// Whether every address of a next hop lies beyond an ExpressRoute gateway: a route to there is not usable.
fn is_behind_express_route(policy: &Policy<'_>, vnet: VnetId, next_hop: &EffectiveNextHop) -> bool {
    let EffectiveNextHop::VirtualAppliance(addresses) = next_hop else { return false };
    addresses.iter().all(|&address| {
        let near = is_near(policy, vnet, address);
        !near && leads_to_express_route(policy, vnet, address)
    })
}

fn is_near(policy: &Policy<'_>, vnet: VnetId, address: Ipv4Addr) -> bool {
    let network = policy.network();
    let mut peers = network.vnet(vnet).peerings.iter().filter(|link| link.is_connected());
    network.vnet(vnet).contains(address)
        || peers.any(|link| link.remote_address_space.iter().any(|range| range.contains(&address)))
}

fn leads_to_express_route(policy: &Policy<'_>, vnet: VnetId, address: Ipv4Addr) -> bool {
    let network = policy.network();
    let covering = policy.gateway_routes(vnet).iter().filter(|route| route.prefix.contains(&address));
    let longest = covering.max_by_key(|route| route.prefix.prefix_len());
    longest.is_some_and(|route| match &route.next_hop {
        EffectiveNextHop::VirtualNetworkGateway(gateways) => {
            gateways.iter().any(|&gateway| network.gateway(gateway).gateway_type == GatewayType::ExpressRoute)
        }
        _ => false,
    })
}
