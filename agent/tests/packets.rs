//! Real packets between VMs of hand-made goal states, on two hosts.

mod common;

use common::controller::Controller;
use common::in_sandbox;
use common::network::{goal, group_that_denies, vm};
use common::room::{Room, in_namespace, pings, shell, shell_in, shell_in_vm, socket};
use goal_state::DropReason;
use goal_state::event::Event;
use goal_state::message::{FromAgent, PROTOCOL_VERSION};
use goal_state::nsg::{Direction, Protocol};
use goal_state::port::ForwardedTrafficRefusal;
use goal_state::probe::ProbeOutcome;

fn both(room: &Room) -> (Controller, Controller) {
    let (mut one, mut two) = (room.controller("host1"), room.controller("host2"));
    for (controller, host) in [(&mut one, 1), (&mut two, 2)] {
        let report = controller.apply(&goal(host, 1));
        assert_eq!(report.problems, Vec::<String>::new());
        assert!(report.changes > 0);
    }
    (one, two)
}

/// a pings and calls a VM on its own host, one on another host, one in a peered network on its own host and one behind
/// the appliance. The appliance and nobody else is one hop on the way from spoke to spoke.
#[test]
fn packets_arrive_wherever_the_routes_lead() {
    in_sandbox("packets_arrive_wherever_the_routes_lead", || {
        let room = Room::new(2);
        let (mut one, _two) = both(&room);
        for (who, address) in [
            ("same host", "10.1.0.5"),
            ("other host", "10.1.0.6"),
            ("peered network, same host", "10.0.0.4"),
            ("through the appliance", "10.2.0.4"),
        ] {
            assert!(
                pings("a", address),
                "{who}: {}",
                shell("ip netns; ip -n port-a-nic0 route; ip netns exec port-a-nic0 nft list ruleset")
            );
            for (protocol, port) in [(Protocol::Tcp, 80), (Protocol::Udp, 53), (Protocol::Icmp, 0)] {
                assert_eq!(
                    one.probe("a", "10.1.0.4", address, protocol, port),
                    ProbeOutcome::Answered,
                    "{who} {protocol}"
                );
            }
            for protocol in [Protocol::Tcp, Protocol::Udp] {
                assert_eq!(
                    one.probe("a", "10.1.0.4", address, protocol, 9),
                    ProbeOutcome::Refused,
                    "{who} {protocol}"
                );
            }
        }
        // The fabric is no hop.
        for address in ["10.1.0.5", "10.1.0.6", "10.0.0.4"] {
            let answer = shell_in("vm-a", &format!("ping -n -c 1 -W 2 {address}"));
            assert!(answer.contains("ttl=64"), "{answer}");
        }
        // Peered network on another host.
        assert!(pings("nva", "10.2.0.4"));
        assert!(pings("d", "10.0.0.4"));
    });
}

/// A VM sees its own processes, names and namespaces only.
#[test]
fn a_vm_is_a_machine_of_its_own() {
    in_sandbox("a_vm_is_a_machine_of_its_own", || {
        let room = Room::new(1);
        let mut one = room.controller("host1");
        assert_eq!(one.apply(&goal(1, 1)).problems, Vec::<String>::new());
        assert_eq!(shell_in_vm("a", "hostname").trim(), "a");
        assert_eq!(
            shell_in_vm("a", "getent hosts b").split_whitespace().collect::<Vec<_>>(),
            ["10.1.0.5", "b"]
        );
        assert_eq!(shell_in_vm("a", "ls /run").trim(), "vnetlab-guest");
        assert!(shell_in_vm("a", "ls /proc | grep -c '^[0-9]*$'").trim().parse::<u32>().unwrap() <= 5);
        assert!(shell_in_vm("a", "cat /proc/1/cmdline").contains("vm-init"));
        let neighbour = shell_in_vm("a", "ping -n -c 1 -W 2 10.1.0.5 >&2; ip neigh show 10.1.0.5");
        assert!(neighbour.contains("12:34:56:78:9a:bc"), "{neighbour}");
    });
}

