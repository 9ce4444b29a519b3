//! Destinations that are the NIC's although it does not have them: its public address, and the rules of load balancers that it is a
//! backend of.

use std::net::Ipv4Addr;

use goal_state::DropReason;
use goal_state::nsg::{AddressSet, Direction, PortRange, Protocol};
use goal_state::route::NextHop;
use goal_state::translation::InboundTranslation;
use goal_state::vm::NetworkInterface;
use ipnet::Ipv4Net;

use super::{drop_mark, one};
use crate::lower::port::{FROM_GUEST, own_addresses};
use crate::names::UPLINK;
use crate::ruleset::{Action, Chain, Counter, Hook, Match, Rule, Translated};

const TCP: u8 = 6;
const UDP: u8 = 17;

/// The translation before the filter. What is closed or stays as it is goes on, so that nothing behind it in the list translates it.
pub(super) fn destinations(nic: &NetworkInterface) -> Chain {
    let rule = |translation: &InboundTranslation| {
        let from_outside = Match::InDevice(vec![UPLINK.into()]);
        let matches = [from_outside].into_iter().chain(asked_for(translation)).collect();
        Rule::new(matches, vec![translate(translation)])
    };
    let rules = nic.port.translation.inbound.iter().map(rule).collect();
    Chain { name: "destinations".into(), hook: Some(Hook::DestinationNat), rules }
}

fn translate(translation: &InboundTranslation) -> Action {
    let has_ports = translation.protocol.has_ports()
        && (translation.protocol != Protocol::Any || translation.port.is_some());
    match translation {
        one if one.floating || one.closed => Action::Accept,
        one => Action::DestinationNat(one.to_address, one.to_port.filter(|_| has_ports)),
    }
}

/// The packets that a translation is about, as they come in.
fn asked_for(translation: &InboundTranslation) -> Vec<Match> {
    let mut matches = vec![Match::Destination(one(translation.address))];
    matches.extend(protocols(translation).map(Match::Protocol));
    matches.extend(translation.port.map(|port| Match::DestinationPort(only(port))));
    matches
}

/// None for all of them. Those that have no ports are not asked for any.
fn protocols(translation: &InboundTranslation) -> Option<Vec<u8>> {
    match (translation.protocol.number(), translation.port) {
        (Some(number), _) => Some(vec![number]),
        (None, Some(_)) => Some(vec![TCP, UDP]),
        (None, None) => None,
    }
}

fn only(port: u16) -> Vec<PortRange> {
    PortRange::new(port, port).into_iter().collect()
}

/// What drops before the filter: what is closed, and the NIC's own packets that a load balancer has led back to it.
pub(in crate::lower) fn drop_rules(nic: &NetworkInterface) -> Vec<Rule> {
    let own = || Some(Match::Source(own_addresses(nic)));
    let rules = |(place, one): (usize, &InboundTranslation)| {
        let closed = one.closed.then(|| drop_rule(place, one, DropReason::PublicAddress, None));
        let led_back = one.balanced.then(|| drop_rule(place, one, DropReason::LoadBalancer, own()));
        [led_back, closed]
    };
    nic.port.translation.inbound.iter().enumerate().flat_map(rules).flatten().collect()
}

fn drop_rule(
    place: usize,
    translation: &InboundTranslation,
    reason: DropReason,
    also: Option<Match>,
) -> Rule {
    let log = drop_mark(reason, Direction::Inbound, place).log();
    let matches = also.into_iter().chain(asked_for(translation)).collect();
    Rule::new(matches, vec![Action::Count(counter_name(place)), log, Action::Drop])
}

/// One for each translation that can drop.
pub(super) fn counters(nic: &NetworkInterface) -> Vec<Counter> {
    let drops = nic.port.translation.inbound.iter().enumerate().filter(|(_, one)| one.closed || one.balanced);
    let comment = |one: &InboundTranslation| match one.rule.as_str() {
        "" => one.resource.clone(),
        rule => format!("{}/{rule}", one.resource),
    };
    drops.map(|(place, one)| Counter { name: counter_name(place), comment: comment(one) }).collect()
}

fn counter_name(place: usize) -> String {
    format!("inbound_translation_{place}")
}

/// Addresses of frontends that the guest has as well (floating IP).
pub(in crate::lower) fn floating(nic: &NetworkInterface) -> AddressSet {
    let floating = nic.port.translation.inbound.iter().filter(|one| one.floating);
    floating.map(|one| Ipv4Net::from(one.address)).collect()
}

/// The answer to a flow that came in by a public address, where a route leads it elsewhere than to the internet: nobody translates it
/// there, so it leaves with its private source.
pub(super) fn untranslated_answers(nic: &NetworkInterface) -> Vec<Rule> {
    let public =
        nic.port.translation.inbound.iter().filter(|one| is_public(nic, one) && !one.floating && !one.closed);
    public.flat_map(untranslate).collect()
}

fn untranslate(translation: &InboundTranslation) -> Vec<Rule> {
    let before = |protocol: Option<u8>| {
        let answer = [Match::Reply, Match::Translated(Translated::Destination)];
        let mut matches = vec![Match::Mark(vec![FROM_GUEST.into()])];
        matches.extend(answer);
        matches.push(Match::Source(one(translation.address)));
        matches.extend(protocol.map(|protocol| Match::Protocol(vec![protocol])));
        matches
    };
    let address = Action::WriteSource(translation.to_address);
    let Some(port) = translation.port else {
        return vec![Rule::new(before(translation.protocol.number()), vec![address])];
    };
    let with_ports = |protocol| {
        let matches = [before(Some(protocol)), vec![Match::SourcePort(only(port))]].concat();
        let to_port = translation.to_port.map(|to_port| Action::WriteSourcePort(protocol, to_port));
        Rule::new(matches, [address.clone()].into_iter().chain(to_port).collect())
    };
    protocols(translation).unwrap_or_default().into_iter().map(with_ports).collect()
}

/// Whether it is the internet that knows the address: neither the virtual network does, nor is it one of a service's own legs there.
fn is_public(nic: &NetworkInterface, translation: &InboundTranslation) -> bool {
    let address = translation.address;
    let is_local = |route: &goal_state::route::Route| {
        matches!(route.next_hop, NextHop::VnetLocal) && route.prefix.contains(&address)
    };
    let is_shared = Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10).contains(&address);
    !translation.to_address.is_link_local()
        && !address.is_private()
        && !is_shared
        && !nic.port.routes.iter().any(is_local)
}
