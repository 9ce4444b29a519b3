//! Is a rule wider than it has to be towards the internet?
//!
//! <https://learn.microsoft.com/azure/security/fundamentals/network-best-practices>

use goal_state::nsg::{Access, Direction, PortRange, Protocol};
use ipnet::Ipv4Net;

use super::Review;
use crate::network::{AddressPrefix, NsgId, RulePeer, SecurityRule, ServiceTag};

/// Ports by which machines are managed and data is kept: nobody in the internet should meet them.
const SENSITIVE: [(u16, &str); 12] = [
    (22, "SSH"),
    (23, "Telnet"),
    (135, "RPC"),
    (445, "SMB"),
    (1433, "SQL Server"),
    (3306, "MySQL"),
    (3389, "RDP"),
    (5432, "PostgreSQL"),
    (5985, "WinRM"),
    (5986, "WinRM"),
    (6379, "Redis"),
    (27_017, "MongoDB"),
];

pub(super) fn ask(review: &mut Review<'_>) {
    let network = review.network;
    for (at, group) in network.network_security_groups.iter().enumerate() {
        for rule in group.rules.iter().filter(|rule| lets_the_internet_in(rule)) {
            let Some(what) = too_wide(rule) else { continue };
            let message = format!("rule `{}` of `{}` lets the internet in to {what}", rule.name, group.name);
            let help = "name the sources that need it, or the ports that are served";
            review.warn(
                "SecurityRuleOpenToInternet",
                review.places.rule(NsgId(at), &rule.name),
                message,
                help,
            );
        }
    }
}

fn lets_the_internet_in(rule: &SecurityRule) -> bool {
    let everybody = |prefix: &AddressPrefix| match prefix {
        AddressPrefix::Any | AddressPrefix::Tag(ServiceTag::Internet) => true,
        AddressPrefix::Prefix(prefix) => *prefix == Ipv4Net::default(),
        AddressPrefix::Tag(_) => false,
    };
    let from_everywhere =
        matches!(&rule.source, RulePeer::Prefixes(prefixes) if prefixes.iter().any(everybody));
    rule.direction == Direction::Inbound && rule.access == Access::Allow && from_everywhere
}

/// What a rule opens that should not be open to everybody.
fn too_wide(rule: &SecurityRule) -> Option<String> {
    if rule.protocol != Protocol::Any && !rule.protocol.has_ports() {
        return None;
    }
    if PortRange::disjoint(&rule.destination_ports) == [PortRange::ALL] {
        return Some("every port".to_owned());
    }
    let opened = |port: u16| rule.destination_ports.iter().any(|range| range.contains(port));
    let (port, service) = SENSITIVE.into_iter().find(|(port, _)| opened(*port))?;
    Some(format!("port {port} ({service})"))
}
