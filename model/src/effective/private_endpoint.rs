//! Private endpoints in routing: their /32 routes, and what takes them away.
//!
//! <https://learn.microsoft.com/azure/private-link/disable-private-endpoint-network-policy>

use ipnet::Ipv4Net;

use super::Policy;
use super::reach::{connected_peers, routed_space};
use super::routes::{EffectiveNextHop, EffectiveRoute};
use super::system_routes::system_route;
use crate::network::vnet::{PrivateEndpointNetworkPolicies, PrivateEndpointVnetPolicies};
use crate::network::{Network, PrivateEndpointId, VnetId};

/// Whether the private endpoints of `vnet` share a route (`privateEndpointVNetPolicies: Basic`): only then is a user-defined
/// route of type VnetLocal a way to them.
#[must_use]
pub fn shares_route(network: &Network, vnet: VnetId) -> bool {
    network.vnet(vnet).private_endpoint_vnet_policies == PrivateEndpointVnetPolicies::Basic
}

/// A route for each private endpoint of the virtual network and of its peers. They travel no further.
pub(super) fn routes(policy: &Policy<'_>, vnet: VnetId) -> Vec<EffectiveRoute> {
    let network = policy.network();
    let route = |id: PrivateEndpointId| {
        let address = network.private_endpoint(id).address;
        system_route(Ipv4Net::from(address), EffectiveNextHop::InterfaceEndpoint(id))
    };
    let mut routes: Vec<_> = policy.private_endpoints(vnet).iter().copied().map(route).collect();
    for (link, _) in connected_peers(network, vnet) {
        let endpoints = policy.private_endpoints(link.remote).iter().copied();
        let seen = endpoints.filter(|&id| {
            let address = network.private_endpoint(id).address;
            routed_space(network, link).any(|range| range.contains(&address))
        });
        routes.extend(seen.map(route));
    }
    routes
}

/// Whether a user-defined route for `prefix` takes the route of a private endpoint away: route table policies hold in the
/// endpoint's subnet, and the prefix covers it and is no wider than the range of its virtual network.
pub(super) fn yields_to(network: &Network, endpoint: PrivateEndpointId, prefix: Ipv4Net) -> bool {
    let endpoint = network.private_endpoint(endpoint);
    let policies = network.subnet(endpoint.subnet).private_endpoint_network_policies;
    let mut ranges = network.vnet(endpoint.subnet.vnet).address_space.iter();
    let range = ranges.find(|range| range.contains(&endpoint.address));
    matches!(
        policies,
        PrivateEndpointNetworkPolicies::RouteTableEnabled | PrivateEndpointNetworkPolicies::Enabled
    ) && prefix.contains(&endpoint.address)
        && range.is_some_and(|range| prefix.prefix_len() >= range.prefix_len())
}
