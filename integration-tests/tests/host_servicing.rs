//! Host servicing: the VFs of a host's VMs are taken away and returned, and nobody loses a packet.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use integration_tests::data_path::{await_path, await_paths, path};
use integration_tests::traffic::{Ping, Transfer};
use integration_tests::{Lab, User};

/// How often in a row, as root; an ordinary user's lab does the same things and no others.
const TIMES: usize = 10;
const TIMES_ROOTLESS: usize = 3;

const TOPOLOGY: &str = "\
name: servicing
hosts: 2
virtualNetworks:
  net: {addressSpace: [10.0.0.0/16], subnets: {a: {addressPrefix: 10.0.0.0/24}}}
virtualMachines:
  here: {subnet: net/a, privateIPAddress: 10.0.0.4, host: host1}
  neighbour: {subnet: net/a, privateIPAddress: 10.0.0.5, host: host1}
  far: {subnet: net/a, privateIPAddress: 10.0.0.6, host: host2}
  plain: {subnet: net/a, privateIPAddress: 10.0.0.7, host: host1, enableAcceleratedNetworking: false}
";

/// Services host1 while `here` speaks to `peer`, so many times in a row.
fn nothing_is_lost(user: User, peer: &str, address: &str, times: usize) {
    let lab = Lab::up(user, TOPOLOGY);
    ["here", "neighbour", "far"].iter().for_each(|vm| await_path(&lab, vm, "vf"));
    let ping = Ping::start(&lab, "here", address, "0.002");
    let transfer = Transfer::start(&lab, "here", peer, address);
    for _ in 0..times {
        let mut servicing = lab.bench().command(&["service-host", "host1", "--for", "1s"]);
        let mut servicing = servicing.stdout(std::process::Stdio::null()).spawn().unwrap();
        // Another host's VFs stay.
        await_paths(&lab, [("here", "synthetic"), ("neighbour", "synthetic"), ("far", "vf")]);
        transfer.await_progress();
        ping.await_answers(10);
        assert!(servicing.wait().unwrap().success());
        assert_eq!(
            [path(&lab, "here"), path(&lab, "neighbour")],
            ["vf", "vf"],
            "when it returns, they are back"
        );
        transfer.await_progress();
        ping.await_answers(10);
    }
    await_path(&lab, "plain", "synthetic");
    transfer.finish();
    let (answers, lost) = (ping.answers(), ping.lost());
    assert_eq!(lost, Vec::<u16>::new(), "sequence numbers lost of {answers}");
}

#[test]
fn s12_1_nothing_is_lost_on_one_host_as_root() {
    nothing_is_lost(User::Root, "neighbour", "10.0.0.5", TIMES);
}

#[test]
fn s12_1_nothing_is_lost_across_hosts_as_root() {
    nothing_is_lost(User::Root, "far", "10.0.0.6", TIMES);
}

#[test]
fn s12_1_nothing_is_lost_rootless() {
    nothing_is_lost(User::Ordinary, "neighbour", "10.0.0.5", TIMES_ROOTLESS);
}

/// The guest's kernel log has what Linux's hv_netvsc driver writes there.
#[test]
fn s12_1_the_guest_is_told_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    await_path(&lab, "here", "vf");
    let _ = lab.vnetlab(&["service-host", "host1", "--for", "100ms"]).ok();
    let events = lab.vnetlab(&["events", "-o", "json"]).expect_status(0).json();
    let events = events["value"].as_array().unwrap();
    let of_here = events.iter().filter(|event| event["networkInterface"] == "here/nic0");
    let lines: Vec<&str> = of_here.map(|event| event["line"].as_str().unwrap()).collect();
    let switched = ["Data path switched to VF: enP1s1np0", "Data path switched from VF: enP1s1np0"];
    let switches: Vec<_> =
        lines.iter().filter_map(|line| switched.iter().position(|said| line.ends_with(said))).collect();
    assert_eq!(switches, [0, 1, 0], "{lines:#?}");
    for said in ["VF registering", "VF unregistering", "VF slot 1 removed"] {
        assert!(lines.iter().any(|line| line.contains(said)), "{said}: {lines:#?}");
    }
}
