//! Effective routes: the port's main table, and a chain that names the route when it drops.
//!
//! The routing table alone would drop silently and after the filter; so the chain asks the same question first, for
//! the routes that drop. Longer prefixes stand before shorter ones, which makes the first match the longest one.
//! <https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview>

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use goal_state::DropReason;
use goal_state::nsg::{AddressSet, Direction};
use goal_state::route::{NextHop, Route};
use linux_net::netlink::{self, RouteTarget};

use super::drop_log::DropMark;
use crate::names::UPLINK;
use crate::ruleset::{Action, Chain, Counter, Match, Rule};

/// The chain that every outbound packet ends in.
pub(super) const CHAIN: &str = "outbound_routes";
/// The counter of packets that no route covers.
const UNCOVERED: &str = "route_uncovered";

/// The port's main table.
pub(super) fn table(routes: &[Route]) -> Vec<netlink::Route> {
    let target = |next_hop: &NextHop| match next_hop {
        NextHop::VnetLocal | NextHop::VnetPeering => RouteTarget::Device(UPLINK.into()),
        NextHop::VirtualAppliance { addresses, .. } => via(addresses),
        NextHop::Internet { router } => via(&[*router]),
        NextHop::Drop { .. } => RouteTarget::Blackhole,
    };
    routes.iter().map(|route| netlink::Route::new(route.prefix, target(&route.next_hop))).collect()
}

/// The next hops that the port's packets do not reach, whoever has them. Sorted.
pub(super) fn unreachable(routes: &[Route]) -> Vec<Ipv4Addr> {
    let of_route = |route| match route {
        &Route { next_hop: NextHop::VirtualAppliance { ref unreachable, .. }, .. } => unreachable.as_slice(),
        _ => &[],
    };
    routes.iter().flat_map(of_route).copied().collect::<BTreeSet<_>>().into_iter().collect()
}

/// Several next hops are one route: the kernel chooses one by the addresses and ports of a flow. In order of address, so that
/// the same next hops are the same route.
fn via(addresses: &[Ipv4Addr]) -> RouteTarget {
    let device = UPLINK.to_owned();
    let mut gateways = addresses.to_vec();
    gateways.sort_unstable();
    gateways.dedup();
    match *gateways.as_slice() {
        [gateway] => RouteTarget::Gateway { gateway, device, onlink: true },
        [] => RouteTarget::Blackhole,
        _ => RouteTarget::Gateways { gateways, device, onlink: true },
    }
}

/// The counters of routes that drop.
pub(super) fn counters(routes: &[Route]) -> Vec<Counter> {
    let drops = routes.iter().enumerate().filter(|(_, route)| drop_reason(route).is_some());
    let mut counters = drops
        .map(|(index, route)| Counter { name: counter_name(index), comment: route.name.clone() })
        .collect::<Vec<_>>();
    if !covers_everything(routes) {
        counters.push(Counter { name: UNCOVERED.into(), comment: "no route".into() });
    }
    counters
}

/// The chain: a packet whose longest prefix leads somewhere goes on to `pass`, or to `internet` if it leads there; any other is logged and
/// dropped.
pub(super) fn chain(routes: &[Route], pass: &str, internet: &str) -> Chain {
    let mut rules = Vec::new();
    let (mut usable, mut onward) = (Vec::new(), pass);
    for (index, route) in longest_first(routes) {
        let leads_to = if leads_to_internet(route) { internet } else { pass };
        let reason = drop_reason(route);
        if reason.is_some() || leads_to != onward {
            rules.extend(pass_rule(std::mem::take(&mut usable), onward));
            onward = leads_to;
        }
        match reason {
            None => usable.push(route.prefix.trunc()),
            Some(reason) => rules.push(drop_rule(index, route, reason)),
        }
    }
    rules.extend(pass_rule(usable, onward));
    if !covers_everything(routes) {
        let uncovered = DropMark::plain(DropReason::Route, Direction::Outbound);
        rules.push(Rule::new(vec![], vec![Action::Count(UNCOVERED.into()), uncovered.log(), Action::Drop]));
    }
    Chain { name: CHAIN.into(), hook: None, rules }
}

fn covers_everything(routes: &[Route]) -> bool {
    routes.iter().any(|route| route.prefix.prefix_len() == 0)
}

fn longest_first(routes: &[Route]) -> Vec<(usize, &Route)> {
    let mut sorted = routes.iter().enumerate().collect::<Vec<_>>();
    // Of one length, those that pass first: prefixes of one length are disjoint, and this way they share a rule.
    sorted.sort_by_key(|(_, route)| {
        (std::cmp::Reverse(route.prefix.prefix_len()), drop_reason(route), leads_to_internet(route))
    });
    sorted
}

/// Neighbouring routes that lead somewhere are one set and one look-up.
fn pass_rule(prefixes: Vec<ipnet::Ipv4Net>, pass: &str) -> Option<Rule> {
    if prefixes.is_empty() {
        return None;
    }
    let set = AddressSet::new(prefixes);
    Some(Rule::new(towards(set), vec![Action::Goto(pass.into())]))
}

fn drop_rule(index: usize, route: &Route, reason: DropReason) -> Rule {
    let mark = DropMark {
        reason,
        direction: Direction::Outbound,
        association: None,
        number: u32::try_from(index).unwrap_or(DropMark::NONE),
    };
    let set = AddressSet::new([route.prefix.trunc()]);
    Rule::new(towards(set), vec![Action::Count(counter_name(index)), mark.log(), Action::Drop])
}

fn towards(set: AddressSet) -> Vec<Match> {
    if set.is_all() { vec![] } else { vec![Match::Destination(set)] }
}

pub(super) fn leads_to_internet(route: &Route) -> bool {
    matches!(route.next_hop, NextHop::Internet { .. })
}

fn drop_reason(route: &Route) -> Option<DropReason> {
    match route.next_hop {
        NextHop::Drop { reason } => Some(reason),
        NextHop::VnetLocal
        | NextHop::VnetPeering
        | NextHop::VirtualAppliance { .. }
        | NextHop::Internet { .. } => None,
    }
}

fn counter_name(index: usize) -> String {
    format!("route_{index}")
}
