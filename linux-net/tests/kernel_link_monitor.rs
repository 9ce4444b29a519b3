//! What we believe about the events of links.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests fail by unwrapping, and say why they cannot run"
)]

mod common;

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use common::{apply, end, namespace, sandboxed};
use linux_net::link_monitor::{LinkEvent, LinkMonitor, LinkNews};
use linux_net::netlink::{LinkChange, NewLink, Request};
use linux_net::{NetNs, Netlink};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Waits for an event, and says which came until then.
#[track_caller]
fn wait_for(monitor: &mut LinkMonitor, wanted: &LinkEvent) -> Vec<LinkNews> {
    let end = Instant::now() + Duration::from_secs(10);
    let mut seen = Vec::new();
    loop {
        seen.extend(monitor.receive().unwrap());
        if seen.contains(&LinkNews::Event(wanted.clone())) {
            return seen;
        }
        let left = PollTimeout::try_from(end.saturating_duration_since(Instant::now())).unwrap();
        assert_ne!(left, PollTimeout::ZERO, "no {wanted:?} in {seen:?}");
        poll(&mut [PollFd::new(monitor.as_fd(), PollFlags::POLLIN)], left).unwrap();
    }
}

fn index(namespace: &NetNs, device: &str) -> u32 {
    Netlink::open(namespace).unwrap().link(device).unwrap().unwrap().index
}

fn veth(a: &NetNs, b: &NetNs) -> Request {
    Request::AddLink(NewLink::Veth(end(a, "vf", 1), end(b, "far", 2)))
}

/// A pair that is made, goes down at either end, comes up again and is deleted at the far end.
#[test]
fn the_life_of_a_pair_is_told() {
    sandboxed(|| {
        let (a, b) = (namespace(), namespace());
        let mut monitor = LinkMonitor::open(&a).unwrap();
        assert_eq!(monitor.receive().unwrap(), []);
        apply(&a, &[veth(&a, &b)]);
        let index = index(&a, "vf");
        let event = |gone, up| LinkEvent { name: "vf".into(), index, gone, up };
        wait_for(&mut monitor, &event(false, true));
        for (namespace, device) in [(&a, "vf"), (&b, "far")] {
            apply(namespace, &[Request::set_link(device, LinkChange::Down)]);
            wait_for(&mut monitor, &event(false, false));
            apply(namespace, &[Request::set_up(device)]);
            wait_for(&mut monitor, &event(false, true));
        }
        apply(&b, &[Request::DeleteLink("far".into())]);
        let last = wait_for(&mut monitor, &event(true, false));
        assert_eq!(last.last(), Some(&LinkNews::Event(event(true, false))));
    });
}

/// For its namespace a link that goes to another one is gone, and for that one it is new; a change of names is no end.
#[test]
fn a_link_that_moves_is_gone() {
    sandboxed(|| {
        let (a, b, c) = (namespace(), namespace(), namespace());
        apply(&a, &[veth(&a, &b)]);
        let index = index(&a, "vf");
        let mut here = LinkMonitor::open(&a).unwrap();
        let mut there = LinkMonitor::open(&c).unwrap();
        apply(&a, &[Request::set_link("vf", LinkChange::Name("vf2".into()))]);
        let seen = wait_for(&mut here, &LinkEvent { name: "vf2".into(), index, gone: false, up: true });
        assert!(seen.iter().all(|one| !matches!(one, LinkNews::Event(event) if event.gone)), "{seen:?}");
        apply(&a, &[Request::set_link("vf2", LinkChange::Namespace(c.clone()))]);
        wait_for(&mut here, &LinkEvent { name: "vf2".into(), index, gone: true, up: false });
        let index = self::index(&c, "vf2");
        wait_for(&mut there, &LinkEvent { name: "vf2".into(), index, gone: false, up: false });
    });
}

/// Who leaves a bridge is not gone.
#[test]
fn a_port_that_leaves_its_bridge_stays() {
    sandboxed(|| {
        let (a, b) = (namespace(), namespace());
        let bridge = NewLink::Bridge { name: "br1".into(), mac: None, mtu: 1500, up: true };
        let join = Request::set_link("vf", LinkChange::Master("br1".into()));
        apply(&a, &[veth(&a, &b), Request::AddLink(bridge), join]);
        let index = index(&a, "vf");
        let mut monitor = LinkMonitor::open(&a).unwrap();
        apply(
            &a,
            &[Request::set_link("vf", LinkChange::NoMaster), Request::set_link("vf", LinkChange::Down)],
        );
        let seen = wait_for(&mut monitor, &LinkEvent { name: "vf".into(), index, gone: false, up: false });
        assert!(seen.iter().all(|one| !matches!(one, LinkNews::Event(event) if event.gone)), "{seen:?}");
    });
}

/// Who does not read is told that events were lost, and gets the later ones.
#[test]
fn lost_events_are_told() {
    sandboxed(|| {
        let (a, b) = (namespace(), namespace());
        apply(&a, &[veth(&a, &b)]);
        let index = index(&a, "vf");
        let mut monitor = LinkMonitor::open(&a).unwrap();
        let flood: Vec<Request> =
            (0..4000).map(|turn| Request::set_link("vf", LinkChange::Mtu(1400 + turn % 2))).collect();
        apply(&a, &flood);
        assert!(monitor.receive().unwrap().contains(&LinkNews::Overflow));
        apply(&a, &[Request::DeleteLink("vf".into())]);
        let seen = wait_for(&mut monitor, &LinkEvent { name: "vf".into(), index, gone: true, up: false });
        assert!(!seen.contains(&LinkNews::Overflow), "{seen:?}");
    });
}
