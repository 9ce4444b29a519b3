//! Network security groups: one chain per group and direction, one counter per rule.
//!
//! In a chain the first rule that matches decides: Allow returns to the pipeline, Deny is logged and dropped.
//! <https://learn.microsoft.com/azure/virtual-network/network-security-group-how-it-works>

use goal_state::DropReason;
use goal_state::nsg::{AddressSet, Direction, PortRange, Rule, RuleAccess, RuleGroup};

use super::drop_log::DropMark;
use crate::ruleset::{self, Action, Chain, Counter, Match};

const TCP_AND_UDP: [u8; 2] = [6, 17];

/// The chain's name: `inbound_subnet`.
#[must_use]
pub fn chain_name(group: &RuleGroup, direction: Direction) -> String {
    format!("{}_{}", direction_word(direction), group.association.as_str())
}

/// The counter's name: `subnet_in_100`.
#[must_use]
pub fn counter_name(group: &RuleGroup, direction: Direction, rule: &Rule) -> String {
    let direction = match direction {
        Direction::Inbound => "in",
        Direction::Outbound => "out",
    };
    format!("{}_{direction}_{}", group.association.as_str(), rule.priority)
}

/// A group's counters.
pub(super) fn counters(group: &RuleGroup, direction: Direction) -> Vec<Counter> {
    let counter = |rule| Counter {
        name: counter_name(group, direction, rule),
        comment: format!("{}/{}", group.name, rule.name),
    };
    group.rules.iter().map(counter).collect()
}

/// A group as a chain.
pub(super) fn chain(group: &RuleGroup, direction: Direction) -> Chain {
    let rules = group.rules.iter().flat_map(|rule| lower_rule(group, direction, rule)).collect();
    Chain { name: chain_name(group, direction), hook: None, rules }
}

pub(super) fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
    }
}

/// One rule is one nft rule, but for "any protocol, these ports": there ports count for TCP and UDP only, and
/// whatever has no ports matches, too.
fn lower_rule(group: &RuleGroup, direction: Direction, rule: &Rule) -> Vec<ruleset::Rule> {
    if matches_nothing(rule) {
        return Vec::new();
    }
    let actions = actions(group, direction, rule);
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
        let ranges = disjoint(ranges);
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

/// The same ports as sorted ranges that neither overlap nor touch: nft refuses a set whose intervals overlap.
fn disjoint(ranges: &[PortRange]) -> Vec<PortRange> {
    let mut sorted = ranges.to_vec();
    sorted.sort();
    let mut merged: Vec<PortRange> = Vec::new();
    for range in sorted {
        let joined = merged
            .last()
            .filter(|last| u32::from(range.first()) <= u32::from(last.last()) + 1)
            .and_then(|last| PortRange::new(last.first(), last.last().max(range.last())));
        match (joined, merged.last_mut()) {
            (Some(joined), Some(last)) => *last = joined,
            _ => merged.push(range),
        }
    }
    merged
}

fn actions(group: &RuleGroup, direction: Direction, rule: &Rule) -> Vec<Action> {
    let count = Action::Count(counter_name(group, direction, rule));
    match rule.access {
        RuleAccess::Allow | RuleAccess::AlwaysAllow => vec![count, Action::Return],
        RuleAccess::Deny => {
            let mark = DropMark {
                reason: DropReason::NetworkSecurityGroup,
                direction,
                association: Some(group.association),
                number: u32::from(rule.priority),
            };
            vec![count, mark.log(), Action::Drop]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_ranges_are_merged_when_they_overlap_or_touch() {
        let range = |a, b| PortRange::new(a, b).unwrap();
        assert_eq!(
            disjoint(&[range(80, 80), range(81, 90), range(10, 20), range(15, 17)]),
            [range(10, 20), range(80, 90)]
        );
        assert_eq!(disjoint(&[range(0, 65_535), range(5, 6)]), [PortRange::ALL]);
        assert_eq!(disjoint(&[]), []);
    }
}
