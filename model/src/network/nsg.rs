//! Network security groups and application security groups.

use goal_state::nsg::{Access, Direction, PortRange, Protocol};
use ipnet::Ipv4Net;

use super::{AsgId, ServiceTag};

/// A network security group. The six default rules are not listed; they always exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkSecurityGroup {
    /// Its name.
    pub name: String,
    /// The rules of the file, by direction and then rising priority number.
    pub rules: Vec<SecurityRule>,
}

/// An application security group: a name that NICs are members of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationSecurityGroup {
    /// Its name.
    pub name: String,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityRule {
    /// Its name.
    pub name: String,
    /// 100 to 4096.
    pub priority: u16,
    /// Which packets, seen from the NIC.
    pub direction: Direction,
    /// Allow or Deny.
    pub access: Access,
    /// The protocol.
    pub protocol: Protocol,
    /// Who sends.
    pub source: RulePeer,
    /// From which ports; never empty.
    pub source_ports: Vec<PortRange>,
    /// Who receives.
    pub destination: RulePeer,
    /// On which ports; never empty.
    pub destination_ports: Vec<PortRange>,
}

/// One side of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RulePeer {
    /// `*`, prefixes or a service tag; never empty.
    Prefixes(Vec<AddressPrefix>),
    /// Members of any of these groups; never empty.
    Asgs(Vec<AsgId>),
}

/// One address prefix of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressPrefix {
    /// `*`.
    Any,
    /// An address (as /32) or a prefix.
    Prefix(Ipv4Net),
    /// A service tag.
    Tag(ServiceTag),
}
