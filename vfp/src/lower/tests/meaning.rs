//! The ruleset of a port means what Azure's documents say: for any port and any packet, following the ruleset and
//! answering the question naively come to the same fate, for the same reason.

use std::net::Ipv4Addr;
use std::sync::Arc;

use goal_state::nsg::{
    AddressSet, Association, Direction, Filter, PortRange, Protocol, Rule, RuleAccess, RuleGroup,
};
use goal_state::platform::{
    INSTANCE_METADATA, LICENSING, LICENSING_PORT, PlatformRule, PlatformService, WIRE_SERVER,
};
use goal_state::port::{ForwardedTrafficRefusal, Port, PrivateEndpoint};
use goal_state::route::{NextHop, Route, RouteSource};
use goal_state::translation::{InboundTranslation, OutboundTranslation, PortLease, Translation, WayOut};
use goal_state::vm::{Guest, NetworkInterface, VirtualMachine};
use goal_state::{DropReason, MacAddr, Vni};
use ipnet::Ipv4Net;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::lower::drop_log::{DropMark, LogPrefix};
use crate::ruleset::evaluate::{Packet, evaluate};
use crate::ruleset::{Match, Translated};

/// What Azure does with a packet at this port, in the order of the documents.
fn naive(nic: &NetworkInterface, packet: &Packet) -> Result<(), DropMark> {
    if packet.device == "up0" { naive_inbound(nic, packet) } else { naive_outbound(nic, packet) }
}

fn naive_outbound(nic: &NetworkInterface, packet: &Packet) -> Result<(), DropMark> {
    let plain = |reason| Err(DropMark::plain(reason, Direction::Outbound));
    let platform = |address| [WIRE_SERVER, INSTANCE_METADATA].contains(&address);
    let own = is_taken_for_own(nic, packet.source);
    if if nic.port.enable_ip_forwarding { platform(packet.source) } else { !own } {
        return plain(DropReason::SourceAddress);
    }
    let to_many = !packet.unicast || packet.destination.is_multicast() || packet.destination.is_broadcast();
    let udp = packet.protocol == 17;
    let reserved =
        udp && (packet.source_port == 65_330 || (packet.source_port, packet.destination_port) == (68, 67));
    if to_many || ![1, 6, 17, 50, 51].contains(&packet.protocol) || reserved {
        return plain(DropReason::Protocol);
    }
    if platform(packet.destination) {
        return naive_platform(nic, packet);
    }
    if packet.protocol == 6
        && packet.destination_port == LICENSING_PORT
        && LICENSING.contains(&packet.destination)
    {
        naive_tag(nic, packet, PlatformService::Licensing)?;
    } else {
        if nic.port.private_endpoint.is_some() && !is_known(packet) {
            return plain(DropReason::PrivateEndpoint);
        }
        naive_filter(nic, packet, Direction::Outbound)?;
    }
    let covering =
        nic.port.routes.iter().enumerate().filter(|(_, route)| route.prefix.contains(&packet.destination));
    match covering.max_by_key(|(_, route)| route.prefix.prefix_len()) {
        None => plain(DropReason::Route),
        Some((index, Route { next_hop: NextHop::Drop { reason }, .. })) => Err(DropMark {
            number: u32::try_from(index).unwrap(),
            ..DropMark::plain(*reason, Direction::Outbound)
        }),
        Some((_, Route { next_hop: NextHop::Internet { .. }, .. })) if !has_way_out(nic, packet) => {
            plain(DropReason::OutboundAccess)
        }
        Some(_) => Ok(()),
    }
}

/// A service of the platform, cut by rules about its own tag; or an answer to the platform's probes.
fn naive_platform(nic: &NetworkInterface, packet: &Packet) -> Result<(), DropMark> {
    if packet.established && packet.answers && packet.destination == WIRE_SERVER {
        return Ok(());
    }
    match (packet.destination == WIRE_SERVER, packet.protocol, packet.destination_port) {
        _ if is_known(packet) => Ok(()),
        (true, 6 | 17, 53) => naive_tag(nic, packet, PlatformService::Dns),
        (true, 6, 80 | 32526) => Ok(()),
        (false, 6, 80) => naive_tag(nic, packet, PlatformService::InstanceMetadata),
        _ => Err(DropMark::plain(DropReason::Platform, Direction::Outbound)),
    }
}

