//! A frontend of a load balancer, in the kernel: an internal one at the edge (10.1.0.100), three backends behind it on the other host, and a client there.
//!
//! The backends have the frontend's address as with floating IP, so that what is tested is the frontend alone.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests fail by unwrapping, and say why they cannot run"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use common::edge::{Hosts, goals, leg, leg_mac, mapping, with};
use common::{VNI, sandboxed};
use goal_state::edge::{Backend, BalancingRule, Distribution, Frontend};
use goal_state::event::{DropEvent, Event};
use goal_state::nsg::Protocol;
use goal_state::route::NextHop;
use goal_state::{DropReason, HostGoalState, NicId};
use linux_net::netlink::{Address, Request};
use linux_net::nflog::NflogSocket;
use linux_net::{NetNs, Netlink};
use vfp::balancing;
use vfp::lower::drop_log::DROP_GROUP;

const PATIENCE: Duration = Duration::from_secs(5);
const FRONTEND: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 100);
const BACKENDS: [(&str, u8); 3] = [("x", 11), ("y", 12), ("z", 13)];

fn address(last: u8) -> Ipv4Addr {
    [10, 1, 0, last].into()
}

fn rule(backends: &[u8]) -> BalancingRule {
    let backend = |last: &u8| {
        let (name, _) = BACKENDS.iter().find(|(_, number)| number == last).unwrap();
        let nic = NicId { vm: name.parse().unwrap(), nic: "nic0".parse().unwrap() };
        Backend { nic, address: address(*last) }
    };
    BalancingRule {
        name: "http".into(),
        protocol: Protocol::Tcp,
        port: Some(80),
        distribution: Distribution::Default,
        backends: backends.iter().map(backend).collect(),
        probe: Some("up".into()),
        idle_timeout_s: 240,
        tcp_reset: false,
    }
}

/// Both hosts, and what they follow.
struct Lab {
    hosts: Hosts,
    goals: [HostGoalState; 2],
    listeners: BTreeMap<String, TcpListener>,
}

impl Lab {
    fn new(rules: Vec<BalancingRule>) -> Self {
        let mut goals = goals();
        let inside = leg(VNI, 30, FRONTEND);
        let mappings = BACKENDS.map(|(_, last)| mapping(address(last), leg_mac(last), 1, VNI));
        for goal in &mut goals {
            let network = goal.virtual_networks.iter_mut().find(|one| one.vni.get() == VNI).unwrap();
            network.mappings.extend(mappings.iter().cloned());
            network.mappings.push(mapping(FRONTEND, inside.mac, 2, VNI));
        }
        for (name, last) in BACKENDS {
            let mut vm = with(name, last, address(last), VNI, NextHop::VnetLocal);
            vm.network_interfaces[0].port.enable_ip_forwarding = true;
            goals[0].virtual_machines.push(vm);
        }
        goals[0].virtual_machines[0].network_interfaces[0].port.routes =
            goals[0].virtual_machines[1].network_interfaces[0].port.routes.clone();
        let frontend = Frontend {
            balancer: "lb".into(),
            name: "front".into(),
            address: FRONTEND,
            inside,
            outside: None,
            rules,
            leases: vec![],
        };
        goals[1].edge.frontends = vec![frontend];
        let lab = Self { hosts: Hosts::new(), goals, listeners: BTreeMap::new() };
        assert!(lab.hosts.follow(&lab.goals) > 0);
        assert_eq!(lab.hosts.follow(&lab.goals), 0);
        lab
    }

    /// The same, with somebody who listens in every backend.
    fn serving(rules: Vec<BalancingRule>) -> Self {
        let mut lab = Self::new(rules);
        for (name, _) in BACKENDS {
            let guest = NetNs::open(&format!("vm-{name}")).unwrap();
            let own = Address { device: "lo".into(), address: FRONTEND.into() };
            let requests = [Request::set_up("lo"), Request::PutAddress(own)];
            Netlink::open(&guest).unwrap().apply(&requests).unwrap();
            let listener = guest.run(|| TcpListener::bind((FRONTEND, 80)).unwrap()).unwrap();
            lab.listeners.insert(name.to_owned(), listener);
        }
        lab
    }

    fn frontend(&self) -> &Frontend {
        &self.goals[1].edge.frontends[0]
    }

    /// Makes these backends, and no others, healthy; how much there was to do.
    fn healthy(&self, healthy: &[u8]) -> usize {
        let is_healthy =
            |_: &BalancingRule, backend: &Backend| Some(healthy.contains(&backend.address.octets()[3]));
        balancing::settle(self.frontend(), &is_healthy).unwrap()
    }

