//! A drop as a sentence in Azure's words: which resource, where it is attached, which rule.

use crate::DropReason;
use crate::event::{DropEvent, DroppedBy};
use crate::nsg::Association;

/// Why the packet was dropped. `subnet` is the `vnet/subnet` of the event's NIC, where the reader knows it.
///
/// `NSG nsg-web, subnet spoke1/web, Inbound, DenyAllInBound`, or `route rt-spoke/default (None)`.
#[must_use]
pub fn sentence(drop: &DropEvent, subnet: Option<&str>) -> String {
    match (drop.reason, &drop.by) {
        (DropReason::SecurityAdminRule, Some(by)) => {
            format!("security admin configuration {}, rule {}", by.resource, by.rule)
        }
        (DropReason::NetworkSecurityGroup, Some(by)) => {
            let place = attached(drop, by, subnet);
            format!("NSG {}, {place}{}, {}", by.resource, drop.direction, by.rule)
        }
        (DropReason::Peering, Some(by)) => format!("peering {}, {} is false", by.resource, by.rule),
        (reason, Some(by)) => match next_hop_type(reason) {
            Some(next_hop) => format!("{} ({next_hop}){}", route(by), consequence(reason)),
            None => format!("{}: {}", route(by), reason.meaning()),
        },
        (DropReason::Route, None) => "no effective route has the destination (None)".to_owned(),
        (DropReason::NoDestination, None) => format!("nobody has the address {}", drop.packet.destination),
        (reason, None) => reason.meaning().to_owned(),
    }
}

/// Where a network security group is attached; ends with a comma.
fn attached(drop: &DropEvent, by: &DroppedBy, subnet: Option<&str>) -> String {
    match (by.association, subnet, &drop.nic) {
        (Some(Association::Subnet), Some(subnet), _) => format!("subnet {subnet}, "),
        (Some(Association::Subnet), None, _) => "subnet, ".to_owned(),
        (Some(Association::NetworkInterface), _, Some(nic)) => format!("network interface {nic}, "),
        _ => String::new(),
    }
}

/// `route rt-spoke/default`, or `System Route`, which has no name of its own.
fn route(by: &DroppedBy) -> String {
    if by.rule.is_empty() { by.resource.clone() } else { format!("route {}/{}", by.resource, by.rule) }
}

/// The next hop type of a route that drops with this reason.
fn next_hop_type(reason: DropReason) -> Option<&'static str> {
    match reason {
        DropReason::Route => Some("None"),
        DropReason::Gateway => Some("VirtualNetworkGateway"),
        DropReason::NextHop => Some("VirtualAppliance"),
        DropReason::NoDestination | DropReason::OutboundAccess => Some("Internet"),
        DropReason::PrivateEndpoint => Some("InterfaceEndpoint"),
        _ => None,
    }
}

/// What follows from the next hop type, where the type does not say it all.
fn consequence(reason: DropReason) -> String {
    match reason {
        DropReason::Route => String::new(),
        reason => format!(": {}", reason.meaning()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NicId;
    use crate::event::FiveTuple;
    use crate::nsg::Direction;

    fn drop(reason: DropReason, by: Option<(&str, &str, Option<Association>)>) -> DropEvent {
        let by = by.map(|(resource, rule, association)| DroppedBy {
            resource: resource.into(),
            rule: rule.into(),
            association,
        });
        DropEvent {
            time_us: 0,
            nic: Some(NicId { vm: "web1".parse().unwrap(), nic: "nic0".parse().unwrap() }),
            at: None,
            direction: Direction::Inbound,
            reason,
            by,
            packet: FiveTuple {
                protocol: 6,
                source: [10, 1, 1, 4].into(),
                source_port: 50_000,
                destination: [10, 1, 1, 9].into(),
                destination_port: 80,
            },
        }
    }

    #[test]
    fn each_reason_names_what_dropped_it() {
        use Association::{NetworkInterface, NetworkManager, Subnet};
        use DropReason as R;
        let said = |reason, by| sentence(&drop(reason, by), Some("spoke1/web"));
        for (reason, by, expected) in [
            (
                R::NetworkSecurityGroup,
                Some(("nsg-web", "DenyAllInBound", Some(Subnet))),
                "NSG nsg-web, subnet spoke1/web, Inbound, DenyAllInBound",
            ),
            (
                R::NetworkSecurityGroup,
                Some(("nsg-nic", "no-ssh", Some(NetworkInterface))),
                "NSG nsg-nic, network interface web1/nic0, Inbound, no-ssh",
            ),
            (
                R::SecurityAdminRule,
                Some(("org-baseline", "no-telnet", Some(NetworkManager))),
                "security admin configuration org-baseline, rule no-telnet",
            ),
            (R::Route, Some(("rt-spoke", "default", None)), "route rt-spoke/default (None)"),
            (R::Route, Some(("System Route", "", None)), "System Route (None)"),
            (R::Route, None, "no effective route has the destination (None)"),
            (
                R::NextHop,
                Some(("rt", "r1", None)),
                "route rt/r1 (VirtualAppliance): no NIC that can be reached directly has the next hop's address",
            ),
            (
                R::Gateway,
                Some(("rt", "r1", None)),
                "route rt/r1 (VirtualNetworkGateway): no virtual network gateway carries it",
            ),
            (
                R::NoDestination,
                Some(("System Route", "", None)),
                "System Route (Internet): nobody has the destination address",
            ),
            (R::NoDestination, None, "nobody has the address 10.1.1.9"),
            (
                R::Peering,
                Some(("hub/to-spoke1", "allowForwardedTraffic", None)),
                "peering hub/to-spoke1, allowForwardedTraffic is false",
            ),
            (R::SourceAddress, None, "the source address is not the NIC's own and IP forwarding is off"),
        ] {
            assert_eq!(said(reason, by), expected);
        }
    }

    #[test]
    fn a_subnet_that_nobody_knows_is_left_out() {
        let by = Some(("nsg-web", "r", Some(Association::Subnet)));
        let said = sentence(&drop(DropReason::NetworkSecurityGroup, by), None);
        assert_eq!(said, "NSG nsg-web, subnet, Inbound, r");
    }

    #[test]
    fn every_reason_has_a_sentence_with_and_without_a_rule() {
        for reason in DropReason::ALL {
            for by in [None, Some(("resource", "rule", None))] {
                assert_ne!(sentence(&drop(reason, by), None), "", "{reason}");
            }
        }
    }
}