fn naive_tag(nic: &NetworkInterface, packet: &Packet, service: PlatformService) -> Result<(), DropMark> {
    if is_known(packet) {
        return Ok(());
    }
    for group in &nic.port.filter.outbound {
        let about = |rule: &&Rule| {
            let this = PlatformRule { service, association: group.association, priority: rule.priority };
            nic.port.filter.platform.contains(&this)
        };
        let decisive = group.rules.iter().filter(about).find(|rule| naive_match(rule, packet));
        if let Some(Rule { access: RuleAccess::Deny, priority, .. }) = decisive {
            return Err(DropMark {
                reason: DropReason::NetworkSecurityGroup,
                direction: Direction::Outbound,
                association: Some(group.association),
                number: u32::from(*priority),
            });
        }
    }
    Ok(())
}

fn is_taken_for_own(nic: &NetworkInterface, address: Ipv4Addr) -> bool {
    let mut inbound = nic.port.translation.inbound.iter();
    nic.addresses.contains(&address) || inbound.any(|one| one.floating && one.address == address)
}

fn has_way_out(nic: &NetworkInterface, packet: &Packet) -> bool {
    let translation = &nic.port.translation;
    let is_for = |one: &OutboundTranslation| {
        one.source == packet.source && one.protocol.number().is_none_or(|number| number == packet.protocol)
    };
    let from_frontend = translation.inbound.iter().any(|one| one.floating && one.address == packet.source);
    (packet.translated.is_some() && !translation.is_empty())
        || (packet.answers && from_frontend)
        || translation.outbound.iter().any(is_for)
}

/// Whether a packet as it comes in is one that a translation is about.
fn is_asked_for(one: &InboundTranslation, packet: &Packet) -> bool {
    let has_ports = [6, 17].contains(&packet.protocol);
    one.address == packet.destination
        && one.protocol.number().is_none_or(|number| number == packet.protocol)
        && one.port.is_none_or(|port| has_ports && port == packet.destination_port)
}

fn naive_inbound(nic: &NetworkInterface, packet: &Packet) -> Result<(), DropMark> {
    let plain = |reason| Err(DropMark::plain(reason, Direction::Inbound));
    let asked_for =
        nic.port.translation.inbound.iter().enumerate().filter(|(_, one)| is_asked_for(one, packet));
    for (place, one) in asked_for {
        let number = u32::try_from(place).unwrap();
        let own = one.balanced && nic.addresses.contains(&packet.source);
        let reason = own.then_some(DropReason::LoadBalancer);
        if let Some(reason) = reason.or(one.closed.then_some(DropReason::PublicAddress)) {
            return Err(DropMark { number, ..DropMark::plain(reason, Direction::Inbound) });
        }
    }
    if nic.port.private_endpoint.as_ref().is_some_and(|endpoint| !endpoint.approved) {
        return plain(DropReason::PrivateEndpoint);
    }
    if !nic.port.enable_ip_forwarding && !is_taken_for_own(nic, packet.destination) {
        return Err(DropMark::plain(DropReason::IpForwarding, Direction::Inbound));
    }
    for (index, refusal) in nic.port.forwarded_traffic_refused.iter().enumerate() {
        if refusal.forwarders.contains(&packet.source_mac) && !refusal.space.contains(packet.source) {
            let number = u32::try_from(index).unwrap();
            return Err(DropMark { number, ..DropMark::plain(DropReason::Peering, Direction::Inbound) });
        }
    }
    naive_filter(nic, packet, Direction::Inbound)?;
    if nic.port.private_endpoint.is_some() && packet.protocol != 6 && !is_known(packet) {
        return plain(DropReason::PrivateEndpoint);
    }
    Ok(())
}

fn is_known(packet: &Packet) -> bool {
    packet.established && !(packet.protocol == 6 && packet.opens)
}

