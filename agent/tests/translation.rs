//! Translation at ports, with real packets: public addresses, leased ports, NAT gateways, backends of load balancers, private endpoints.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

mod common;

use std::net::Ipv4Addr;
use std::sync::Arc;

use common::controller::Controller;
use common::in_sandbox;
use common::internet::{
    A, B, CLIENT, HUB, PUBLIC, ROUTER, SPOKE, VIP, know, mac, mapping, nic_of, vni, with_internet,
};
use common::network::{goal, vm};
use common::room::{Room, in_namespace, pings, shell_in, spawn_in};
use goal_state::edge::INTERNET_VNI;
use goal_state::event::{DropEvent, Event, SeenEvent};
use goal_state::message::FromAgent;
use goal_state::nsg::{Direction, Protocol};
use goal_state::overlay::Mapping;
use goal_state::port::PrivateEndpoint;
use goal_state::probe::ProbeOutcome;
use goal_state::route::NextHop;
use goal_state::translation::{InboundTranslation, OutboundTranslation, PortLease, Translation, WayOut};
use goal_state::vm::VirtualMachine;
use goal_state::{DropReason, HostGoalState};
use linux_net::NetNs;

fn inbound(address: Ipv4Addr, to_address: Ipv4Addr) -> InboundTranslation {
    InboundTranslation {
        resource: "pip-a".into(),
        rule: String::new(),
        address,
        protocol: Protocol::Any,
        port: None,
        to_address,
        to_port: None,
        floating: false,
        closed: false,
        balanced: false,
    }
}

fn out(protocol: Protocol, way: WayOut) -> OutboundTranslation {
    OutboundTranslation { source: A, protocol, way }
}

fn apply(controller: &mut Controller, goal: &HostGoalState) {
    assert_eq!(controller.apply(goal).problems, Vec::<String>::new());
}

fn dropped(controller: &mut Controller, reason: DropReason) -> DropEvent {
    controller.event(|event| match event {
        Event::Drop(drop) if drop.reason == reason => Some(drop.clone()),
        _ => None,
    })
}

fn seen(controller: &mut Controller, nic: &str, wanted: impl Fn(&SeenEvent) -> bool) {
    controller.event(|event| match event {
        Event::Seen(seen) => (seen.nic.to_string() == nic && wanted(seen)).then_some(()),
        _ => None,
    });
}

fn by(drop: &DropEvent) -> (&str, &str) {
    drop.by.as_ref().map(|by| (&*by.resource, &*by.rule)).unwrap_or_default()
}

/// The other side sees the public address, and rules the private one; so it is for what the NIC begins and for what comes in.
#[test]
fn a_public_address_is_translated_both_ways() {
    in_sandbox("a_public_address_is_translated_both_ways", || {
        let room = Room::new(1);
        let mut one = room.controller("host1");
        one.follow_events();
        let mut goal = with_internet(1);
        nic_of(&mut goal, "a").port.translation = Translation {
            inbound: vec![inbound(PUBLIC, A)],
            outbound: vec![out(Protocol::Any, WayOut::Address { address: PUBLIC })],
            mail_closed: true,
        };
        apply(&mut one, &goal);
        assert!(
            pings("a", "198.51.100.10"),
            "{}",
            shell_in("port-a-nic0", "nft list ruleset; ip rule; ip route")
        );
        for (protocol, port, outcome) in [
            (Protocol::Tcp, 80, ProbeOutcome::Answered),
            (Protocol::Udp, 53, ProbeOutcome::Answered),
            (Protocol::Icmp, 0, ProbeOutcome::Answered),
            (Protocol::Tcp, 9, ProbeOutcome::Refused),
            (Protocol::Udp, 9, ProbeOutcome::Refused),
        ] {
            assert_eq!(
                one.probe("a", "10.1.0.4", "198.51.100.10", protocol, port),
                outcome,
                "{protocol} {port}"
            );
            let from_public =
                |seen: &SeenEvent| seen.packet.source == PUBLIC && seen.packet.destination_port == port;
            seen(&mut one, "client/nic0", from_public);
            assert_eq!(
                one.probe("client", "198.51.100.10", "203.0.113.1", protocol, port),
                outcome,
                "{protocol} {port}"
            );
            let to_private = |seen: &SeenEvent| seen.packet.destination == A && seen.packet.source == CLIENT;
            seen(&mut one, "a/nic0", to_private);
        }

        // Mail comes in, and does not go out.
        let to_a = one.probe("client", "198.51.100.10", "203.0.113.1", Protocol::Tcp, 25);
        assert_eq!(to_a, ProbeOutcome::Refused);
        assert_eq!(one.probe("a", "10.1.0.4", "198.51.100.10", Protocol::Tcp, 25), ProbeOutcome::Silent);
        assert_eq!(by(&dropped(&mut one, DropReason::Platform)).1, "TCP 25");

        // A Standard address without a network security group.
        nic_of(&mut goal, "a").port.translation.inbound[0].closed = true;
        goal.generation.0 += 1;
        apply(&mut one, &goal);
        assert_eq!(
            one.probe("client", "198.51.100.10", "203.0.113.1", Protocol::Tcp, 80),
            ProbeOutcome::Silent
        );
        let drop = dropped(&mut one, DropReason::PublicAddress);
        assert_eq!((drop.nic.as_ref().unwrap().to_string().as_str(), by(&drop)), ("a/nic0", ("pip-a", "")));
        assert_eq!(drop.packet.destination, PUBLIC);
        assert_eq!(one.probe("a", "10.1.0.4", "198.51.100.10", Protocol::Tcp, 80), ProbeOutcome::Answered);
    });
}

