//! A port's filter: security admin rules, then the network security groups of its NIC and subnet, with every tag and ASG
//! resolved to prefixes.

use std::fmt;
use std::sync::{Arc, LazyLock};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::platform::PlatformRule;

/// Seen from the VM: `Outbound` leaves it, `Inbound` enters it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Into the VM.
    Inbound,
    /// Out of the VM.
    Outbound,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Inbound => "Inbound",
            Self::Outbound => "Outbound",
        })
    }
}

/// What becomes of a packet or a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Access {
    /// It gets through.
    Allow,
    /// It does not.
    Deny,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        })
    }
}

/// What a rule does with a packet that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RuleAccess {
    /// On to the next group, or through. In a security admin rule: on to the network security groups.
    Allow,
    /// Through, and no network security group is asked. In security admin rules only.
    AlwaysAllow,
    /// Dropped.
    Deny,
}

impl RuleAccess {
    /// Whether the rule lets the packet go on.
    #[must_use]
    pub fn access(self) -> Access {
        match self {
            Self::Allow | Self::AlwaysAllow => Access::Allow,
            Self::Deny => Access::Deny,
        }
    }
}

impl From<Access> for RuleAccess {
    fn from(access: Access) -> Self {
        match access {
            Access::Allow => Self::Allow,
            Access::Deny => Self::Deny,
        }
    }
}

impl fmt::Display for RuleAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Allow => "Allow",
            Self::AlwaysAllow => "AlwaysAllow",
            Self::Deny => "Deny",
        })
    }
}

/// The protocol of a rule, of a probe, or of a question. `Any` is `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// IP protocol 6.
    Tcp,
    /// IP protocol 17.
    Udp,
    /// IP protocol 1.
    Icmp,
    /// IP protocol 50.
    Esp,
    /// IP protocol 51.
    Ah,
    /// Whatever the virtual network carries.
    #[serde(rename = "*")]
    Any,
}

impl Protocol {
    /// The IANA protocol number; none for `Any`.
    #[must_use]
    pub fn number(self) -> Option<u8> {
        match self {
            Self::Icmp => Some(1),
            Self::Tcp => Some(6),
            Self::Udp => Some(17),
            Self::Esp => Some(50),
            Self::Ah => Some(51),
            Self::Any => None,
        }
    }

    /// Whether its packets have ports.
    #[must_use]
    pub fn has_ports(self) -> bool {
        matches!(self, Self::Tcp | Self::Udp)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tcp => "Tcp",
            Self::Udp => "Udp",
            Self::Icmp => "Icmp",
            Self::Esp => "Esp",
            Self::Ah => "Ah",
            Self::Any => "*",
        })
    }
}

/// An inclusive range of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "(u16, u16)", into = "(u16, u16)")]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// Every port, written `*` or `0-65535`.
    pub const ALL: Self = Self { first: 0, last: u16::MAX };

    /// The range from `first` to `last`, none when inverted.
    #[must_use]
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// The lowest port.
    #[must_use]
    pub fn first(self) -> u16 {
        self.first
    }

    /// The highest port, itself inside.
    #[must_use]
    pub fn last(self) -> u16 {
        self.last
    }

    /// Whether `port` is inside.
    #[must_use]
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    /// The same ports as sorted ranges that neither overlap nor touch.
    #[must_use]
    pub fn disjoint(ranges: &[Self]) -> Vec<Self> {
        let mut sorted = ranges.to_vec();
        sorted.sort();
        let mut disjoint: Vec<Self> = Vec::new();
        for range in sorted {
            match disjoint.last_mut() {
                Some(last) if u32::from(range.first) <= u32::from(last.last) + 1 => {
                    last.last = last.last.max(range.last);
                }
                _ => disjoint.push(range),
            }
        }
        disjoint
    }
}

impl TryFrom<(u16, u16)> for PortRange {
    type Error = String;

    fn try_from((first, last): (u16, u16)) -> Result<Self, String> {
        Self::new(first, last).ok_or_else(|| format!("port range {first}-{last} is inverted"))
    }
}

