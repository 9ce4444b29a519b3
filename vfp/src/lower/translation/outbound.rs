//! Ways out to the internet of what the NIC begins: by its own public address, by leased ports, by a NAT gateway, or none.
//!
//! The chain here is asked behind the routes, about each packet whose route leads to the internet; the one that translates behind
//! routing, about the first packet of each flow.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use goal_state::DropReason;
use goal_state::nsg::{AddressSet, Direction, PortRange, Protocol};
use goal_state::translation::{OutboundTranslation, WayOut};
use goal_state::vm::NetworkInterface;
use ipnet::Ipv4Net;
use linux_net::netlink::{Route, RouteTarget};

use super::{FIRST_GATEWAY, MAIL, TO_INTERNET, floating, lease, one};
use crate::lower::drop_log::DropMark;
use crate::lower::port::{counter_name, drop_rule};
use crate::lower::route;
use crate::names::UPLINK;
use crate::ruleset::{Action, Chain, Counter, Hook, Match, Rule, Translated};

const TCP: u8 = 6;
const SMTP: u16 = 25;

/// The chain of packets whose route leads to the internet.
pub(in crate::lower) const CHAIN: &str = "outbound_internet";

pub(super) fn leads_to_internet(nic: &NetworkInterface) -> bool {
    nic.port.routes.iter().any(route::leads_to_internet)
}

pub(super) fn has_own_sources(nic: &NetworkInterface) -> bool {
    let mut outbound = nic.port.translation.outbound.iter();
    outbound.any(|one| !matches!(one.way, WayOut::NatGateway { .. }))
}

/// Flows that are translated already go on as they are, in either direction; so do answers from an address of a frontend. What is left
/// needs a way out.
pub(super) fn chain(nic: &NetworkInterface, pass: &str) -> Chain {
    let gateways = gateways(nic);
    let out = |matches, mark| Rule::new(matches, vec![Action::SetMark(mark), Action::Goto(pass.into())]);
    let floating = floating(nic);
    let mut rules = Vec::new();
    if !nic.port.translation.is_empty() {
        rules.push(out(vec![Match::Translated(Translated::Either)], TO_INTERNET));
    }
    if !floating.is_empty() {
        rules.push(out(vec![Match::Reply, Match::Source(floating)], TO_INTERNET));
    }
    rules.extend(mail(nic));
    for one in &nic.port.translation.outbound {
        let mark = match one.way {
            WayOut::Address { .. } | WayOut::Ports { .. } => TO_INTERNET,
            WayOut::NatGateway { next_hop } => mark_of(&gateways, next_hop),
        };
        rules.push(out(from_source(one), mark));
    }
    rules.push(drop_rule(vec![], DropReason::OutboundAccess, Direction::Outbound));
    Chain { name: CHAIN.into(), hook: None, rules }
}

/// Mail that a way out would carry, where the platform carries none.
fn mail(nic: &NetworkInterface) -> Vec<Rule> {
    let translation = &nic.port.translation;
    let carries = |one: &&OutboundTranslation| matches!(one.protocol, Protocol::Any | Protocol::Tcp);
    let sources = translation.outbound.iter().filter(carries).map(|one| Ipv4Net::from(one.source));
    let sources = AddressSet::new(sources);
    if !translation.mail_closed || sources.is_empty() {
        return Vec::new();
    }
    let reason = DropReason::Platform;
    let mark = DropMark { number: MAIL, ..DropMark::plain(reason, Direction::Outbound) };
    let smtp = PortRange::new(SMTP, SMTP).into_iter().collect();
    let matches = vec![Match::Source(sources), Match::Protocol(vec![TCP]), Match::DestinationPort(smtp)];
    vec![Rule::new(matches, vec![Action::Count(counter_name(reason)), mark.log(), Action::Drop])]
}

/// The packets that a way out is for.
pub(super) fn from_source(way: &OutboundTranslation) -> Vec<Match> {
    let source = Match::Source(one(way.source));
    [source].into_iter().chain(way.protocol.number().map(|number| Match::Protocol(vec![number]))).collect()
}

/// The translation behind routing.
pub(super) fn sources(nic: &NetworkInterface) -> Chain {
    let rules = |(place, way): (usize, &OutboundTranslation)| match &way.way {
        WayOut::Address { address } => {
            vec![Rule::new(to_internet(way), vec![Action::SourceNat(*address, None)])]
        }
        WayOut::Ports { leases, .. } => lease::rules(place, way, leases),
        WayOut::NatGateway { .. } => vec![],
    };
    let rules = nic.port.translation.outbound.iter().enumerate().flat_map(rules).collect();
    Chain { name: "sources".into(), hook: Some(Hook::SourceNat), rules }
}

/// Packets of a way out, behind the chain that has let them go to the internet.
pub(super) fn to_internet(way: &OutboundTranslation) -> Vec<Match> {
    [Match::Mark(vec![TO_INTERNET.into()])].into_iter().chain(from_source(way)).collect()
}

/// What drops are counted with.
pub(super) fn counters(nic: &NetworkInterface) -> Vec<Counter> {
    let reason = DropReason::OutboundAccess;
    let none = Counter { name: counter_name(reason), comment: reason.as_str().into() };
    let leases = nic.port.translation.outbound.iter().enumerate().filter_map(lease::counter);
    leads_to_internet(nic).then_some(none).into_iter().chain(leases).collect()
}

/// The NAT gateways, each with its mark.
pub(super) fn gateways(nic: &NetworkInterface) -> Vec<(u32, Ipv4Addr)> {
    let next_hop = |one: &OutboundTranslation| match one.way {
        WayOut::NatGateway { next_hop } => Some(next_hop),
        WayOut::Address { .. } | WayOut::Ports { .. } => None,
    };
    let all = nic.port.translation.outbound.iter().filter_map(next_hop).collect::<BTreeSet<_>>();
    (FIRST_GATEWAY..).zip(all).collect()
}

fn mark_of(gateways: &[(u32, Ipv4Addr)], next_hop: Ipv4Addr) -> u32 {
    gateways.iter().find(|(_, gateway)| *gateway == next_hop).map_or(TO_INTERNET, |(mark, _)| *mark)
}

/// The tables that lead to NAT gateways.
pub(in crate::lower) fn routes(nic: &NetworkInterface) -> Vec<Route> {
    let via = |gateway| RouteTarget::Gateway { gateway, device: UPLINK.into(), onlink: true };
    let route = |(table, gateway)| Route::new(Ipv4Net::default(), via(gateway)).in_table(table);
    gateways(nic).into_iter().map(route).collect()
}
