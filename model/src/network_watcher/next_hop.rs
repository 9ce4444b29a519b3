//! Next hop: where a packet of a subnet's machines goes next, and which route table says so.
//!
//! <https://learn.microsoft.com/azure/network-watcher/next-hop-overview>

use std::net::Ipv4Addr;

use serde::Serialize;

use crate::effective::tags::{INSTANCE_METADATA, WIRE_SERVER};
use crate::effective::{EffectiveNextHop, EffectiveRoute, Policy};
use crate::network::SubnetRef;

/// What `routeTableId` says of a route that no table has.
const SYSTEM_ROUTE: &str = "System Route";

/// Azure's `NextHopResult`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NextHop {
    /// Internet, VirtualAppliance, VirtualNetworkGateway, VnetLocal, VirtualNetworkPeering,
    /// VirtualNetworkServiceEndpoint, InterfaceEndpoint or None.
    pub next_hop_type: &'static str,
    /// The appliance; the first of several.
    pub next_hop_ip_address: Option<Ipv4Addr>,
    /// All of them, where each flow goes to one of several (ECMP).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub next_hop_ip_addresses: Vec<Ipv4Addr>,
    /// The route table's name, or `System Route`.
    pub route_table_id: String,
}

/// Where a packet to `destination` goes from `subnet`. It says what the route says: an appliance that does not forward is
/// named all the same.
#[must_use]
pub fn next_hop(policy: &Policy<'_>, subnet: SubnetRef, destination: Ipv4Addr) -> NextHop {
    // No route steers what is sent to the platform, so the table's are not asked.
    // <https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16>
    let platform = [WIRE_SERVER, INSTANCE_METADATA].contains(&destination);
    match policy.routes(subnet).lookup(destination) {
        Some(route) if !platform => of_route(route),
        // The platform has a route for everything; the default one leads to the internet.
        _ => NextHop {
            next_hop_type: EffectiveNextHop::Internet.type_name(),
            next_hop_ip_address: None,
            next_hop_ip_addresses: Vec::new(),
            route_table_id: SYSTEM_ROUTE.to_owned(),
        },
    }
}

fn of_route(route: &EffectiveRoute) -> NextHop {
    let addresses = route.next_hop.addresses();
    let several = if addresses.len() > 1 { addresses } else { &[] };
    let table = route.user.as_ref().map(|name| name.table.clone());
    NextHop {
        next_hop_type: type_name(route),
        next_hop_ip_address: addresses.first().copied(),
        next_hop_ip_addresses: several.to_vec(),
        route_table_id: table.unwrap_or_else(|| SYSTEM_ROUTE.to_owned()),
    }
}

/// The words of this question differ from those of the effective routes for peerings only, near or far.
fn type_name(route: &EffectiveRoute) -> &'static str {
    match route.next_hop {
        EffectiveNextHop::VnetPeering { .. } => "VirtualNetworkPeering",
        _ => route.next_hop_type(),
    }
}
