//! What crosses the underlay: VXLAN (RFC 7348) with the number of the virtual network that the receiver is in.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use integration_tests::{Lab, User};

/// tcpdump on a host's underlay device. It ends by itself after `packets`, or when it goes out of scope.
struct Capture(Child);

impl Capture {
    fn start(lab: &Lab, host: &str, packets: u32) -> Self {
        let count = packets.to_string();
        let tcpdump = [
            "tcpdump",
            "-Z",
            "root",
            "-n",
            "-l",
            "-c",
            &count,
            "-i",
            "underlay0",
            "udp",
            "dst",
            "port",
            "4789",
        ];
        let mut command = lab.in_namespace_command(&format!("host-{host}"), &tcpdump);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let listening = said.find(|line| line.as_ref().is_ok_and(|line| line.contains("listening on")));
        assert!(listening.is_some(), "tcpdump listens on {host}");
        // Goes on reading, so that tcpdump does not stop at a full pipe.
        std::thread::spawn(move || said.for_each(drop));
        Self(child)
    }

    fn text(mut self) -> String {
        let mut text = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The VNI of the bridge of the only virtual network on `host`.
fn only_vni(lab: &Lab, host: &str) -> u32 {
    let bridges =
        lab.in_namespace(&format!("host-{host}"), &["ip", "-br", "link", "show", "type", "bridge"]).ok();
    let vnis: Vec<u32> =
        bridges.lines().filter_map(|line| line.strip_prefix("br")?.split(' ').next()?.parse().ok()).collect();
    assert_eq!(vnis.len(), 1, "{host} has NICs of one virtual network:\n{bridges}");
    vnis[0]
}

/// The VNI in front of the inner packet whose description contains `inner`.
fn vni_of(capture: &str, inner: &str) -> u32 {
    let lines: Vec<&str> = capture.lines().collect();
    let pair = lines.windows(2).find(|pair| pair[1].contains(inner));
    let outer = pair.unwrap_or_else(|| panic!("no packet {inner:?} in\n{capture}"))[0];
    let (_, vni) = outer.split_once("vni ").unwrap_or_else(|| panic!("not VXLAN: {outer}"));
    vni.split_whitespace().next().unwrap().parse().unwrap()
}

/// web1 (host2, spoke1) pings web2 (host3, spoke1) and the NVA (host1, hub). Inside spoke1 both ways carry spoke1's VNI; across the
/// peering each packet carries the VNI of the virtual network that it goes to.
#[test]
fn each_packet_carries_the_vni_of_its_receiver_as_root() {
    let lab = Lab::shipped(User::Root, "hub-spoke");
    let (hub, spoke1) = (only_vni(&lab, "host1"), only_vni(&lab, "host2"));
    assert_ne!(hub, spoke1);

    let capture = Capture::start(&lab, "host2", 4);
    let _ = lab.exec("web1", &["ping", "-c", "1", "-W", "5", "10.1.1.5"]).ok();
    let _ = lab.exec("web1", &["ping", "-c", "1", "-W", "5", "10.0.100.4"]).ok();
    let text = capture.text();

    assert_eq!(vni_of(&text, "10.1.1.4 > 10.1.1.5: ICMP echo request"), spoke1);
    assert_eq!(vni_of(&text, "10.1.1.5 > 10.1.1.4: ICMP echo reply"), spoke1);
    assert_eq!(vni_of(&text, "10.1.1.4 > 10.0.100.4: ICMP echo request"), hub);
    assert_eq!(vni_of(&text, "10.0.100.4 > 10.1.1.4: ICMP echo reply"), spoke1);
}

/// VMs of the same host talk without the underlay: app1 and web2 stand on host3, but in different spokes, so the way leads through
/// the NVA on host1. nva and jump share host1 and the hub: nothing of theirs is on the underlay.
#[test]
fn neighbours_on_a_host_do_not_use_the_underlay_as_root() {
    let lab = Lab::shipped(User::Root, "hub-spoke");

    let capture = Capture::start(&lab, "host1", 1);
    let _ = lab.exec("jump", &["ping", "-c", "1", "-W", "5", "10.0.100.4"]).ok();
    let _ = lab.exec("jump", &["ping", "-c", "1", "-W", "5", "10.1.1.4"]).ok();
    let text = capture.text();

    assert!(
        text.contains("10.0.1.4 > 10.1.1.4: ICMP echo request"),
        "the first packet there goes to web1:\n{text}"
    );
}
