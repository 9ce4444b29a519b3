//! A group of a thousand rules, with real packets between hand-made goal states.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

mod common;

use common::controller::Controller;
use common::in_sandbox;
use common::network::{goal, rule, vm};
use common::room::{Room, shell};
use goal_state::event::Event;
use goal_state::nsg::{AddressSet, Association, PortRange, Protocol, Rule, RuleAccess, RuleGroup};
use goal_state::probe::ProbeOutcome;

/// TCP ports from 1000 on by turns allowed and denied, then two hundred sources of UDP denied, then a default rule.
fn thousand_rules() -> RuleGroup {
    use RuleAccess::{Allow, Deny};
    let by_port = |n: u16| {
        let access = if n.is_multiple_of(2) { Allow } else { Deny };
        let port = PortRange::new(1000 + n, 1000 + n).unwrap();
        rule(&format!("port-{n}"), 100 + n, access, Protocol::Tcp, port)
    };
    let by_source = |n: u16| {
        let source: AddressSet = [format!("10.1.0.{n}/32").parse().unwrap()].into_iter().collect();
        Rule { source, ..rule(&format!("source-{n}"), 2000 + n, Deny, Protocol::Udp, PortRange::ALL) }
    };
    let rules = (0..800).map(by_port).chain((0..200).map(by_source));
    let default = rule("AllowVnetInBound", 65_000, Allow, Protocol::Any, PortRange::ALL);
    RuleGroup {
        name: "nsg-b".into(),
        association: Association::Subnet,
        rules: rules.chain([default]).collect(),
    }
}

fn denied_by(controller: &mut Controller, port: u16) -> String {
    controller.event(|event| match event {
        Event::Drop(drop) if drop.packet.destination_port == port => drop.by.clone().map(|by| by.rule),
        _ => None,
    })
}

/// The right rule of a thousand decides, is named and is counted, also after one of them has changed.
#[test]
fn the_right_one_of_a_thousand_rules_decides() {
    in_sandbox("the_right_one_of_a_thousand_rules_decides", || {
        let room = Room::new(1);
        let mut one = room.controller("host1");
        let mut goal = goal(1, 1);
        vm(&mut goal, "b").network_interfaces[0].port.filter.inbound = vec![thousand_rules().into()];
        assert_eq!(one.apply(&goal).problems, Vec::<String>::new());
        assert_eq!(one.apply(&goal).changes, 0);
        one.follow_events();
        let tcp = |one: &mut Controller, port| one.probe("a", "10.1.0.4", "10.1.0.5", Protocol::Tcp, port);
        for n in [0, 2, 400, 798] {
            assert_eq!(tcp(&mut one, 1000 + n), ProbeOutcome::Refused, "{n}");
        }
        for n in [1, 401, 799] {
            assert_eq!(tcp(&mut one, 1000 + n), ProbeOutcome::Silent, "{n}");
            assert_eq!(denied_by(&mut one, 1000 + n), format!("port-{n}"));
        }
        // No rule of a port, and for TCP none of a source.
        assert_eq!(tcp(&mut one, 80), ProbeOutcome::Answered);
        assert_eq!(one.probe("a", "10.1.0.4", "10.1.0.5", Protocol::Udp, 53), ProbeOutcome::Silent);
        assert_eq!(denied_by(&mut one, 53), "source-4");
        assert_eq!(one.probe("a", "10.1.0.4", "10.1.0.5", Protocol::Icmp, 0), ProbeOutcome::Answered);
        let counters = one.counters();
        let count = |rule: &str| {
            let rule = format!("nsg-b/{rule}");
            counters.iter().filter(|counter| counter.rule == rule).map(|counter| counter.packets).sum::<u64>()
        };
        for rule in ["port-0", "port-1", "port-401", "source-4", "AllowVnetInBound"] {
            assert!(count(rule) > 0, "{rule}");
        }
        assert_eq!((count("port-3"), count("source-5")), (0, 0));

        let mut changed = thousand_rules();
        changed.rules[1].access = RuleAccess::Allow;
        vm(&mut goal, "b").network_interfaces[0].port.filter.inbound = vec![changed.into()];
        goal.generation.0 += 1;
        let report = one.apply(&goal);
        assert_eq!((report.changes, report.problems), (1, Vec::new()));
        assert_eq!(tcp(&mut one, 1001), ProbeOutcome::Refused);
        let ruleset = shell("ip netns exec port-b-nic0 nft list chain ip vfp inbound_subnet");
        assert!(ruleset.contains("jump inbound_subnet_part1"), "{ruleset}");
    });
}