/// Eight ports are eight flows at a time to each destination; the ninth is told of, and a port that is free again serves again.
#[test]
fn leased_ports_are_exhausted_for_one_destination() {
    in_sandbox("leased_ports_are_exhausted_for_one_destination", || {
        let room = Room::new(1);
        let mut one = room.controller("host1");
        one.follow_events();
        let mut goal = with_internet(1);
        let lease = PortLease { address: PUBLIC, first: 1024, last: 1031 };
        let ports = WayOut::Ports { resource: "lb-out".into(), leases: vec![lease] };
        nic_of(&mut goal, "a").port.translation.outbound = vec![out(Protocol::Tcp, ports)];
        apply(&mut one, &goal);
        let connect = "exec 3<>/dev/tcp/198.51.100.10/80 && echo open && exec sleep 60";
        std::fs::write("/run/connect", connect).unwrap();
        let mut open = (0..8).map(|_| spawn_in("vm-a", "bash /run/connect")).collect::<Vec<_>>();
        for child in &mut open {
            let mut word = [0; 5];
            std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut word).unwrap();
            assert_eq!(&word, b"open\n");
        }
        let ports =
            shell_in("vm-client", "ss -Htn state established 'sport = :80' | awk '{print $4}' | sort");
        let expected = (1024..=1031).map(|port| format!("203.0.113.1:{port}\n")).collect::<String>();
        assert_eq!(ports, expected);

        let full = || one_more("198.51.100.10");
        assert!(!full());
        let drop = dropped(&mut one, DropReason::OutboundAccess);
        assert_eq!((by(&drop), drop.direction), (("lb-out", "SNAT ports"), Direction::Outbound));
        assert_eq!((drop.packet.source, drop.packet.destination), (A, CLIENT));
        assert!(one_more("198.51.100.11"), "another destination has all ports anew");
        // Nothing but TCP and UDP.
        assert!(!pings("a", "198.51.100.10"));
        one.event(|event| match event {
            Event::Drop(drop) if drop.packet.protocol == 1 => {
                (drop.reason == DropReason::OutboundAccess).then_some(())
            }
            _ => None,
        });

        open[0].kill().unwrap();
        open[0].wait().unwrap();
        let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while !full() {
            assert!(std::time::Instant::now() < end, "{}", shell_in("port-a-nic0", "nft list ruleset"));
        }
        for child in &mut open[1..] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    });
}

/// Whether `a` can open one connection more.
fn one_more(address: &str) -> bool {
    let connect = format!("timeout 1 bash -c 'exec 3<>/dev/tcp/{address}/80'");
    in_namespace("vm-a", &connect).status.success()
}

