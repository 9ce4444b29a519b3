//! Peering links with `allowForwardedTraffic: false`: what a peer's appliance forwards is refused, what it sends is not.
//!
//! <https://learn.microsoft.com/azure/virtual-network/virtual-network-manage-peering>

use goal_state::DropReason;
use goal_state::nsg::Direction;
use goal_state::port::ForwardedTrafficRefusal;

use super::drop_log::DropMark;
use crate::ruleset::{Action, Counter, Match, Rule};

/// One counter per refusal.
pub(super) fn counters(refusals: &[ForwardedTrafficRefusal]) -> Vec<Counter> {
    let counter = |(index, refusal): (usize, &ForwardedTrafficRefusal)| Counter {
        name: counter_name(index),
        comment: refusal.peering.clone(),
    };
    refusals.iter().enumerate().map(counter).collect()
}

/// One rule per refusal that can refuse something.
pub(super) fn rules(refusals: &[ForwardedTrafficRefusal]) -> Vec<Rule> {
    refusals.iter().enumerate().filter_map(|(index, refusal)| rule(index, refusal)).collect()
}

fn rule(index: usize, refusal: &ForwardedTrafficRefusal) -> Option<Rule> {
    if refusal.forwarders.is_empty() || refusal.space.is_all() {
        return None;
    }
    let mut matches = vec![Match::SourceMac(refusal.forwarders.clone())];
    if !refusal.space.is_empty() {
        matches.push(Match::SourceNot(refusal.space.clone()));
    }
    let mark = DropMark {
        reason: DropReason::Peering,
        direction: Direction::Inbound,
        association: None,
        number: u32::try_from(index).unwrap_or(DropMark::NONE),
    };
    Some(Rule::new(matches, vec![Action::Count(counter_name(index)), mark.log(), Action::Drop]))
}

fn counter_name(index: usize) -> String {
    format!("peering_{index}")
}
