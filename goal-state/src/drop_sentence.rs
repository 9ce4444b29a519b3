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
        (DropReason::PublicAddress | DropReason::OutboundAccess | DropReason::LoadBalancer, Some(by))
            if let Some(sentence) = at_the_edge(drop, by) =>
        {
            sentence
        }
        (DropReason::Platform, Some(by)) if by.rule == TCP_25 => {
            format!("outbound {} is blocked for subscriptions of this kind", by.rule)
        }
        (DropReason::NoDestination, _) if drop.at.is_some() => {
            format!("nobody in the internet has the address {}", drop.packet.destination)
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

/// The rule of a drop for want of a free source port.
pub const SNAT_PORTS: &str = "SNAT ports";
/// The rule of a drop of mail to the internet.
pub const TCP_25: &str = "TCP 25";

/// What a NAT gateway, a load balancer or a public address says; none where it is a route that drops.
fn at_the_edge(drop: &DropEvent, by: &DroppedBy) -> Option<String> {
    let DroppedBy { resource, rule, .. } = by;
    match (drop.reason, rule.as_str()) {
        (DropReason::OutboundAccess, SNAT_PORTS) => {
            Some(format!("{resource}, all SNAT ports for this destination are taken"))
        }
        (DropReason::OutboundAccess, _) if drop.at.is_some() => {
            Some(format!("NAT gateway {resource} carries TCP and UDP only"))
        }
        (DropReason::PublicAddress, _) if drop.at.is_some() => {
            Some(format!("NAT gateway {resource} lets in replies only"))
        }
        (DropReason::PublicAddress, "") => {
            Some(format!("{resource} is closed until a network security group allows it"))
        }
        (DropReason::LoadBalancer, rule) => {
            let rule = if rule.is_empty() { String::new() } else { format!(", rule {rule}") };
            let why = if drop.nic.is_some() { LED_BACK } else { drop.reason.meaning() };
            Some(format!("load balancer {resource}{rule}: {why}"))
        }
        _ => None,
    }
}

/// Why a port drops what a load balancer sends it.
const LED_BACK: &str = "it leads the NIC's own packet back to it";

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
    fn what_drops_at_the_edge_is_named() {
        use DropReason as R;
        let said = |reason, at: Option<&str>, by: Option<(&str, &str)>| {
            let mut event = drop(reason, by.map(|(resource, rule)| (resource, rule, None)));
            event.at = at.map(str::to_owned);
            if at.is_some() {
                event.nic = None;
            }
            sentence(&event, None)
        };
        for (reason, at, by, expected) in [
            (
                R::PublicAddress,
                None,
                Some(("pip-web1", "")),
                "pip-web1 is closed until a network security group allows it",
            ),
            (
                R::PublicAddress,
                Some("egress"),
                Some(("egress", "")),
                "NAT gateway egress lets in replies only",
            ),
            (
                R::OutboundAccess,
                Some("egress"),
                Some(("egress", "")),
                "NAT gateway egress carries TCP and UDP only",
            ),
            (
                R::OutboundAccess,
                None,
                Some(("lb", "SNAT ports")),
                "lb, all SNAT ports for this destination are taken",
            ),
            (
                R::OutboundAccess,
                Some("egress"),
                Some(("egress", "SNAT ports")),
                "egress, all SNAT ports for this destination are taken",
            ),
            (
                R::OutboundAccess,
                None,
                Some(("rt", "default")),
                "route rt/default (Internet): the subnet has no outbound access to the internet",
            ),
            (
                R::LoadBalancer,
                Some("lb"),
                Some(("lb", "web")),
                "load balancer lb, rule web: the load balancer has no rule or no healthy backend for it",
            ),
            (
                R::LoadBalancer,
                None,
                Some(("lb", "web")),
                "load balancer lb, rule web: it leads the NIC's own packet back to it",
            ),
            (R::NoDestination, Some("internet"), None, "nobody in the internet has the address 10.1.1.9"),
            (
                R::Platform,
                None,
                Some(("", "TCP 25")),
                "outbound TCP 25 is blocked for subscriptions of this kind",
            ),
        ] {
            assert_eq!(said(reason, at, by), expected);
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