/// New flows are handed to the gateway as they are; answers to what came in by the public address go back through it.
#[test]
fn a_nat_gateway_gets_what_is_new_and_answers_go_back_as_they_came() {
    in_sandbox("a_nat_gateway_gets_what_is_new_and_answers_go_back_as_they_came", || {
        let room = Room::new(1);
        let mut one = room.controller("host1");
        one.follow_events();
        let mut goal = with_internet(1);
        // Here b stands for the gateway. It does not forward, and says so.
        nic_of(&mut goal, "a").port.translation = Translation {
            inbound: vec![inbound(PUBLIC, A)],
            outbound: vec![out(Protocol::Tcp, WayOut::NatGateway { next_hop: B })],
            mail_closed: false,
        };
        apply(&mut one, &goal);
        assert_eq!(one.probe("a", "10.1.0.4", "198.51.100.10", Protocol::Tcp, 80), ProbeOutcome::Silent);
        let drop = dropped(&mut one, DropReason::IpForwarding);
        assert_eq!(drop.nic.as_ref().unwrap().to_string(), "b/nic0");
        assert_eq!((drop.packet.source, drop.packet.destination), (A, CLIENT));
        for protocol in [Protocol::Tcp, Protocol::Icmp] {
            let outcome = one.probe("client", "198.51.100.10", "203.0.113.1", protocol, 80);
            assert_eq!(outcome, ProbeOutcome::Answered, "{protocol}");
        }
        // No way out for UDP.
        assert_eq!(one.probe("a", "10.1.0.4", "198.51.100.10", Protocol::Udp, 53), ProbeOutcome::Silent);
        assert_eq!(by(&dropped(&mut one, DropReason::OutboundAccess)), ("", ""));
    });
}

/// A route to an appliance: who is asked by the public address answers from its private one, and nobody takes it for the answer.
#[test]
fn an_answer_that_a_route_leads_elsewhere_is_not_translated() {
    in_sandbox("an_answer_that_a_route_leads_elsewhere_is_not_translated", || {
        let room = Room::new(1);
        let mut one = room.controller("host1");
        one.follow_events();
        let mut goal = with_internet(1);
        let b = nic_of(&mut goal, "b").mac;
        know(&mut goal, INTERNET_VNI, mapping([203, 0, 113, 2].into(), b, SPOKE));
        // The default route of b leads to the appliance, whose own leads nowhere.
        let mut web = inbound([203, 0, 113, 2].into(), B);
        (web.protocol, web.port, web.to_port) = (Protocol::Tcp, Some(8080), Some(80));
        nic_of(&mut goal, "b").port.translation.inbound = vec![web];
        apply(&mut one, &goal);
        assert_eq!(
            one.probe("client", "198.51.100.10", "203.0.113.2", Protocol::Tcp, 8080),
            ProbeOutcome::Silent
        );
        let drop = dropped(&mut one, DropReason::OutboundAccess);
        assert_eq!(drop.nic.as_ref().unwrap().to_string(), "nva/nic0");
        assert_eq!((drop.packet.source, drop.packet.source_port, drop.packet.destination), (B, 80, CLIENT));
    });
}

/// The balancer hands a packet to the backend as it is; the backend's port translates it and answers as the frontend.
#[test]
fn a_backend_answers_as_the_frontend() {
    in_sandbox("a_backend_answers_as_the_frontend", || {
        let room = Room::new(1);
        let mut one = room.controller("host1");
        one.follow_events();
        let mut goal = with_internet(1);
        // Whoever asks for the frontend comes to b, as if a balancer had chosen it.
        let [b, nva] = ["b", "nva"].map(|name| nic_of(&mut goal, name).mac);
        let floating_vip = Ipv4Addr::new(10, 1, 0, 101);
        for address in [VIP, floating_vip] {
            know(&mut goal, SPOKE, mapping(address, b, SPOKE));
        }
        know(&mut goal, INTERNET_VNI, mapping([203, 0, 113, 2].into(), b, SPOKE));
        let rule = |rule: &str, address, port: u16, to_port| InboundTranslation {
            resource: "lb".into(),
            rule: rule.into(),
            protocol: Protocol::Tcp,
            port: Some(port),
            to_port: Some(to_port),
            balanced: true,
            ..inbound(address, B)
        };
        let nic = nic_of(&mut goal, "b");
        let mut floating = rule("floating", floating_vip, 80, 80);
        floating.floating = true;
        nic.port.translation.inbound =
            vec![rule("web", VIP, 8080, 80), floating, rule("public", [203, 0, 113, 2].into(), 81, 80)];
        Arc::make_mut(&mut nic.port.routes)[0].next_hop = NextHop::Internet { router: ROUTER };
        vm(&mut goal, "b").guest.floating = vec![floating_vip];
        apply(&mut one, &goal);
        assert_eq!(one.probe("a", "10.1.0.4", "10.1.0.100", Protocol::Tcp, 8080), ProbeOutcome::Answered);
        seen(&mut one, "b/nic0", |seen| seen.packet.destination == B && seen.packet.destination_port == 80);
        assert_eq!(one.probe("a", "10.1.0.4", "10.1.0.101", Protocol::Tcp, 80), ProbeOutcome::Answered);
        seen(&mut one, "b/nic0", |seen| seen.packet.destination == floating_vip);
        let public = one.probe("client", "198.51.100.10", "203.0.113.2", Protocol::Tcp, 81);
        assert_eq!(public, ProbeOutcome::Answered, "b has no way out, and answers all the same");

        // A packet of its own that comes back: for b it is the appliance that has the frontend's address, for the appliance it is b.
        goal.generation.0 += 1;
        let is_vip = |mapping: &&mut Mapping| mapping.customer_address == VIP;
        let spoke = goal.virtual_networks.iter_mut().find(|network| network.vni == vni(SPOKE)).unwrap();
        let led_back = spoke.mappings.iter_mut().find(is_vip).unwrap();
        let to_backend = led_back.clone();
        *led_back = mapping(VIP, nva, HUB);
        know(&mut goal, HUB, to_backend);
        apply(&mut one, &goal);
        assert_eq!(one.probe("b", "10.1.0.5", "10.1.0.100", Protocol::Tcp, 8080), ProbeOutcome::Silent);
        let drop = dropped(&mut one, DropReason::LoadBalancer);
        assert_eq!((drop.nic.as_ref().unwrap().to_string().as_str(), by(&drop)), ("b/nic0", ("lb", "web")));
        assert_eq!(one.apply(&goal).changes, 0, "a second time nothing is changed");
    });
}

