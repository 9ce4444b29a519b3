//! What we believe about filters of traffic control: where packets go, and that a hook is never empty in between.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests fail by unwrapping, and say why they cannot run"
)]

mod common;

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::bpf::{self, SCHED_CLS, SOCKET_FILTER, TC_ACT_OK, TC_ACT_SHOT, drop_class, verdict};
use common::{address, apply, assert_ping, end, mac, namespace, run, sandboxed};
use linux_net::bpf::Program;
use linux_net::capture::{Capture, Frame};
use linux_net::netlink::{
    Filter, FilterAction, InstalledAction, InstalledFilter, LinkChange, Neighbour, NetlinkError, NewLink,
    Request, TcHook,
};
use linux_net::{NetNs, Netlink, sysctl};

const GUEST: u8 = 4;
const GATEWAY: u8 = 0xbc;

/// A guest (10.0.0.1 on `eth0`) with a second device `vf` of the same MAC address and without an IP address, and the
/// other ends `guest` and `vf` of both in another namespace, where 10.0.0.2 is behind `vf` only. Both sides refuse what
/// does not come by the device by which they would answer: a ping passes only if packets take `vf` between the
/// namespaces and `eth0` in the guest.
fn guest_and_port() -> (NetNs, NetNs) {
    let (guest, port) = (namespace(), namespace());
    for namespace in [&guest, &port] {
        sysctl::set_all(namespace, &[("net.ipv4.conf.all.rp_filter", "1")]).unwrap();
    }
    let neighbour = |device: &str, last, owner| {
        let address = Ipv4Addr::new(10, 0, 0, last);
        Request::PutNeighbour(Neighbour { device: device.into(), address, mac: mac(owner) })
    };
    apply(
        &guest,
        &[
            Request::AddLink(NewLink::Veth(end(&guest, "eth0", GUEST), end(&port, "guest", GATEWAY))),
            Request::AddLink(NewLink::Veth(end(&guest, "vf", GUEST), end(&port, "vf", GATEWAY))),
            address("eth0", "10.0.0.1/24"),
            neighbour("eth0", 2, GATEWAY),
        ],
    );
    apply(&port, &[address("vf", "10.0.0.2/24"), neighbour("vf", 1, GUEST)]);
    (guest, port)
}

fn redirect(device: &str, hook: TcHook, to: &str, to_hook: TcHook) -> Filter {
    let action = FilterAction::Redirect { device: to.into(), hook: to_hook };
    Filter { device: device.into(), hook, action }
}

/// From the guest's `eth0` to the VF.
fn outbound() -> Filter {
    redirect("eth0", TcHook::Egress, "vf", TcHook::Egress)
}

/// From the VF to the guest's `eth0`.
fn inbound() -> Filter {
    redirect("vf", TcHook::Ingress, "eth0", TcHook::Ingress)
}

fn program(device: &str, hook: TcHook, program: &Program, class_id: u32) -> Filter {
    Filter { device: device.into(), hook, action: FilterAction::Bpf { program: program.clone(), class_id } }
}

fn put(filter: &Filter) -> Request {
    Request::PutFilter(filter.clone())
}

fn filters(namespace: &NetNs, device: &str) -> Vec<InstalledFilter> {
    Netlink::open(namespace).unwrap().filters(device).unwrap()
}

/// The device has this filter and no other.
#[track_caller]
fn assert_only(namespace: &NetNs, filter: &Filter) {
    let installed = filters(namespace, &filter.device);
    assert!(matches!(installed.as_slice(), [one] if one.is(filter)), "{installed:?} is not {filter}");
}

/// One echo request, which is answered at once or not at all.
fn ping_now(namespace: &NetNs, address: &str) -> bool {
    run(namespace, "ping", &["-n", "-c", "1", "-W", "0.3", address]).0
}

