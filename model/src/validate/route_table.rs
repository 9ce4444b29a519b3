//! Route tables: prefixes, next hop types and what each of them needs.
//!
//! <https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview>

use std::collections::HashMap;

use crate::network::{RouteDestination, RouteTable, ServiceTag, UserRoute};
use crate::topology::{self, DisablePeeringRoute, Spanned, Topology};

use super::limits;
use super::report::Report;
use super::service_tag::Catalogue;
use super::user_next_hop::next_hop;

/// Every route table of the file, in its order, without the routes that are wrong.
pub(super) fn route_tables(
    topology: &Topology,
    tags: &mut Catalogue,
    report: &mut Report,
) -> Vec<RouteTable> {
    let tables = &topology.route_tables;
    if let Some(last) = tables.names().last() {
        report.at_most(limits::ROUTE_TABLES, tables.len(), last.span, "route tables");
    }
    tables.iter().map(|(name, table)| route_table(name, table, tags, report)).collect()
}

fn route_table(
    name: &Spanned<String>,
    raw: &topology::RouteTable,
    tags: &mut Catalogue,
    report: &mut Report,
) -> RouteTable {
    report.check_names("route", limits::RESOURCE_NAME, raw.routes.names());
    report.at_most(limits::ROUTES_PER_TABLE, raw.routes.len(), name.span, format_args!("routes of `{name}`"));
    let mut first_of_prefix = HashMap::new();
    let mut routes = Vec::new();
    for (route_name, route) in &raw.routes {
        let next_hop = next_hop(route_name, route, report);
        let Some(destination) = destination(route_name, &route.address_prefix, tags, report) else {
            continue;
        };
        if let Some(first) = first_of_prefix.insert(destination, route_name.value.as_str()) {
            let message = format!(
                "routes `{first}` and `{route_name}` of `{name}` both have the prefix {}",
                route.address_prefix
            );
            let help = "a prefix stands once in a route table: leave one route out";
            report.error("RouteAddressPrefixConflict", route.address_prefix.span, message, help);
        }
        let name = route_name.value.clone();
        routes.extend(next_hop.map(|next_hop| UserRoute { name, destination, next_hop }));
    }
    check_number_of_tags(name, raw, report);
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

fn check_number_of_tags(name: &Spanned<String>, raw: &topology::RouteTable, report: &mut Report) {
    let is_tag = |(_, route): &&(_, topology::Route)| {
        matches!(route.address_prefix.value, topology::RouteDestination::Tag(_))
    };
    let with_tag: Vec<_> = raw.routes.iter().filter(is_tag).collect();
    if let Some((_, last)) = with_tag.last() {
        let what = format!("routes of `{name}` that name a service tag");
        report.at_most(limits::TAG_ROUTES_PER_TABLE, with_tag.len(), last.address_prefix.span, &what);
    }
}

/// What a route is for. A tag whose addresses follow from the network is none of Azure's list, and no prefix of a route.
fn destination(
    route: &Spanned<String>,
    typed: &Spanned<topology::RouteDestination>,
    tags: &mut Catalogue,
    report: &mut Report,
) -> Option<RouteDestination> {
    let word = match &typed.value {
        topology::RouteDestination::Prefix(prefix) => return Some(RouteDestination::Prefix(*prefix)),
        topology::RouteDestination::Tag(word) => word,
    };
    match tags.resolve(word, typed.span, "RouteInvalidAddressPrefix", report)? {
        tag @ ServiceTag::Named(_) => Some(RouteDestination::Tag(tag)),
        _ => {
            let message =
                format!("route `{route}` is for service tag `{word}`, which is no prefix of a route");
            let help = "write a prefix, such as 0.0.0.0/0, or a tag of a service, such as `Storage`";
            report.error("RouteInvalidAddressPrefix", typed.span, message, help);
            None
        }
    }
}