impl From<PortRange> for (u16, u16) {
    fn from(range: PortRange) -> Self {
        (range.first, range.last)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// A set of IPv4 addresses as disjoint, aggregated, sorted prefixes. Empty matches nothing. Copies share their prefixes.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<Ipv4Net>", into = "Vec<Ipv4Net>")]
pub struct AddressSet(Arc<[Ipv4Net]>);

impl AddressSet {
    /// Every address: `*`, `Any`, `0.0.0.0/0`.
    #[must_use]
    pub fn all() -> Self {
        static ALL: LazyLock<AddressSet> = LazyLock::new(|| AddressSet(Arc::new([Ipv4Net::default()])));
        ALL.clone()
    }

    /// The union of `prefixes`.
    #[must_use]
    pub fn new(prefixes: impl IntoIterator<Item = Ipv4Net>) -> Self {
        let prefixes: Vec<_> = prefixes.into_iter().map(|prefix| prefix.trunc()).collect();
        if let [_] | [] = prefixes[..] {
            return Self(prefixes.into());
        }
        let mut aggregated = Ipv4Net::aggregate(&prefixes);
        aggregated.sort();
        Self(aggregated.into())
    }

    /// The prefixes: disjoint, sorted.
    #[must_use]
    pub fn prefixes(&self) -> &[Ipv4Net] {
        &self.0
    }

    /// Whether it holds every address.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0.first().is_some_and(|prefix| prefix.prefix_len() == 0)
    }

    /// Whether it holds no address.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `address` is in it.
    #[must_use]
    pub fn contains(&self, address: std::net::Ipv4Addr) -> bool {
        let after = self.0.partition_point(|prefix| prefix.network() <= address);
        after > 0 && self.0[after - 1].contains(&address)
    }
}

impl From<Vec<Ipv4Net>> for AddressSet {
    fn from(prefixes: Vec<Ipv4Net>) -> Self {
        Self::new(prefixes)
    }
}

impl From<AddressSet> for Vec<Ipv4Net> {
    fn from(set: AddressSet) -> Self {
        set.0.to_vec()
    }
}

impl FromIterator<Ipv4Net> for AddressSet {
    fn from_iter<I: IntoIterator<Item = Ipv4Net>>(prefixes: I) -> Self {
        Self::new(prefixes)
    }
}

/// One rule of a group, resolved for one port. The first rule that matches decides.
///
/// Ports are looked at for TCP and UDP only; ICMP, ESP and AH match whatever the ports say.
/// <https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview>
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// Azure's bare name, such as `allow-http` or `DenyAllInBound`.
    pub name: String,
    /// 100 to 4096, and 65000 to 65500 for default rules; from 1 in security admin configurations. Lower goes first. Unique in
    /// the direction of a network security group.
    pub priority: u16,
    /// What happens to a packet that matches.
    pub access: RuleAccess,
    /// The protocols that match.
    pub protocol: Protocol,
    /// The source addresses that match.
    pub source: AddressSet,
    /// The source ports that match: any of these.
    pub source_ports: Vec<PortRange>,
    /// The destination addresses that match.
    pub destination: AddressSet,
    /// The destination ports that match: any of these.
    pub destination_ports: Vec<PortRange>,
}

/// What a group of rules is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Association {
    /// The virtual network, by Azure Virtual Network Manager: a security admin configuration.
    NetworkManager,
    /// The network interface itself.
    NetworkInterface,
    /// The subnet that the interface is in.
    Subnet,
}

impl Association {
    /// The short word in rulesets and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NetworkManager => "manager",
            Self::NetworkInterface => "nic",
            Self::Subnet => "subnet",
        }
    }
}

/// A security admin configuration or a network security group, as one port applies it in one direction.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleGroup {
    /// The configuration's or the group's name.
    pub name: String,
    /// What it is attached to.
    pub association: Association,
    /// By rising priority number. A network security group ends with its default rules, one of which matches everything; a
    /// security admin configuration may match nothing.
    pub rules: Vec<Rule>,
}

/// What a port lets through. No group, no filter.
///
/// First the security admin configurations, the highest scope first: the first rule of them all that matches ends their
/// evaluation. Deny drops, AlwaysAllow lets through without the groups that follow, Allow and no match go on to them.
/// Then each network security group must allow; outbound NIC then subnet, inbound subnet then NIC.
/// <https://learn.microsoft.com/azure/virtual-network-manager/concept-security-admins>
/// <https://learn.microsoft.com/azure/virtual-network/network-security-group-how-it-works>
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filter {
    /// Groups for packets that enter the VM, in order of evaluation. Ports with equal groups may share them.
    pub inbound: Vec<Arc<RuleGroup>>,
    /// Groups for packets that leave the VM, in order of evaluation.
    pub outbound: Vec<Arc<RuleGroup>>,
    /// The rules of `outbound` that are about services of the platform, which no other rule is asked about. In order of evaluation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platform: Vec<PlatformRule>,
}

impl Filter {
    /// The groups of one direction, in order of evaluation.
    #[must_use]
    pub fn groups(&self, direction: Direction) -> &[Arc<RuleGroup>] {
        match direction {
            Direction::Inbound => &self.inbound,
            Direction::Outbound => &self.outbound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_set_is_disjoint_and_sorted_however_it_was_given() {
        let set: AddressSet = ["10.1.0.0/16", "10.0.0.0/16", "10.0.3.0/24", "192.0.2.1/32"]
            .map(|p| p.parse().unwrap())
            .into_iter()
            .collect();
        assert_eq!(
            set.prefixes().iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["10.0.0.0/15", "192.0.2.1/32"]
        );
        assert!(set.contains("10.1.255.255".parse().unwrap()));
        assert!(!set.contains("10.2.0.0".parse().unwrap()));
        assert!(!set.contains("9.255.255.255".parse().unwrap()));
        assert!(set.contains("192.0.2.1".parse().unwrap()));
        assert!(AddressSet::all().is_all() && AddressSet::all().contains("0.0.0.0".parse().unwrap()));
        assert!(!AddressSet::default().contains("10.0.0.0".parse().unwrap()));
    }

    #[test]
    fn port_ranges_are_merged_when_they_overlap_or_touch() {
        let range = |a, b| PortRange::new(a, b).unwrap();
        assert_eq!(
            PortRange::disjoint(&[range(80, 80), range(81, 90), range(10, 20), range(15, 17)]),
            [range(10, 20), range(80, 90)]
        );
        assert_eq!(PortRange::disjoint(&[range(0, 65_535), range(5, 6)]), [PortRange::ALL]);
        assert_eq!(PortRange::disjoint(&[]), []);
    }

    #[test]
    fn an_inverted_port_range_cannot_be_made() {
        assert_eq!(PortRange::new(2, 1), None);
        assert!(serde_json::from_str::<PortRange>("[2,1]").is_err());
        assert_eq!(PortRange::ALL.to_string(), "0-65535");
    }
}
