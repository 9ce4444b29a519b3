//! What we believe about network namespaces.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests fail by unwrapping, and say why they cannot run"
)]

mod common;

use std::fs;

use common::{run, sandboxed};
use linux_net::netns::{NETNS_DIR, NetNsError};
use linux_net::sandbox::{self, Kind, mounts};
use linux_net::{NetNs, Netlink};

/// A created namespace is pinned by name as `ip netns` does it: `ip` lists it and can run programs in it.
#[test]
fn create_is_what_ip_netns_does() {
    sandboxed(|| {
        let made = NetNs::create("blue").unwrap();
        assert_ne!(made, NetNs::current().unwrap());
        assert_eq!(NetNs::open("blue").unwrap(), made);
        assert_eq!(NetNs::list().unwrap(), ["blue"]);
        let here = NetNs::current().unwrap();
        assert!(run(&here, "ip", &["netns", "list"]).1.contains("blue"));
        let (ok, text) = run(&here, "ip", &["netns", "exec", "blue", "ip", "link", "show", "lo"]);
        assert!(ok && text.contains("LOOPBACK,UP"), "{text}");
    });
}

/// And the other way round: what `ip netns` made can be opened.
#[test]
fn namespaces_of_ip_netns_open() {
    sandboxed(|| {
        let here = NetNs::current().unwrap();
        assert!(run(&here, "ip", &["netns", "add", "red"]).0);
        assert_ne!(NetNs::open("red").unwrap(), here);
        NetNs::create("blue").unwrap();
        assert_eq!(NetNs::list().unwrap(), ["blue", "red"]);
    });
}

/// A taken name is refused and left as it was; `ensure` opens it.
#[test]
fn names_are_unique_and_ensure_is_idempotent() {
    sandboxed(|| {
        let first = NetNs::ensure("blue").unwrap();
        assert!(matches!(NetNs::create("blue"), Err(NetNsError::Exists(_))));
        assert_eq!(NetNs::ensure("blue").unwrap(), first);
    });
}

/// A file without a namespace (a crash between making the file and binding it) is replaced by `ensure`.
#[test]
fn a_stale_name_is_replaced() {
    sandboxed(|| {
        fs::create_dir_all(NETNS_DIR).unwrap();
        fs::write(format!("{NETNS_DIR}/blue"), "").unwrap();
        assert!(matches!(NetNs::open("blue"), Err(NetNsError::NotANamespace(_))));
        assert_ne!(NetNs::ensure("blue").unwrap(), NetNs::current().unwrap());
    });
}

/// Deleting removes the name, twice is no error, and the open value still works.
#[test]
fn delete_removes_the_name_only() {
    sandboxed(|| {
        let blue = NetNs::create("blue").unwrap();
        NetNs::delete("blue").unwrap();
        NetNs::delete("blue").unwrap();
        assert!(matches!(NetNs::open("blue"), Err(NetNsError::NotFound(_))));
        assert_eq!(NetNs::list().unwrap(), Vec::<String>::new());
        assert_eq!(Netlink::open(&blue).unwrap().links().unwrap().len(), 1);
    });
}

/// `run` works inside and leaves the caller's thread where it was.
#[test]
fn run_is_inside_and_the_caller_stays() {
    sandboxed(|| {
        let before = NetNs::current().unwrap();
        let blue = NetNs::anonymous().unwrap();
        let inside = blue.run(|| NetNs::current().unwrap()).unwrap();
        assert_eq!(inside, blue);
        assert_eq!(NetNs::current().unwrap(), before);
    });
}

/// Many threads may create at the same time.
#[test]
fn creation_is_safe_from_many_threads() {
    sandboxed(|| {
        let names: Vec<String> = (0..16).map(|number| format!("n{number:02}")).collect();
        let places = || {
            let mounts = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
            mounts.lines().filter(|line| line.contains(" /run/netns ")).count()
        };
        // Where `ip netns` has been used, the machine has one, too.
        let before = places();
        let spawned: Vec<_> = names
            .iter()
            .cloned()
            .map(|name| std::thread::spawn(move || NetNs::create(&name).unwrap()))
            .collect();
        let mut made: Vec<NetNs> = spawned.into_iter().map(|thread| thread.join().unwrap()).collect();
        made.sort();
        made.dedup();
        assert_eq!(made.len(), 16);
        assert_eq!(NetNs::list().unwrap(), names);
        assert_eq!(places(), before + 1);
    });
}

/// A name that is removed here also goes away in mount namespaces that were cloned from this one as slaves; otherwise the
/// namespace would live on there, held by nobody who knows.
#[test]
fn a_removed_name_goes_away_in_slave_mounts() {
    sandboxed(|| {
        NetNs::create("blue").unwrap();
        let pinned = || {
            let mounts = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
            mounts.lines().filter(|line| line.contains("/run/netns/blue")).count()
        };
        let (tell, told) = std::sync::mpsc::channel();
        let (go, wait) = std::sync::mpsc::channel();
        let clone = std::thread::spawn(move || {
            sandbox::unshare(&[Kind::Mount]).unwrap();
            mounts::make_slave().unwrap();
            tell.send(pinned()).unwrap();
            wait.recv().unwrap();
            tell.send(pinned()).unwrap();
        });
        assert_eq!(told.recv().unwrap(), 1);
        NetNs::delete("blue").unwrap();
        go.send(()).unwrap();
        assert_eq!(told.recv().unwrap(), 0);
        clone.join().unwrap();
    });
}
