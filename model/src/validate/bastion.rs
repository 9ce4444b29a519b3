//! The rules without which a network security group may not be on AzureBastionSubnet.
//!
//! <https://learn.microsoft.com/azure/bastion/bastion-nsg>

use goal_state::nsg::{Access, Direction, Protocol};

use crate::network::{AddressPrefix, NetworkSecurityGroup, RulePeer, SecurityRule, ServiceTags};

/// A flow that has to be allowed: the tag of its other end, and a TCP port.
type Needed = (Direction, &'static str, u16);

/// Every flow that has to be allowed.
const NEEDED: [Needed; 4] = [
    (Direction::Inbound, "GatewayManager", 443),
    (Direction::Outbound, "AzureCloud", 443),
    (Direction::Outbound, "VirtualNetwork", 22),
    (Direction::Outbound, "VirtualNetwork", 3389),
];

/// The flows that no rule of `group` allows, as a message says them.
pub(super) fn missing(group: &NetworkSecurityGroup, tags: &ServiceTags) -> Vec<String> {
    let lacks = |needed: &&Needed| !group.rules.iter().any(|rule| allows(rule, **needed, tags));
    let said = |(direction, tag, port): &Needed| match direction {
        Direction::Inbound => format!("inbound {port} from {tag}"),
        Direction::Outbound => format!("outbound {port} to {tag}"),
    };
    NEEDED.iter().filter(lacks).map(said).collect()
}

fn allows(rule: &SecurityRule, (direction, tag, port): Needed, tags: &ServiceTags) -> bool {
    let other_end = if direction == Direction::Inbound { &rule.source } else { &rule.destination };
    rule.direction == direction
        && rule.access == Access::Allow
        && matches!(rule.protocol, Protocol::Tcp | Protocol::Any)
        && rule.destination_ports.iter().any(|range| range.contains(port))
        && covers(other_end, tag, tags)
}

/// Whether one side of a rule is everybody, or has the tag itself; a regional form of it is another tag.
fn covers(side: &RulePeer, wanted: &str, tags: &ServiceTags) -> bool {
    let RulePeer::Prefixes(prefixes) = side else { return false };
    prefixes.iter().any(|prefix| match prefix {
        AddressPrefix::Any => true,
        AddressPrefix::Tag(tag) => tag.name(tags).eq_ignore_ascii_case(wanted),
        AddressPrefix::Prefix(_) => false,
    })
}
