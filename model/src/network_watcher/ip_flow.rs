//! IP flow verify: may a packet enter or leave a network interface, and which rule says so?
//!
//! It looks at security admin rules and network security groups, never at routes, and asks for TCP and UDP only.
//! <https://learn.microsoft.com/azure/network-watcher/ip-flow-verify-overview>

use std::sync::Arc;

use goal_state::nsg::{Access, Association, Direction, Rule, RuleAccess, RuleGroup};
use serde::Serialize;

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
    /// No rule of a network security group matches, which denies.
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
    evaluate(groups.zip(policy.classifiers(nic, direction)), direction, packet)
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