    /// Connects, and finds out who has answered.
    fn connect(&self) -> (String, TcpStream, TcpStream) {
        let client = NetNs::open("vm-a").unwrap();
        let here = client
            .run(|| TcpStream::connect_timeout(&SocketAddr::from((FRONTEND, 80)), PATIENCE))
            .unwrap()
            .unwrap();
        here.set_read_timeout(Some(PATIENCE)).unwrap();
        for listener in self.listeners.values() {
            listener.set_nonblocking(true).unwrap();
        }
        loop {
            for (name, listener) in &self.listeners {
                match listener.accept() {
                    Ok((there, _)) => {
                        there.set_nonblocking(false).unwrap();
                        there.set_read_timeout(Some(PATIENCE)).unwrap();
                        return (name.clone(), here, there);
                    }
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                }
            }
        }
    }

    fn names(&self, connections: usize) -> BTreeSet<String> {
        (0..connections).map(|_| self.connect().0).collect()
    }
}

/// A word there and one back.
fn talk(here: &mut TcpStream, there: &mut TcpStream) {
    here.write_all(b"word").unwrap();
    there.read_exact(&mut [0; 4]).unwrap();
    there.write_all(b"word").unwrap();
    here.read_exact(&mut [0; 4]).unwrap();
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn new_connections_follow_health_and_open_ones_stay() {
    sandboxed(|| {
        let lab = Lab::serving(vec![rule(&[11, 12, 13])]);
        assert!(lab.healthy(&[11, 12, 13]) > 0);
        assert_eq!(lab.healthy(&[11, 12, 13]), 0);
        let mut open = (0..60).map(|_| lab.connect()).collect::<Vec<_>>();
        let who = open.iter().map(|(name, ..)| name.clone()).collect::<BTreeSet<_>>();
        assert_eq!(who, names(&["x", "y", "z"]));
        let total: u64 = balancing::flow_counts(lab.frontend()).unwrap().values().sum();
        assert_eq!(total, 60);
        // One is down: new connections avoid it, open ones do not notice. Then it is back.
        lab.healthy(&[11, 13]);
        assert_eq!(lab.names(40), names(&["x", "z"]));
        open.iter_mut().for_each(|(_, here, there)| talk(here, there));
        lab.healthy(&[11, 12, 13]);
        assert_eq!(lab.names(60), names(&["x", "y", "z"]));
        open.iter_mut().for_each(|(_, here, there)| talk(here, there));
        // All are down, and open connections go on all the same.
        lab.healthy(&[]);
        open.iter_mut().for_each(|(_, here, there)| talk(here, there));
        // The goal state is applied once more, and health stays.
        assert_eq!(lab.hosts.follow(&lab.goals), 0);
        assert_eq!(balancing::settle(lab.frontend(), &|_, _| None).unwrap(), 0);
    });
}

#[test]
fn what_has_ended_is_forgotten() {
    sandboxed(|| {
        let lab = Lab::serving(vec![rule(&[11, 12, 13])]);
        lab.healthy(&[11, 12, 13]);
        let (_, mut here, mut there) = lab.connect();
        talk(&mut here, &mut there);
        here.shutdown(Shutdown::Write).unwrap();
        assert_eq!(there.read(&mut [0]).unwrap(), 0);
        assert_eq!(balancing::flow_counts(lab.frontend()).unwrap().values().sum::<u64>(), 0);
        // The backend may go on to speak, also when it is down, and the client's acknowledgements reach it.
        lab.healthy(&[]);
        for _ in 0..20 {
            there.write_all(&[0; 10_000]).unwrap();
            here.read_exact(&mut [0; 10_000]).unwrap();
        }
    });
}

/// With a single backend there is nothing to keep a connection for.
#[test]
fn connections_to_the_only_backend_end_when_it_is_down() {
    sandboxed(|| {
        let lab = Lab::serving(vec![rule(&[11])]);
        lab.healthy(&[11]);
        let (_, mut here, mut there) = lab.connect();
        talk(&mut here, &mut there);
        let mut log = Log::of(&lab);
        lab.healthy(&[]);
        here.write_all(b"lost").unwrap();
        let event = log.next();
        assert_eq!(event.by.unwrap().rule, "http");
        lab.healthy(&[11]);
        there.read_exact(&mut [0; 4]).unwrap();
    });
}

struct Log<'a> {
    lab: &'a Lab,
    socket: NflogSocket,
}

impl<'a> Log<'a> {
    fn of(lab: &'a Lab) -> Self {
        Self { lab, socket: NflogSocket::open(&NetNs::open("lb-lb+front").unwrap(), DROP_GROUP).unwrap() }
    }

