//! The first rule of a group that matches a packet. Nothing after it is looked at.

use goal_state::nsg::{Protocol, Rule, RuleGroup};

use super::packet::Packet;

/// The rule of `group` that decides about `packet`. Groups end with a rule for everything, so there is one.
#[must_use]
pub fn first_match<'a>(group: &'a RuleGroup, packet: &Packet) -> Option<&'a Rule> {
    group.rules.iter().find(|rule| matches(rule, packet))
}

fn matches(rule: &Rule, packet: &Packet) -> bool {
    matches_protocol(rule, packet)
        && rule.source.contains(packet.source)
        && rule.destination.contains(packet.destination)
}

/// Ports count for TCP and UDP only; ICMP, ESP and AH match whatever the ports of the rule.
fn matches_protocol(rule: &Rule, packet: &Packet) -> bool {
    let protocol = rule.protocol == Protocol::Any || rule.protocol.number() == Some(packet.protocol.0);
    let ports = || {
        rule.source_ports.iter().any(|range| range.contains(packet.source_port))
            && rule.destination_ports.iter().any(|range| range.contains(packet.destination_port))
    };
    protocol && (!packet.protocol.has_ports() || ports())
}
