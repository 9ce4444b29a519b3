//! NAT gateways in the kernel: two hosts, of which one is the edge.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests fail by unwrapping, and say why they cannot run"
)]

mod common;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use common::edge::{CLIENT, Hosts, OUTSIDE, SERVER, with_nat_gateway};
use common::talk::{Log, PATIENCE, from, sent, socket};
use common::{finish, sandboxed, start};
use goal_state::nsg::{Direction, PortRange};
use goal_state::overlay::Mapping;
use goal_state::{DropReason, HostGoalState};
use linux_net::NetNs;
use vfp::ruleset::Action;

/// Whose address a NAT gateway gives is chance; it is one of its own, and the answer comes back.
#[test]
fn s9_2_a_nat_gateway_translates_there_and_back() {
    sandboxed(|| {
        let hosts = Hosts::new();
        let goals = with_nat_gateway();
        hosts.follow(&goals);
        assert_eq!(hosts.follow(&goals), 0);
        let server = socket("server", 4002);
        let mut seen = BTreeSet::new();
        for port in 5000..5030 {
            let a = socket("a", port);
            let source = sent(&a, &server, SERVER);
            assert_eq!(source.port(), port, "it is free, so it stays");
            seen.insert(source.ip());
            server.send_to(b"answer", source).unwrap();
            let mut bytes = [0; 10];
            assert_eq!(a.recv_from(&mut bytes).unwrap(), (6, from(SERVER, 4002)));
        }
        assert_eq!(seen, OUTSIDE.map(Into::into).into());
    });
}

/// Sixty flows from the same port to one destination, from sixty addresses: each has a pair of address and port of its own, and gets its
/// own answer. For another destination the same pairs are used again.
#[test]
fn s9_2_a_port_serves_one_flow_to_each_destination() {
    sandboxed(|| {
        let hosts = Hosts::new();
        let mut goals = with_nat_gateway();
        let addresses = (10..70).map(|last| Ipv4Addr::new(10, 1, 0, last)).collect::<Vec<_>>();
        give_addresses(&mut goals, &addresses);
        hosts.follow(&goals);
        let bind = |address: &Ipv4Addr| UdpSocket::bind((*address, 5000)).unwrap();
        let guest = NetNs::open("vm-a").unwrap();
        let senders = guest.run(|| addresses.iter().map(bind).collect::<Vec<_>>()).unwrap();
        let mut kept = 0;
        for port in [53, 54] {
            let server = socket("server", port);
            let sources = senders.iter().map(|sender| sent(sender, &server, SERVER)).collect::<Vec<_>>();
            assert_eq!(sources.iter().collect::<BTreeSet<_>>().len(), senders.len());
            assert!(sources.iter().all(|source| source.port() >= 1024));
            kept += sources.iter().filter(|source| source.port() == 5000).count();
            for (source, sender) in sources.iter().zip(&senders) {
                let answer = source.to_string();
                server.send_to(answer.as_bytes(), source).unwrap();
                let mut bytes = [0; 40];
                sender.set_read_timeout(Some(PATIENCE)).unwrap();
                let (length, from) = sender.recv_from(&mut bytes).unwrap();
                assert_eq!((&bytes[..length], from.ip()), (answer.as_bytes(), SERVER.into()));
            }
        }
        assert_eq!(kept, 2 * OUTSIDE.len());
    });
}

/// `a` has these addresses.
fn give_addresses(goals: &mut [HostGoalState; 2], addresses: &[Ipv4Addr]) {
    goals[0].virtual_machines[0].network_interfaces[0].addresses = addresses.to_vec();
    for network in goals.iter_mut().flat_map(|goal| &mut goal.virtual_networks) {
        let of_a = network.mappings.iter().find(|mapping| mapping.provider_address.octets()[3] == 1);
        let Some(of_a) = of_a.cloned() else { continue };
        let mapping = |address: &Ipv4Addr| Mapping { customer_address: *address, ..of_a.clone() };
        network.mappings.extend(addresses.iter().map(mapping));
    }
}

#[test]
fn s9_2_a_nat_gateway_lets_in_replies_and_lets_out_tcp_and_udp_only() {
    sandboxed(|| {
        let hosts = Hosts::new();
        let goals = with_nat_gateway();
        hosts.follow(&goals);
        let mut log = Log::of("nat-out", &goals[1]);
        socket("client", 4001).send_to(b"hello", (OUTSIDE[1], 53)).unwrap();
        let event = log.next();
        assert_eq!((event.reason, event.direction), (DropReason::PublicAddress, Direction::Inbound));
        assert_eq!((event.packet.source, event.packet.destination), (CLIENT, OUTSIDE[1]));
        assert_eq!((event.at.as_deref(), event.nic), (Some("out"), None));
        let ping = start("a", "ping", &["-c", "1", "-W", "1", "203.0.113.20"]);
        let event = log.next();
        assert_eq!((event.reason, event.direction), (DropReason::OutboundAccess, Direction::Outbound));
        assert_eq!((event.packet.protocol, event.packet.destination), (1, SERVER));
        let by = event.by.map(|by| (by.resource, by.rule));
        assert_eq!(by, Some(("out".into(), String::new())));
        finish(ping);
    });
}

