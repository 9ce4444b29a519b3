//! Logged packets → events in Azure's words.
//!
//! A log prefix has numbers only; the goal state that is applied knows the names.

mod packet;
mod station;

use std::net::Ipv4Addr;

use goal_state::drop_sentence::{SNAT_PORTS, TCP_25};
use goal_state::event::{DropEvent, DroppedBy, Event, FiveTuple, SeenEvent};
use goal_state::nsg::{Association, Direction};
use goal_state::port::Port;
use goal_state::translation::WayOut;
use goal_state::{DropReason, HostGoalState, MacAddr, NicId};

use crate::lower::drop_log::{DropMark, LogPrefix};
use crate::lower::{security_admin, translation};
use crate::station::with_leg;

pub use packet::{ArpRequest, arp_request, five_tuple};
pub use station::station_event;

/// What a port logged at `time_us` (Unix time in microseconds), as an event; `mark` is the packet's. None when the log is not ours or the packet is not IPv4.
#[must_use]
pub fn port_event(
    goal: &HostGoalState,
    nic: &NicId,
    prefix: &str,
    mark: u32,
    payload: &[u8],
    time_us: u64,
) -> Option<Event> {
    let packet = five_tuple(payload)?;
    Some(match LogPrefix::parse(prefix, mark)? {
        LogPrefix::Seen(direction) => Event::Seen(SeenEvent { nic: nic.clone(), direction, packet }),
        LogPrefix::Drop(mark) => Event::Drop(DropEvent {
            time_us,
            nic: Some(nic.clone()),
            at: None,
            direction: mark.direction,
            reason: mark.reason,
            by: port_of(goal, nic).and_then(|port| dropped_by(port, mark)),
            packet,
        }),
    })
}

/// What a host's bridges logged, as an event: somebody asked for an address that nobody owns.
///
/// The port asks without an address of its own, so that the asker is known by its Ethernet address. For packets that
/// an appliance forwards, that is the appliance. A station asks, too.
#[must_use]
pub fn host_event(goal: &HostGoalState, prefix: &str, payload: &[u8], time_us: u64) -> Option<Event> {
    let LogPrefix::Drop(mark @ DropMark { reason: DropReason::NoDestination, .. }) =
        LogPrefix::parse(prefix, 0)?
    else {
        return None;
    };
    let request = arp_request(payload)?;
    let (nic, at, source) = asker(goal, request.sender)?;
    let destination = request.target;
    Some(Event::Drop(DropEvent {
        time_us,
        nic,
        at,
        direction: mark.direction,
        reason: mark.reason,
        by: None,
        packet: FiveTuple { protocol: 0, source, source_port: 0, destination, destination_port: 0 },
    }))
}

/// The rule, route or peering link that a mark means.
fn dropped_by(port: &Port, mark: DropMark) -> Option<DroppedBy> {
    match (mark.association, mark.reason) {
        (Some(Association::NetworkManager), _) => by_configuration(port, mark),
        (Some(association), _) => by_group(port, mark.direction, association, mark.number),
        (None, DropReason::Peering) if mark.direction == Direction::Inbound => by_refusal(port, mark.number),
        (None, DropReason::PublicAddress | DropReason::LoadBalancer) => by_translation(port, mark),
        (None, DropReason::OutboundAccess) if translation::is_way_out(mark.number) => {
            by_way_out(port, mark.number)
        }
        (None, DropReason::Platform) if mark.number == translation::MAIL => {
            Some(DroppedBy { resource: String::new(), rule: TCP_25.into(), association: None })
        }
        (None, DropReason::PrivateEndpoint) if port.private_endpoint.is_some() => by_private_endpoint(port),
        (None, _) => by_route(port, mark),
    }
}

fn by_configuration(port: &Port, mark: DropMark) -> Option<DroppedBy> {
    let (group, rule) = security_admin::at(&port.filter, mark.direction, mark.number)?;
    let association = Some(Association::NetworkManager);
    Some(DroppedBy { resource: group.name.clone(), rule: rule.name.clone(), association })
}

fn by_group(port: &Port, direction: Direction, association: Association, priority: u32) -> Option<DroppedBy> {
    let group = port.filter.groups(direction).iter().find(|group| group.association == association)?;
    let rule = group.rules.iter().find(|rule| u32::from(rule.priority) == priority)?;
    Some(DroppedBy { resource: group.name.clone(), rule: rule.name.clone(), association: Some(association) })
}

