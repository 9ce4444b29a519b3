//! What all kernel tests share: a sandbox per test, namespaces with a device or two, and pings.
//!
//! Every test runs on a thread of its own in new mount and network namespaces with an empty /run: nothing that it makes
//! is seen by the machine or by another test, and nothing is left when it ends.

#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod bpf;

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use ipnet::Ipv4Net;
use linux_net::netlink::{Address, NewLink, Request, VethEnd};
use linux_net::process::Placement;
use linux_net::sandbox::{self, Kind, mounts};
use linux_net::{MacAddr, NetNs, Netlink};

/// Runs `test` in a sandbox. Without the right to make one, says why and does not run it.
pub(crate) fn sandboxed(test: impl FnOnce() + Send + 'static) {
    let outcome = thread::spawn(|| {
        if let Err(error) = enter_sandbox() {
            eprintln!("SKIPPED: {error}: run as root, or below `unshare -Urnm`");
            return;
        }
        test();
    })
    .join();
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

fn enter_sandbox() -> Result<(), Box<dyn std::error::Error>> {
    match sandbox::unshare(&[Kind::Mount, Kind::Net]) {
        Err(sandbox::SandboxError::Unshare { source, .. })
            if source.kind() == io::ErrorKind::PermissionDenied =>
        {
            return Err(Box::new(source));
        }
        other => other.expect("new mount and network namespaces"),
    }
    mounts::make_private().expect("private mounts");
    mounts::tmpfs(Path::new("/run"), 0o755).expect("an empty /run");
    Ok(())
}

/// A new namespace that ends with the test.
pub(crate) fn namespace() -> NetNs {
    NetNs::anonymous().unwrap()
}

pub(crate) fn apply(namespace: &NetNs, requests: &[Request]) {
    if let Err(error) = Netlink::open(namespace).unwrap().apply(requests) {
        panic!("{error}\n{}", run(namespace, "ip", &["-d", "address"]).1);
    }
}

pub(crate) fn mac(last: u8) -> MacAddr {
    MacAddr([0, 0x0d, 0x3a, 0, 0, last])
}

pub(crate) fn net(text: &str) -> Ipv4Net {
    text.parse().unwrap()
}

pub(crate) fn end(namespace: &NetNs, name: &str, last: u8) -> VethEnd {
    VethEnd {
        namespace: Some(namespace.clone()),
        name: name.into(),
        mac: Some(mac(last)),
        mtu: 1500,
        up: true,
        arp: true,
    }
}

pub(crate) fn address(device: &str, text: &str) -> Request {
    Request::PutAddress(Address { device: device.into(), address: net(text) })
}

/// Two namespaces, joined by a veth pair `eth0`, with 10.0.0.1/24 and 10.0.0.2/24.
pub(crate) fn pair() -> (NetNs, NetNs) {
    let (a, b) = (namespace(), namespace());
    apply(&a, &[Request::AddLink(NewLink::Veth(end(&a, "eth0", 1), end(&b, "eth0", 2)))]);
    apply(&a, &[address("eth0", "10.0.0.1/24")]);
    apply(&b, &[address("eth0", "10.0.0.2/24")]);
    (a, b)
}

/// Runs a program inside; whether it succeeded, and what it wrote.
pub(crate) fn run(namespace: &NetNs, program: &str, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = Placement::network(namespace).spawn(command).unwrap();
    let output = child.wait_with_output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

/// One echo request, one second.
pub(crate) fn ping(namespace: &NetNs, address: &str) -> bool {
    run(namespace, "ping", &["-n", "-c", "1", "-W", "1", address]).0
}

#[track_caller]
pub(crate) fn assert_ping(namespace: &NetNs, address: &str) {
    let ping = || run(namespace, "ping", &["-n", "-c", "1", "-W", "1", address]);
    // A device whose other end has just come up carries packets a moment later.
    let (ok, text) = (0..9).map(|_| ping()).find(|(ok, _)| *ok).unwrap_or_else(ping);
    assert!(ok, "{text}\n{}", run(namespace, "ip", &["-d", "address"]).1);
}