fn naive_filter(nic: &NetworkInterface, packet: &Packet, direction: Direction) -> Result<(), DropMark> {
    if is_known(packet) {
        return Ok(());
    }
    let deny = |reason, association, number| {
        Err(DropMark { reason, direction, association: Some(association), number })
    };
    let groups = nic.port.filter.groups(direction);
    let (admin, security): (Vec<_>, Vec<_>) =
        groups.iter().partition(|group| group.association == Association::NetworkManager);
    let admin_rules = admin.iter().flat_map(|group| &group.rules).enumerate();
    match admin_rules.clone().find(|(_, rule)| naive_match(rule, packet)) {
        Some((place, Rule { access: RuleAccess::Deny, .. })) => {
            let place = u32::try_from(place).unwrap();
            return deny(DropReason::SecurityAdminRule, Association::NetworkManager, place);
        }
        Some((_, Rule { access: RuleAccess::AlwaysAllow, .. })) => return Ok(()),
        Some((_, Rule { access: RuleAccess::Allow, .. })) | None => {}
    }
    for group in security {
        let decisive = group.rules.iter().find(|rule| naive_match(rule, packet));
        if let Some(Rule { access: RuleAccess::Deny, priority, .. }) = decisive {
            return deny(DropReason::NetworkSecurityGroup, group.association, u32::from(*priority));
        }
    }
    Ok(())
}

fn naive_match(rule: &Rule, packet: &Packet) -> bool {
    let ports = || {
        rule.source_ports.iter().any(|range| range.contains(packet.source_port))
            && rule.destination_ports.iter().any(|range| range.contains(packet.destination_port))
    };
    rule.source.contains(packet.source)
        && rule.destination.contains(packet.destination)
        && rule.protocol.number().is_none_or(|number| number == packet.protocol)
        && (![6, 17].contains(&packet.protocol) || ports())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_port_does_what_the_documents_say(nic in nic(), packets in vec(packet(), 32)) {
        let vm = VirtualMachine { name: "vm".parse().unwrap(), network_interfaces: vec![nic.clone()], guest: Guest::default() };
        let port = crate::lower::port::lower(&vm, 0, &nic);
        let ruleset = &port.namespace.rulesets[0];
        for packet in packets {
            let outcome = evaluate(ruleset, "port", &packet);
            let direction = if packet.device == "up0" { Direction::Inbound } else { Direction::Outbound };
            let logged = outcome.logged.iter().map(|(prefix, mark)| LogPrefix::parse(prefix, *mark).unwrap()).collect::<Vec<_>>();
            match naive(&nic, &packet) {
                Ok(()) => {
                    prop_assert!(outcome.accepted, "{packet:?} {outcome:?}");
                    let seen = if packet.dscp == 63 { vec![LogPrefix::Seen(direction)] } else { vec![] };
                    prop_assert_eq!(logged, seen);
                }
                Err(mark) => {
                    prop_assert!(!outcome.accepted, "{packet:?} {outcome:?}");
                    prop_assert_eq!(logged, vec![LogPrefix::Drop(mark)]);
                    prop_assert!(!outcome.counted.is_empty());
                }
            }
        }
    }
}

/// Without accelerated networking there is no VF, and nothing comes by one.
#[test]
fn a_port_without_a_vf_does_not_know_it() {
    let known = |accelerated| {
        let mut goal = super::fixture::hub_and_spoke();
        let vm = goal.virtual_machines.first_mut().unwrap();
        vm.network_interfaces[0].accelerated = accelerated;
        let port = crate::lower::port::lower(vm, 0, &vm.network_interfaces[0]);
        let entry = port.namespace.rulesets[0].chain("port").unwrap().clone();
        let vf = Match::InDevice(vec![crate::names::VF.into()]);
        entry.rules.iter().any(|rule| rule.matches.contains(&vf))
    };
    assert!(known(true));
    assert!(!known(false));
}

/// Few addresses, so that packets and rules meet.
fn address() -> impl Strategy<Value = Ipv4Addr> {
    select(vec![
        [10, 0, 0, 4],
        [10, 0, 0, 5],
        [10, 0, 1, 4],
        [10, 1, 0, 4],
        [10, 255, 255, 255],
        [192, 0, 2, 1],
        [0, 0, 0, 0],
        [168, 63, 129, 16],
        [20, 118, 99, 224],
        [169, 254, 169, 254],
        [224, 0, 0, 1],
        [255, 255, 255, 255],
    ])
    .prop_map(Ipv4Addr::from)
}

