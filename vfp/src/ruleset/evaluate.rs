//! Follows one packet through a ruleset's values, as nftables would. For tests only.

use std::net::Ipv4Addr;

use goal_state::MacAddr;

use super::{Action, Chain, Key, Match, Ruleset, Span, Translated};

/// A packet.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    pub(crate) device: String,
    pub(crate) source_mac: MacAddr,
    pub(crate) unicast: bool,
    pub(crate) protocol: u8,
    pub(crate) source: Ipv4Addr,
    pub(crate) source_port: u16,
    pub(crate) destination: Ipv4Addr,
    pub(crate) destination_port: u16,
    pub(crate) dscp: u8,
    pub(crate) established: bool,
    /// Against the direction in which its connection was opened.
    pub(crate) answers: bool,
    /// What the port translates of its connection.
    pub(crate) translated: Option<Translated>,
    /// A TCP segment that asks for a connection: a SYN alone.
    pub(crate) opens: bool,
}

/// What became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) accepted: bool,
    /// Prefixes, each with the packet's mark.
    pub(crate) logged: Vec<(String, u32)>,
    pub(crate) counted: Vec<String>,
    pub(crate) mark: u32,
    /// How many rules were tried.
    pub(crate) tried: usize,
}

enum Step {
    Decided(bool),
    Returned,
}

/// Runs `packet` through the base chain `name`. What falls off its end is not accepted, whatever the chain's policy.
pub(crate) fn evaluate(ruleset: &Ruleset, name: &str, packet: &Packet) -> Outcome {
    let mut outcome = Outcome::default();
    let step = run(ruleset, ruleset.chain(name).expect("the chain exists"), packet, &mut outcome);
    outcome.accepted = matches!(step, Step::Decided(true));
    outcome
}

fn run(ruleset: &Ruleset, chain: &Chain, packet: &Packet, outcome: &mut Outcome) -> Step {
    for rule in &chain.rules {
        outcome.tried += 1;
        if !rule.matches.iter().all(|question| holds(question, packet, outcome.mark)) {
            continue;
        }
        'actions: for action in &rule.actions {
            match action {
                Action::Count(name) => count(ruleset, name, outcome),
                Action::CountByMark(cases) => match cases.iter().find(|(mark, _)| *mark == outcome.mark) {
                    Some((_, name)) => count(ruleset, name, outcome),
                    None => break 'actions,
                },
                Action::Log { prefix, .. } => outcome.logged.push((prefix.clone(), outcome.mark)),
                Action::SetMark(mark) => outcome.mark = *mark,
                Action::MarkBy(key, cases) => match look_up(*key, cases, packet) {
                    Some(mark) => outcome.mark = *mark,
                    None => break 'actions,
                },
                Action::Masquerade | Action::WriteSource(_) | Action::WriteSourcePort(..) => {}
                Action::SourceNat(..) | Action::DestinationNat(..) => return Step::Decided(true),
                Action::GotoByChance(_) => panic!("nobody knows"),
                Action::Reset => return Step::Decided(false),
                Action::Forward(_) => panic!("a frame, not a packet"),
                Action::Branch(key, cases) => match look_up(*key, cases, packet) {
                    Some(Action::Return) => return Step::Returned,
                    Some(Action::Goto(name)) => {
                        return run(ruleset, ruleset.chain(name).expect("target"), packet, outcome);
                    }
                    Some(other) => panic!("{other:?} in a map"),
                    None => break 'actions,
                },
                Action::Flow(..) => panic!("nothing is remembered"),
                Action::Accept => return Step::Decided(true),
                Action::Drop => return Step::Decided(false),
                Action::Return => return Step::Returned,
                Action::Goto(name) => {
                    return run(ruleset, ruleset.chain(name).expect("target"), packet, outcome);
                }
                Action::Jump(name) => {
                    let step = run(ruleset, ruleset.chain(name).expect("target"), packet, outcome);
                    if let Step::Decided(accepted) = step {
                        return Step::Decided(accepted);
                    }
                }
            }
        }
    }
    Step::Returned
}

fn count(ruleset: &Ruleset, name: &str, outcome: &mut Outcome) {
    assert!(ruleset.counters.iter().any(|counter| counter.name == *name), "{name} is declared");
    outcome.counted.push(name.to_owned());
}

/// As in the kernel, spans of one map may not overlap.
fn look_up<'a, T>(key: Key, cases: &'a [(Span, T)], packet: &Packet) -> Option<&'a T> {
    let has_ports = [6, 17].contains(&packet.protocol);
    let value = match key {
        Key::Protocol => u32::from(packet.protocol),
        Key::Source => packet.source.into(),
        Key::Destination => packet.destination.into(),
        Key::SourcePort | Key::DestinationPort if !has_ports => {
            panic!("asked for ports of protocol {}", packet.protocol)
        }
        Key::SourcePort => u32::from(packet.source_port),
        Key::DestinationPort => u32::from(packet.destination_port),
    };
    let mut found = cases.iter().filter(|(span, _)| (span.first..=span.last).contains(&value));
    let first = found.next();
    assert!(found.next().is_none(), "{value} is twice in a map");
    first.map(|(_, case)| case)
}

fn holds(question: &Match, packet: &Packet, mark: u32) -> bool {
    let has_ports = [6, 17].contains(&packet.protocol);
    match question {
        Match::InDevice(devices) => devices.contains(&packet.device),
        Match::Established => packet.established,
        Match::Reply => packet.answers,
        Match::Invalid => false,
        Match::NotTheFirst => packet.established,
        Match::FewConnections { .. } => true,
        Match::EndsConnection | Match::HasSocket => false,
        Match::Translated(Translated::Either) => packet.translated.is_some(),
        Match::Translated(one) => packet.translated == Some(*one),
        Match::NoNewConnection => {
            assert_eq!(packet.protocol, 6, "asked for TCP's flags");
            !packet.opens
        }
        Match::Source(set) => set.contains(packet.source),
        Match::SourceNot(set) => !set.contains(packet.source),
        Match::Destination(set) => set.contains(packet.destination),
        Match::DestinationNot(set) => !set.contains(packet.destination),
        Match::SourceMac(macs) => macs.contains(&packet.source_mac),
        Match::Protocol(numbers) => numbers.contains(&packet.protocol),
        Match::ProtocolNot(numbers) => !numbers.contains(&packet.protocol),
        Match::SourcePort(ranges) => {
            assert!(has_ports, "asked for ports of protocol {}", packet.protocol);
            ranges.iter().any(|range| range.contains(packet.source_port))
        }
        Match::DestinationPort(ranges) => {
            assert!(has_ports, "asked for ports of protocol {}", packet.protocol);
            ranges.iter().any(|range| range.contains(packet.destination_port))
        }
        Match::Dscp(value) => packet.dscp == *value,
        Match::NotUnicastFrame => !packet.unicast,
        Match::ArpRequestNotIn(_) | Match::ArpRequestFor(_) | Match::Ipv4ForMac(_) => false,
        // As for one that is on link.
        Match::NextHop(set) => set.contains(packet.destination),
        Match::Mark(spans) => spans.iter().any(|span| (span.first..=span.last).contains(&mark)),
        Match::MarkAbove(number) => mark > *number,
    }
}
