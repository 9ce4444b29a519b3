//! Routers to the internet in the kernel: two hosts, of which one is the edge.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests fail by unwrapping, and say why they cannot run"
)]

mod common;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use common::edge::{CLIENT, Hosts, ROUTER, SERVER, goals, leg, leg_mac, mapping};
use common::sandboxed;
use common::talk::{Log, PATIENCE, from, sent, socket};
use goal_state::DropReason;
use goal_state::edge::{INTERNET_VNI, Router};
use goal_state::nsg::Protocol;
use goal_state::translation::{OutboundTranslation, WayOut};
use linux_net::NetNs;
use linux_net::capture::Capture;

#[test]
fn a_router_carries_packets_between_public_addresses_and_over_the_underlay() {
    sandboxed(|| {
        let hosts = Hosts::new();
        let mut goals = goals();
        // A way out that leaves its address as it is.
        let source = Ipv4Addr::new(10, 1, 0, 4);
        let way = WayOut::Address { address: source };
        let way = OutboundTranslation { source, protocol: Protocol::Any, way };
        goals[0].virtual_machines[0].network_interfaces[0].port.translation.outbound = vec![way];
        assert!(hosts.follow(&goals) > 0);
        assert_eq!(hosts.follow(&goals), 0);
        let (a, client, server) = (socket("a", 4000), socket("client", 4001), socket("server", 4002));
        assert_eq!(sent(&client, &server, SERVER), from(CLIENT, 4001));
        assert_eq!(sent(&server, &client, CLIENT), from(SERVER, 4002));
        assert_eq!(sent(&a, &server, SERVER), from(source, 4000));
    });
}

#[test]
fn a_router_says_what_nobody_has_and_what_is_not_public() {
    sandboxed(|| {
        let hosts = Hosts::new();
        let goals = goals();
        hosts.follow(&goals);
        let mut log = Log::of("router-westeurope", &goals[1]);
        let client = socket("client", 4001);
        for (address, reason) in [
            ([203, 0, 113, 99], DropReason::NoDestination),
            ([10, 1, 0, 4], DropReason::PublicAddress),
            (ROUTER.octets(), DropReason::PublicAddress),
        ] {
            client.send_to(b"hello", (Ipv4Addr::from(address), 53)).unwrap();
            let event = log.next();
            assert_eq!((event.reason, event.nic, event.by), (reason, None, None));
            assert_eq!(event.at.as_deref(), Some("internet"));
            assert_eq!((event.packet.source, event.packet.source_port), (CLIENT, 4001));
            assert_eq!((event.packet.destination.octets(), event.packet.destination_port), (address, 53));
        }
    });
}

/// The router says to who asked that the network is unreachable (RFC 792: type 3, code 0).
#[test]
fn what_nobody_has_is_unreachable() {
    const ICMP: usize = 14 + 20;
    sandboxed(|| {
        let hosts = Hosts::new();
        hosts.follow(&goals());
        let guest = NetNs::open("vm-client").unwrap();
        let mut capture = Capture::open(&guest, "eth0").unwrap();
        socket("client", 4001).send_to(b"hello", "203.0.113.99:53").unwrap();
        let is_icmp = |frame: &[u8]| frame.len() > ICMP + 1 && frame[12..14] == [8, 0] && frame[23] == 1;
        let answer = loop {
            let frame = capture.next_frame(PATIENCE).unwrap().expect("an answer").bytes;
            if is_icmp(&frame) {
                break frame;
            }
        };
        assert_eq!(answer[26..30], ROUTER.octets());
        assert_eq!(answer[ICMP..ICMP + 2], [3, 0]);
    });
}

/// Each region has a router, and whoever is in another region is behind that one's: one hop more.
#[test]
fn routers_know_the_way_to_other_regions() {
    const TTL: usize = 14 + 8;
    sandboxed(|| {
        let hosts = Hosts::new();
        let mut goals = goals();
        let other = Ipv4Addr::new(169, 254, 1, 2);
        let routers = &mut goals[1].edge.routers;
        let first = &mut routers[0];
        let second = Router {
            name: "northeurope".into(),
            leg: leg(INTERNET_VNI, 9, other),
            on_link: vec![SERVER.into()],
            via: vec![(CLIENT.into(), ROUTER)],
        };
        first.on_link = vec![CLIENT.into()];
        first.via = vec![(SERVER.into(), other)];
        routers.insert(0, second);
        let internet = goals[1].virtual_networks.last_mut().unwrap();
        internet.mappings.push(mapping(other, leg_mac(9), 2, INTERNET_VNI));
        hosts.follow(&goals);
        let mut capture = Capture::open(&NetNs::open("vm-server").unwrap(), "eth0").unwrap();
        let (client, server) = (socket("client", 4001), socket("server", 4002));
        assert_eq!(sent(&client, &server, SERVER), from(CLIENT, 4001));
        let is_udp = |frame: &[u8]| frame.len() > TTL + 1 && frame[12..14] == [8, 0] && frame[TTL + 1] == 17;
        let datagram = loop {
            let frame = capture.next_frame(PATIENCE).unwrap().expect("the datagram").bytes;
            if is_udp(&frame) {
                break frame;
            }
        };
        assert_eq!(datagram[TTL], 62);
    });
}

/// A station that is not wanted any more goes, and its devices on the host with it.
#[test]
fn a_station_goes_with_the_goal() {
    sandboxed(|| {
        let hosts = Hosts::new();
        let mut goals = goals();
        hosts.follow(&goals);
        let owned = vfp::reconcile::namespace_names(&vfp::lower(&goals[1]));
        assert!(owned.contains("router-westeurope"));
        goals[1].edge = Default::default();
        let follow = || vfp::reconcile(&vfp::lower(&goals[1]), &owned, &|_, _| ());
        let outcome = hosts.namespaces[1].run(follow).unwrap();
        assert_eq!(outcome.problems, Vec::<String>::new());
        assert!(NetNs::open("router-westeurope").is_err());
        let again = || vfp::reconcile(&vfp::lower(&goals[1]), &BTreeSet::new(), &|_, _| ());
        assert_eq!(hosts.namespaces[1].run(again).unwrap().changes, 0);
    });
}