/// Probes of backends come from the platform's address. What a backend answers goes back there whatever its routes say, and nothing
/// else goes there.
#[test]
fn answers_to_health_probes_go_to_the_prober() {
    in_sandbox("answers_to_health_probes_go_to_the_prober", || {
        let room = Room::new(1);
        let mut one = room.controller("host1");
        one.follow_events();
        let mut goal = with_internet(1);
        // A VM with the platform's address stands for the prober.
        let mut prober: VirtualMachine = vm(&mut goal, "a").clone();
        prober.name = "prober".parse().unwrap();
        let nic = &mut prober.network_interfaces[0];
        (nic.mac, nic.addresses) = (mac(3), vec![[10, 1, 0, 50].into(), [168, 63, 129, 16].into()]);
        goal.virtual_machines.push(prober);
        know(&mut goal, SPOKE, mapping([168, 63, 129, 16].into(), mac(3), SPOKE));
        let mut web = inbound(VIP, B);
        (web.protocol, web.port, web.balanced) = (Protocol::Tcp, Some(80), true);
        nic_of(&mut goal, "b").port.translation.inbound = vec![web];
        apply(&mut one, &goal);
        assert_eq!(
            one.probe("prober", "168.63.129.16", "10.1.0.5", Protocol::Tcp, 80),
            ProbeOutcome::Answered
        );
        assert_eq!(one.probe("b", "10.1.0.5", "168.63.129.16", Protocol::Tcp, 9), ProbeOutcome::Silent);
        assert_eq!(dropped(&mut one, DropReason::Platform).nic.unwrap().to_string(), "b/nic0");
    });
}

/// On every port of TCP and UDP on which nothing of its own listens.
#[test]
fn a_host_of_the_internet_answers_everything() {
    in_sandbox("a_host_of_the_internet_answers_everything", || {
        let room = Room::new(1);
        let mut one = room.controller("host1");
        let mut goal = with_internet(1);
        vm(&mut goal, "client").guest.answers_everything = true;
        nic_of(&mut goal, "a").port.translation = Translation {
            outbound: vec![out(Protocol::Any, WayOut::Address { address: PUBLIC })],
            ..Translation::default()
        };
        apply(&mut one, &goal);
        let probe = |one: &mut Controller, protocol, port, expected| {
            for address in ["198.51.100.10", "198.51.100.11"] {
                assert_eq!(
                    one.probe("a", "10.1.0.4", address, protocol, port),
                    expected,
                    "{protocol} {port}"
                );
            }
        };
        for port in [80, 9, 443, 53, 60_000] {
            probe(&mut one, Protocol::Tcp, port, ProbeOutcome::Answered);
            probe(&mut one, Protocol::Udp, port, ProbeOutcome::Answered);
        }
        let [inside, outside] = ["a", "client"].map(|vm| NetNs::open(&format!("vm-{vm}")).unwrap());
        let said = |port| {
            let mut stream = inside.run(|| std::net::TcpStream::connect((CLIENT, port)).unwrap()).unwrap();
            std::io::Write::write_all(&mut stream, b"echo").unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            std::io::read_to_string(stream).unwrap()
        };
        assert_eq!(said(8080), "echo");
        let program = outside.run(|| std::net::TcpListener::bind("0.0.0.0:8080").unwrap()).unwrap();
        let own = std::thread::spawn(move || {
            let (mut stream, from) = program.accept().unwrap();
            std::io::Write::write_all(&mut stream, b"own").unwrap();
            // What is not read would be refused.
            std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
            from
        });
        assert_eq!(said(8080), "own");
        assert_eq!(own.join().unwrap().ip(), PUBLIC);
        goal.generation.0 += 1;
        vm(&mut goal, "client").guest.answers_everything = false;
        apply(&mut one, &goal);
        probe(&mut one, Protocol::Tcp, 9, ProbeOutcome::Refused);
    });
}

