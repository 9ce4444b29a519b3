//! The rules that decide about a packet: in each group the first that matches. Nothing after it is looked at.

use std::sync::Arc;

use goal_state::nsg::{Access, Association, Protocol, Rule, RuleAccess, RuleGroup};

use super::packet::Packet;

/// The rule of `group` that decides about `packet`. Groups end with a rule for everything, so there is one.
#[must_use]
pub fn first_match<'a>(group: &'a RuleGroup, packet: &Packet) -> Option<&'a Rule> {
    group.rules.get(first_position(group, packet)?)
}

/// Its position.
pub(crate) fn first_position(group: &RuleGroup, packet: &Packet) -> Option<usize> {
    group.rules.iter().position(|rule| matches(rule, packet))
}

/// The rules that decide, in order. Only the last one may deny; when it does not, or there is none, the packet is let
/// through. `find` says which rule of a group matches first.
///
/// Of all security admin configurations the first rule that matches is the only one that counts: Deny drops, `AlwaysAllow` lets
/// through without network security groups, Allow leaves it to them. Then each network security group must allow.
/// <https://learn.microsoft.com/azure/virtual-network-manager/concept-security-admins>
#[must_use]
pub fn deciding_rules<'g>(
    groups: &'g [Arc<RuleGroup>],
    find: impl Fn(&'g RuleGroup) -> Option<&'g Rule>,
) -> Vec<(&'g RuleGroup, &'g Rule)> {
    let mut deciding = Vec::new();
    for group in groups {
        let by_admin = |(before, _): &(&RuleGroup, &Rule)| before.association == Association::NetworkManager;
        if group.association == Association::NetworkManager && deciding.last().is_some_and(by_admin) {
            continue;
        }
        let Some(rule) = find(group) else { continue };
        deciding.push((group.as_ref(), rule));
        if rule.access == RuleAccess::AlwaysAllow || rule.access.access() == Access::Deny {
            break;
        }
    }
    deciding
}

/// The first rule of `group` that matches when source ports do not count, as at a private endpoint.
/// <https://learn.microsoft.com/azure/private-link/disable-private-endpoint-network-policy>
#[must_use]
pub fn first_match_from_any_port<'a>(group: &'a RuleGroup, packet: &Packet) -> Option<&'a Rule> {
    let matching = |rule: &&Rule| {
        let sent_from = rule.source_ports.first().map_or(0, |range| range.first());
        matches(rule, &Packet { source_port: sent_from, ..*packet })
    };
    group.rules.iter().find(matching)
}

fn matches(rule: &Rule, packet: &Packet) -> bool {
    matches_sender(rule, packet) && rule.destination.contains(packet.destination)
}

/// Whether protocol, ports and source match, whatever the destination.
pub(super) fn matches_sender(rule: &Rule, packet: &Packet) -> bool {
    matches_protocol(rule, packet) && rule.source.contains(packet.source)
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

#[cfg(test)]
pub(crate) mod tests {
    use goal_state::nsg::{AddressSet, PortRange};
    use ipnet::Ipv4Net;
    use proptest::prelude::*;

    use super::*;
    use crate::verdict::IpProtocol;

    fn any_ports() -> impl Strategy<Value = Vec<PortRange>> {
        let range = (0..6_u16, 0..6_u16).prop_map(|(a, b)| PortRange::new(a.min(b), a.max(b)).unwrap());
        proptest::collection::vec(range, 1..3)
    }

    fn any_addresses() -> impl Strategy<Value = AddressSet> {
        let prefix = (0..4_u8, 29..=32_u8)
            .prop_map(|(last, length)| Ipv4Net::new([10, 0, 0, last].into(), length).unwrap().trunc());
        prop_oneof![
            Just(AddressSet::all()),
            proptest::collection::vec(prefix, 0..3).prop_map(AddressSet::new)
        ]
    }

    fn any_rule() -> impl Strategy<Value = Rule> {
        let protocol = prop_oneof![
            Just(Protocol::Any),
            Just(Protocol::Tcp),
            Just(Protocol::Udp),
            Just(Protocol::Icmp),
            Just(Protocol::Esp)
        ];
        (protocol, any_addresses(), any_ports(), any_addresses(), any_ports()).prop_map(
            |(protocol, source, source_ports, destination, destination_ports)| Rule {
                name: String::new(),
                priority: 100,
                access: RuleAccess::Allow,
                protocol,
                source,
                source_ports,
                destination,
                destination_ports,
            },
        )
    }

    pub(crate) fn any_packet() -> impl Strategy<Value = Packet> {
        let protocol = prop_oneof![
            Just(IpProtocol::TCP),
            Just(IpProtocol::UDP),
            Just(IpProtocol::ICMP),
            Just(IpProtocol::AH)
        ];
        (protocol, 0..6_u8, 0..6_u16, 0..6_u8, 0..6_u16).prop_map(|(protocol, from, sport, to, dport)| {
            Packet {
                protocol,
                source: [10, 0, 0, from].into(),
                source_port: sport,
                destination: [10, 0, 0, to].into(),
                destination_port: dport,
            }
        })
    }

    pub(crate) fn any_group(rules: std::ops::Range<usize>) -> impl Strategy<Value = RuleGroup> {
        proptest::collection::vec(any_rule(), rules).prop_map(|rules| RuleGroup {
            name: "nsg".to_owned(),
            association: Association::Subnet,
            rules: (0_u16..).zip(rules).map(|(priority, rule)| Rule { priority, ..rule }).collect(),
        })
    }

    /// The rules of the page, word by word and without any set.
    fn oracle(rules: &[Rule], packet: &Packet) -> Option<usize> {
        for (position, rule) in rules.iter().enumerate() {
            let number = match rule.protocol {
                Protocol::Any => packet.protocol.0,
                Protocol::Icmp => 1,
                Protocol::Tcp => 6,
                Protocol::Udp => 17,
                Protocol::Esp => 50,
                Protocol::Ah => 51,
            };
            let mut good = number == packet.protocol.0;
            if packet.protocol.0 == 6 || packet.protocol.0 == 17 {
                good &= rule
                    .source_ports
                    .iter()
                    .any(|r| r.first() <= packet.source_port && packet.source_port <= r.last());
                good &= rule
                    .destination_ports
                    .iter()
                    .any(|r| r.first() <= packet.destination_port && packet.destination_port <= r.last());
            }
            good &= rule.source.prefixes().iter().any(|p| p.contains(&packet.source));
            good &= rule.destination.prefixes().iter().any(|p| p.contains(&packet.destination));
            if good {
                return Some(position);
            }
        }
        None
    }

    proptest! {
        #[test]
        fn the_first_rule_that_matches_is_the_oracles(
            rules in proptest::collection::vec(any_rule(), 0..6), packet in any_packet(),
        ) {
            let expected = oracle(&rules, &packet);
            let group = RuleGroup {
                name: "nsg".to_owned(),
                association: Association::Subnet,
                rules: rules.iter().enumerate().map(|(index, rule)| Rule { name: index.to_string(), ..rule.clone() }).collect(),
            };
            let found = first_match(&group, &packet).map(|rule| rule.name.clone());
            prop_assert_eq!(found, expected.map(|index| index.to_string()));
        }
    }
}