/// Packets from the guest leave by the VF, packets for it come in by the VF, and its sockets know only `eth0`.
#[test]
fn two_redirects_put_a_device_behind_another() {
    sandboxed(|| {
        let (guest, port) = guest_and_port();
        assert!(!ping_now(&guest, "10.0.0.2"));
        apply(&guest, &[put(&outbound())]);
        assert!(!ping_now(&guest, "10.0.0.2"), "the answer comes by the VF");
        apply(&guest, &[put(&inbound())]);
        assert_ping(&guest, "10.0.0.2");
        assert_ping(&port, "10.0.0.1");
        apply(&guest, &[Request::DeleteFilter { device: "eth0".into(), hook: TcHook::Egress }]);
        assert!(!ping_now(&guest, "10.0.0.2"));
    });
}

/// Only IPv4 is redirected: the guest still asks for its gateway by `eth0`.
#[test]
fn arp_stays_where_it_is() {
    sandboxed(|| {
        let (guest, port) = guest_and_port();
        apply(&guest, &[put(&outbound()), put(&inbound())]);
        let mut capture = Capture::open(&port, "guest").unwrap();
        ping_now(&guest, "10.0.0.2");
        ping_now(&guest, "10.0.0.77");
        let first =
            capture.find(Duration::from_secs(5), |frame| frame.bytes[12..14] != [0x86, 0xdd]).unwrap();
        assert_eq!(first.unwrap().bytes[12..14], [0x08, 0x06]);
    });
}

/// What is put is listed, twice is once, the other hook and other devices have nothing.
#[test]
fn redirects_are_listed_as_what_they_are() {
    sandboxed(|| {
        let (guest, _port) = guest_and_port();
        assert_eq!(filters(&guest, "eth0"), []);
        for _ in 0..2 {
            apply(&guest, &[put(&outbound()), put(&inbound())]);
            let action = InstalledAction::Redirect { device: "vf".into(), hook: TcHook::Egress };
            assert_eq!(filters(&guest, "eth0"), [InstalledFilter { hook: TcHook::Egress, action }]);
            assert_only(&guest, &inbound());
        }
        let elsewhere = redirect("eth0", TcHook::Egress, "lo", TcHook::Ingress);
        assert!(!filters(&guest, "eth0")[0].is(&elsewhere));
        apply(&guest, &[put(&elsewhere)]);
        assert_only(&guest, &elsewhere);
        assert_eq!(filters(&guest, "nowhere"), []);
    });
}

/// A program is known by its number, and its class id is part of the filter.
#[test]
fn programs_are_listed_as_what_they_are() {
    sandboxed(|| {
        let (guest, _port) = guest_and_port();
        let Some(pass) = bpf::load(SCHED_CLS, "pass", &verdict(TC_ACT_OK)) else { return };
        let Some(other) = bpf::load(SCHED_CLS, "other", &verdict(TC_ACT_OK)) else { return };
        assert_eq!(pass.name(), "pass");
        let filter = program("eth0", TcHook::Egress, &pass, 0x12_3456);
        for _ in 0..2 {
            apply(&guest, &[put(&filter)]);
            let action =
                InstalledAction::Bpf { program_id: pass.id(), name: "pass".into(), class_id: 0x12_3456 };
            assert_eq!(filters(&guest, "eth0"), [InstalledFilter { hook: TcHook::Egress, action }]);
            assert_only(&guest, &filter);
        }
        for changed in [
            program("eth0", TcHook::Egress, &other, 0x12_3456),
            program("eth0", TcHook::Egress, &other, 0),
            outbound(),
            filter,
        ] {
            assert!(!filters(&guest, "eth0")[0].is(&changed));
            apply(&guest, &[put(&changed)]);
            assert_only(&guest, &changed);
        }
    });
}

