//! Security admin rules of Azure Virtual Network Manager: they come before the network security groups.
//!
//! All configurations are one list, the highest scope first, because the first rule of them all that matches ends their
//! evaluation: Deny is logged and dropped, AlwaysAllow goes past the network security groups, Allow goes on to them, and so
//! does what no rule matches. Two configurations may use the same priority, so a rule is known by its place in the list.
//! <https://learn.microsoft.com/azure/virtual-network-manager/concept-security-admins>

use goal_state::DropReason;
use goal_state::nsg::{Association, Direction, Filter, Rule, RuleAccess, RuleGroup};

use super::drop_log::DropMark;
use super::nsg::{direction_word, short_word};
use super::rule_list::{Fate, ListedRule};
use crate::ruleset::Counter;

const MANAGER: Association = Association::NetworkManager;

/// The chain's name: `inbound_manager`.
pub(super) fn chain_name(direction: Direction) -> String {
    format!("{}_{}", direction_word(direction), MANAGER.as_str())
}

/// The rules of all configurations. AlwaysAllow goes on at the chain `past_groups`.
pub(super) fn list<'a>(filter: &'a Filter, direction: Direction, past_groups: &str) -> Vec<ListedRule<'a>> {
    let listed = |(place, (group, rule)): (usize, (&'a RuleGroup, &'a Rule))| {
        let place = u32::try_from(place).unwrap_or(DropMark::NONE);
        ListedRule {
            rule,
            number: place,
            counter: Counter {
                name: format!("{}_{}_{place}", MANAGER.as_str(), short_word(direction)),
                comment: format!("{}/{}", group.name, rule.name),
            },
            fate: fate(rule, direction, past_groups),
        }
    };
    rules(filter, direction).enumerate().map(listed).collect()
}

/// The configuration and the rule at a place of the list.
pub(crate) fn at(filter: &Filter, direction: Direction, place: u32) -> Option<(&RuleGroup, &Rule)> {
    rules(filter, direction).nth(usize::try_from(place).ok()?)
}

fn rules(filter: &Filter, direction: Direction) -> impl Iterator<Item = (&RuleGroup, &Rule)> {
    let configurations = filter.groups(direction).iter().filter(|group| group.association == MANAGER);
    configurations.flat_map(|group| group.rules.iter().map(move |rule| (&**group, rule)))
}

fn fate(rule: &Rule, direction: Direction, past_groups: &str) -> Fate {
    match rule.access {
        RuleAccess::Allow => Fate::Return,
        RuleAccess::AlwaysAllow => Fate::Goto(past_groups.into()),
        RuleAccess::Deny => Fate::Drop(DropReason::SecurityAdminRule, direction, MANAGER),
    }
}
