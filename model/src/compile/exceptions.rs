//! Destinations that a route delivers to and packets do not reach all the same.

use goal_state::DropReason;
use goal_state::route::{NextHop, Route, RouteSource};
use ipnet::Ipv4Net;

use super::edge::EdgePlan;
use crate::effective::hop::{hop_from, route_name};
use crate::effective::private_endpoint::shares_route;
use crate::effective::reach::{Owner, gives_access, routed_space, takes_part};
use crate::effective::{EffectiveNextHop, EffectiveRoute, EffectiveRoutes, FrontendRef, Hop, Policy};
use crate::network::public::LoadBalancerSku;
use crate::network::{FrontendAddress, Network, Peering, SubnetRef};

/// Destinations that a route delivers to, and that a packet does not reach all the same: subnets of a peering in which this
/// one does not take part, load balancers and private endpoints.
pub(super) fn exceptions(
    policy: &Policy<'_>,
    plan: Option<&EdgePlan>,
    subnet: SubnetRef,
    effective: &EffectiveRoutes,
) -> Vec<Route> {
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
            Owner::Frontend(frontend) if plan.is_none() || is_too_far(network, subnet, *frontend) => {
                DropReason::LoadBalancer
            }
            // A route to itself is followed only where its own routes are kept out of the way.
            Owner::PrivateEndpoint(id)
                if plan.is_none() || !shares_route(network, network.private_endpoint(*id).subnet.vnet) =>
            {
                DropReason::PrivateEndpoint
            }
            _ => continue,
        };
        if let Some(route) = delivers(address.into()) {
            except(address.into(), reason, route);
        }
    }
    exceptions
}

/// A frontend of a Basic load balancer cannot be reached by global peering.
/// <https://learn.microsoft.com/azure/virtual-network/virtual-network-peering-overview#constraints-for-peered-virtual-networks>
fn is_too_far(network: &Network, subnet: SubnetRef, frontend: FrontendRef) -> bool {
    let balancer = network.load_balancer(frontend.balancer);
    let FrontendAddress::Private { subnet: of_frontend, .. } = balancer.frontends[frontend.index].address
    else {
        return false;
    };
    let location = |subnet: SubnetRef| &network.vnet(subnet.vnet).location;
    balancer.sku == LoadBalancerSku::Basic && location(subnet) != location(of_frontend)
}