/// b's subnet denies TCP 80: a's probe is silent, and the host tells the rule's name.
#[test]
fn a_deny_is_told_with_the_rules_name() {
    in_sandbox("a_deny_is_told_with_the_rules_name", || {
        let room = Room::new(1);
        let mut one = room.controller("host1");
        let mut goal = goal(1, 1);
        vm(&mut goal, "b").network_interfaces[0].port.filter.inbound = vec![group_that_denies(80).into()];
        assert_eq!(one.apply(&goal).problems, Vec::<String>::new());
        one.follow_events();
        assert_eq!(one.probe("a", "10.1.0.4", "10.1.0.5", Protocol::Udp, 53), ProbeOutcome::Answered);
        assert_eq!(one.probe("a", "10.1.0.4", "10.1.0.5", Protocol::Tcp, 80), ProbeOutcome::Silent);
        let drop = one.event(|event| match event {
            Event::Drop(drop) if drop.packet.destination_port == 80 => Some(drop.clone()),
            _ => None,
        });
        assert_eq!(drop.nic.unwrap().to_string(), "b/nic0");
        assert_eq!((drop.reason, drop.direction), (DropReason::NetworkSecurityGroup, Direction::Inbound));
        let by = drop.by.unwrap();
        assert_eq!((by.resource.as_str(), by.rule.as_str()), ("nsg-b", "no-web"));
        // The probe was let through at a's port, and said so.
        one.event(|event| match event {
            Event::Seen(seen) => {
                (seen.nic.to_string() == "a/nic0" && seen.packet.destination_port == 80).then_some(())
            }
            _ => None,
        });
        let counters = one.counters();
        let counter = counters.iter().find(|counter| counter.rule == "nsg-b/no-web").unwrap();
        assert!(counter.counter == "subnet_in_100" && counter.packets > 0, "{counter:?}");
    });
}

/// Drops that are not an NSG's: a quarantined prefix, a foreign source, an address that nobody owns.
#[test]
fn other_drops_have_their_reasons() {
    in_sandbox("other_drops_have_their_reasons", || {
        let room = Room::new(1);
        let mut one = room.controller("host1");
        assert_eq!(one.apply(&goal(1, 1)).problems, Vec::<String>::new());
        one.follow_events();
        assert!(!pings("a", "10.9.0.1"));
        let by = one.event(|event| match event {
            Event::Drop(drop) if drop.reason == DropReason::Route => drop.by.clone(),
            _ => None,
        });
        assert_eq!((by.resource.as_str(), by.rule.as_str()), ("rt", "quarantine"));

        shell_in("vm-a", "ip addr add 192.0.2.1/32 dev lo");
        assert!(!in_namespace("vm-a", "ping -n -c 1 -W 1 -I 192.0.2.1 10.1.0.5").status.success());
        one.event(|event| match event {
            Event::Drop(drop) => (drop.reason == DropReason::SourceAddress).then_some(()),
            _ => None,
        });

        assert!(!pings("a", "10.1.0.99"));
        let drop = one.event(|event| match event {
            Event::Drop(drop) if drop.reason == DropReason::NoDestination => Some(drop.clone()),
            _ => None,
        });
        assert_eq!(drop.packet.source.to_string(), "10.1.0.4");
        assert_eq!(drop.packet.destination.to_string(), "10.1.0.99");
    });
}

/// The same goal state again changes nothing; an older one is refused; without b nothing of b is left.
#[test]
fn applying_twice_changes_nothing() {
    in_sandbox("applying_twice_changes_nothing", || {
        let room = Room::new(1);
        let mut one = room.controller("host1");
        let mut goal = goal(1, 2);
        one.apply(&goal);
        let report = one.apply(&goal);
        assert_eq!((report.changes, report.problems), (0, Vec::new()));
        goal.generation.0 = 1;
        assert!(matches!(one.try_apply(&goal), FromAgent::Error { .. }));

        goal.generation.0 = 3;
        goal.virtual_machines.retain(|vm| vm.name.as_str() != "b");
        assert_eq!(one.apply(&goal).problems, Vec::<String>::new());
        let left = shell("ip netns list; ip -n host-host1 -o link; ls /run/vnetlab/vms");
        assert!(
            !left.contains("vm-b")
                && !left.contains("port-b")
                && !left.contains("p000105")
                && !left.contains("b.pid"),
            "{left}"
        );
        assert!(pings("a", "10.0.0.4"));
        assert_eq!(one.apply(&goal).changes, 0);
        let running = one.status().running_vms.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(running, ["a", "nva"]);
    });
}