/// A gateway of two ports: the third flow to a destination is one too many, and the first to another is none.
#[test]
fn s9_2_a_flow_without_a_port_is_dropped() {
    sandboxed(|| {
        let hosts = Hosts::new();
        let mut goals = with_nat_gateway();
        goals[1].edge.nat_gateways[0].addresses.truncate(1);
        hosts.follow(&goals);
        let mut lowered = vfp::lower(&goals[1]);
        let gateway = lowered.stations.iter_mut().find(|station| station.name == "nat-out").unwrap();
        let chains = gateway.namespace.rulesets.iter_mut().flat_map(|ruleset| &mut ruleset.chains);
        for action in chains.flat_map(|chain| &mut chain.rules).flat_map(|rule| &mut rule.actions) {
            if let Action::SourceNat(_, ports) = action {
                *ports = PortRange::new(2000, 2001);
            }
        }
        let follow = || vfp::reconcile(&lowered, &BTreeSet::new(), &|_, _| ());
        assert_eq!(hosts.namespaces[1].run(follow).unwrap().problems, Vec::<String>::new());
        let mut log = Log::of("nat-out", &goals[1]);
        let senders = [5000, 5001, 5002].map(|port| socket("a", port));
        let server = socket("server", 53);
        let ports = [0, 1].map(|index: usize| sent(&senders[index], &server, SERVER).port());
        assert_eq!(BTreeSet::from(ports), BTreeSet::from([2000, 2001]));
        // Both go on.
        for (sender, port) in senders.iter().zip(ports) {
            assert_eq!(sent(sender, &server, SERVER).port(), port);
        }
        senders[2].send_to(b"hello", (SERVER, 53)).unwrap();
        let event = log.next();
        assert_eq!((event.reason, event.direction), (DropReason::OutboundAccess, Direction::Outbound));
        let by = event.by.map(|by| (by.resource, by.rule));
        assert_eq!(by, Some(("out".into(), "SNAT ports".into())));
        assert_eq!((event.packet.source, event.packet.destination), (OUTSIDE[0], SERVER));
        sent(&senders[2], &socket("server", 54), SERVER);
    });
}

/// A connection that was idle for too long goes on, and its sender is told that it is at an end.
#[test]
fn s9_2_a_connection_is_reset_that_goes_on_after_it_was_forgotten() {
    sandboxed(|| {
        let hosts = Hosts::new();
        let mut goals = with_nat_gateway();
        goals[1].edge.nat_gateways[0].tcp_idle_timeout_s = 4;
        hosts.follow(&goals);
        let server = NetNs::open("vm-server").unwrap();
        let listener = server.run(|| TcpListener::bind("0.0.0.0:80").unwrap()).unwrap();
        let guest = NetNs::open("vm-a").unwrap();
        let mut stream = guest.run(|| TcpStream::connect((SERVER, 80)).unwrap()).unwrap();
        let (mut accepted, peer) = listener.accept().unwrap();
        assert!(OUTSIDE.map(std::net::IpAddr::from).contains(&peer.ip()));
        stream.write_all(b"hello").unwrap();
        accepted.read_exact(&mut [0; 5]).unwrap();
        let gateway = NetNs::open("nat-out").unwrap();
        let known = || std::fs::read_to_string("/proc/thread-self/net/nf_conntrack").unwrap();
        let begun = Instant::now();
        while gateway.run(known).unwrap().contains("dport=80 ") {
            assert!(begun.elapsed() < 4 * PATIENCE);
            std::thread::sleep(Duration::from_millis(50));
        }
        stream.write_all(b"again").unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let error = stream.read(&mut [0; 5]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
    });
}

/// A port is not given to another flow at once: 65 s after FIN, 16 s after RST, 30 s half open.
#[test]
fn s9_2_a_nat_gateway_holds_ports_and_forgets_idle_flows() {
    sandboxed(|| {
        let hosts = Hosts::new();
        hosts.follow(&with_nat_gateway());
        let gateway = NetNs::open("nat-out").unwrap();
        for (state, seconds) in [
            ("tcp_timeout_established", 240),
            ("tcp_timeout_syn_sent", 30),
            ("tcp_timeout_time_wait", 65),
            ("tcp_timeout_close", 16),
            ("udp_timeout", 240),
            ("udp_timeout_stream", 240),
        ] {
            let path = format!("/proc/sys/net/netfilter/nf_conntrack_{state}");
            let value = gateway.run(|| std::fs::read_to_string(path).unwrap()).unwrap();
            assert_eq!(value.trim(), seconds.to_string(), "{state}");
        }
    });
}

/// Many flows to one destination, more than a tenth of all ports: none has the pair of address and port of another, and each gets its
/// own answers, also after all others have begun.
#[test]
fn s9_2_no_flow_gets_the_answers_of_another() {
    sandboxed(|| {
        let hosts = Hosts::new();
        let mut goals = with_nat_gateway();
        let addresses = (10..20).map(|last| Ipv4Addr::new(10, 1, 0, last)).collect::<Vec<_>>();
        give_addresses(&mut goals, &addresses);
        hosts.follow(&goals);
        let server = socket("server", 53);
        let bind = |address: Ipv4Addr, port: u16| {
            let socket = UdpSocket::bind((address, port)).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket
        };
        let converse = || {
            let mut flows = Vec::new();
            for port in 2000..3300 {
                for address in &addresses {
                    flows.push((*address, port, sent(&bind(*address, port), &server, SERVER)));
                }
            }
            let sources = flows.iter().map(|(.., source)| source).collect::<BTreeSet<_>>();
            assert_eq!(sources.len(), flows.len());
            for (address, port, source) in flows {
                let socket = bind(address, port);
                let answer = format!("{address} {port}");
                server.send_to(answer.as_bytes(), source).unwrap();
                let mut bytes = [0; 40];
                let length = socket.recv(&mut bytes).unwrap();
                assert_eq!(&bytes[..length], answer.as_bytes());
            }
        };
        NetNs::open("vm-a").unwrap().run(converse).unwrap();
    });
}
