//! Security admin rules of Azure Virtual Network Manager.
//!
//! <https://learn.microsoft.com/azure/virtual-network-manager/concept-security-admins>

use goal_state::nsg::{Direction, PortRange, Protocol, RuleAccess};

pub use crate::topology::NetworkIntentPolicyServices;

use super::{RulePeer, VnetId};

/// A security admin configuration. Several of a lab are in the order of their scopes, the highest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityAdminConfiguration {
    /// Its name.
    pub name: String,
    /// The virtual networks that it is deployed to, sorted.
    pub virtual_networks: Vec<VnetId>,
    /// Whether it holds for virtual networks with a service of network intent policies.
    pub apply_on_network_intent_policy_based_services: NetworkIntentPolicyServices,
    /// By direction and then rising priority number; equal numbers in the order of the file.
    pub rules: Vec<SecurityAdminRule>,
}

/// One security admin rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityAdminRule {
    /// Its name.
    pub name: String,
    /// 1 to 4096.
    pub priority: u16,
    /// Which packets, seen from the NIC.
    pub direction: Direction,
    /// Allow, AlwaysAllow or Deny.
    pub access: RuleAccess,
    /// The protocol.
    pub protocol: Protocol,
    /// Who sends; never ASGs.
    pub source: RulePeer,
    /// From which ports; never empty.
    pub source_ports: Vec<PortRange>,
    /// Who receives; never ASGs.
    pub destination: RulePeer,
    /// On which ports; never empty.
    pub destination_ports: Vec<PortRange>,
}