/// b's port cannot be made, since something else has its name: the report says so, and the others work.
#[test]
fn one_port_that_fails_leaves_the_others() {
    in_sandbox("one_port_that_fails_leaves_the_others", || {
        let room = Room::new(1);
        let mut one = room.controller("host1");
        shell("mkdir /run/netns/port-b-nic0");
        let report = one.apply(&goal(1, 1));
        assert!(
            report.problems.iter().any(|problem| problem.starts_with("port-b-nic0: ")),
            "{:?}",
            report.problems
        );
        assert!(pings("a", "10.0.0.4"));
        assert_eq!(one.status().problems, report.problems);
        shell("rmdir /run/netns/port-b-nic0");
        assert_eq!(one.apply(&goal(1, 1)).problems, Vec::<String>::new());
        assert!(pings("a", "10.1.0.5"));
        assert_eq!(one.probe("a", "10.1.0.4", "10.1.0.5", Protocol::Udp, 53), ProbeOutcome::Answered);
    });
}

/// d's link to the hub refuses what the hub's appliance forwards, and takes what it sends.
#[test]
fn a_peering_link_refuses_forwarded_packets() {
    in_sandbox("a_peering_link_refuses_forwarded_packets", || {
        let room = Room::new(2);
        let (mut one, mut two) = (room.controller("host1"), room.controller("host2"));
        let here = goal(1, 1);
        assert_eq!(one.apply(&here).problems, Vec::<String>::new());
        let mut there = goal(2, 1);
        vm(&mut there, "d").network_interfaces[0].port.forwarded_traffic_refused =
            vec![ForwardedTrafficRefusal {
                peering: "spoke2/to-hub".into(),
                forwarders: vec![vm(&mut here.clone(), "nva").network_interfaces[0].mac],
                space: ["10.0.0.0/16".parse().unwrap()].into_iter().collect(),
            }];
        assert_eq!(two.apply(&there).problems, Vec::<String>::new());
        two.follow_events();
        assert!(pings("nva", "10.2.0.4"));
        assert!(!pings("a", "10.2.0.4"));
        let by = two.event(|event| match event {
            Event::Drop(drop) if drop.reason == DropReason::Peering => drop.by.clone(),
            _ => None,
        });
        assert_eq!((by.resource.as_str(), by.rule.as_str()), ("spoke2/to-hub", "allowForwardedTraffic"));
    });
}

/// a has a second NIC: what comes in there is answered from there, by that NIC's port.
#[test]
fn a_second_nic_answers_for_itself() {
    in_sandbox("a_second_nic_answers_for_itself", || {
        let room = Room::new(1);
        let mut one = room.controller("host1");
        let mut goal = goal(1, 1);
        let a = vm(&mut goal, "a");
        let mut second = a.network_interfaces[0].clone();
        second.name = "nic1".parse().unwrap();
        second.mac.0[3] = 1;
        second.addresses = vec!["10.1.1.4".parse().unwrap()];
        second.subnet = "10.1.1.0/24".parse().unwrap();
        let mac = second.mac;
        a.network_interfaces.push(second);
        for network in &mut goal.virtual_networks {
            let mut mapping = network.mappings[0].clone();
            mapping.customer_address = "10.1.1.4".parse().unwrap();
            mapping.mac = mac;
            network.mappings.push(mapping);
        }
        assert_eq!(one.apply(&goal).problems, Vec::<String>::new());
        assert_eq!(one.apply(&goal).changes, 0);
        one.follow_events();
        assert_eq!(one.probe("b", "10.1.0.5", "10.1.1.4", Protocol::Tcp, 80), ProbeOutcome::Answered);
        assert_eq!(one.probe("b", "10.1.0.5", "10.1.1.4", Protocol::Udp, 53), ProbeOutcome::Answered);
        assert_eq!(one.probe("a", "10.1.1.4", "10.1.0.5", Protocol::Tcp, 80), ProbeOutcome::Answered);
        one.event(|event| match event {
            Event::Seen(seen) => {
                (seen.nic.to_string() == "a/nic1" && seen.direction == Direction::Outbound).then_some(())
            }
            _ => None,
        });
        let foreign = |event: &Event| matches!(event, Event::Drop(_));
        assert!(!one.events().iter().any(foreign), "{:#?}", one.events());
    });
}

