//! A load balancer's frontend: its rules choose a group of next hops for a flow, and routing chooses a backend in the group.
//!
//! ```text
//! inside, outside ─► chain balance ─ mark = rule ───► table of the rule ──► group of healthy backends ─► inside
//!                          │                              └─ none healthy: the void, where it is logged and dropped
//!                          └─ flow known: mark = backend ─► table of the backend ─────────────────────► inside
//! ```
//!
//! Packets stay as they are; the backend's port translates, and answers the client directly. So this sees one direction only, and
//! remembers TCP's flows by itself, without connection tracking: an open connection stays with its backend whatever becomes of the group.
//! UDP's flows stay where the group's buckets stay. Which backends are in a group is not said here: [`crate::balancing`] follows health.
//!
//! All rules of a frontend share one hash, which is a setting of the namespace: where they differ in distribution, the finest counts.
//! <https://learn.microsoft.com/azure/load-balancer/components>,
//! <https://learn.microsoft.com/azure/load-balancer/distribution-mode-concepts>

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use goal_state::DropReason;
use goal_state::edge::{BalancingRule, Distribution, Frontend};
use goal_state::nsg::{AddressSet, Direction, PortRange, Protocol};
use ipnet::Ipv4Net;
use linux_net::netlink::{FwMark, LOCAL_TABLE, MAIN_TABLE, Route, RouteTarget, Rule as RouteRule};

use super::drop_log::DropMark;
use super::port::counter_name;
use super::stations;
use crate::balancing::{rule_table, usize_to_u16};
use crate::names::{INSIDE, OUTSIDE};
use crate::network::{StationNetwork, Sysctl};
use crate::ruleset::{
    Action, Chain, Counter, Family, FlowAction, FlowMap, Hook, Key, Match, Rule, Ruleset, Span,
};
use crate::station::Station;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// Routed to here, a packet has no backend: the address that is nobody's (RFC 7600).
pub(crate) const VOID: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 8);
/// The table with the way to it.
const VOID_TABLE: u32 = 0xfff;

/// Flows whose client has said that it has said everything.
const CLOSING: &str = "closing";
/// Seconds for which the rest of such a connection finds its backend.
const CLOSING_TIMEOUT_S: u32 = 60;

/// The station.
pub(super) fn lower(frontend: &Frontend) -> StationNetwork {
    let mut station = stations::bare(Station::Frontend(frontend));
    let namespace = &mut station.namespace;
    namespace.sysctls.extend([
        Sysctl::new("net/ipv4/fib_multipath_hash_fields", hash_fields(&frontend.rules)),
        Sysctl::new("net/ipv4/fib_multipath_hash_policy", "3"),
    ]);
    namespace.rules = policy_rules(frontend);
    namespace.routes = routes(frontend);
    namespace.rulesets = vec![ruleset(frontend)];
    station
}

/// Bits: source address 1, destination address 2, protocol 4, source port 16, destination port 32.
fn hash_fields(rules: &[BalancingRule]) -> &'static str {
    let has = |distribution| rules.iter().any(|rule| rule.distribution == distribution);
    match (has(Distribution::Default), has(Distribution::SourceIpProtocol), has(Distribution::SourceIp)) {
        (true, ..) | (false, false, false) => "55",
        (false, true, _) => "7",
        (false, false, true) => "3",
    }
}

/// A mark is the bytes of an IPv4 address: of a backend, or of no address at all (0.x.x.x) for a rule.
fn mark(bytes: [u8; 4]) -> u32 {
    u32::from_ne_bytes(bytes)
}

/// The flow is to be given a backend by this rule.
fn new_flow(index: usize) -> u32 {
    let [high, low] = (usize_to_u16(index) + 1).to_be_bytes();
    mark([0, 0, high, low])
}

/// The same, and it is remembered already.
fn known_flow(index: usize) -> u32 {
    let [high, low] = (usize_to_u16(index) + 1).to_be_bytes();
    mark([0, 1, high, low])
}

