//! Network security groups: one list per group and direction.
//!
//! Allow returns to the pipeline, where the next group is asked; Deny is logged and dropped.
//! <https://learn.microsoft.com/azure/virtual-network/network-security-group-how-it-works>

use goal_state::DropReason;
use goal_state::nsg::{Direction, Rule, RuleAccess, RuleGroup};

use super::rule_list::{Fate, ListedRule};
use crate::ruleset::Counter;

/// The chain's name: `inbound_subnet`.
#[must_use]
pub fn chain_name(group: &RuleGroup, direction: Direction) -> String {
    format!("{}_{}", direction_word(direction), group.association.as_str())
}

/// The group's rules.
pub(super) fn list(group: &RuleGroup, direction: Direction) -> Vec<ListedRule<'_>> {
    let listed = |rule| ListedRule {
        rule,
        number: u32::from(rule.priority),
        counter: Counter {
            name: counter_name(group, direction, rule),
            comment: format!("{}/{}", group.name, rule.name),
        },
        fate: fate(group, direction, rule),
    };
    group.rules.iter().map(listed).collect()
}

/// The counter's name: `subnet_in_100`.
fn counter_name(group: &RuleGroup, direction: Direction, rule: &Rule) -> String {
    format!("{}_{}_{}", group.association.as_str(), short_word(direction), rule.priority)
}

fn fate(group: &RuleGroup, direction: Direction, rule: &Rule) -> Fate {
    match rule.access {
        RuleAccess::Allow | RuleAccess::AlwaysAllow => Fate::Return,
        RuleAccess::Deny => Fate::Drop(DropReason::NetworkSecurityGroup, direction, group.association),
    }
}

pub(super) fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
    }
}

pub(super) fn short_word(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "in",
        Direction::Outbound => "out",
    }
}