    /// The next drop. Waits for it.
    fn next(&mut self) -> DropEvent {
        let packets = self.socket.receive_within(PATIENCE).unwrap();
        let packet = packets.first().expect("something is logged");
        let (goal, prefix, payload) = (&self.lab.goals[1], &packet.prefix, &packet.payload);
        let event = vfp::events::station_event(goal, "lb-lb+front", prefix, payload, 7);
        let Some(Event::Drop(event)) = event else { panic!("{packet:?}") };
        event
    }
}

#[test]
fn what_nobody_takes_is_dropped_and_said() {
    sandboxed(|| {
        let lab = Lab::new(vec![rule(&[11, 12])]);
        let mut log = Log::of(&lab);
        let client = NetNs::open("vm-a").unwrap();
        let socket = client.run(|| std::net::UdpSocket::bind("0.0.0.0:0").unwrap()).unwrap();
        socket.send_to(b"hello", (FRONTEND, 80)).unwrap();
        let event = log.next();
        assert_eq!((event.reason, event.at.as_deref()), (DropReason::LoadBalancer, Some("lb")));
        assert_eq!((event.packet.protocol, event.packet.destination_port), (17, 80));
        assert_eq!(event.by.unwrap().rule, "", "no rule is for UDP");
        // Nobody is known to be healthy yet.
        let connect =
            || TcpStream::connect_timeout(&SocketAddr::from((FRONTEND, 80)), Duration::from_millis(100));
        assert_eq!(client.run(connect).unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
        let event = log.next();
        assert_eq!((event.reason, event.packet.protocol), (DropReason::LoadBalancer, 6));
        assert_eq!(event.by.unwrap().rule, "http");
    });
}

#[test]
fn a_client_keeps_to_a_backend_by_its_address() {
    sandboxed(|| {
        let lab =
            Lab::serving(vec![BalancingRule { distribution: Distribution::SourceIp, ..rule(&[11, 12, 13]) }]);
        lab.healthy(&[11, 12, 13]);
        assert_eq!(lab.names(20).len(), 1);
    });
}

/// A segment in the middle of a connection that the frontend does not know.
#[test]
fn who_speaks_after_too_long_is_reset() {
    sandboxed(|| {
        let reset = |tcp_reset| BalancingRule { tcp_reset, ..rule(&[11, 12, 13]) };
        let mut lab = Lab::serving(vec![reset(false)]);
        lab.healthy(&[11, 12, 13]);
        let (_, mut here, mut there) = lab.connect();
        talk(&mut here, &mut there);
        // Another rule is another ruleset, which remembers nothing. A connection goes on if it may.
        lab.goals[1].edge.frontends[0].rules.push(BalancingRule { port: Some(81), ..reset(false) });
        assert!(lab.hosts.follow(&lab.goals) > 0);
        talk(&mut here, &mut there);
        lab.goals[1].edge.frontends[0].rules[0] = reset(true);
        assert!(lab.hosts.follow(&lab.goals) > 0);
        here.write_all(b"word").unwrap();
        assert_eq!(here.read(&mut [0; 4]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

/// A rule for all ports takes what was only routed to the frontend, and UDP, whose flows move when their backend goes.
#[test]
fn a_rule_for_all_ports_takes_udp_and_what_is_for_others() {
    sandboxed(|| {
        let mut lab =
            Lab::new(vec![BalancingRule { protocol: Protocol::Any, port: None, ..rule(&[11, 12]) }]);
        // The client sends everything by the frontend.
        let routes = &mut lab.goals[0].virtual_machines[0].network_interfaces[0].port.routes;
        std::sync::Arc::make_mut(routes)[0].next_hop =
            NextHop::VirtualAppliance { addresses: vec![FRONTEND], unreachable: vec![] };
        lab.hosts.follow(&lab.goals);
        let other = Ipv4Addr::new(192, 0, 2, 1);
        let receivers = [("x", 11), ("y", 12)].map(|(name, last)| {
            let guest = NetNs::open(&format!("vm-{name}")).unwrap();
            let own = Address { device: "lo".into(), address: other.into() };
            let requests = [Request::set_up("lo"), Request::PutAddress(own)];
            Netlink::open(&guest).unwrap().apply(&requests).unwrap();
            let socket = guest.run(|| std::net::UdpSocket::bind((other, 53)).unwrap()).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            (last, socket)
        });
        let client = NetNs::open("vm-a").unwrap();
        let socket = client.run(|| std::net::UdpSocket::bind("0.0.0.0:0").unwrap()).unwrap();
        for (last, receiver) in [&receivers[0], &receivers[1], &receivers[0]] {
            lab.healthy(&[*last]);
            socket.send_to(b"hello", (other, 53)).unwrap();
            receiver.recv_from(&mut [0; 5]).unwrap();
        }
    });
}
