//! A NAT gateway: flows that come in by the virtual network leave by the internet with one of its addresses, chosen by chance.
//!
//! ```text
//! inside ─► outbound: known? ─► cut off? (reset) ─► TCP or UDP? ─► route ─► translate ─► alone with its port? ─► outside
//! outside ─► inbound: known? (translated back) ─► route ─► inside
//! ```
//!
//! A port serves one flow to each destination: ports are taken on demand, and used again for others.
//! <https://learn.microsoft.com/azure/nat-gateway/nat-gateway-resource>,
//! <https://learn.microsoft.com/azure/nat-gateway/nat-gateway-snat>

use goal_state::DropReason;
use goal_state::edge::NatGateway;
use goal_state::nsg::{Direction, PortRange};
use ipnet::Ipv4Net;
use linux_net::netlink::{self, MAIN_TABLE, Route, RouteTarget};

use super::drop_log::DropMark;
use super::port::{counter_name, drop_rule};
use super::stations;
use crate::names::{INSIDE, OUTSIDE};
use crate::network::{StationNetwork, Sysctl};
use crate::ruleset::{Action, Chain, ConnectionSet, Counter, Family, Hook, Key, Match, Rule, Ruleset};
use crate::station::Station;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// Holds the way of what comes in by the virtual network.
const FROM_INSIDE: u32 = 100;
/// The lowest port; those below are never given out. With all above, an address has 64,512.
const FIRST_PORT: u16 = 1024;
/// Flows at a time.
const MOST_FLOWS: u32 = 2_000_000;

/// The set of flows as the internet sees them.
const FLOWS: &str = "flows";
/// The counter of flows for which there was no port.
const EXHAUSTED: &str = "snat_ports";
/// The counter of segments of flows that have been forgotten.
const RESET: &str = "forgotten";

/// The station.
pub(super) fn lower(gateway: &NatGateway) -> StationNetwork {
    let mut station = stations::bare(Station::NatGateway(gateway));
    let device = OUTSIDE.to_owned();
    let to_router = RouteTarget::Gateway { gateway: gateway.router, device, onlink: true };
    let space = gateway.space.iter().map(|prefix| Route::new(*prefix, RouteTarget::Device(INSIDE.into())));
    let out = Route::new(Ipv4Net::default(), to_router);
    station.namespace.routes = space.chain([out.clone(), out.in_table(FROM_INSIDE)]).collect();
    station.namespace.rules = policy_rules();
    station.namespace.sysctls.extend(sysctls(gateway));
    station.namespace.rulesets = vec![ruleset(gateway)];
    station
}

/// What comes in by the virtual network leaves for the internet, also what is for an address of the virtual network: the sender's route
/// was to the internet.
fn policy_rules() -> Vec<netlink::Rule> {
    vec![
        netlink::Rule::initial_local(),
        netlink::Rule::new(100, FROM_INSIDE).iif(INSIDE),
        netlink::Rule::new(32_766, MAIN_TABLE),
    ]
}

/// How long flows are remembered, and their ports not used again: 65 s after FIN, 16 s after RST, 30 s half open.
fn sysctls(gateway: &NatGateway) -> Vec<Sysctl> {
    let timeout = |state: &str, seconds: u32| {
        Sysctl::new(format!("net/netfilter/nf_conntrack_{state}"), seconds.to_string())
    };
    let idle = gateway.tcp_idle_timeout_s;
    vec![
        // What is in the middle of a flow that is not known does not begin one.
        Sysctl::new("net/netfilter/nf_conntrack_tcp_loose", "0"),
        // What is out of order is in the flow all the same.
        Sysctl::new("net/netfilter/nf_conntrack_tcp_be_liberal", "1"),
        timeout("tcp_timeout_established", idle),
        timeout("tcp_timeout_unacknowledged", idle),
        timeout("tcp_timeout_max_retrans", idle),
        timeout("tcp_timeout_syn_sent", 30),
        timeout("tcp_timeout_syn_recv", 30),
        timeout("tcp_timeout_fin_wait", 65),
        timeout("tcp_timeout_close_wait", 65),
        timeout("tcp_timeout_last_ack", 65),
        timeout("tcp_timeout_time_wait", 65),
        timeout("tcp_timeout_close", 16),
        timeout("udp_timeout", 240),
        timeout("udp_timeout_stream", 240),
    ]
}