/// A lab of the same name is gone and has left its files: they say nothing about this one. And a host has one agent.
#[test]
fn files_of_a_lab_that_is_gone_are_not_believed() {
    in_sandbox("files_of_a_lab_that_is_gone_are_not_believed", || {
        let mut room = Room::new(1);
        room.kill_agent("host1");
        let stale = serde_json::to_vec(&goal(1, 99)).unwrap();
        std::fs::write("/run/vnetlab/agents/host1.goal.json", stale).unwrap();
        room.start_agent("host1");
        let mut one = room.controller("host1");
        assert_eq!(one.status().wanted.0, 0);
        assert_eq!(one.apply(&goal(1, 1)).problems, Vec::<String>::new());
        // After a crash they are.
        room.kill_agent("host1");
        room.start_agent("host1");
        let mut one = room.controller("host1");
        assert_eq!(one.status().wanted.0, 1);

        let second = shell(&format!(
            "{} --host host1 --state-dir /run/vnetlab --socket /run/vnetlab/agents/host1.sock 2>&1 || true",
            env!("CARGO_BIN_EXE_vnetlab-agent")
        ));
        assert!(second.contains("another agent serves this host"), "{second}");
    });
}

/// A controller of another build is told the agent's version and nothing else.
#[test]
fn another_version_of_the_protocol_is_not_spoken() {
    in_sandbox("another_version_of_the_protocol_is_not_spoken", || {
        let _room = Room::new(1);
        let mut stranger = Controller::connect_as(PROTOCOL_VERSION + 1, &socket("host1"));
        assert!(stranger.is_refused());
        assert!(!Controller::connect(&socket("host1")).is_refused());
    });
}

/// The agent is killed while a pings b: no packet is lost, VMs live on, and the next agent finds everything as it is.
#[test]
fn packets_flow_on_without_the_agent() {
    in_sandbox("packets_flow_on_without_the_agent", || {
        let mut room = Room::new(1);
        let mut one = room.controller("host1");
        assert_eq!(one.apply(&goal(1, 1)).problems, Vec::<String>::new());
        let pid = shell("cat /run/vnetlab/vms/a.pid");
        let pinging = std::thread::spawn(|| shell_in("vm-a", "ping -n -i 0.02 -c 100 -q 10.1.0.5"));
        std::thread::sleep(std::time::Duration::from_millis(200));
        room.kill_agent("host1");
        room.start_agent("host1");
        let mut one = room.controller("host1");
        assert_eq!(one.apply(&goal(1, 1)).changes, 0);
        let summary = pinging.join().unwrap();
        assert!(summary.contains(" 0% packet loss"), "{summary}");
        assert_eq!(shell("cat /run/vnetlab/vms/a.pid"), pid);

        // A VM whose first process dies comes back.
        shell(&format!("kill -9 {pid}"));
        let end = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while shell("cat /run/vnetlab/vms/a.pid || true") == pid || one.status().running_vms.len() < 3 {
            assert!(std::time::Instant::now() < end, "a does not come back");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert_eq!(shell_in_vm("a", "hostname").trim(), "a");
    });
}

/// The appliance masquerades: d sees the appliance's address, not a's.
#[test]
fn an_appliance_that_masquerades_answers_for_others() {
    in_sandbox("an_appliance_that_masquerades_answers_for_others", || {
        let room = Room::new(2);
        let (mut one, mut two) = (room.controller("host1"), room.controller("host2"));
        let mut here = goal(1, 1);
        vm(&mut here, "nva").guest.masquerade = true;
        assert_eq!(one.apply(&here).problems, Vec::<String>::new());
        let mut there = goal(2, 1);
        // d has no way back to spoke1 but by the appliance's own address.
        std::sync::Arc::make_mut(&mut vm(&mut there, "d").network_interfaces[0].port.routes).remove(0);
        assert_eq!(two.apply(&there).problems, Vec::<String>::new());
        assert!(pings("a", "10.2.0.4"));
    });
}
