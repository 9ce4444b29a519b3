//! What we believe about groups of next hops: they are listed as they were put, packets follow them, and when a next hop goes only its
//! own flows change.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests fail by unwrapping, and say why they cannot run"
)]

mod common;

use std::collections::BTreeMap;

use common::{apply, end, namespace, net, run, sandboxed};
use linux_net::netlink::{NewLink, NextHop, NextHops, Request, ResilientGroup, Route, RouteTarget};
use linux_net::{NetNs, Netlink};

fn next_hop(id: u32) -> NextHop {
    let gateway = [10, 0, 0, id as u8].into();
    NextHop { id, gateway, device: "out".into(), onlink: true }
}

fn group(members: &[u32]) -> ResilientGroup {
    ResilientGroup { id: 100, members: members.to_vec(), buckets: 64, idle_timer_s: 0 }
}

/// A namespace with a device, three next hops there, and a route to all of them.
fn three_ways() -> (NetNs, NetNs) {
    let (here, there) = (namespace(), namespace());
    apply(&here, &[Request::AddLink(NewLink::Veth(end(&here, "out", 1), end(&there, "in0", 2)))]);
    apply(&here, &[1, 2, 3].map(|id| Request::PutNextHop(next_hop(id))));
    let route = Route::new(net("0.0.0.0/0"), RouteTarget::NextHop(100)).in_table(7);
    apply(&here, &[Request::PutGroup(group(&[1, 2, 3])), Request::PutRoute(route)]);
    (here, there)
}

fn next_hops(namespace: &NetNs) -> NextHops {
    Netlink::open(namespace).unwrap().next_hops().unwrap()
}

/// Which next hop each bucket has.
fn buckets(namespace: &NetNs) -> BTreeMap<String, String> {
    let (ok, text) = run(namespace, "ip", &["nexthop", "bucket", "show", "id", "100"]);
    assert!(ok, "{text}");
    let word = |line: &str, name| {
        let mut words = line.split(' ');
        words.find(|word| *word == name).and_then(|_| words.next()).unwrap_or_default().to_owned()
    };
    text.lines().map(|line| (word(line, "index"), word(line, "nhid"))).collect()
}

#[test]
fn what_is_put_is_listed_and_twice_is_once() {
    sandboxed(|| {
        let (here, _there) = three_ways();
        let wanted = NextHops { single: [1, 2, 3].map(next_hop).into(), groups: vec![group(&[1, 2, 3])] };
        assert_eq!(next_hops(&here), wanted);
        let before = buckets(&here);
        apply(&here, &[Request::PutNextHop(next_hop(1)), Request::PutGroup(group(&[1, 2, 3]))]);
        assert_eq!((next_hops(&here), buckets(&here)), (wanted, before));
        let routes = Netlink::open(&here).unwrap().routes().unwrap();
        let route = Route::new(net("0.0.0.0/0"), RouteTarget::NextHop(100)).in_table(7);
        assert_eq!(routes, [route]);
    });
}

#[test]
fn a_next_hop_that_goes_leaves_the_others_their_flows() {
    sandboxed(|| {
        let (here, _there) = three_ways();
        let before = buckets(&here);
        apply(&here, &[Request::DeleteNextHop(2), Request::DeleteNextHop(2)]);
        let after = buckets(&here);
        assert_eq!(next_hops(&here).groups, [group(&[1, 3])]);
        for (bucket, owner) in &before {
            match owner.as_str() {
                "2" => assert_ne!(after[bucket], "2"),
                _ => assert_eq!(after[bucket], *owner, "bucket {bucket} had no reason to move"),
            }
        }
        apply(&here, &[Request::PutNextHop(next_hop(2)), Request::PutGroup(group(&[1, 2, 3]))]);
        let again = buckets(&here);
        let moved = after.iter().filter(|(bucket, owner)| again[*bucket] != **owner).count();
        assert!((21..=22).contains(&moved), "a third of the buckets, not {moved}");
    });
}

#[test]
fn a_group_ends_with_its_last_next_hop_and_so_do_its_routes() {
    sandboxed(|| {
        let (here, _there) = three_ways();
        apply(&here, &[1, 2, 3].map(Request::DeleteNextHop));
        assert_eq!(next_hops(&here), NextHops::default());
        assert_eq!(Netlink::open(&here).unwrap().routes().unwrap(), []);
    });
}
