//! What we believe about the TTL.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests fail by unwrapping, and say why they cannot run"
)]

mod common;

use std::net::Ipv4Addr;
use std::time::Duration;

use common::{address, apply, assert_ping, end, namespace, net, run, sandboxed};
use linux_net::capture::Capture;
use linux_net::netlink::{NewLink, Request, Route, RouteTarget};
use linux_net::nft::ttl::{self, TtlError};
use linux_net::nft::{self, Chain, Family, Hook, HookPoint, Name, Policy, Ruleset, Table};
use linux_net::{NetNs, sysctl};

/// A router between two networks: 10.1.0.2 - 10.1.0.1 router 10.2.0.1 - 10.2.0.2.
fn routed() -> (NetNs, NetNs, NetNs) {
    let (a, router, b) = (namespace(), namespace(), namespace());
    apply(
        &router,
        &[
            Request::AddLink(NewLink::Veth(end(&router, "left", 0x11), end(&a, "eth0", 1))),
            Request::AddLink(NewLink::Veth(end(&router, "right", 0x12), end(&b, "eth0", 2))),
            address("left", "10.1.0.1/24"),
            address("right", "10.2.0.1/24"),
        ],
    );
    sysctl::set(&router, "net.ipv4.ip_forward", "1").unwrap();
    for (guest, own, gateway) in [(&a, "10.1.0.2/24", "10.1.0.1"), (&b, "10.2.0.2/24", "10.2.0.1")] {
        let gateway: Ipv4Addr = gateway.parse().unwrap();
        let target = RouteTarget::Gateway { gateway, device: "eth0".into(), onlink: false };
        apply(guest, &[address("eth0", own), Request::PutRoute(Route::new(net("0.0.0.0/0"), target))]);
    }
    (a, router, b)
}

/// The TTL with which a ping of A (TTL 64) arrives at B.
fn arriving_ttl(a: &NetNs, b: &NetNs) -> u8 {
    let mut capture = Capture::open(b, "eth0").unwrap();
    assert_ping(a, "10.2.0.2");
    let request = |frame: &linux_net::capture::Frame| {
        frame.bytes[12..14] == [8, 0] && frame.bytes[26..30] == [10, 1, 0, 2] && !frame.outgoing
    };
    capture.find(Duration::from_secs(1), request).unwrap().unwrap().bytes[22]
}

/// A router takes one from the TTL; with the target it takes none, also from a packet that could go no further.
#[test]
fn forwarding_can_keep_the_ttl() {
    sandboxed(|| {
        let (a, router, b) = routed();
        assert_eq!(arriving_ttl(&a, &b), 63);
        for _ in 0..2 {
            match ttl::keep(&router) {
                Err(TtlError::Unsupported) => {
                    eprintln!("SKIPPED: {}", TtlError::Unsupported);
                    return;
                }
                other => other.unwrap(),
            }
            assert_eq!(arriving_ttl(&a, &b), 64);
        }
        assert!(run(&a, "ping", &["-n", "-c1", "-W1", "-t1", "10.2.0.2"]).0);
    });
}

/// The table of the target and a ruleset of ours do not disturb each other.
#[test]
fn the_target_stands_beside_a_ruleset() {
    sandboxed(|| {
        let (a, router, b) = routed();
        if ttl::keep(&router).is_err() {
            eprintln!("SKIPPED: {}", TtlError::Unsupported);
            return;
        }
        let hook = Hook::filter(HookPoint::Prerouting, 0, Policy::Accept);
        let mut table = Table::new(Family::Ip, Name::new("port").unwrap());
        table.chains = vec![Chain::at(Name::new("pre").unwrap(), hook, vec![])];
        let ruleset = Ruleset { tables: vec![table] };
        for _ in 0..2 {
            nft::apply(&router, &ruleset).unwrap();
            assert_eq!(nft::current_digest(&router).unwrap(), Some(ruleset.digest()));
            assert_eq!(arriving_ttl(&a, &b), 64);
        }
        nft::delete(&router).unwrap();
        assert_eq!(arriving_ttl(&a, &b), 64);
        let (ok, text) = run(&router, "nft", &["list", "ruleset"]);
        assert!(ok, "{text}");
    });
}
