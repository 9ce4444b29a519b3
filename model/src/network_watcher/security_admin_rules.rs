//! Effective security admin rules: those of Azure Virtual Network Manager that hold for a virtual network or a subnet.
//!
//! <https://learn.microsoft.com/azure/virtual-network-manager/concept-security-admins>

use std::sync::Arc;

use goal_state::nsg::{Association, Direction, Filter, RuleAccess, RuleGroup};
use serde::Serialize;

use super::target::{Target, TargetError, find_vnet};
use crate::effective::{Policy, subnet_filter};
use crate::network::{Network, SubnetRef};

/// Every rule that holds, in the order of evaluation: first those for inbound packets, configuration by configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecurityAdminRules {
    /// The rules.
    pub value: Vec<EffectiveSecurityAdminRule>,
}

/// One rule, with the properties of Azure's `EffectiveSecurityAdminRule` that tell what it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveSecurityAdminRule {
    /// Its name.
    pub name: String,
    /// The security admin configuration that it is part of.
    pub configuration: String,
    /// Lower goes first.
    pub priority: u16,
    /// Inbound or Outbound.
    pub direction: Direction,
    /// Allow, AlwaysAllow or Deny.
    pub access: RuleAccess,
}

/// The rules that hold for `VNET/SUBNET`, or in at least one subnet of `VNET`.
///
/// # Errors
/// When there is no such virtual network or subnet.
pub fn effective_security_admin_rules(
    policy: &Policy<'_>,
    text: &str,
) -> Result<SecurityAdminRules, TargetError> {
    let filters: Vec<_> =
        subnets(policy.network(), text)?.into_iter().map(|subnet| subnet_filter(policy, subnet)).collect();
    let value = [Direction::Inbound, Direction::Outbound]
        .into_iter()
        .flat_map(|direction| rules(&filters, direction));
    Ok(SecurityAdminRules { value: value.collect() })
}

fn subnets(network: &Network, text: &str) -> Result<Vec<SubnetRef>, TargetError> {
    if text.contains('/') {
        return match Target::find(network, text)? {
            Target::Subnet(subnet) => Ok(vec![subnet]),
            Target::Nic(_) => Err(TargetError::NotASubnet { name: text.to_owned() }),
        };
    }
    let vnet = find_vnet(network, text)?;
    Ok((0..network.vnet(vnet).subnets.len()).map(|index| SubnetRef { vnet, index }).collect())
}

/// Each once: subnets of one virtual network have the same configurations, or none.
fn rules(filters: &[Filter], direction: Direction) -> Vec<EffectiveSecurityAdminRule> {
    let mut groups: Vec<&Arc<RuleGroup>> = Vec::new();
    for group in filters.iter().flat_map(|filter| filter.groups(direction)) {
        let is_admin = group.association == Association::NetworkManager;
        if is_admin && !groups.iter().any(|known| known.name == group.name) {
            groups.push(group);
        }
    }
    let rules = groups.iter().flat_map(|group| group.rules.iter().map(move |rule| (group, rule)));
    let listed = rules.map(|(group, rule)| EffectiveSecurityAdminRule {
        name: rule.name.clone(),
        configuration: group.name.clone(),
        priority: rule.priority,
        direction,
        access: rule.access,
    });
    listed.collect()
}
