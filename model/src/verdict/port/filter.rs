//! What security admin rules and network security groups decide.

use goal_state::DropReason;
use goal_state::nsg::{Access, Association, Direction, Rule, RuleGroup};

use super::Port;
use crate::verdict::decision::Decision;
use crate::verdict::explanation::Reason;
use crate::verdict::flows::Flows;
use crate::verdict::packet::Packet;
use crate::verdict::platform;
use crate::verdict::rule_match::{deciding_rules, first_match, matches_sender};

/// A rule's decision, in the words of an answer.
pub(in crate::verdict) struct FilteredBy<'r> {
    /// Its group.
    pub(in crate::verdict) group: &'r RuleGroup,
    /// The rule.
    pub(in crate::verdict) rule: &'r Rule,
    /// Seen from who is filtered.
    pub(in crate::verdict) direction: Direction,
}

impl FilteredBy<'_> {
    /// What decided.
    pub(in crate::verdict) fn decision(&self) -> Decision {
        let stage = match self.group.association {
            Association::NetworkManager => DropReason::SecurityAdminRule,
            Association::NetworkInterface | Association::Subnet => DropReason::NetworkSecurityGroup,
        };
        Decision {
            direction: Some(self.direction),
            ..Decision::of(stage, &self.group.name).by(&self.rule.name)
        }
    }

    /// `priority 100, subnet spoke1/web: 10.1.1.4:49152 → 10.1.2.4:22 Tcp`.
    pub(in crate::verdict) fn detail(&self, place: &str, packet: Packet) -> String {
        let (from, to, protocol) = (packet.source_text(), packet.destination_text(), packet.protocol);
        let detail = format!("priority {}, {place}: {from} → {to} {protocol}", self.rule.priority);
        match self.group.association {
            Association::NetworkManager => format!("{detail}: {}", self.rule.access),
            Association::NetworkInterface | Association::Subnet => detail,
        }
    }

    /// Allow or Deny.
    pub(in crate::verdict) fn outcome(&self) -> Access {
        self.rule.access.access()
    }
}

impl Port<'_> {
    /// Asks the rules of one direction, unless the packet is a reply in a flow that the port knows.
    pub(super) fn check_filter(
        &mut self,
        flows: &Flows,
        direction: Direction,
        packet: Packet,
    ) -> Result<(), Reason> {
        if flows.knows(self.nic, packet) {
            return Ok(());
        }
        let groups = self.policy.filter(self.nic).groups(direction);
        for (group, rule) in deciding_rules(groups, |group| first_match(group, &packet)) {
            let by = FilteredBy { group, rule, direction };
            let detail = by.detail(&self.place_of(group), packet);
            match by.outcome() {
                Access::Allow => self.allow(by.decision(), detail),
                Access::Deny => return Err(self.deny(by.decision(), detail)),
            }
        }
        Ok(())
    }

    fn place_of(&self, group: &RuleGroup) -> String {
        match group.association {
            Association::NetworkManager => "network manager".to_owned(),
            Association::NetworkInterface => format!("network interface {}", self.network.nic(self.nic).name),
            Association::Subnet => format!("subnet {}", self.subnet_name()),
        }
    }

    /// A Deny rule about the platform service's own tag cuts it. No other rule does.
    /// <https://learn.microsoft.com/azure/virtual-network/network-security-group-how-it-works#azure-platform-considerations>
    pub(super) fn check_platform_tag(
        &mut self,
        service: platform::Service,
        packet: Packet,
    ) -> Result<(), Reason> {
        let Some(service_of_tag) = service.tag() else { return Ok(()) };
        let filter = self.policy.filter(self.nic);
        for group in &filter.outbound {
            let about = filter
                .platform
                .iter()
                .filter(|it| it.service == service_of_tag && it.association == group.association);
            let mut rules =
                about.filter_map(|it| group.rules.iter().find(|rule| rule.priority == it.priority));
            let Some(rule) = rules.find(|rule| matches_sender(rule, &packet)) else { continue };
            let by = FilteredBy { group, rule, direction: Direction::Outbound };
            let detail = format!("{}, {}", by.detail(&self.place_of(group), packet), service.describe());
            match by.outcome() {
                Access::Allow => self.allow(by.decision(), detail),
                Access::Deny => return Err(self.deny(by.decision(), detail)),
            }
        }
        Ok(())
    }
}
