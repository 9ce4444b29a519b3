//! Follows one packet through a ruleset's values, as nftables would. For tests only.

use std::net::Ipv4Addr;

use goal_state::MacAddr;

use super::{Action, Chain, Match, Ruleset};

/// A packet in the prerouting hook.
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
}

/// What became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) accepted: bool,
    pub(crate) logged: Vec<String>,
    pub(crate) counted: Vec<String>,
}

enum Step {
    Decided(bool),
    Returned,
}

/// Runs `packet` through the base chain `name`, whose policy is to drop.
pub(crate) fn evaluate(ruleset: &Ruleset, name: &str, packet: &Packet) -> Outcome {
    let mut outcome = Outcome::default();
    let step = run(ruleset, ruleset.chain(name).expect("the chain exists"), packet, &mut outcome);
    outcome.accepted = matches!(step, Step::Decided(true));
    outcome
}

fn run(ruleset: &Ruleset, chain: &Chain, packet: &Packet, outcome: &mut Outcome) -> Step {
    for rule in &chain.rules {
        if !rule.matches.iter().all(|question| holds(question, packet)) {
            continue;
        }
        for action in &rule.actions {
            match action {
                Action::Count(name) => {
                    assert!(
                        ruleset.counters.iter().any(|counter| counter.name == *name),
                        "{name} is declared"
                    );
                    outcome.counted.push(name.clone());
                }
                Action::Log { prefix, .. } => outcome.logged.push(prefix.clone()),
                Action::SetMark(_) | Action::Masquerade => {}
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

fn holds(question: &Match, packet: &Packet) -> bool {
    let has_ports = [6, 17].contains(&packet.protocol);
    match question {
        Match::InDevice(devices) => devices.contains(&packet.device),
        Match::Established => packet.established,
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
        Match::ArpRequestNotIn(_) => false,
    }
}
