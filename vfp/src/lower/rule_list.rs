//! A list of rules in order, of which the first one that matches decides: as a chain, with one counter per rule.

use goal_state::DropReason;
use goal_state::nsg::{AddressSet, Association, Direction, PortRange, Rule};

use super::drop_log::DropMark;
use crate::ruleset::{self, Action, Chain, Counter, Match};

const TCP_AND_UDP: [u8; 2] = [6, 17];

/// A rule in a list.
pub(super) struct ListedRule<'a> {
    /// What it matches.
    pub(super) rule: &'a Rule,
    /// Its number in logs.
    pub(super) number: u32,
    /// Counts the packets that it decides.
    pub(super) counter: Counter,
    /// What becomes of them, besides being counted.
    pub(super) fate: Fate,
}

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// Back to the pipeline, where the next list is asked.
    Return,
    /// On at a chain.
    Goto(String),
    /// Logged as of a reason, a direction and an association, and dropped.
    Drop(DropReason, Direction, Association),
}

impl Fate {
    /// Of the rule with this number.
    fn actions(&self, number: u32) -> Vec<Action> {
        match self {
            Self::Return => vec![Action::Return],
            Self::Goto(chain) => vec![Action::Goto(chain.clone())],
            Self::Drop(reason, direction, association) => {
                vec![mark(*reason, *direction, *association, number).log(), Action::Drop]
            }
        }
    }

    /// Of the rule whose number is in the packet's mark; what goes on gets the mark `after`.
    pub(super) fn actions_by_mark(&self, after: u32) -> Vec<Action> {
        match self {
            Self::Return | Self::Goto(_) => [vec![Action::SetMark(after)], self.actions(0)].concat(),
            Self::Drop(reason, direction, association) => {
                vec![mark(*reason, *direction, *association, 0).log_by_mark(), Action::Drop]
            }
        }
    }
}

fn mark(reason: DropReason, direction: Direction, association: Association, number: u32) -> DropMark {
    DropMark { reason, direction, association: Some(association), number }
}

/// The list as a chain.
pub(super) fn chain(name: String, list: &[ListedRule<'_>]) -> Chain {
    Chain { name, hook: None, rules: list.iter().flat_map(lower_rule).collect() }
}

/// One rule is one nft rule, but for "any protocol, these ports": there ports count for TCP and UDP only, and
/// whatever has no ports matches, too.
fn lower_rule(listed: &ListedRule<'_>) -> Vec<ruleset::Rule> {
    let rule = listed.rule;
    if matches_nothing(rule) {
        return Vec::new();
    }
    let count = Action::Count(listed.counter.name.clone());
    let actions = [vec![count], listed.fate.actions(listed.number)].concat();
    protocol_and_ports(rule)
        .into_iter()
        .map(|transport| {
            let mut matches = addresses(rule);
            matches.extend(transport);
            ruleset::Rule::new(matches, actions.clone())
        })
        .collect()
}

fn matches_nothing(rule: &Rule) -> bool {
    let no_ports = rule.source_ports.is_empty() || rule.destination_ports.is_empty();
    rule.source.is_empty() || rule.destination.is_empty() || (rule.protocol.has_ports() && no_ports)
}

fn addresses(rule: &Rule) -> Vec<Match> {
    let wanted = |set: &AddressSet| (!set.is_all()).then(|| set.clone());
    [wanted(&rule.source).map(Match::Source), wanted(&rule.destination).map(Match::Destination)]
        .into_iter()
        .flatten()
        .collect()
}

/// The alternatives under which the packet's protocol and ports are the rule's.
fn protocol_and_ports(rule: &Rule) -> Vec<Vec<Match>> {
    let ports = ports(rule);
    match rule.protocol.number() {
        Some(number) => {
            let mut matches = vec![Match::Protocol(vec![number])];
            if rule.protocol.has_ports() {
                matches.extend(ports);
            }
            vec![matches]
        }
        None if ports.is_empty() => vec![Vec::new()],
        None => {
            let mut with_ports = vec![Match::Protocol(TCP_AND_UDP.to_vec())];
            with_ports.extend(ports);
            let without_ports = vec![Match::ProtocolNot(TCP_AND_UDP.to_vec())];
            if rule.source_ports.is_empty() || rule.destination_ports.is_empty() {
                vec![without_ports]
            } else {
                vec![with_ports, without_ports]
            }
        }
    }
}

/// What must be asked about ports; nothing when all of them will do.
fn ports(rule: &Rule) -> Vec<Match> {
    let wanted = |ranges: &[PortRange]| {
        let ranges = PortRange::disjoint(ranges);
        (ranges != [PortRange::ALL]).then_some(ranges)
    };
    [
        wanted(&rule.source_ports).map(Match::SourcePort),
        wanted(&rule.destination_ports).map(Match::DestinationPort),
    ]
    .into_iter()
    .flatten()
    .collect()
}