fn ruleset(gateway: &NatGateway) -> Ruleset {
    let counter = |name: &str, comment: &str| Counter { name: name.into(), comment: comment.into() };
    let drops = [DropReason::PublicAddress, DropReason::OutboundAccess]
        .map(|reason| counter(&counter_name(reason), reason.as_str()));
    let mut chains = vec![outbound(), inbound(), entry()];
    chains.extend(gateway.addresses.iter().enumerate().map(|(index, address)| {
        let ports = PortRange::new(FIRST_PORT, u16::MAX);
        let translate = Rule::new(tcp_or_udp(), vec![Action::SourceNat(*address, ports)]);
        Chain { name: address_chain(index), hook: None, rules: vec![translate] }
    }));
    chains.extend([translation(gateway), collision()]);
    Ruleset {
        counters: drops
            .into_iter()
            .chain([counter(EXHAUSTED, "no port left"), counter(RESET, "a flow that is not known")])
            .collect(),
        connection_sets: vec![ConnectionSet {
            name: FLOWS.into(),
            keys: vec![Key::Protocol, Key::Source, Key::SourcePort, Key::Destination, Key::DestinationPort],
            size: MOST_FLOWS,
        }],
        chains,
        ..Ruleset::new(Family::Ip)
    }
}

fn entry() -> Chain {
    let lead = |(device, chain): (&str, &str)| {
        Rule::new(vec![Match::InDevice(vec![device.into()])], vec![Action::Goto(chain.into())])
    };
    let rules = [(INSIDE, "outbound"), (OUTSIDE, "inbound")].map(lead).into();
    Chain { name: "station".into(), hook: Some(Hook::Prerouting { drop: true }), rules }
}

/// A flow that was idle for too long is reset when it goes on.
fn outbound() -> Chain {
    let reset = vec![Action::Count(RESET.into()), Action::Reset];
    let rules = vec![
        Rule::new(vec![Match::Established], vec![Action::Accept]),
        Rule::new(vec![Match::Protocol(vec![TCP]), Match::Invalid], reset),
        drop_rule(vec![Match::ProtocolNot(vec![TCP, UDP])], DropReason::OutboundAccess, Direction::Outbound),
        Rule::new(vec![], vec![Action::Accept]),
    ];
    Chain { name: "outbound".into(), hook: None, rules }
}

fn inbound() -> Chain {
    let rules = vec![
        Rule::new(vec![Match::Established], vec![Action::Accept]),
        drop_rule(vec![], DropReason::PublicAddress, Direction::Inbound),
    ];
    Chain { name: "inbound".into(), hook: None, rules }
}

fn translation(gateway: &NatGateway) -> Chain {
    let chains = (0..gateway.addresses.len()).map(address_chain).collect::<Vec<_>>();
    let rules =
        if chains.is_empty() { vec![] } else { vec![Rule::new(vec![], vec![Action::GotoByChance(chains)])] };
    Chain { name: "translation".into(), hook: Some(Hook::SourceNat), rules }
}

/// Where the kernel has found no free port it has taken one that is not, and would lose the packet without a word when it is about to leave.
fn collision() -> Chain {
    let mark = DropMark { number: 0, ..DropMark::plain(DropReason::OutboundAccess, Direction::Outbound) };
    let alone = Match::FewConnections { set: FLOWS.into(), most: 1 };
    let rules = vec![
        Rule::new(vec![Match::NotTheFirst], vec![Action::Accept]),
        Rule::new([tcp_or_udp(), vec![alone]].concat(), vec![Action::Accept]),
        Rule::new(tcp_or_udp(), vec![Action::Count(EXHAUSTED.into()), mark.log(), Action::Drop]),
    ];
    Chain { name: "collision".into(), hook: Some(Hook::Postrouting), rules }
}

fn tcp_or_udp() -> Vec<Match> {
    vec![Match::Protocol(vec![TCP, UDP])]
}

fn address_chain(index: usize) -> String {
    format!("address_{index}")
}
