//! Security admin rules of Azure Virtual Network Manager.

use schemars::JsonSchema;
use serde::Deserialize;

use super::value::azure_enum;
use super::{AddressPrefix, Direction, Map, OneOrMany, PortRange, Protocol, Spanned};

/// A security admin configuration. Several: in the order of the file, the first one has the highest scope.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SecurityAdminConfiguration {
    /// Its region. Default: the lab's.
    pub location: Option<Spanned<String>>,
    /// The virtual networks that it is deployed to: `*` or names.
    pub virtual_networks: OneOrMany<String>,
    /// Whether it holds for virtual networks with services of network intent policies. Default: None.
    pub apply_on_network_intent_policy_based_services: Option<Spanned<NetworkIntentPolicyServices>>,
    /// Its rules.
    #[serde(default)]
    pub rules: Map<SecurityAdminRule>,
}

azure_enum! {
    /// Which rules hold for virtual networks with services of network intent policies.
    NetworkIntentPolicyServices {
        /// None. The default.
        None = "None",
        /// Rules that allow.
        AllowRulesOnly = "AllowRulesOnly",
        /// All.
        All = "All",
    }
}

/// A security admin rule; it is evaluated before network security groups.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = super::schema::plural)]
pub struct SecurityAdminRule {
    /// What it is for; of no effect.
    pub description: Option<Spanned<String>>,
    /// 1 to 4096; the lowest number goes first.
    pub priority: Spanned<u32>,
    /// Inbound or Outbound.
    pub direction: Spanned<Direction>,
    /// Allow, AlwaysAllow or Deny.
    pub access: Spanned<SecurityAdminAccess>,
    /// Tcp, Udp, Icmp, Esp, Ah or *.
    pub protocol: Spanned<Protocol>,
    /// Who sends. Default: *.
    #[serde(alias = "sourceAddressPrefixes")]
    pub source_address_prefix: Option<OneOrMany<AddressPrefix>>,
    /// From which ports. Default: *.
    #[serde(alias = "sourcePortRanges")]
    pub source_port_range: Option<OneOrMany<PortRange>>,
    /// Who receives. Default: *.
    #[serde(alias = "destinationAddressPrefixes")]
    pub destination_address_prefix: Option<OneOrMany<AddressPrefix>>,
    /// On which ports. Default: *.
    #[serde(alias = "destinationPortRanges")]
    pub destination_port_range: Option<OneOrMany<PortRange>>,
}

azure_enum! {
    /// What a security admin rule does.
    SecurityAdminAccess {
        /// Network security groups decide.
        Allow = "Allow",
        /// The packet passes without network security groups.
        AlwaysAllow = "AlwaysAllow",
        /// The packet is dropped.
        Deny = "Deny",
    }
}
