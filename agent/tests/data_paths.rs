//! VFs of whole VMs, with BPF and without: given, taken, torn away, and taken over by the next agent.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test says what it expects by unwrapping it, and why it cannot run"
)]

mod common;

use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use common::controller::Controller;
use common::in_sandbox;
use common::network::{goal, vm};
use common::room::{Room, in_namespace, pings, shell, shell_in, shell_in_vm, spawn_in};
use goal_state::event::Event;
use goal_state::message::FromAgent;
use goal_state::{DataPath, HostGoalState};
use linux_net::bpf::Object;

/// As the agent has it.
const OFFLOAD: &[u8] = include_bytes!("../../vfp/bpf/offload.bpf.o");

/// Whether flows are offloaded in this test.
#[derive(Clone, Copy)]
enum Offload {
    Off,
    /// If the kernel lets us, which is so for root.
    On,
}

/// The VMs of host1, accelerated but for the appliance.
fn accelerated(generation: u64, offload: Offload) -> HostGoalState {
    let mut goal = goal(1, generation);
    goal.offload = matches!(offload, Offload::On);
    for name in ["a", "b"] {
        vm(&mut goal, name).network_interfaces[0].accelerated = true;
    }
    goal
}

fn apply(controller: &mut Controller, goal: &HostGoalState) -> u32 {
    let report = controller.apply(goal);
    assert_eq!(report.problems, Vec::<String>::new());
    report.changes
}

/// In a user namespace of its own nobody may load BPF.
fn may_offload() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap();
    map.split_whitespace().eq(["0", "0", "4294967295"])
}

/// NIC and path, in the order of VMs.
fn paths(controller: &mut Controller, offload: Offload) -> Vec<(String, DataPath)> {
    let status = controller.status();
    let offloads = matches!(offload, Offload::On) && may_offload();
    assert_eq!(status.not_offloaded.is_none(), offloads, "{:?}", status.not_offloaded);
    for path in &status.data_paths {
        assert_eq!(path.offloaded, offloads && path.path == DataPath::Vf);
    }
    status.data_paths.into_iter().map(|path| (path.nic.to_string(), path.path)).collect()
}

fn expected(path: DataPath) -> Vec<(String, DataPath)> {
    [("a/nic0", path), ("b/nic0", path), ("nva/nic0", DataPath::Synthetic)]
        .map(|(nic, path)| (nic.to_owned(), path))
        .into()
}

/// The lines of a's kernel log so far.
fn lines(controller: &mut Controller) -> Vec<String> {
    let line = |event: &Event| match event {
        Event::DataPath(event) if event.nic.to_string() == "a/nic0" => {
            assert!(event.time_us > 0);
            Some(format!("{}: {}", event.path.as_str(), event.line))
        }
        _ => None,
    };
    controller.events().iter().filter_map(line).collect()
}

const ARRIVAL: [&str; 3] = [
    "vfOffered: eth0: VF slot 1 added",
    "vfOffered: eth0: VF registering: enP1s1np0",
    "vf: eth0: Data path switched to VF: enP1s1np0",
];
const REMOVAL: [&str; 3] = [
    "revoking: eth0: Data path switched from VF: enP1s1np0",
    "revoking: eth0: VF unregistering: enP1s1np0",
    "synthetic: eth0: VF slot 1 removed",
];

/// A ping from a to b every other millisecond, so many times; ends by itself.
fn fast_ping(count: u32) -> Child {
    spawn_in("vm-a", &format!("ping -n -q -i 0.002 -c {count} -W 1 10.1.0.5"))
}

#[track_caller]
fn assert_nothing_lost(ping: Child, count: u32) {
    let text = String::from_utf8(ping.wait_with_output().unwrap().stdout).unwrap();
    assert!(text.contains(&format!("{count} packets transmitted, {count} received")), "{text}");
}