fn by_refusal(port: &Port, index: u32) -> Option<DroppedBy> {
    let refusal = port.forwarded_traffic_refused.get(usize::try_from(index).ok()?)?;
    Some(DroppedBy {
        resource: refusal.peering.clone(),
        rule: "allowForwardedTraffic".into(),
        association: None,
    })
}

/// A public address that is closed has no rule, a load balancer has.
fn by_translation(port: &Port, mark: DropMark) -> Option<DroppedBy> {
    let translation = port.translation.inbound.get(usize::try_from(mark.number).ok()?)?;
    let rule = match mark.reason {
        DropReason::LoadBalancer => translation.rule.clone(),
        _ => String::new(),
    };
    Some(DroppedBy { resource: translation.resource.clone(), rule, association: None })
}

fn by_way_out(port: &Port, number: u32) -> Option<DroppedBy> {
    let way = translation::way_out(&port.translation, number)?;
    let WayOut::Ports { resource, .. } = &way.way else { return None };
    Some(DroppedBy { resource: resource.clone(), rule: SNAT_PORTS.into(), association: None })
}

fn by_private_endpoint(port: &Port) -> Option<DroppedBy> {
    let endpoint = port.private_endpoint.as_ref()?;
    let rule = if endpoint.approved { "" } else { "privateLinkServiceConnectionState" };
    Some(DroppedBy { resource: endpoint.name.clone(), rule: rule.into(), association: None })
}

/// A customer's route is `TABLE/ROUTE`, a peering link's is `VNET/LINK`, and the platform's has no bare name.
fn by_route(port: &Port, mark: DropMark) -> Option<DroppedBy> {
    let name = &port.routes.get(usize::try_from(mark.number).ok()?)?.name;
    let (resource, rule) = match name.split_once('/') {
        Some(_) if mark.reason == DropReason::Peering => (name.as_str(), "allowVirtualNetworkAccess"),
        Some((table, route)) => (table, route),
        None => (name.as_str(), ""),
    };
    Some(DroppedBy { resource: resource.into(), rule: rule.into(), association: None })
}

fn port_of<'a>(goal: &'a HostGoalState, nic: &NicId) -> Option<&'a Port> {
    let vm = goal.virtual_machines.iter().find(|vm| vm.name == nic.vm)?;
    vm.network_interfaces.iter().find(|interface| interface.name == nic.nic).map(|interface| &interface.port)
}

/// Whose Ethernet address it is: a NIC or a station, and its address.
fn asker(goal: &HostGoalState, mac: MacAddr) -> Option<(Option<NicId>, Option<String>, Ipv4Addr)> {
    if let Some((nic, address)) = nic_with(goal, mac) {
        return Some((Some(nic), None, address));
    }
    let (station, leg) = with_leg(goal, mac)?;
    Some((None, Some(station.at()?.to_owned()), leg.address))
}

/// The NIC with this Ethernet address, and its primary address.
fn nic_with(goal: &HostGoalState, mac: MacAddr) -> Option<(NicId, Ipv4Addr)> {
    let mut nics =
        goal.virtual_machines.iter().flat_map(|vm| vm.network_interfaces.iter().map(move |nic| (vm, nic)));
    let (vm, nic) = nics.find(|(_, nic)| nic.mac == mac)?;
    Some((NicId { vm: vm.name.clone(), nic: nic.name.clone() }, nic.addresses.first().copied()?))
}

#[cfg(test)]
mod tests {
    use goal_state::nsg::RuleGroup;

    use super::*;
    use crate::lower::tests::fixture::hub_and_spoke;

    /// 10.1.1.4:40000 → 10.0.100.4:80, TCP, cut after the ports.
    const TCP: [u8; 24] =
        [0x45, 0, 0, 60, 0, 0, 0, 0, 64, 6, 0, 0, 10, 1, 1, 4, 10, 0, 100, 4, 0x9c, 0x40, 0, 80];