fn policy_rules(frontend: &Frontend) -> Vec<RouteRule> {
    let of_rule = |index| {
        let fwmark = FwMark { value: new_flow(index), mask: mark([255, 0, 255, 255]) };
        RouteRule { fwmark: Some(fwmark), ..RouteRule::new(100, rule_table(index)) }
    };
    let of_backend =
        |address: &Ipv4Addr| RouteRule::new(101, u32::from(*address)).fwmark(mark(address.octets()));
    let legs = Station::Frontend(frontend).legs();
    let void = legs.iter().map(|(device, _)| RouteRule::new(102, VOID_TABLE).iif(device));
    let own = [RouteRule::new(32_000, LOCAL_TABLE), RouteRule::new(32_766, MAIN_TABLE)];
    let rules = (0..frontend.rules.len()).map(of_rule);
    rules.chain(backends(frontend).iter().map(of_backend)).chain(void).chain(own).collect()
}

fn routes(frontend: &Frontend) -> Vec<Route> {
    let by_inside = |gateway| RouteTarget::Gateway { gateway, device: INSIDE.into(), onlink: true };
    let everything = Ipv4Net::default();
    // Resets are all that it says itself, to clients.
    let clients = if frontend.outside.is_some() { OUTSIDE } else { INSIDE };
    let mut routes = vec![
        Route::new(everything, RouteTarget::Device(clients.into())),
        Route::new(everything, by_inside(VOID)).in_table(VOID_TABLE),
    ];
    let backend =
        |address: &Ipv4Addr| Route::new(everything, by_inside(*address)).in_table(u32::from(*address));
    routes.extend(backends(frontend).iter().map(backend));
    routes
}

fn backends(frontend: &Frontend) -> BTreeSet<Ipv4Addr> {
    let of_rules = frontend.rules.iter().flat_map(|rule| rule.backends.iter().map(|backend| backend.address));
    of_rules.chain(frontend.leases.iter().map(|lease| lease.backend)).collect()
}

fn ruleset(frontend: &Frontend) -> Ruleset {
    let mut balance = vec![drop_rule(vec![Match::ProtocolNot(vec![TCP, UDP])], DropMark::NONE)];
    balance.extend(leases(frontend));
    let indexed = || frontend.rules.iter().enumerate();
    balance.extend(indexed().flat_map(|(index, rule)| choose(frontend, index, rule)));
    balance.push(drop_rule(vec![], DropMark::NONE));
    let mut chains =
        vec![Chain { name: "balance".into(), hook: Some(Hook::Prerouting { drop: true }), rules: balance }];
    chains.extend(indexed().flat_map(|(index, rule)| rule_chains(index, rule)));
    let learn = indexed().flat_map(|(index, rule)| chosen(index, rule)).collect();
    chains.push(Chain { name: "chosen".into(), hook: Some(Hook::Forward), rules: learn });
    let maps = indexed().filter(|(_, rule)| has_tcp(rule));
    let maps = maps.map(|(index, rule)| FlowMap { name: flows(index), timeout_s: rule.idle_timeout_s });
    let closing = FlowMap { name: CLOSING.into(), timeout_s: CLOSING_TIMEOUT_S };
    let reason = DropReason::LoadBalancer;
    Ruleset {
        counters: vec![Counter { name: counter_name(reason), comment: reason.as_str().into() }],
        flow_maps: maps.chain([closing]).collect(),
        chains,
        ..Ruleset::new(Family::Ip)
    }
}

fn has_tcp(rule: &BalancingRule) -> bool {
    rule.protocol != Protocol::Udp
}

/// The name of the map with the flows that a rule has given a backend.
pub(crate) fn flows(index: usize) -> String {
    format!("flows_{index}")
}

fn protocols(protocol: Protocol) -> Vec<u8> {
    match protocol {
        Protocol::Tcp => vec![TCP],
        Protocol::Udp => vec![UDP],
        _ => vec![TCP, UDP],
    }
}

/// Answers to flows that backends have begun.
fn leases(frontend: &Frontend) -> Option<Rule> {
    let span = |lease: &goal_state::edge::BackendLease| {
        let span = Span { first: lease.ports.first.into(), last: lease.ports.last.into() };
        (span, mark(lease.backend.octets()))
    };
    let spans = frontend.leases.iter().map(span).collect::<Vec<_>>();
    let actions = vec![Action::MarkBy(Key::DestinationPort, spans.clone()), Action::Accept];
    (!spans.is_empty()).then(|| Rule::new(vec![for_address(frontend)], actions))
}