#[test]
fn accelerated_nics_have_vfs_that_carry_their_packets() {
    in_sandbox("accelerated_nics_have_vfs_that_carry_their_packets", || {
        let room = Room::new(1);
        let mut one = room.controller("host1");
        one.follow_events();
        apply(&mut one, &accelerated(1, Offload::Off));
        assert_eq!(paths(&mut one, Offload::Off), expected(DataPath::Vf));
        assert_eq!(lines(&mut one), ARRIVAL);
        assert_eq!(apply(&mut one, &accelerated(2, Offload::Off)), 0, "a second time nothing is changed");
        assert!(pings("a", "10.1.0.5") && pings("a", "10.0.0.4"));
        let counters = one.device_counters();
        assert_eq!(
            counters.iter().map(|nic| nic.nic.to_string()).collect::<Vec<_>>(),
            ["a/nic0", "b/nic0", "nva/nic0"]
        );
        assert_eq!(
            (counters[0].device.as_str(), counters[0].vf_device.as_deref()),
            ("eth0", Some("enP1s1np0"))
        );
        assert_eq!((counters[0].vf.tx_packets, counters[0].vf.rx_packets), (2, 2));
        assert!(counters[0].vf.tx_bytes > 0);
        assert_eq!((counters[2].vf_device.as_deref(), counters[2].vf.tx_packets), (None, 0));
        assert!(counters[2].synthetic.tx_packets > 0);

        assert!(matches!(one.flows("a"), FromAgent::Flows { flows, table: None, .. } if flows.is_empty()));
        assert!(matches!(one.flows("d"), FromAgent::Error { .. }), "it is on the other host");
        // Applications see the VF, and no address on it.
        assert!(!shell_in_vm("a", "ip addr show dev enP1s1np0").contains("inet"));
    });
}

/// Azure changes accelerated networking of a stopped VM only; here the VM starts anew.
#[test]
fn a_change_of_acceleration_restarts_the_vm() {
    in_sandbox("a_change_of_acceleration_restarts_the_vm", || {
        let room = Room::new(1);
        let mut one = room.controller("host1");
        apply(&mut one, &accelerated(1, Offload::Off));
        let pid = |vm: &str| shell(&format!("cat /run/vnetlab/vms/{vm}.pid"));
        let before = (pid("a"), pid("b"));
        let mut goal = accelerated(2, Offload::Off);
        vm(&mut goal, "a").network_interfaces[0].accelerated = false;
        apply(&mut one, &goal);
        assert!(pid("a") != before.0 && pid("b") == before.1);
        assert_eq!(paths(&mut one, Offload::Off)[0], ("a/nic0".to_owned(), DataPath::Synthetic));
        assert!(!in_namespace("vm-a", "ip link show enP1s1np0").status.success());
        assert!(pings("a", "10.1.0.5"));
        assert_eq!(one.device_counters()[0].vf_device, None);
        apply(&mut one, &accelerated(3, Offload::Off));
        assert_eq!(paths(&mut one, Offload::Off), expected(DataPath::Vf));
        assert!(pings("a", "10.1.0.5"));
    });
}

/// Removed and returned while packets come: none is lost, and the counters go on.
fn servicing(offload: Offload) {
    let room = Room::new(1);
    let mut one = room.controller("host1");
    apply(&mut one, &accelerated(1, offload));
    assert_eq!(one.await_service(), Vec::<String>::new(), "there is none");
    assert!(pings("a", "10.1.0.5"));
    one.follow_events();
    const PINGS: u32 = 600;
    let ping = fast_ping(PINGS);
    for _ in 0..3 {
        assert_eq!(one.service(Duration::from_secs(3600)), ["a/nic0", "b/nic0"]);
        assert_eq!(paths(&mut one, offload), expected(DataPath::Synthetic));
        assert_eq!(apply(&mut one, &accelerated(1, offload)), 0, "VFs stay away meanwhile");
        assert_eq!(one.service(Duration::from_millis(20)), Vec::<String>::new(), "a new time");
        assert_eq!(one.await_service(), Vec::<String>::new());
        assert_eq!(paths(&mut one, offload), expected(DataPath::Vf));
    }
    assert_nothing_lost(ping, PINGS);
    let told = lines(&mut one);
    assert_eq!(told, [REMOVAL, ARRIVAL, REMOVAL, ARRIVAL, REMOVAL, ARRIVAL].concat());
    let counters = &one.device_counters()[0];
    assert!(counters.vf.tx_packets > 1 && counters.synthetic.tx_packets > 50, "{counters:?}");
}