fn prefix() -> impl Strategy<Value = Ipv4Net> {
    (address(), select(vec![0, 1, 8, 15, 16, 24, 31, 32]))
        .prop_map(|(address, length)| Ipv4Net::new_assert(address, length).trunc())
}

fn ports() -> impl Strategy<Value = Vec<PortRange>> {
    let edge = select(vec![0, 53, 67, 68, 80, 81, 443, 1688, 65_330, 65_535_u16]);
    let range = (edge.clone(), edge).prop_map(|(a, b)| PortRange::new(a.min(b), a.max(b)).unwrap());
    prop_oneof![3 => Just(vec![PortRange::ALL]), 3 => vec(range, 1..4), 1 => Just(vec![])]
}

fn address_set() -> impl Strategy<Value = AddressSet> {
    prop_oneof![1 => Just(AddressSet::all()), 2 => vec(prefix(), 0..4).prop_map(AddressSet::new)]
}

fn rule() -> impl Strategy<Value = Rule> {
    let protocol = select(vec![
        Protocol::Tcp,
        Protocol::Udp,
        Protocol::Icmp,
        Protocol::Esp,
        Protocol::Ah,
        Protocol::Any,
    ]);
    let access = select(vec![RuleAccess::Allow, RuleAccess::AlwaysAllow, RuleAccess::Deny]);
    (access, protocol, address_set(), ports(), address_set(), ports()).prop_map(
        |(access, protocol, source, source_ports, destination, destination_ports)| Rule {
            name: "rule".into(),
            priority: 0,
            access,
            protocol,
            source,
            source_ports,
            destination,
            destination_ports,
        },
    )
}

/// Two configurations use the same priorities; in a network security group Allow and AlwaysAllow are one.
fn groups() -> impl Strategy<Value = Vec<Arc<RuleGroup>>> {
    let group = |association| {
        vec(rule(), 1..6).prop_map(move |mut rules| {
            for (index, rule) in rules.iter_mut().enumerate() {
                rule.priority = 100 + u16::try_from(index).unwrap();
            }
            RuleGroup { name: "group".into(), association, rules }
        })
    };
    let one = |association| prop::option::of(group(association));
    let managers = vec(group(Association::NetworkManager), 0..3);
    (managers, one(Association::NetworkInterface), one(Association::Subnet)).prop_map(
        |(managers, nic, subnet)| managers.into_iter().chain(nic).chain(subnet).map(Arc::new).collect(),
    )
}

/// Of the rules that [`groups`] makes.
fn platform_rule() -> impl Strategy<Value = PlatformRule> {
    let services = vec![PlatformService::Dns, PlatformService::InstanceMetadata, PlatformService::Licensing];
    let associations = vec![Association::NetworkInterface, Association::Subnet];
    (select(services), select(associations), 100..106_u16)
        .prop_map(|(service, association, priority)| PlatformRule { service, association, priority })
}

fn routes() -> impl Strategy<Value = Vec<Route>> {
    let next_hop = prop_oneof![
        Just(NextHop::VnetLocal),
        Just(NextHop::VirtualAppliance { addresses: vec![[10, 0, 0, 9].into()], unreachable: vec![] }),
        Just(NextHop::Internet { router: [169, 254, 1, 1].into() }),
        Just(NextHop::Drop { reason: DropReason::Route }),
        Just(NextHop::Drop { reason: DropReason::OutboundAccess }),
    ];
    vec((prefix(), next_hop), 0..8).prop_map(|routes| {
        let unique = routes.into_iter().collect::<std::collections::BTreeMap<_, _>>();
        unique
            .into_iter()
            .map(|(prefix, next_hop)| Route {
                prefix,
                next_hop,
                source: RouteSource::User,
                name: "rt/r".into(),
            })
            .collect()
    })
}

fn mac() -> impl Strategy<Value = MacAddr> {
    (1..4_u8).prop_map(|last| MacAddr([0, 0x0d, 0x3a, 0, 0, last]))
}

fn refusal() -> impl Strategy<Value = ForwardedTrafficRefusal> {
    (vec(mac(), 0..2), address_set()).prop_map(|(forwarders, space)| ForwardedTrafficRefusal {
        peering: "a/b".into(),
        forwarders,
        space,
    })
}