fn for_address(frontend: &Frontend) -> Match {
    Match::Destination(AddressSet::new([Ipv4Net::from(frontend.address)]))
}

/// Leads what a rule is for to its chain.
fn choose(frontend: &Frontend, index: usize, rule: &BalancingRule) -> Option<Rule> {
    let mut matches = vec![Match::Protocol(protocols(rule.protocol))];
    if let Some(port) = rule.port {
        matches.extend([for_address(frontend), Match::DestinationPort(vec![PortRange::new(port, port)?])]);
    }
    Some(Rule::new(matches, vec![Action::Goto(rule_chain(index))]))
}

fn rule_chain(index: usize) -> String {
    format!("rule_{index}")
}

fn known_chain(index: usize) -> String {
    format!("known_{index}")
}

fn rule_chains(index: usize, rule: &BalancingRule) -> Vec<Chain> {
    let give = Rule::new(vec![], vec![Action::SetMark(new_flow(index)), Action::Accept]);
    if !has_tcp(rule) {
        return vec![Chain { name: rule_chain(index), hook: None, rules: vec![give] }];
    }
    let open = || vec![Match::Protocol(vec![TCP]), Match::NoNewConnection];
    let mut rules = vec![Rule::new(open(), vec![Action::Jump(known_chain(index))])];
    if rule.tcp_reset {
        rules.push(Rule::new(open(), vec![Action::Reset]));
    }
    rules.push(give);
    vec![
        Chain { name: known_chain(index), hook: None, rules: known(index, rule) },
        Chain { name: rule_chain(index), hook: None, rules },
    ]
}

/// What to do with segments of open connections.
fn known(index: usize, rule: &BalancingRule) -> Vec<Rule> {
    use FlowAction::{Find, Forget, RememberMark};
    let flow = |action, map: &str| Action::Flow(action, map.to_owned());
    let flows = flows(index);
    // All of one are down: with several, open connections go on, and with a single one they end.
    // <https://learn.microsoft.com/azure/load-balancer/load-balancer-custom-probe-overview#probe-down-behavior>
    let route = (rule.backends.len() == 1).then(|| Action::SetMark(known_flow(index)));
    let go = || route.clone().into_iter().chain([Action::Accept]);
    let ending = [flow(Find, &flows), flow(RememberMark, CLOSING), flow(Forget, &flows)];
    let open = [flow(Find, &flows), flow(RememberMark, &flows)];
    let closing = [flow(Find, CLOSING)];
    vec![
        Rule::new(vec![Match::EndsConnection], ending.into_iter().chain(go()).collect()),
        Rule::new(vec![], open.into_iter().chain(go()).collect()),
        Rule::new(vec![], closing.into_iter().chain(go()).collect()),
    ]
}

/// What becomes of packets that a rule has led to a backend, or to the void.
fn chosen(index: usize, rule: &BalancingRule) -> Vec<Rule> {
    let number = |mark| Span { first: mark, last: mark };
    let number_of_rule = u32::try_from(index).unwrap_or(DropMark::NONE);
    let void = Match::NextHop(AddressSet::new([Ipv4Net::from(VOID)]));
    let marks = vec![number(new_flow(index)), number(known_flow(index))];
    let mut rules = vec![drop_rule(vec![Match::Mark(marks), void], number_of_rule)];
    if has_tcp(rule) {
        let remember = [FlowAction::Forget, FlowAction::RememberNextHop];
        rules.push(Rule::new(
            vec![Match::Mark(vec![number(new_flow(index))]), Match::Protocol(vec![TCP])],
            remember.map(|action| Action::Flow(action, flows(index))).into(),
        ));
    }
    rules
}

/// `number` is the rule's place among the frontend's.
fn drop_rule(matches: Vec<Match>, number: u32) -> Rule {
    let reason = DropReason::LoadBalancer;
    let log = DropMark { number, ..DropMark::plain(reason, Direction::Inbound) }.log();
    Rule::new(matches, vec![Action::Count(counter_name(reason)), log, Action::Drop])
}
