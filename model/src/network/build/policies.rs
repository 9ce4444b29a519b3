//! Service tags and security admin configurations of a test network.

use goal_state::nsg::{AddressSet, RuleAccess};

use super::NetworkBuilder;
use crate::network::security_admin::NetworkIntentPolicyServices;
use crate::network::{
    SecurityAdminConfiguration, SecurityAdminRule, SecurityRule, ServiceTags, Subnet, TagPrefixes,
};

impl NetworkBuilder {
    /// The service tags whose addresses are data, all at once.
    pub(crate) fn tags(mut self, tags: &[(&str, &[&str])]) -> Self {
        let tag = |(name, prefixes): &(&str, &[&str])| TagPrefixes {
            name: (*name).to_owned(),
            addresses: AddressSet::new(prefixes.iter().map(|prefix| prefix.parse().unwrap())),
        };
        self.network.service_tags = ServiceTags::new(tags.iter().map(tag).collect());
        self
    }

    /// A security admin configuration on these virtual networks; rules as in [`Self::nsg`], and `AlwaysAllow`.
    pub(crate) fn admin(self, name: &str, vnets: &[&str], rules: &[&str]) -> Self {
        self.admin_with(name, vnets, rules, |_| {})
    }

    /// The same, changed.
    pub(crate) fn admin_with(
        mut self,
        name: &str,
        vnets: &[&str],
        rules: &[&str],
        change: impl FnOnce(&mut SecurityAdminConfiguration),
    ) -> Self {
        let mut virtual_networks: Vec<_> = vnets.iter().map(|vnet| self.vnet_id(vnet)).collect();
        virtual_networks.sort_unstable();
        let mut rules: Vec<_> = rules.iter().map(|rule| self.admin_rule(rule)).collect();
        rules.sort_by_key(|rule| (rule.direction, rule.priority));
        let mut configuration = SecurityAdminConfiguration {
            name: name.to_owned(),
            virtual_networks,
            apply_on_network_intent_policy_based_services: NetworkIntentPolicyServices::None,
            rules,
        };
        change(&mut configuration);
        self.network.security_admin_configurations.push(configuration);
        self
    }

    fn admin_rule(&self, text: &str) -> SecurityAdminRule {
        let access = match text.split_whitespace().nth(2) {
            Some("Allow") => RuleAccess::Allow,
            Some("AlwaysAllow") => RuleAccess::AlwaysAllow,
            _ => RuleAccess::Deny,
        };
        let rule = self.rule(text);
        let SecurityRule { name, priority, direction, protocol, .. } = rule;
        SecurityAdminRule {
            name,
            priority,
            direction,
            access,
            protocol,
            source: rule.source,
            source_ports: rule.source_ports,
            destination: rule.destination,
            destination_ports: rule.destination_ports,
        }
    }

    /// Changes the subnet `spoke1/default`.
    pub(crate) fn subnet_with(mut self, subnet: &str, change: impl FnOnce(&mut Subnet)) -> Self {
        change(self.subnet_mut(subnet));
        self
    }
}