#[test]
fn servicing_loses_nothing() {
    in_sandbox("servicing_loses_nothing", || servicing(Offload::Off));
}

#[test]
fn servicing_loses_nothing_with_bpf() {
    in_sandbox("servicing_loses_nothing_with_bpf", || servicing(Offload::On));
}

/// A second call sets a new time, and an agent that is killed meanwhile has a successor that keeps it.
#[test]
fn a_servicing_survives_the_agent() {
    in_sandbox("a_servicing_survives_the_agent", || {
        let mut room = Room::new(1);
        let mut one = room.controller("host1");
        apply(&mut one, &accelerated(1, Offload::Off));
        assert!(pings("a", "10.1.0.5"));
        assert_eq!(one.service(Duration::from_secs(3600)).len(), 2);
        room.kill_agent("host1");
        room.start_agent("host1");
        let mut one = room.controller("host1");
        apply(&mut one, &accelerated(1, Offload::Off));
        assert_eq!(paths(&mut one, Offload::Off), expected(DataPath::Synthetic));
        let carried = one.device_counters()[0].vf;
        assert_eq!(carried.tx_packets, 1, "what VFs have carried survives, too");
        assert_eq!(one.service(Duration::from_millis(1)), Vec::<String>::new());
        assert_eq!(one.await_service(), Vec::<String>::new());
        assert_eq!(paths(&mut one, Offload::Off), expected(DataPath::Vf));
    });
}

/// Somebody deletes a VF: packets go the synthetic way again almost at once, and the next apply returns it.
fn tear_away(offload: Offload) {
    let room = Room::new(1);
    let mut one = room.controller("host1");
    apply(&mut one, &accelerated(1, offload));
    assert!(pings("a", "10.1.0.5"));
    one.follow_events();
    const PINGS: u32 = 500;
    let ping = fast_ping(PINGS);
    let end = Instant::now() + Duration::from_secs(10);
    while one.device_counters()[0].vf.tx_packets < 20 {
        assert!(Instant::now() < end, "the VF carries nothing");
    }
    shell_in("port-a-nic0", "ip link delete dev vf");
    one.event(|event| match event {
        Event::DataPath(event) if event.path == DataPath::Failed => Some(()),
        _ => None,
    });
    let failed = one.status().data_paths.remove(0);
    assert_eq!((failed.path, failed.why.as_deref()), (DataPath::Failed, Some("the VF has gone")));
    let text = String::from_utf8(ping.wait_with_output().unwrap().stdout).unwrap();
    let received = text.split(" received").next().and_then(|before| before.split(' ').next_back());
    let received = received.and_then(|number| number.parse::<u32>().ok()).unwrap();
    // 50 ms.
    assert!(received >= PINGS - 25, "{text}");
    assert!(apply(&mut one, &accelerated(2, offload)) > 0);
    assert_eq!(paths(&mut one, offload), expected(DataPath::Vf));
    assert_eq!(lines(&mut one)[3..], ARRIVAL);
}

#[test]
fn a_vf_that_is_torn_away_costs_little() {
    in_sandbox("a_vf_that_is_torn_away_costs_little", || tear_away(Offload::Off));
}

#[test]
fn a_vf_that_is_torn_away_costs_little_with_bpf() {
    in_sandbox("a_vf_that_is_torn_away_costs_little_with_bpf", || tear_away(Offload::On));
}

