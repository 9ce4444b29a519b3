//! What the questions call a rule. Rules of security admin configurations go by their bare names everywhere.
//!
//! <https://learn.microsoft.com/azure/network-watcher/ip-flow-verify-overview>

use goal_state::nsg::{Association, Rule};

/// The first priority of the default rules; no other rule of a network security group may have it.
const DEFAULT_RULES: u16 = 65000;

/// Whether it is one of the six default rules of a group that is `association`'s.
#[must_use]
pub fn is_default(association: Association, rule: &Rule) -> bool {
    association != Association::NetworkManager && rule.priority >= DEFAULT_RULES
}

/// As IP flow verify and the effective security rules say it: `securityRules/allow-http`,
/// `defaultSecurityRules/AllowVnetInBound`.
#[must_use]
pub fn in_arm(association: Association, rule: &Rule) -> String {
    prefixed(association, rule, "securityRules/", "defaultSecurityRules/")
}

/// As NSG diagnostics and flow logs say it: `UserRule_allow-http`, `DefaultRule_AllowVnetInBound`.
#[must_use]
pub fn in_diagnostics(association: Association, rule: &Rule) -> String {
    prefixed(association, rule, "UserRule_", "DefaultRule_")
}

fn prefixed(association: Association, rule: &Rule, custom: &str, default: &str) -> String {
    let prefix = match association {
        Association::NetworkManager => "",
        _ if is_default(association, rule) => default,
        _ => custom,
    };
    format!("{prefix}{}", rule.name)
}