/// A program reads the class id of its filter, the lower 16 bits of it, at both hooks.
#[test]
fn a_program_reads_the_class_id_of_its_filter() {
    sandboxed(|| {
        let (guest, port) = guest_and_port();
        apply(&guest, &[put(&outbound()), put(&inbound())]);
        assert_ping(&guest, "10.0.0.2");
        let Some(drop_7) = bpf::load(SCHED_CLS, "drop_7", &drop_class(7)) else { return };
        for hook in [TcHook::Ingress, TcHook::Egress] {
            // Packets leave the guest by its `vf`, and come into the port by the port's.
            let namespace = if hook == TcHook::Egress { &guest } else { &port };
            let passes = |class_id| {
                apply(namespace, &[put(&program("vf", hook, &drop_7, class_id))]);
                ping_now(&guest, "10.0.0.2")
            };
            assert_eq!([6, 7, 0x1_0006, 0x1_0007].map(passes), [true, false, true, false], "{hook}");
            apply(namespace, &[Request::DeleteFilter { device: "vf".into(), hook }]);
        }
    });
}

/// Deleting is content without a filter, without a qdisc and without the device, and it takes either kind.
#[test]
fn a_filter_that_is_not_there_is_deleted() {
    sandboxed(|| {
        let (guest, _port) = guest_and_port();
        let delete = |device: &str, hook| Request::DeleteFilter { device: device.into(), hook };
        let all = [
            delete("eth0", TcHook::Egress),
            delete("eth0", TcHook::Ingress),
            delete("vf", TcHook::Ingress),
            delete("nowhere", TcHook::Ingress),
        ];
        apply(&guest, &all);
        let mut wanted = vec![outbound()];
        wanted.extend(
            bpf::load(SCHED_CLS, "pass", &verdict(TC_ACT_OK))
                .map(|pass| program("eth0", TcHook::Egress, &pass, 1)),
        );
        for filter in wanted {
            apply(&guest, &[put(&filter), delete("eth0", TcHook::Ingress)]);
            assert_only(&guest, &filter);
            for _ in 0..2 {
                apply(&guest, &all);
                assert_eq!(filters(&guest, "eth0"), []);
            }
        }
    });
}

/// While the target of a redirect is down, or gone, packets are dropped: they do not go on. Without the filter they do.
#[test]
fn packets_for_a_device_that_is_gone_are_dropped() {
    sandboxed(|| {
        let (guest, port) = guest_and_port();
        // Now both sides answer whichever way a packet comes.
        for namespace in [&guest, &port] {
            let loose = ["all", "eth0", "guest", "vf"].map(|one| format!("net.ipv4.conf.{one}.rp_filter"));
            for key in loose.iter().filter(|key| sysctl::get(namespace, key).is_ok()) {
                sysctl::set_all(namespace, &[(key.as_str(), "0")]).unwrap();
            }
        }
        apply(&port, &[address("guest", "10.0.0.2/24")]);
        apply(&guest, &[put(&outbound())]);
        let mut capture = Capture::open(&port, "guest").unwrap();
        let mut by_guest = || {
            ping_now(&guest, "10.0.0.2");
            let ipv4 = |frame: &Frame| frame.bytes[12..14] == [0x08, 0x00];
            capture.find(Duration::from_millis(100), ipv4).unwrap().is_some()
        };
        assert!(!by_guest());
        apply(&port, &[Request::set_link("vf", LinkChange::Down)]);
        assert!(!by_guest(), "no carrier");
        apply(&port, &[Request::DeleteLink("vf".into())]);
        let action = InstalledAction::Redirect { device: String::new(), hook: TcHook::Egress };
        assert_eq!(filters(&guest, "eth0"), [InstalledFilter { hook: TcHook::Egress, action }]);
        assert!(!by_guest(), "no device");
        apply(&guest, &[Request::DeleteFilter { device: "eth0".into(), hook: TcHook::Egress }]);
        assert!(by_guest());
    });
}