/// Its successor finds VFs as they were, or half done, or torn away.
fn succession(offload: Offload) {
    let mut room = Room::new(1);
    apply(&mut room.controller("host1"), &accelerated(1, offload));
    for (damage, as_it_was) in [
        ("true", true),
        ("tc -n vm-a filter delete dev eth0 egress", false),
        ("tc -n port-a-nic0 filter delete dev guest egress", false),
        ("ip -n vm-a link set enP1s1np0 down", false),
        ("ip -n port-a-nic0 link delete dev vf", false),
    ] {
        room.kill_agent("host1");
        shell(damage);
        room.start_agent("host1");
        let mut one = room.controller("host1");
        let changes = apply(&mut one, &accelerated(1, offload));
        assert_eq!(paths(&mut one, offload), expected(DataPath::Vf), "{damage}");
        let before = one.device_counters()[0].vf.tx_packets;
        assert!(pings("a", "10.1.0.5"), "{damage}");
        assert!(one.device_counters()[0].vf.tx_packets > before, "{damage}");
        if as_it_was {
            assert_eq!(changes, 0);
        }
    }
}

#[test]
fn the_next_agent_takes_over() {
    in_sandbox("the_next_agent_takes_over", || succession(Offload::Off));
}

#[test]
fn the_next_agent_takes_over_with_bpf() {
    in_sandbox("the_next_agent_takes_over_with_bpf", || succession(Offload::On));
}

/// Killed at whichever step of a switch: packets go on, and the successor finishes what was begun.
#[test]
fn an_agent_killed_in_the_middle_of_a_switch_loses_nothing() {
    in_sandbox("an_agent_killed_in_the_middle_of_a_switch_loses_nothing", || {
        let mut room = Room::new(1);
        apply(&mut room.controller("host1"), &accelerated(1, Offload::On));
        assert!(pings("a", "10.1.0.5"));
        const PINGS: u32 = 1500;
        let ping = fast_ping(PINGS);
        for milliseconds in [0, 3, 6, 10, 15, 25, 40] {
            let mut one = room.controller("host1");
            one.begin_service(Duration::from_millis(8));
            std::thread::sleep(Duration::from_millis(milliseconds));
            room.kill_agent("host1");
            room.start_agent("host1");
            let mut one = room.controller("host1");
            apply(&mut one, &accelerated(1, Offload::On));
            assert_eq!(one.await_service(), Vec::<String>::new());
            assert_eq!(paths(&mut one, Offload::On), expected(DataPath::Vf), "after {milliseconds} ms");
        }
        assert_nothing_lost(ping, PINGS);
    });
}

/// A flow table that others have filled: the flow that was used least lately makes room, and packets notice nothing.
#[test]
fn a_full_flow_table_is_harmless() {
    in_sandbox("a_full_flow_table_is_harmless", || {
        if !may_offload() {
            return eprintln!("SKIPPED: no BPF in a user namespace");
        }
        let room = Room::new(1);
        let mut one = room.controller("host1");
        apply(&mut one, &accelerated(1, Offload::On));
        let table = Object::open(Path::new("/run/bpf/offload"), OFFLOAD).unwrap().map("flows").unwrap();
        // Of a port that nobody has.
        let mut key = vec![0xff; table.key_size()];
        let value = vec![0; table.value_size()];
        for number in 0..table.capacity() + table.capacity() / 10 {
            key[4..8].copy_from_slice(&number.to_ne_bytes());
            table.update(&key, &value).unwrap();
        }
        assert_nothing_lost(fast_ping(100), 100);
        let FromAgent::Flows { flows, table: Some(table), .. } = one.flows("a") else { panic!("no table") };
        assert!(flows.iter().any(|flow| flow.packets > 50), "{flows:?}");
        assert_eq!(table.refused, 0, "the flow table makes room");
    });
}
