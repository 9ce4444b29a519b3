//! Route tables: prefixes, next hop types and what each of them needs.
//!
//! <https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview>

use std::collections::HashMap;

use ipnet::Ipv4Net;

use crate::network::{RouteTable, UserRoute};
use crate::topology::{self, DisablePeeringRoute, RouteDestination, Spanned, Topology};

use super::limits;
use super::report::Report;
use super::user_next_hop::next_hop;

/// Every route table of the file, in its order, without the routes that are wrong.
pub(super) fn route_tables(topology: &Topology, report: &mut Report) -> Vec<RouteTable> {
    let tables = &topology.route_tables;
    if let Some(last) = tables.names().last() {
        report.at_most(limits::ROUTE_TABLES, tables.len(), last.span, "route tables");
    }
    tables.iter().map(|(name, table)| route_table(name, table, report)).collect()
}

fn route_table(name: &Spanned<String>, raw: &topology::RouteTable, report: &mut Report) -> RouteTable {
    report.names("route", limits::RESOURCE_NAME, raw.routes.names());
    report.at_most(limits::ROUTES_PER_TABLE, raw.routes.len(), name.span, &format!("routes of `{name}`"));
    let mut first_of_prefix = HashMap::new();
    let mut routes = Vec::new();
    for (route_name, route) in &raw.routes {
        let next_hop = next_hop(route_name, route, report);
        let Some(prefix) = prefix(&route.address_prefix, report) else { continue };
        if let Some(first) = first_of_prefix.insert(prefix, route_name.value.as_str()) {
            let message =
                format!("routes `{first}` and `{route_name}` of `{name}` both have the prefix {prefix}");
            let help = "a prefix stands once in a route table: leave one route out";
            report.error("RouteAddressPrefixConflict", route.address_prefix.span, message, help);
        }
        routes.extend(next_hop.map(|next_hop| UserRoute {
            name: route_name.value.clone(),
            destination: crate::network::RouteDestination::Prefix(prefix),
            next_hop,
        }));
    }
    RouteTable {
        name: name.value.clone(),
        disable_bgp_route_propagation: raw
            .disable_bgp_route_propagation
            .as_ref()
            .is_some_and(|flag| flag.value),
        disable_peering_route: raw
            .disable_peering_route
            .as_ref()
            .is_some_and(|which| which.value == DisablePeeringRoute::All),
        routes,
    }
}

fn prefix(destination: &Spanned<RouteDestination>, report: &mut Report) -> Option<Ipv4Net> {
    match &destination.value {
        RouteDestination::Prefix(prefix) => Some(*prefix),
        RouteDestination::Tag(tag) => {
            report.not_built(
                destination.span,
                format_args!("a service tag as the prefix of a route (`{tag}`)"),
            );
            None
        }
    }
}
