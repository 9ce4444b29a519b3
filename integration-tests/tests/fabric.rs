//! Frames between hosts go past the fabric's switch where BPF is to be had, and by it where not.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use integration_tests::{Lab, User, wait};

/// What may cross the switch by itself: ARP's questions, now and then.
const STRAY: u64 = 5;
const PINGS: u64 = 100;

/// One VM on each host, all in one subnet: 10.0.0.4 on host1, 10.0.0.5 on host2, and so on.
fn topology(hosts: usize) -> String {
    let mut text = format!(
        "name: fabric\nlocation: koreacentral\nhosts: {hosts}\n\
         virtualNetworks:\n  vnet: {{addressSpace: [10.0.0.0/24], subnets: {{default: {{addressPrefix: 10.0.0.0/24}}}}}}\n\
         virtualMachines:\n"
    );
    for host in 1..=hosts {
        let address = address(host);
        text.push_str(&format!(
            "  vm{host}: {{subnet: vnet/default, privateIPAddress: {address}, host: host{host}}}\n"
        ));
    }
    text
}

fn address(host: usize) -> String {
    format!("10.0.0.{}", host + 3)
}

/// The hosts' ports on the switch, with the number of frames that it has sent to each.
fn ports(lab: &Lab) -> Vec<(String, u64)> {
    let links = lab.in_namespace("fabric", &["ip", "-s", "-j", "link"]).json();
    let links = links.as_array().unwrap().iter().filter_map(|link| {
        let name = link["ifname"].as_str()?;
        name.starts_with("h-").then(|| (name.to_owned(), link["stats64"]["tx"]["packets"].as_u64().unwrap()))
    });
    links.collect()
}

fn has_shortcut(lab: &Lab, port: &str) -> bool {
    lab.in_namespace("fabric", &["tc", "filter", "show", "dev", port, "ingress"]).ok().contains("to_host")
}

/// The command line does not wait for it.
fn await_shortcuts(lab: &Lab, hosts: usize) {
    wait::until("a program at every port", || {
        let ports = ports(lab);
        (ports.len() == hosts && ports.iter().all(|(port, _)| has_shortcut(lab, port))).then_some(())
    });
}

/// Pings from host 1; how many frames of it the switch has carried.
fn frames_over_the_switch(lab: &Lab, to: usize) -> u64 {
    let ping = |count: &str| {
        lab.exec("vm1", &["ping", "-q", "-i", "0.002", "-W", "5", "-c", count, &address(to)]).ok()
    };
    let total = || ports(lab).iter().map(|(_, sent)| sent).sum::<u64>();
    // Hosts have asked for each other's addresses then.
    let _ = ping("1");
    let before = total();
    let said = ping(&PINGS.to_string());
    assert!(said.contains(" 0% packet loss"), "{said}");
    total() - before
}

/// With the programs the switch sees nothing of it, without them all of it; and whoever comes back puts them there again.
#[test]
fn frames_between_hosts_go_past_the_switch_offloaded_as_root() {
    let lab = Lab::up(User::Root, &topology(2));
    await_shortcuts(&lab, 2);
    let bypassed = frames_over_the_switch(&lab, 2);
    assert!(bypassed <= STRAY, "{bypassed} frames over the switch");

    for (port, _) in ports(&lab) {
        let _ = lab.in_namespace("fabric", &["tc", "filter", "del", "dev", &port, "ingress"]).ok();
    }
    let switched = frames_over_the_switch(&lab, 2);
    assert!(switched >= 2 * PINGS, "{switched} frames over the switch");

    lab.process(&["__controller"]).kill();
    await_shortcuts(&lab, 2);
    let bypassed = frames_over_the_switch(&lab, 2);
    assert!(bypassed <= STRAY, "{bypassed} frames over the switch");
}

/// The programs know a host that comes, and one that has gone and come again.
#[test]
fn hosts_that_come_and_go_are_known_to_the_fabric_offloaded_as_root() {
    // From one host there is nowhere to go.
    let mut lab = Lab::up(User::Root, &topology(1));
    for hosts in [3, 2, 3] {
        let _ = lab.change(&topology(hosts)).expect_status(0);
        await_shortcuts(&lab, hosts);
        let bypassed = frames_over_the_switch(&lab, hosts);
        assert!(bypassed <= STRAY, "{bypassed} frames to host {hosts} over the switch");
    }
}

/// What is not to be offloaded is not, and is again when it is to be.
#[test]
fn what_is_offloaded_no_more_has_no_shortcuts_as_root() {
    let mut lab = Lab::up(User::Root, &topology(2));
    await_shortcuts(&lab, 2);
    let _ = lab.vnetlab(&["up", "--no-offload", &lab.file().to_string_lossy()]).expect_status(0);
    wait::until("no program at any port", || {
        ports(&lab).iter().all(|(port, _)| !has_shortcut(&lab, port)).then_some(())
    });
    assert!(frames_over_the_switch(&lab, 2) >= 2 * PINGS);
    let _ = lab.change(&topology(2)).expect_status(0);
    await_shortcuts(&lab, 2);
}

/// An ordinary user's lab has no programs, and works.
#[test]
fn without_bpf_the_switch_carries_frames_rootless() {
    let lab = Lab::up(User::Ordinary, &topology(2));
    let switched = frames_over_the_switch(&lab, 2);
    assert!(switched >= 2 * PINGS, "{switched} frames over the switch");
    assert!(ports(&lab).iter().all(|(port, _)| !has_shortcut(&lab, port)));
}
