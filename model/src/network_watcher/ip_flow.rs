//! IP flow verify: may a packet enter or leave a network interface, and which rule says so?
//!
//! It looks at security admin rules and network security groups, never at routes, and asks for TCP and UDP only.
//! <https://learn.microsoft.com/azure/network-watcher/ip-flow-verify-overview>

use std::sync::Arc;

use goal_state::nsg::{Access, Association, Direction, Rule, RuleAccess, RuleGroup};
use serde::Serialize;

use super::closed::is_closed;
use super::rule_name;
use crate::effective::{Classifier, Policy};
use crate::network::NicRef;
use crate::verdict::Packet;

/// What the rules say about a packet. It borrows the rule, so that asking costs no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpFlow<'p> {
    /// Whether the packet gets through.
    pub access: Access,
    /// Who says so.
    pub decision: Decision<'p>,
}

/// Who decided about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<'p> {
    /// The last rule that was evaluated.
    Rule(Association, &'p Rule),
    /// No rule denies, and none opens a Standard public address either, which is closed by itself.
    ImplicitDeny(Direction),
    /// There is no group, and no group is no filter.
    Nobody,
}

/// What the rules of `nic` say about `packet`. `packet` has the remote end as source when it is inbound.
///
/// Allocates nothing but for the first packet of each direction, for which the filter is prepared.
#[must_use]
pub fn ip_flow<'p>(policy: &'p Policy<'_>, nic: NicRef, direction: Direction, packet: &Packet) -> IpFlow<'p> {
    let groups = policy.filter(nic).groups(direction).iter().map(Arc::as_ref);
    let flow = evaluate(groups.zip(policy.classifiers(nic, direction)), direction, packet);
    if direction == Direction::Inbound
        && flow.access == Access::Allow
        && is_closed(policy, nic, packet.destination, packet.source)
    {
        return IpFlow { access: Access::Deny, decision: Decision::ImplicitDeny(direction) };
    }
    flow
}

/// Security admin rules first: Deny and AlwaysAllow end it, and after the first that matches no other is asked. Then every
/// network security group must allow; a Deny ends it, and an Allow is told by the group that was evaluated last.
/// <https://learn.microsoft.com/azure/virtual-network-manager/concept-security-admins>
fn evaluate<'p>(
    groups: impl Iterator<Item = (&'p RuleGroup, &'p Classifier)>,
    direction: Direction,
    packet: &Packet,
) -> IpFlow<'p> {
    let mut flow = IpFlow { access: Access::Allow, decision: Decision::Nobody };
    let mut admin_has_matched = false;
    for (group, classifier) in groups {
        let is_admin = group.association == Association::NetworkManager;
        if is_admin && admin_has_matched {
            continue;
        }
        match classifier.first_match(group, packet) {
            Some(rule) => {
                flow = IpFlow {
                    access: rule.access.access(),
                    decision: Decision::Rule(group.association, rule),
                };
                if rule.access != RuleAccess::Allow {
                    return flow;
                }
                admin_has_matched |= is_admin;
            }
            None if is_admin => {}
            None => return IpFlow { access: Access::Deny, decision: Decision::ImplicitDeny(direction) },
        }
    }
    flow
}

impl IpFlow<'_> {
    /// As Azure answers it.
    #[must_use]
    pub fn answer(&self) -> VerificationIpFlow {
        let rule_name = match self.decision {
            Decision::Rule(association, rule) => Some(rule_name::in_arm(association, rule)),
            Decision::ImplicitDeny(direction) => Some(format!("Default{direction}DenyAll")),
            Decision::Nobody => None,
        };
        VerificationIpFlow { access: self.access, rule_name }
    }
}

/// Azure's `VerificationIPFlowResult`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationIpFlow {
    /// Whether the packet gets through.
    pub access: Access,
    /// `securityRules/allow-http`, `defaultSecurityRules/DenyAllInBound`, a security admin rule's bare name, or
    /// `DefaultInboundDenyAll`. None when there is no group at all.
    pub rule_name: Option<String>,
}

#[cfg(test)]
mod tests {
    use goal_state::nsg::{AddressSet, PortRange, Protocol};

    use super::*;
    use crate::verdict::IpProtocol;

    /// A group whose rules are given as `100 Deny 22` or `200 Allow *`.
    fn group(association: Association, rules: &[&str]) -> RuleGroup {
        let rules = rules.iter().map(|text| {
            let words: Vec<_> = text.split(' ').collect();
            let port = words[2].parse().map_or(PortRange::ALL, |port| PortRange::new(port, port).unwrap());
            Rule {
                name: format!("rule-{}", words[0]),
                priority: words[0].parse().unwrap(),
                access: match words[1] {
                    "Allow" => RuleAccess::Allow,
                    "AlwaysAllow" => RuleAccess::AlwaysAllow,
                    _ => RuleAccess::Deny,
                },
                protocol: Protocol::Any,
                source: AddressSet::all(),
                source_ports: vec![PortRange::ALL],
                destination: AddressSet::all(),
                destination_ports: vec![port],
            }
        });
        RuleGroup { name: "group".to_owned(), association, rules: rules.collect() }
    }

    fn ask(groups: &[RuleGroup], port: u16) -> String {
        let classifiers: Vec<_> = groups.iter().map(Classifier::new).collect();
        let packet = Packet {
            protocol: IpProtocol::TCP,
            source: [10, 0, 0, 4].into(),
            source_port: 50000,
            destination: [10, 0, 0, 5].into(),
            destination_port: port,
        };
        let answer = evaluate(groups.iter().zip(&classifiers), Direction::Inbound, &packet).answer();
        format!("{} {}", answer.access, answer.rule_name.unwrap_or_default())
    }

    #[test]
    fn s4_security_admin_rules_go_first_and_have_bare_names() {
        let groups = [
            group(Association::NetworkManager, &["1 Deny 23", "2 AlwaysAllow 443", "3 Allow 80"]),
            group(Association::Subnet, &["100 Allow 80", "110 Allow 23", "4096 Deny *"]),
        ];
        assert_eq!(ask(&groups, 23), "Deny rule-1");
        assert_eq!(ask(&groups, 443), "Allow rule-2", "the network security group is not asked");
        assert_eq!(ask(&groups, 80), "Allow securityRules/rule-100", "both are asked");
        assert_eq!(ask(&groups, 22), "Deny securityRules/rule-4096", "no admin rule matches");
        assert_eq!(ask(&groups[..1], 80), "Allow rule-3", "no network security group at all");
        assert_eq!(ask(&groups[..1], 22), "Allow ");
    }

    #[test]
    fn s4_the_first_admin_rule_of_all_configurations_that_matches_ends_their_evaluation() {
        let groups = [
            group(Association::NetworkManager, &["9 Allow 80"]),
            group(Association::NetworkManager, &["1 Deny 80", "2 Deny 81"]),
        ];
        assert_eq!(ask(&groups, 80), "Allow rule-9");
        assert_eq!(ask(&groups, 81), "Deny rule-2");
    }

    #[test]
    fn s3_2_a_group_that_matches_nothing_denies_by_the_implicit_rule() {
        assert_eq!(ask(&[group(Association::Subnet, &["100 Allow 80"])], 81), "Deny DefaultInboundDenyAll");
    }
}