/// Down, up and by another name a device keeps its filters; in another namespace it has none.
#[test]
fn a_filter_stays_as_long_as_its_device() {
    sandboxed(|| {
        let (guest, port) = guest_and_port();
        let change = |change| Request::set_link("eth0", change);
        apply(&guest, &[put(&outbound()), change(LinkChange::Down), change(LinkChange::Up)]);
        assert_only(&guest, &outbound());
        apply(&guest, &[change(LinkChange::Name("eth1".into()))]);
        assert_only(&guest, &Filter { device: "eth1".into(), ..outbound() });
        apply(&guest, &[Request::set_link("eth1", LinkChange::Namespace(port.clone()))]);
        assert_eq!(filters(&port, "eth1"), []);
    });
}

/// A filter that the kernel refuses leaves the hook as it was, and is told once.
#[test]
fn a_refused_filter_changes_nothing() {
    sandboxed(|| {
        let (guest, _port) = guest_and_port();
        let Some(wrong) = bpf::load(SOCKET_FILTER, "wrong", &verdict(0)) else { return };
        apply(&guest, &[put(&outbound())]);
        let requests = [put(&program("eth0", TcHook::Egress, &wrong, 1)), put(&inbound())];
        let error = Netlink::open(&guest).unwrap().apply(&requests).unwrap_err();
        let text = error.to_string();
        let NetlinkError::Refused(refusals) = error else { panic!("{error}") };
        assert_eq!(refusals.0.iter().map(|one| one.index).collect::<Vec<_>>(), [0]);
        assert!(text.contains("cannot put filter dev eth0 egress bpf wrong"), "{text}");
        assert_only(&guest, &outbound());
        assert_only(&guest, &inbound());
    });
}

/// While filters of both kinds replace each other, no packet gets past them.
#[test]
fn a_hook_is_never_empty_while_a_filter_replaces_another() {
    sandboxed(|| {
        let (guest, port) = guest_and_port();
        let Some(one) = bpf::load(SCHED_CLS, "one", &verdict(TC_ACT_SHOT)) else { return };
        let Some(two) = bpf::load(SCHED_CLS, "two", &verdict(TC_ACT_SHOT)) else { return };
        let turns = [
            program("eth0", TcHook::Egress, &one, 1),
            program("eth0", TcHook::Egress, &two, 1),
            outbound(),
            redirect("eth0", TcHook::Egress, "lo", TcHook::Egress),
        ];
        apply(&guest, &[put(&turns[3])]);
        let socket = guest.run(|| UdpSocket::bind("0.0.0.0:0")).unwrap().unwrap();
        socket.connect("10.0.0.2:9").unwrap();
        let mut capture = Capture::open(&port, "guest").unwrap();
        let done = AtomicBool::new(false);
        let sent = std::thread::scope(|scope| {
            let sender = scope.spawn(|| {
                let mut sent = 0u32;
                while !done.load(Ordering::Relaxed) {
                    sent += u32::from(socket.send(b"packet").is_ok());
                }
                sent
            });
            let mut netlink = Netlink::open(&guest).unwrap();
            for turn in turns.iter().cycle().take(200) {
                netlink.apply(&[put(turn)]).unwrap();
            }
            done.store(true, Ordering::Relaxed);
            sender.join().unwrap()
        });
        assert!(sent > 200, "only {sent} packets");
        let ipv4 = |frame: &Frame| frame.bytes[12..14] == [0x08, 0x00];
        assert_eq!(capture.find(Duration::ZERO, ipv4).unwrap(), None, "of {sent} packets");
    });
}

/// Hooks come by themselves with the first filter, or before; neither is an error, and they are no filters.
#[test]
fn hooks_without_filters_are_empty() {
    sandboxed(|| {
        let (guest, _port) = guest_and_port();
        for _ in 0..2 {
            apply(&guest, &[Request::PutHooks("eth0".into())]);
        }
        assert!(run(&guest, "tc", &["qdisc", "show", "dev", "eth0"]).1.contains("clsact"));
        assert_eq!(Netlink::open(&guest).unwrap().filters("eth0").unwrap(), []);
        apply(&guest, &[Request::PutFilter(outbound()), Request::PutHooks("eth0".into())]);
        assert_eq!(Netlink::open(&guest).unwrap().filters("eth0").unwrap().len(), 1);
    });
}