    fn by(nic: &str, mark: DropMark) -> Option<(String, String, Option<Association>)> {
        let nic = NicId { vm: nic.parse().unwrap(), nic: "nic0".parse().unwrap() };
        let prefix = LogPrefix::Drop(mark).to_string();
        match port_event(&hub_and_spoke(), &nic, &prefix, 0, &TCP, 7).unwrap() {
            Event::Drop(DropEvent { by, packet, .. }) => {
                assert_eq!((packet.source_port, packet.destination_port), (40_000, 80));
                by.map(|by| (by.resource, by.rule, by.association))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn numbers_become_the_names_of_the_applied_goal_state() {
        let mark =
            |reason, direction, association, number| DropMark { reason, direction, association, number };
        let named = |resource: &str, rule: &str, association| {
            Some((resource.to_owned(), rule.to_owned(), association))
        };
        let subnet = Some(Association::Subnet);
        assert_eq!(
            by("web1", mark(DropReason::NetworkSecurityGroup, Direction::Inbound, subnet, 65_500)),
            named("nsg-web", "DenyAllInBound", subnet)
        );
        assert_eq!(
            by("web1", mark(DropReason::Route, Direction::Outbound, None, 3)),
            named("rt-spoke", "quarantine", None)
        );
        assert_eq!(
            by("web1", mark(DropReason::Peering, Direction::Inbound, None, 0)),
            named("spoke1/to-hub", "allowForwardedTraffic", None)
        );
        assert_eq!(
            by("nva", mark(DropReason::Route, Direction::Outbound, None, 1)),
            named("System Route", "", None)
        );
        assert_eq!(by("web1", DropMark::plain(DropReason::SourceAddress, Direction::Outbound)), None);
        assert_eq!(by("web1", mark(DropReason::NetworkSecurityGroup, Direction::Inbound, subnet, 7)), None);
    }

    /// Two configurations, whose rules have the same priorities: the place in both lists together tells which.
    #[test]
    fn an_admin_rule_is_named_by_configuration_and_rule() {
        let mut goal = hub_and_spoke();
        let vm = goal.virtual_machines.iter_mut().find(|vm| vm.name.as_str() == "web1").unwrap();
        let port = &mut vm.network_interfaces[0].port;
        let security = port.filter.inbound.clone();
        let configuration = |name: &str| {
            let rules = security.first().unwrap().rules.clone();
            RuleGroup { name: name.into(), association: Association::NetworkManager, rules }.into()
        };
        port.filter.inbound = [vec![configuration("root"), configuration("team")], security.clone()].concat();
        let rules = &security.first().unwrap().rules;
        let named = |number: usize| {
            let number = u32::try_from(number).unwrap();
            let association = Some(Association::NetworkManager);
            let reason = DropReason::SecurityAdminRule;
            let by =
                dropped_by(port, DropMark { reason, direction: Direction::Inbound, association, number });
            by.map(|by| (by.resource, by.rule))
        };
        assert_eq!(named(0), Some(("root".into(), rules[0].name.clone())));
        assert_eq!(named(rules.len() + 1), Some(("team".into(), rules[1].name.clone())));
        assert_eq!(named(2 * rules.len()), None);
    }

    /// The port of web1 asks who has 10.1.1.9; nobody does.
    #[test]
    fn an_arp_request_names_the_asker_by_its_ethernet_address() {
        let mut arp = [0_u8; 28];
        arp[..8].copy_from_slice(&[0, 1, 8, 0, 6, 4, 0, 1]);
        arp[8..14].copy_from_slice(&[0, 0x0d, 0x3a, 0, 0, 2]);
        arp[24..28].copy_from_slice(&[10, 1, 1, 9]);
        let event = host_event(&hub_and_spoke(), "vl drop 14 1 0 1002", &arp, 7).unwrap();
        let Event::Drop(event) = event else { panic!("{event:?}") };
        let asker = NicId { vm: "web1".parse().unwrap(), nic: "nic0".parse().unwrap() };
        assert_eq!((event.nic, event.reason), (Some(asker), DropReason::NoDestination));
        assert_eq!(event.packet.source.octets(), [10, 1, 1, 4]);
        assert_eq!(event.packet.destination.octets(), [10, 1, 1, 9]);
        assert!(host_event(&hub_and_spoke(), "vl drop 14 1 0 1002", &arp[..20], 7).is_none());
    }
}
