//! Destinations that a route delivers to and packets do not reach all the same.

use goal_state::DropReason;
use goal_state::route::{NextHop, Route, RouteSource};
use ipnet::Ipv4Net;

use crate::effective::hop::{hop_from, route_name};
use crate::effective::reach::{Owner, gives_access, routed_space, takes_part};
use crate::effective::{EffectiveNextHop, EffectiveRoute, EffectiveRoutes, Hop, Policy};
use crate::network::{Peering, SubnetRef};

/// Destinations that a route delivers to, and that a packet does not reach all the same: subnets of a peering in which this
/// one does not take part, load balancers and private endpoints.
pub(super) fn exceptions(policy: &Policy<'_>, subnet: SubnetRef, effective: &EffectiveRoutes) -> Vec<Route> {
    let network = policy.network();
    let delivers = |prefix: Ipv4Net| {
        let route = effective.covering(prefix);
        route.filter(|route| hop_from(policy, subnet, None, route) == Hop::Destination)
    };
    let mut exceptions = Vec::new();
    let mut except = |prefix: Ipv4Net, reason, route: &EffectiveRoute| {
        exceptions.push(Route {
            prefix,
            next_hop: NextHop::Drop { reason },
            source: RouteSource::Default,
            name: route_name(network, subnet.vnet, route),
        });
    };
    let links = network.vnet(subnet.vnet).peerings.iter().filter(|link| gives_access(network, link));
    let (with, without): (Vec<&Peering>, Vec<&Peering>) = links.partition(|link| takes_part(link, subnet));
    for range in without.iter().flat_map(|link| routed_space(network, link)) {
        if let Some(route) = delivers(range) {
            except(range, DropReason::Peering, route);
        }
        for route in effective.active().filter(|route| range.contains(&route.prefix) && route.prefix != range)
        {
            if route.next_hop == EffectiveNextHop::VnetLocal {
                except(route.prefix, DropReason::Peering, route);
            }
        }
    }
    let own = policy.addresses(subnet.vnet).iter();
    let peers = with.iter().flat_map(|link| policy.addresses(link.remote));
    for (&address, owner) in own.chain(peers) {
        let reason = match owner {
            Owner::Frontend(_) => DropReason::LoadBalancer,
            Owner::PrivateEndpoint(_) => DropReason::PrivateEndpoint,
            Owner::Nic(_) | Owner::Gateway(_) | Owner::RouteServer(_) => continue,
        };
        if let Some(route) = delivers(address.into()) {
            except(address.into(), reason, route);
        }
    }
    exceptions
}
