//! What goes to the TAP device to be encrypted, and what does not: two hosts in the kernel, with BPF and without.
//!
//! Nothing is encrypted here. What is read from one host's device is written to the other's.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests fail by unwrapping, and say why they cannot run"
)]

mod common;

use std::io::IoSlice;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::hosts::{Host, address, two_hosts};
use common::sandboxed;
use goal_state::encryption::EncryptingNic;
use goal_state::event::{DropEvent, Event};
use goal_state::nsg::AddressSet;
use goal_state::route::{NextHop, Route};
use goal_state::{DropReason, NicId};
use ipnet::Ipv4Net;
use linux_net::NetNs;
use linux_net::capture::Capture;
use linux_net::netlink::Request;
use linux_net::nflog::NflogSocket;
use linux_net::tap::{self, Tap};
use vfp::Offload;

const TAP: &str = "enc1001";
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a datagram was seen.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    arrived: bool,
    tap: bool,
    clear: bool,
}

const ENCRYPTED: Seen = Seen { arrived: true, tap: true, clear: false };
const IN_CLEAR: Seen = Seen { arrived: true, tap: false, clear: true };
const LOCAL: Seen = Seen { arrived: true, tap: false, clear: false };

/// Both hosts, and what passes between them.
struct Room {
    hosts: [Host; 2],
    taps: [Option<Tap>; 2],
    /// The first host's tunnel and underlay.
    watched: [Capture; 2],
    /// What has passed there.
    passed: Vec<Vec<u8>>,
    sent: u32,
}

impl Room {
    fn new(offload: Option<&std::sync::Arc<Offload>>) -> Self {
        let hosts = two_hosts(offload);
        let watch = |device| Capture::open(&hosts[0].namespace, device).unwrap();
        let watched = [watch("vx1001"), watch("underlay0")];
        let mut room = Self { hosts, taps: [None, None], watched, passed: Vec::new(), sent: 0 };
        room.attach();
        room
    }

    fn attach(&mut self) {
        self.taps = [None, None];
        let attach = |host: &Host| {
            let tap = host.namespace.run(|| Tap::attach(TAP)).unwrap().unwrap();
            Some(tap)
        };
        self.taps = [attach(&self.hosts[0]), attach(&self.hosts[1])];
    }

    /// Sends a datagram from one VM to another, carries frames between the TAP devices until it has arrived or `until` says so.
    fn send_until(&mut self, from: &str, to: &str, mut until: impl FnMut(&mut Self) -> bool) -> Seen {
        self.sent += 1;
        let mark = format!("marked {} {from} {to}", self.sent);
        let receiver = bind(to, 7000);
        bind(from, 7001).send_to(mark.as_bytes(), format!("{}:7000", address(to))).unwrap();
        let mut seen = Seen::default();
        let end = Instant::now() + PATIENCE;
        while !seen.arrived && !until(self) && Instant::now() < end {
            seen.tap |= self.carry(mark.as_bytes());
            let mut bytes = [0; 100];
            seen.arrived = receiver.recv(&mut bytes).is_ok_and(|length| &bytes[..length] == mark.as_bytes());
        }
        seen.clear = self.has_passed(mark.as_bytes());
        seen
    }

    /// Whether a frame with the mark has passed the first host's tunnel or underlay so far.
    fn has_passed(&mut self, mark: &[u8]) -> bool {
        for capture in &mut self.watched {
            while let Some(frame) = capture.next_frame(Duration::ZERO).unwrap() {
                self.passed.push(frame.bytes);
            }
        }
        self.passed.iter().any(|frame| has(frame, mark))
    }

    fn send(&mut self, from: &str, to: &str) -> Seen {
        self.send_until(from, to, |_| false)
    }

    /// Carries what waits in either device to the other; whether a frame had the mark.
    fn carry(&mut self, mark: &[u8]) -> bool {
        let mut found = false;
        for (from, to) in [(0, 1), (1, 0)] {
            let (Some(from), Some(to)) = (&self.taps[from], &self.taps[to]) else { continue };
            let mut frame = vec![0; tap::LARGEST];
            while let Some(length) = from.try_read(&mut frame).unwrap() {
                found |= has(&frame[..length], mark);
                to.write(&[IoSlice::new(&frame[..length])]).unwrap();
            }
        }
        found
    }

    /// Every pair, again and again: the first packet of a flow and those that follow.
    #[track_caller]
    fn assert_ways(&mut self) {
        for _ in 0..3 {
            for (from, to) in [("a", "b"), ("b", "a"), ("e", "b"), ("b", "e")] {
                assert_eq!(self.send(from, to), ENCRYPTED, "{from} {to}");
            }
            for (from, to) in [("a", "d"), ("d", "a"), ("c", "b"), ("b", "c"), ("c", "d")] {
                assert_eq!(self.send(from, to), IN_CLEAR, "{from} {to}");
            }
            for (from, to) in [("a", "e"), ("a", "c"), ("c", "e")] {
                assert_eq!(self.send(from, to), LOCAL, "{from} {to}");
            }
        }
    }