fn inbound_translation() -> impl Strategy<Value = InboundTranslation> {
    let port = prop::option::of(select(vec![80, 443_u16]));
    let protocol = select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Any]);
    let flags = (any::<bool>(), prop::bool::weighted(0.3), any::<bool>());
    (address(), protocol, port, address(), flags).prop_map(
        |(address, protocol, port, to_address, (floating, closed, balanced))| InboundTranslation {
            resource: "lb".into(),
            rule: "web".into(),
            address,
            protocol,
            port,
            to_address,
            to_port: port,
            floating,
            closed,
            balanced,
        },
    )
}

fn outbound_translation() -> impl Strategy<Value = OutboundTranslation> {
    let lease = PortLease { address: [203, 0, 113, 1].into(), first: 1024, last: 2047 };
    let ways = select(vec![
        WayOut::Address { address: [203, 0, 113, 1].into() },
        WayOut::Ports { resource: "lb".into(), leases: vec![lease] },
        WayOut::NatGateway { next_hop: [169, 254, 2, 1].into() },
    ]);
    let protocol = select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Any]);
    (address(), protocol, ways).prop_map(|(source, protocol, way)| OutboundTranslation {
        source,
        protocol,
        way,
    })
}

fn translation() -> impl Strategy<Value = Translation> {
    let some = (vec(inbound_translation(), 0..3), vec(outbound_translation(), 0..3));
    some.prop_map(|(inbound, outbound)| Translation { inbound, outbound, mail_closed: false })
}

fn private_endpoint() -> impl Strategy<Value = Option<PrivateEndpoint>> {
    let some = any::<bool>().prop_map(|approved| Some(PrivateEndpoint { name: "pe".into(), approved }));
    prop_oneof![4 => Just(None), 1 => some]
}

fn nic() -> impl Strategy<Value = NetworkInterface> {
    let special = (translation(), private_endpoint());
    let filter = (groups(), groups(), vec(platform_rule(), 0..4))
        .prop_map(|(inbound, outbound, platform)| Filter { inbound, outbound, platform });
    (any::<bool>(), filter, routes(), vec(refusal(), 0..3), vec(address(), 1..3), special).prop_map(
        |(enable_ip_forwarding, mut filter, routes, forwarded_traffic_refused, addresses, special)| {
            // Security admin rules are not about private endpoints.
            if special.1.is_some() {
                let is_security = |group: &Arc<RuleGroup>| group.association != Association::NetworkManager;
                filter.inbound.retain(is_security);
                filter.outbound.retain(is_security);
            }
            NetworkInterface {
                name: "nic0".parse().unwrap(),
                mac: MacAddr([0, 0x0d, 0x3a, 0, 0, 1]),
                addresses,
                subnet: "10.0.0.0/24".parse().unwrap(),
                accelerated: true,
                encryption_port: None,
                port: Port {
                    vni: Vni::new(1).unwrap(),
                    enable_ip_forwarding,
                    filter,
                    routes: routes.into(),
                    forwarded_traffic_refused,
                    unencrypted_refused: AddressSet::default(),
                    translation: special.0,
                    private_endpoint: special.1,
                },
            }
        },
    )
}

fn packet() -> impl Strategy<Value = Packet> {
    let port = || select(vec![0, 53, 67, 68, 80, 443, 1688, 32_526, 50_000, 65_330, 65_535_u16]);
    let protocol = select(vec![1, 4, 6, 17, 47, 50, 51_u8]);
    let flags = (prop::bool::weighted(0.2), any::<bool>(), prop::bool::weighted(0.9), select(vec![0, 63_u8]));
    let device = select(vec!["guest", "vf", "up0"]);
    let translated = select(vec![None, None, Some(Translated::Destination), Some(Translated::Either)]);
    let connection = (any::<bool>(), translated);
    (device, mac(), protocol, (address(), port()), (address(), port()), flags, connection).prop_map(
        |(
            device,
            source_mac,
            protocol,
            source,
            destination,
            (established, opens, unicast, dscp),
            connection,
        )| Packet {
            device: device.into(),
            source_mac,
            unicast,
            protocol,
            source: source.0,
            source_port: source.1,
            destination: destination.0,
            destination_port: destination.1,
            dscp,
            established,
            opens,
            answers: connection.0,
            translated: connection.1,
        },
    )
}
