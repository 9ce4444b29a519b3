//! Route tables: prefixes, next hop types and what each of them needs.
//!
//! <https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview>

use std::collections::HashMap;

use ipnet::Ipv4Net;

use crate::network::{RouteTable, UserNextHop, UserRoute};
use crate::topology::{self, NextHopType, RouteDestination, Span, Spanned, Topology};

use super::limits;
use super::report::Report;

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
        disable_peering_route: false,
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

fn next_hop(name: &Spanned<String>, route: &topology::Route, report: &mut Report) -> Option<UserNextHop> {
    let next_hop_type = route.next_hop_type.value;
    if next_hop_type != NextHopType::VirtualAppliance {
        refuse_address(name, route, report);
    }
    match next_hop_type {
        NextHopType::VirtualAppliance => appliance(name, route, report),
        NextHopType::VirtualNetworkGateway => Some(UserNextHop::VirtualNetworkGateway),
        NextHopType::VnetLocal => Some(UserNextHop::VnetLocal),
        NextHopType::Internet => Some(UserNextHop::Internet),
        NextHopType::None => Some(UserNextHop::None),
        // Refused by name while the file was read.
        NextHopType::VirtualApplianceEcmp => None,
    }
}

fn refuse_address(name: &Spanned<String>, route: &topology::Route, report: &mut Report) {
    if let Some(address) = &route.next_hop_ip_address {
        let message =
            format!("route `{name}` has a nextHopIpAddress and next hop type {}", route.next_hop_type);
        let help = "leave nextHopIpAddress out, or use `nextHopType: VirtualAppliance`";
        report.error("RouteNextHopAddress", address.span, message, help);
    }
}

fn appliance(name: &Spanned<String>, route: &topology::Route, report: &mut Report) -> Option<UserNextHop> {
    let Some(address) = &route.next_hop_ip_address else {
        if report.is_omitted("nextHopIpAddress") {
            return None;
        }
        let message = format!("route `{name}` has next hop type VirtualAppliance and no nextHopIpAddress");
        let help =
            "give it the private address of the appliance's NIC, such as `nextHopIpAddress: 10.0.100.4`";
        report.error("RouteNextHopAddress", route.next_hop_type.span, message, help);
        return None;
    };
    let ip = address.value.0;
    if ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() || ip.is_loopback() || ip.is_link_local()
    {
        let message = format!("route `{name}` leads to {ip}, which no NIC can have");
        report.error("RouteNextHopAddress", address.span, message, "give it the private address of a NIC");
    }
    Some(UserNextHop::VirtualAppliance(vec![ip]))
}

/// Where the prefix of a route was written.
pub(super) fn position_of_route(topology: &Topology, table: usize, route: usize) -> Span {
    let raw = topology.route_tables.iter().nth(table).and_then(|(_, table)| table.routes.iter().nth(route));
    raw.map(|(name, _)| name.span).unwrap_or_default()
}