    /// What a sends to b is lost, and not in clear. That it has been dealt with shows by what is sent after it.
    #[track_caller]
    fn assert_lost(&mut self) {
        let seen = self.send_until("a", "b", |_| true);
        assert_eq!(self.send("a", "d"), IN_CLEAR);
        assert_eq!(seen, Seen::default());
        let lost = format!("marked {} a b", self.sent - 1);
        assert!(!self.has_passed(lost.as_bytes()));
    }
}

/// A socket of a VM that does not wait.
fn bind(vm: &str, port: u16) -> UdpSocket {
    let namespace = NetNs::open(&format!("vm-{vm}")).unwrap();
    let socket = namespace.run(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap()).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

fn has(bytes: &[u8], mark: &[u8]) -> bool {
    bytes.windows(mark.len()).any(|window| window == mark)
}

/// Without BPF, and with it where it is to be had.
fn both_ways(test: impl Fn(&mut Room) + Copy + Send + 'static) {
    sandboxed(move || with_tun(|| test(&mut Room::new(None))));
    sandboxed(move || match Offload::open(Path::new("/run/bpf/offload")) {
        Err(error) => eprintln!("SKIPPED: {}", vfp::with_causes(&error)),
        Ok(offload) => with_tun(|| test(&mut Room::new(Some(&offload)))),
    });
}

fn with_tun(test: impl FnOnce()) {
    let tried = NetNs::anonymous().unwrap().run(|| tap::create("try")).unwrap();
    match tried {
        Err(error) => eprintln!("SKIPPED: no TAP devices: {error}"),
        Ok(()) => test(),
    }
}

#[test]
fn encrypted_pairs_go_by_the_tap_device_and_others_do_not() {
    both_ways(|room| {
        for vfs in [true, false, true] {
            room.hosts.iter_mut().for_each(|host| host.give_vfs(vfs));
            let before = room.hosts[0].by_flows("a");
            room.assert_ways();
            let after = room.hosts[0].by_flows("a");
            assert_eq!(before < after, vfs && after.is_some(), "{before:?} {after:?}");
        }
        for host in &room.hosts {
            assert_eq!(host.follow(), 0, "a second time there is nothing to do");
        }
        room.assert_ways();
    });
}

/// Without an agent there are no keys: what is to be encrypted is lost.
#[test]
fn without_an_agent_nothing_goes_in_clear() {
    both_ways(|room| {
        room.assert_ways();
        room.taps = [None, None];
        room.assert_lost();
        room.attach();
        room.assert_ways();
    });
}

/// Devices that somebody has removed, whatever was known of them, are missed and made anew.
#[test]
fn a_device_that_is_removed_is_not_passed_by() {
    both_ways(|room| {
        room.assert_ways();
        room.taps = [None, None];
        room.hosts[0].apply(Request::DeleteLink(TAP.into()));
        room.assert_lost();
        assert!(room.hosts[0].follow() > 0);
        assert_eq!(room.hosts[0].follow(), 0);
        room.attach();
        room.assert_ways();

        room.hosts[0].apply(Request::DeleteLink("p000004".into()));
        assert!(room.hosts[0].follow() > 0);
        assert_eq!(room.hosts[0].follow(), 0);
        room.assert_ways();
    });
}

/// The ruleset that leads to the device is gone: the bridge's own knows as well.
#[test]
fn what_is_not_led_away_is_not_bridged() {
    sandboxed(|| {
        with_tun(|| {
            let mut room = Room::new(None);
            room.assert_ways();
            let delete =
                || std::process::Command::new("nft").args(["delete", "table", "netdev", "vfp"]).status();
            assert!(room.hosts[0].namespace.run(delete).unwrap().unwrap().success());
            room.assert_lost();
            assert!(room.hosts[0].follow() > 0);
            room.assert_ways();
        });
    });
}

/// Another peer begins and ends to encrypt while packets of a pair that is encrypted flow: none of them goes in clear.
#[test]
fn a_change_of_peers_lets_nothing_through() {
    both_ways(|room| {
        room.assert_ways();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let flood = scope.spawn(|| {
                let socket = bind("a", 7001);
                let mut sent = 0;
                while !done.load(Ordering::Relaxed) {
                    sent +=
                        u32::from(socket.send_to(b"of the flood", format!("{}:7002", address("b"))).is_ok());
                }
                sent
            });
            for round in 0..10 {
                let nic = NicId { vm: "d".parse().unwrap(), nic: "nic0".parse().unwrap() };
                let encryption = (round % 2 == 0).then_some(EncryptingNic { nic, port: 50_000 });
                room.hosts[0].goal.virtual_networks[0].mappings[3].encryption = encryption;
                assert!(room.hosts[0].follow() > 0);
            }
            done.store(true, Ordering::Relaxed);
            assert!(flood.join().unwrap() > 1000);
        });
        // The device has kept some of them.
        while room.carry(b"of the flood") {}
        room.assert_ways();
        assert!(!room.has_passed(b"of the flood"));
    });
}

