//! The next hop of a user-defined route: which type needs which addresses.
//!
//! <https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview>

use std::collections::HashSet;
use std::net::Ipv4Addr;

use crate::network::UserNextHop;
use crate::topology::{Ipv4Address, NextHopType, Route, Span, Spanned};

use super::limits;
use super::report::Report;

/// Where a route leads; none when its addresses do not fit its type.
pub(super) fn next_hop(name: &Spanned<String>, route: &Route, report: &mut Report) -> Option<UserNextHop> {
    let next_hop_type = route.next_hop_type.value;
    if next_hop_type != NextHopType::VirtualAppliance {
        refuse_address(name, route, report);
    }
    if next_hop_type != NextHopType::VirtualApplianceEcmp {
        refuse_addresses(name, route, report);
    }
    match next_hop_type {
        NextHopType::VirtualAppliance => appliance(name, route, report),
        NextHopType::VirtualApplianceEcmp => appliances(name, route, report),
        NextHopType::VirtualNetworkGateway => Some(UserNextHop::VirtualNetworkGateway),
        NextHopType::VnetLocal => Some(UserNextHop::VnetLocal),
        NextHopType::Internet => Some(UserNextHop::Internet),
        NextHopType::None => Some(UserNextHop::None),
    }
}

fn refuse_address(name: &Spanned<String>, route: &Route, report: &mut Report) {
    if let Some(address) = &route.next_hop_ip_address {
        let message =
            format!("route `{name}` has a nextHopIpAddress and next hop type {}", route.next_hop_type);
        let help = if route.next_hop_type.value == NextHopType::VirtualApplianceEcmp {
            "write `nextHopIpAddresses`, with 2 to 64 of them"
        } else {
            "leave nextHopIpAddress out, or use `nextHopType: VirtualAppliance`"
        };
        report.error("RouteNextHopAddress", address.span, message, help);
    }
}

fn refuse_addresses(name: &Spanned<String>, route: &Route, report: &mut Report) {
    if let Some(address) = route.next_hop_ip_addresses.first() {
        let message =
            format!("route `{name}` has nextHopIpAddresses and next hop type {}", route.next_hop_type);
        let help = "leave nextHopIpAddresses out, or use `nextHopType: VirtualApplianceEcmp`";
        report.error("RouteNextHopAddress", address.span, message, help);
    }
}

fn appliance(name: &Spanned<String>, route: &Route, report: &mut Report) -> Option<UserNextHop> {
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
    check_address(name, address, report);
    Some(UserNextHop::VirtualAppliance(vec![address.value.0]))
}

/// Several appliances: each flow goes to one of them, whether it lives or not.
fn appliances(name: &Spanned<String>, route: &Route, report: &mut Report) -> Option<UserNextHop> {
    let typed = &route.next_hop_ip_addresses;
    if !limits::ECMP_ADDRESSES.contains(&typed.len()) {
        let at = typed.first().map_or(route.next_hop_type.span, |first| first.span);
        report_number_of_addresses(name, typed.len(), at, report);
        return None;
    }
    let mut seen = HashSet::new();
    for address in typed {
        check_address(name, address, report);
        if !seen.insert(address.value.0) {
            let message = format!("route `{name}` leads to {} twice", address.value);
            report.error("RouteNextHopAddress", address.span, message, "name each appliance once");
        }
    }
    Some(UserNextHop::VirtualAppliance(typed.iter().map(|address| address.value.0).collect()))
}

fn report_number_of_addresses(name: &Spanned<String>, count: usize, at: Span, report: &mut Report) {
    let message =
        format!("route `{name}` has next hop type VirtualApplianceEcmp and {count} nextHopIpAddresses");
    let help = "give it 2 to 64 private addresses of appliances, such as `nextHopIpAddresses: [10.0.100.4, 10.0.100.5]`";
    if count < *limits::ECMP_ADDRESSES.start() {
        report.empty("RouteNextHopAddress", at, message, help);
    } else {
        report.error("RouteNextHopAddress", at, message, help);
    }
}

fn check_address(name: &Spanned<String>, address: &Spanned<Ipv4Address>, report: &mut Report) {
    let ip = address.value.0;
    if !may_be_a_nics(ip) {
        let message = format!("route `{name}` leads to {ip}, which no NIC can have");
        report.error("RouteNextHopAddress", address.span, message, "give it the private address of a NIC");
    }
}

fn may_be_a_nics(ip: Ipv4Addr) -> bool {
    !(ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() || ip.is_loopback() || ip.is_link_local())
}
