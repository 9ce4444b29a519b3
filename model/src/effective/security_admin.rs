//! Which security admin configurations hold in a subnet, and which of their rules.
//!
//! <https://learn.microsoft.com/azure/virtual-network-manager/concept-security-admins>

use goal_state::nsg::{Direction, RuleAccess};

use crate::network::security_admin::NetworkIntentPolicyServices;
use crate::network::{Network, SecurityAdminRule, SubnetRef, VirtualNetwork};

/// Subnets of services that security admin rules do not hold for, by their exact names: VPN and ExpressRoute gateways, Azure
/// Firewall, Bastion, Route Server. An application gateway is exempt unless its network is isolated; its subnet is then
/// delegated to it, and nothing else tells it from others.
const EXEMPT: [&str; 5] = [
    "GatewaySubnet",
    "AzureFirewallSubnet",
    "AzureFirewallManagementSubnet",
    "AzureBastionSubnet",
    "RouteServerSubnet",
];

/// Services of network intent policies: a virtual network that holds one is left out, unless the configuration says otherwise.
const INTENT_POLICY_SERVICES: [&str; 2] =
    ["Microsoft.Sql/managedInstances", "Microsoft.Databricks/workspaces"];

/// A configuration that holds, or the rules of it that do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Configuration {
    /// Its position in [`Network::security_admin_configurations`].
    pub index: usize,
    /// Whether its rules of access Allow alone hold.
    pub allow_rules_only: bool,
}

impl Configuration {
    /// Its name.
    #[must_use]
    pub fn name(self, network: &Network) -> &str {
        &network.security_admin_configurations[self.index].name
    }

    /// Its rules of one direction that hold, by rising priority number.
    pub fn rules(self, network: &Network, direction: Direction) -> impl Iterator<Item = &SecurityAdminRule> {
        let rules = network.security_admin_configurations[self.index].rules.iter();
        rules.filter(move |rule| {
            rule.direction == direction && (!self.allow_rules_only || rule.access == RuleAccess::Allow)
        })
    }
}

/// The configurations that hold in a subnet, the highest scope first.
#[must_use]
pub fn configurations(network: &Network, subnet: SubnetRef) -> Vec<Configuration> {
    if EXEMPT.contains(&network.subnet(subnet).name.as_str()) {
        return Vec::new();
    }
    let restricted = holds_intent_policy_service(network.vnet(subnet.vnet));
    let all = network.security_admin_configurations.iter().enumerate();
    let here = all.filter(|(_, it)| it.virtual_networks.binary_search(&subnet.vnet).is_ok());
    here.filter_map(|(index, it)| {
        let allow_rules_only = match it.apply_on_network_intent_policy_based_services {
            _ if !restricted => false,
            NetworkIntentPolicyServices::All => false,
            NetworkIntentPolicyServices::AllowRulesOnly => true,
            NetworkIntentPolicyServices::None => return None,
        };
        Some(Configuration { index, allow_rules_only })
    })
    .collect()
}

fn holds_intent_policy_service(vnet: &VirtualNetwork) -> bool {
    let mut delegations = vnet.subnets.iter().filter_map(|subnet| subnet.delegation.as_deref());
    delegations.any(|to| INTENT_POLICY_SERVICES.iter().any(|service| service.eq_ignore_ascii_case(to)))
}

#[cfg(test)]
mod tests {
    use goal_state::nsg::{Association, RuleGroup};

    use super::*;
    use crate::effective::Policy;
    use crate::network::build::NetworkBuilder;
    use crate::network::{NicIndex, NicRef};

    const RULES: [&str; 3] =
        ["10 Inbound Deny Tcp * *:23", "20 Inbound AlwaysAllow Tcp * *:22", "30 Inbound Allow Tcp * *:80"];

    /// The groups for packets into `vm`: configuration or group, and its custom rules.
    fn inbound(network: &Network, vm: &str) -> Vec<String> {
        let policy = Policy::new(network);
        let nic = NicRef { vm: network.find_vm(vm).unwrap(), index: NicIndex(0) };
        let line = |group: &RuleGroup| {
            let rules = group.rules.iter().filter(|rule| rule.priority < 65000);
            let rules: Vec<_> = rules.map(|rule| format!("{} {}", rule.priority, rule.access)).collect();
            format!("{} {}: {}", group.association.as_str(), group.name, rules.join(", "))
        };
        policy.filter(nic).inbound.iter().map(|group| line(group)).collect()
    }

    #[test]
    fn s4_admin_rules_come_before_groups_and_the_highest_scope_first() {
        let network = NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .vnet("b", "10.1.0.0/16")
            .nsg("nsg", &["100 Inbound Allow Tcp * *:23"])
            .subnet_nsg("a/default", "nsg")
            .admin("tenant", &["a", "b"], &RULES[..1])
            .admin("team", &["a"], &RULES[1..])
            .vm("a1", "10.0.0.4")
            .vm("b1", "10.1.0.4")
            .build();
        assert_eq!(
            inbound(&network, "a1"),
            ["manager tenant: 10 Deny", "manager team: 20 AlwaysAllow, 30 Allow", "subnet nsg: 100 Allow"]
        );
        // Also where there is no group at all.
        assert_eq!(inbound(&network, "b1"), ["manager tenant: 10 Deny"]);
        let policy = Policy::new(&network);
        let nic = NicRef { vm: network.find_vm("b1").unwrap(), index: NicIndex(0) };
        assert!(policy.filter(nic).outbound.is_empty(), "rules are directional");
        assert_eq!(policy.filter(nic).inbound[0].association, Association::NetworkManager);
    }

    #[test]
    fn s4_networks_with_intent_policies_are_left_out_or_get_allow_rules_only() {
        let network = |service: &str, services: NetworkIntentPolicyServices| {
            NetworkBuilder::new()
                .vnet("a", "10.0.0.0/16")
                .subnet("a", "special", "10.0.9.0/24")
                .subnet_with("a/special", |subnet| subnet.delegation = Some(service.to_owned()))
                .admin_with("org", &["a"], &RULES, |it| {
                    it.apply_on_network_intent_policy_based_services = services;
                })
                .vm("a1", "10.0.0.4")
                .build()
        };
        let all = "manager org: 10 Deny, 20 AlwaysAllow, 30 Allow";
        for service in ["microsoft.sql/managedinstances", "Microsoft.Databricks/workspaces"] {
            let of = |services| inbound(&network(service, services), "a1");
            assert!(of(NetworkIntentPolicyServices::None).is_empty());
            assert_eq!(of(NetworkIntentPolicyServices::AllowRulesOnly), ["manager org: 30 Allow"]);
            assert_eq!(of(NetworkIntentPolicyServices::All), [all]);
        }
        assert_eq!(
            inbound(&network("Microsoft.Web/serverFarms", NetworkIntentPolicyServices::None), "a1"),
            [all]
        );
    }

    #[test]
    fn s4_subnets_of_gateways_and_firewalls_are_exempt() {
        for name in EXEMPT {
            let network = NetworkBuilder::new()
                .vnet("a", "10.0.0.0/16")
                .subnet("a", name, "10.0.9.0/24")
                .admin("org", &["a"], &RULES)
                .vm("in", "10.0.9.4")
                .vm("out", "10.0.0.4")
                .build();
            assert!(inbound(&network, "in").is_empty(), "{name}");
            assert_eq!(inbound(&network, "out").len(), 1, "{name}");
        }
    }
}