/// It takes TCP and nothing else, begins nothing, and takes nothing before it is approved.
#[test]
fn a_private_endpoint_takes_connections_and_begins_none() {
    in_sandbox("a_private_endpoint_takes_connections_and_begins_none", || {
        let room = Room::new(1);
        let mut one = room.controller("host1");
        one.follow_events();
        let mut goal = goal(1, 1);
        let endpoint = |approved| Some(PrivateEndpoint { name: "pe-sql".into(), approved });
        nic_of(&mut goal, "b").port.private_endpoint = endpoint(true);
        apply(&mut one, &goal);
        assert_eq!(one.probe("a", "10.1.0.4", "10.1.0.5", Protocol::Tcp, 80), ProbeOutcome::Answered);
        assert_eq!(one.probe("a", "10.1.0.4", "10.1.0.5", Protocol::Udp, 53), ProbeOutcome::Silent);
        let drop = dropped(&mut one, DropReason::PrivateEndpoint);
        assert_eq!((drop.direction, by(&drop)), (Direction::Inbound, ("pe-sql", "")));
        assert_eq!(one.probe("b", "10.1.0.5", "10.1.0.4", Protocol::Tcp, 80), ProbeOutcome::Silent);
        one.event(|event| match event {
            Event::Drop(drop) if drop.direction == Direction::Outbound => {
                (drop.reason == DropReason::PrivateEndpoint && by(drop) == ("pe-sql", "")).then_some(())
            }
            _ => None,
        });
        nic_of(&mut goal, "b").port.private_endpoint = endpoint(false);
        goal.generation.0 += 1;
        apply(&mut one, &goal);
        assert_eq!(one.probe("a", "10.1.0.4", "10.1.0.5", Protocol::Tcp, 80), ProbeOutcome::Silent);
        one.event(|event| match event {
            Event::Drop(drop) => (by(drop) == ("pe-sql", "privateLinkServiceConnectionState")).then_some(()),
            _ => None,
        });
    });
}

/// In a user namespace of its own nobody may load BPF.
fn may_offload() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").expect("every process has one");
    map.split_whitespace().eq(["0", "0", "4294967295"])
}

/// A flow that is translated is not learnt, in either direction; one of the same NIC that is not, is.
#[test]
fn translated_flows_are_not_offloaded() {
    in_sandbox("translated_flows_are_not_offloaded", || {
        if !may_offload() {
            return;
        }
        let room = Room::new(1);
        let mut one = room.controller("host1");
        let mut goal = with_internet(1);
        for name in ["a", "b"] {
            nic_of(&mut goal, name).accelerated = true;
        }
        nic_of(&mut goal, "a").port.translation = Translation {
            inbound: vec![inbound(PUBLIC, A)],
            outbound: vec![out(Protocol::Any, WayOut::Address { address: PUBLIC })],
            mail_closed: false,
        };
        apply(&mut one, &goal);
        for (from, to) in [("a", "198.51.100.10"), ("client", "203.0.113.1"), ("a", "10.1.0.5")] {
            shell_in(&format!("vm-{from}"), &format!("ping -n -q -i 0.01 -c 5 -W 1 {to}"));
        }
        let FromAgent::Flows { flows, .. } = one.flows("a") else { panic!("no flows") };
        assert!(!flows.is_empty(), "flows that are not translated are learnt");
        for flow in &flows {
            assert!([flow.packet.source, flow.packet.destination].contains(&B), "{flow:?}");
        }
    });
}