/// While a policy is being changed, and when whoever changes it dies, the rules count and not the records of before.
#[test]
fn rules_are_in_force_before_records() {
    both_ways(|room| {
        let with = room.hosts[0].goal.clone();
        room.taps = [None, None];
        for vm in &mut room.hosts[0].goal.virtual_machines {
            vm.network_interfaces[0].encryption_port = None;
        }
        room.hosts[0].follow();
        assert_eq!(room.send("a", "b"), IN_CLEAR);
        room.hosts[0].goal = with;
        assert_eq!(room.hosts[0].begin_to_follow().problems, Vec::<String>::new());
        room.attach();
        room.assert_ways();
        room.hosts[0].follow();
        room.assert_ways();
    });
}

/// The other host does not know yet that its NIC encrypts, or any more: what this one's goal state says counts here.
#[test]
fn records_of_another_host_may_be_behind() {
    both_ways(|room| {
        room.assert_ways();
        for vm in &mut room.hosts[1].goal.virtual_machines {
            vm.network_interfaces[0].encryption_port = None;
        }
        room.taps[1] = None;
        assert!(room.hosts[1].follow() > 0);
        for _ in 0..3 {
            let mut seen = false;
            let sent = room.send_until("a", "b", |room| {
                seen = room.taps[0].as_ref().unwrap().try_read(&mut vec![0; tap::LARGEST]).unwrap().is_some();
                seen
            });
            assert!(seen && !sent.clear, "{sent:?}");
        }
    });
}

/// The last NIC that encrypts takes the device with it; the first one brings it.
#[test]
fn encryption_ends_and_begins() {
    both_ways(|room| {
        room.assert_ways();
        room.taps = [None, None];
        let with = room.hosts[0].goal.clone();
        for vm in &mut room.hosts[0].goal.virtual_machines {
            vm.network_interfaces[0].encryption_port = None;
        }
        assert!(room.hosts[0].follow() > 0);
        assert_eq!(room.hosts[0].follow(), 0);
        assert_eq!(room.send("a", "b"), IN_CLEAR);
        assert_eq!(room.send("a", "b"), IN_CLEAR);
        let attached = room.hosts[0].namespace.run(|| Tap::attach(TAP).is_ok()).unwrap();
        assert!(!attached, "the device is still there");
        room.hosts[0].goal = with;
        assert!(room.hosts[0].follow() > 0);
        room.attach();
        room.assert_ways();
    });
}

/// Whom a packet must not be handed to is a next hop: the destination, or an appliance that a route names.
#[test]
fn what_cannot_be_encrypted_is_dropped_where_that_is_enforced() {
    both_ways(|room| {
        let port = &mut room.hosts[0].goal.virtual_machines[0].network_interfaces[0].port;
        let d = Ipv4Addr::new(10, 1, 0, 7);
        port.unencrypted_refused = [Ipv4Net::from(d)].into_iter().collect::<AddressSet>();
        let by_d = Route {
            prefix: "10.9.0.0/16".parse().unwrap(),
            next_hop: NextHop::VirtualAppliance { addresses: vec![d], unreachable: vec![] },
            ..port.routes[0].clone()
        };
        port.routes = port.routes.iter().cloned().chain([by_d]).collect::<Vec<_>>().into();
        assert!(room.hosts[0].follow() > 0);
        let mut log = NflogSocket::open(&NetNs::open("port-a-nic0").unwrap(), 1).unwrap();
        assert_eq!(room.send("a", "b"), ENCRYPTED);
        assert_eq!(room.send("a", "e"), LOCAL);
        bind("a", 7001).send_to(b"refused", "10.9.0.1:7000").unwrap();
        bind("a", 7001).send_to(b"refused", "10.1.0.7:7000").unwrap();
        let mut logged = Vec::new();
        while logged.len() < 2 {
            let more = log.receive_within(PATIENCE).unwrap();
            assert!(!more.is_empty(), "{logged:?}");
            logged.extend(more);
        }
        for (packet, destination) in logged.iter().zip([[10, 9, 0, 1], [10, 1, 0, 7]]) {
            let nic = NicId { vm: "a".parse().unwrap(), nic: "nic0".parse().unwrap() };
            let event = vfp::events::port_event(
                &room.hosts[0].goal,
                &nic,
                &packet.prefix,
                packet.mark,
                &packet.payload,
                1,
            );
            let Some(Event::Drop(DropEvent { nic: of, reason, packet, .. })) = event else {
                panic!("{event:?}")
            };
            assert_eq!((of, reason), (Some(nic), DropReason::Encryption));
            assert_eq!(packet.destination.octets(), destination);
        }
        let counters = vfp::counters(&room.hosts[0].goal);
        let refused = counters.iter().find(|counter| counter.counter == "drop_encryption").unwrap();
        assert_eq!((refused.nic.vm.as_str(), refused.packets), ("a", 2));
        assert_eq!(room.send("d", "a"), IN_CLEAR, "only what it sends is dropped");
    });
}
