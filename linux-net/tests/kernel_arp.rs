//! What we believe about a namespace that answers ARP for everything that is behind it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests fail by unwrapping, and say why they cannot run"
)]

mod common;

use std::net::Ipv4Addr;
use std::time::Duration;

use common::{address, apply, end, mac, namespace, net, ping, run, sandboxed};
use linux_net::capture::{Capture, Frame};
use linux_net::netlink::{LOCAL_TABLE, Neighbour, NewLink, Request, Route, RouteTarget, Rule};
use linux_net::nft::{self, Chain, Family, Hook, HookPoint, Name, Policy, Ruleset, Statement, Table};
use linux_net::{NetNs, sysctl};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// A guest (10.0.0.4/24, gateway 10.0.0.1), and a namespace with `guest` towards it and `up0` towards a third one. IPv4
/// packets from the guest get mark 1; ARP has none, and finds by `fwmark 0` a table where everything is by `up0`.
fn guest_and_port() -> (NetNs, NetNs, NetNs) {
    let (guest, port, up) = (namespace(), namespace(), namespace());
    apply(
        &port,
        &[
            Request::AddLink(NewLink::Veth(end(&port, "guest", 0xbc), end(&guest, "eth0", 4))),
            Request::AddLink(NewLink::Veth(end(&port, "up0", 4), end(&up, "eth0", 5))),
            Request::PutRule(Rule::new(32000, LOCAL_TABLE)),
            Request::DeleteRule(Rule::initial_local()),
            Request::PutRule(Rule::new(100, 100).iif("up0")),
            Request::PutRule(Rule::new(200, 200).iif("guest").fwmark(0)),
            default("guest", 100),
            default("up0", 200),
            Request::PutRoute(Route::new(net("10.0.0.0/16"), RouteTarget::Device("up0".into()))),
            Request::PutRoute(Route::new(net("10.0.66.0/24"), RouteTarget::Blackhole)),
            Request::PutNeighbour(neighbour("guest", 4)),
            Request::PutNeighbour(neighbour("up0", 5)),
        ],
    );
    let settings = [
        ("net.ipv4.ip_forward", "1"),
        ("net.ipv4.conf.all.rp_filter", "0"),
        ("net.ipv4.conf.guest.rp_filter", "0"),
        ("net.ipv4.conf.up0.rp_filter", "0"),
        ("net.ipv4.conf.guest.proxy_arp", "1"),
        ("net.ipv4.neigh.guest.proxy_delay", "0"),
        ("net.ipv4.conf.all.send_redirects", "0"),
        ("net.ipv4.conf.guest.send_redirects", "0"),
    ];
    sysctl::set_all(&port, &settings).unwrap();
    let mark = linux_net::nft::Rule::new([Statement::iif(&name("guest")), Statement::SetMark(1)]);
    let mut table = Table::new(Family::Ip, name("port"));
    table.chains =
        vec![Chain::at(name("pre"), Hook::filter(HookPoint::Prerouting, 0, Policy::Accept), vec![mark])];
    nft::apply(&port, &Ruleset { tables: vec![table] }).unwrap();
    let gateway = Ipv4Addr::new(10, 0, 0, 1);
    let target = RouteTarget::Gateway { gateway, device: "eth0".into(), onlink: false };
    apply(&guest, &[address("eth0", "10.0.0.4/24"), Request::PutRoute(Route::new(net("0.0.0.0/0"), target))]);
    (guest, port, up)
}

fn default(device: &str, table: u32) -> Request {
    Request::PutRoute(Route::new(net("0.0.0.0/0"), RouteTarget::Device(device.into())).in_table(table))
}

fn neighbour(device: &str, last: u8) -> Neighbour {
    Neighbour { device: device.into(), address: Ipv4Addr::new(10, 0, 0, last), mac: mac(last) }
}

/// Whether the guest got an answer for `address`, and from whom.
fn resolved(guest: &NetNs, address: &str) -> String {
    run(guest, "ip", &["-4", "neigh", "show", address]).1
}

/// The port answers for its gateway and for every neighbour, whether there is a route, none, or a black hole.
#[test]
fn every_question_is_answered() {
    sandboxed(|| {
        let (guest, port, _up) = guest_and_port();
        // 10.0.0.66 is black-holed more narrowly than the guest's own prefix.
        let hole = Route::new(net("10.0.0.66/32"), RouteTarget::Blackhole);
        apply(&port, &[Request::PutRoute(hole)]);
        for address in ["10.0.0.1", "10.0.0.5", "10.0.0.66", "10.0.0.200"] {
            ping(&guest, address);
            let text = resolved(&guest, address);
            assert!(text.contains("lladdr 00:0d:3a:00:00:bc"), "{address}: {text}");
        }
    });
}

/// Packets have the mark, so they follow the main table: to a neighbour by `up0`, into the black hole, and nowhere without a
/// route. With `fwmark 0` alone (no mask) all three would leave by `up0`.
#[test]
fn packets_follow_the_main_table() {
    sandboxed(|| {
        let (guest, port, up) = guest_and_port();
        // Whatever wrongly leaves by `up0` is to leave at once, not to wait for an ARP answer that does not come.
        for address in [Ipv4Addr::new(10, 0, 66, 1), Ipv4Addr::new(192, 0, 2, 1)] {
            let known = Neighbour { device: "up0".into(), address, mac: mac(5) };
            apply(&port, &[Request::PutNeighbour(known)]);
        }
        let mut capture = Capture::open(&up, "eth0").unwrap();
        let to = |address: [u8; 4]| {
            move |frame: &Frame| frame.bytes[12..14] == [8, 0] && frame.bytes[30..34] == address
        };
        ping(&guest, "10.0.66.1");
        ping(&guest, "192.0.2.1");
        ping(&guest, "10.0.0.5");
        let first = capture.find(Duration::from_secs(1), |frame| frame.bytes[12..14] == [8, 0]).unwrap();
        assert!(to([10, 0, 0, 5])(&first.unwrap()));
    });
}

/// A packet that comes in by `up0` goes to the guest, whoever it is for: an appliance gets what is not addressed to it.
#[test]
fn what_comes_from_above_goes_to_the_guest() {
    sandboxed(|| {
        let (guest, port, up) = guest_and_port();
        apply(
            &port,
            &[Request::PutNeighbour(Neighbour {
                device: "guest".into(),
                address: Ipv4Addr::new(203, 0, 113, 9),
                mac: mac(4),
            })],
        );
        apply(
            &up,
            &[
                address("eth0", "10.0.0.5/24"),
                Request::PutNeighbour(neighbour("eth0", 4)),
                Request::PutRoute(Route::new(
                    net("203.0.113.0/24"),
                    RouteTarget::Gateway {
                        gateway: Ipv4Addr::new(10, 0, 0, 4),
                        device: "eth0".into(),
                        onlink: false,
                    },
                )),
            ],
        );
        let mut capture = Capture::open(&guest, "eth0").unwrap();
        ping(&up, "203.0.113.9");
        let arrived =
            |frame: &Frame| frame.bytes[12..14] == [8, 0] && frame.bytes[30..34] == [203, 0, 113, 9];
        assert!(capture.find(Duration::from_secs(1), arrived).unwrap().is_some());
    });
}
