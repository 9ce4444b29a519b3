//! Effective routes: every route of a network interface, those that lost included.
//!
//! <https://learn.microsoft.com/azure/virtual-network/diagnose-network-routing-problem>,
//! shape: <https://learn.microsoft.com/rest/api/virtualnetwork/network-interfaces/get-effective-route-table>

use std::net::Ipv4Addr;

use goal_state::route::RouteSource;
use ipnet::Ipv4Net;
use serde::Serialize;

use crate::effective::{EffectiveNextHop, EffectiveRoute, Policy, RouteState};
use crate::network::SubnetRef;

/// Azure's `EffectiveRouteListResult`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EffectiveRouteList {
    /// Sorted by the first prefix of each, the route in force before those that lost to it.
    pub value: Vec<ListedRoute>,
}

/// Azure's `EffectiveRoute`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedRoute {
    /// The name of a user-defined route.
    pub name: Option<String>,
    /// Whether the subnet's table keeps routes of gateways away.
    pub disable_bgp_route_propagation: bool,
    /// Default, User or VirtualNetworkGateway. (Azure also knows Unknown.)
    pub source: RouteSource,
    /// Active or Invalid.
    pub state: RouteState,
    /// One prefix; all of them for a service endpoint and for a user-defined route of a service tag.
    pub address_prefix: Vec<Ipv4Net>,
    /// Where they go.
    pub next_hop_type: &'static str,
    /// The appliances that they go to.
    pub next_hop_ip_address: Vec<Ipv4Addr>,
}

/// Every route of the NICs in `subnet`.
#[must_use]
pub fn effective_routes(policy: &Policy<'_>, subnet: SubnetRef) -> EffectiveRouteList {
    let network = policy.network();
    let table = network.subnet(subnet).route_table.map(|table| network.route_table(table));
    let propagation_is_off = table.is_some_and(|table| table.disable_bgp_route_propagation);
    let mut rows: Vec<(&EffectiveRoute, Vec<Ipv4Net>)> = Vec::new();
    for route in policy.routes(subnet).all() {
        let same =
            rows.iter_mut().filter(|_| may_share_a_row(route)).find(|(first, _)| share_a_row(first, route));
        match same {
            Some((_, prefixes)) => prefixes.push(route.prefix),
            None => rows.push((route, vec![route.prefix])),
        }
    }
    let value = rows.into_iter().map(|(route, address_prefix)| ListedRoute {
        name: route.user.as_ref().map(|name| name.route.clone()),
        disable_bgp_route_propagation: propagation_is_off,
        source: route.source,
        state: route.state,
        address_prefix,
        next_hop_type: route.next_hop_type(),
        next_hop_ip_address: route.next_hop.addresses().to_vec(),
    });
    EffectiveRouteList { value: value.collect() }
}

/// Only routes that one thing made for several prefixes do: a service endpoint, or a user-defined route of a service tag.
fn may_share_a_row(route: &EffectiveRoute) -> bool {
    route.user.as_ref().is_some_and(|name| name.tag.is_some())
        || matches!(route.next_hop, EffectiveNextHop::VirtualNetworkServiceEndpoint(_))
}

fn share_a_row(one: &EffectiveRoute, other: &EffectiveRoute) -> bool {
    let key = |route: &EffectiveRoute| (route.source, route.state);
    key(one) == key(other) && one.user == other.user && one.next_hop == other.next_hop
}
