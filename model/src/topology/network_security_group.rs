//! Network security groups and their rules.

use goal_state::nsg;
use schemars::JsonSchema;
use serde::Deserialize;

use super::schema::plural;
use super::value::azure_enum;
use super::{AddressPrefix, Map, OneOrMany, PortRange, Spanned};

/// A network security group. Azure's six default rules always exist and are not written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NetworkSecurityGroup {
    /// Its region. Default: the lab's.
    pub location: Option<Spanned<String>>,
    /// Its rules.
    #[serde(default)]
    pub security_rules: Map<SecurityRule>,
}

/// A rule of a network security group.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = plural)]
pub struct SecurityRule {
    /// What it is for; of no effect.
    pub description: Option<Spanned<String>>,
    /// 100 to 4096, unique in the group and direction; the lowest number goes first.
    pub priority: Spanned<u32>,
    /// Inbound or Outbound, seen from the virtual machine.
    pub direction: Spanned<Direction>,
    /// Allow or Deny.
    pub access: Spanned<Access>,
    /// Tcp, Udp, Icmp, Esp, Ah or *.
    pub protocol: Spanned<Protocol>,
    /// Who sends: *, an address, a prefix, a service tag, or a list. Default: *.
    #[serde(alias = "sourceAddressPrefixes")]
    pub source_address_prefix: Option<OneOrMany<AddressPrefix>>,
    /// From which ports: a port, a range, * or a list. Default: *.
    #[serde(alias = "sourcePortRanges")]
    pub source_port_range: Option<OneOrMany<PortRange>>,
    /// Who receives: *, an address, a prefix, a service tag, or a list. Default: *.
    #[serde(alias = "destinationAddressPrefixes")]
    pub destination_address_prefix: Option<OneOrMany<AddressPrefix>>,
    /// On which ports: a port, a range, * or a list. Default: *.
    #[serde(alias = "destinationPortRanges")]
    pub destination_port_range: Option<OneOrMany<PortRange>>,
    /// Who sends, by group; instead of sourceAddressPrefix.
    pub source_application_security_groups: Option<OneOrMany<String>>,
    /// Who receives, by group; instead of destinationAddressPrefix.
    pub destination_application_security_groups: Option<OneOrMany<String>>,
}

azure_enum! {
    /// Which packets a rule is for, seen from the virtual machine.
    Direction {
        /// Into the virtual machine.
        Inbound = "Inbound",
        /// Out of the virtual machine.
        Outbound = "Outbound",
    }
}

azure_enum! {
    /// What a rule does.
    Access {
        /// The packet goes on.
        Allow = "Allow",
        /// The packet is dropped.
        Deny = "Deny",
    }
}

azure_enum! {
    /// The protocol of a rule.
    Protocol {
        /// IP protocol 6.
        Tcp = "Tcp",
        /// IP protocol 17.
        Udp = "Udp",
        /// IP protocol 1.
        Icmp = "Icmp",
        /// IP protocol 50.
        Esp = "Esp",
        /// IP protocol 51.
        Ah = "Ah",
        /// All.
        Any = "*",
    }
}

impl From<Direction> for nsg::Direction {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Inbound => Self::Inbound,
            Direction::Outbound => Self::Outbound,
        }
    }
}

impl From<Access> for nsg::Access {
    fn from(access: Access) -> Self {
        match access {
            Access::Allow => Self::Allow,
            Access::Deny => Self::Deny,
        }
    }
}

impl From<Protocol> for nsg::Protocol {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Tcp => Self::Tcp,
            Protocol::Udp => Self::Udp,
            Protocol::Icmp => Self::Icmp,
            Protocol::Esp => Self::Esp,
            Protocol::Ah => Self::Ah,
            Protocol::Any => Self::Any,
        }
    }
}
