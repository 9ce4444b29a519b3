//! Security admin rules before network security groups, with real packets between hand-made goal states.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

mod common;

use common::controller::Controller;
use common::in_sandbox;
use common::network::{configuration, goal, group_that_denies, vm};
use common::room::Room;
use goal_state::DropReason;
use goal_state::event::{DropEvent, Event};
use goal_state::nsg::{Association, Direction, Protocol, RuleAccess};
use goal_state::probe::ProbeOutcome;

/// The ports at which b answers nobody, and gets only what is let through.
const PORTS: [u16; 5] = [80, 81, 82, 83, 84];

fn drop_of(controller: &mut Controller, port: u16) -> DropEvent {
    controller.event(|event| match event {
        Event::Drop(drop) if drop.packet.destination_port == port => Some(drop.clone()),
        _ => None,
    })
}

fn by(drop: DropEvent) -> (String, String, Option<Association>) {
    let by = drop.by.unwrap();
    (by.resource, by.rule, by.association)
}

/// On the receiver's side: Deny ends it, AlwaysAllow goes past the group that denies, Allow does not, and the first
/// configuration that has a matching rule ends the admin rules.
#[test]
fn admin_rules_come_before_the_groups_of_the_receiver() {
    in_sandbox("admin_rules_come_before_the_groups_of_the_receiver", || {
        use RuleAccess::{Allow, AlwaysAllow, Deny};
        let room = Room::new(1);
        let mut one = room.controller("host1");
        let mut goal = goal(1, 1);
        let [denied, opened, left_open, past, allowed] = PORTS;
        let mut closed = group_that_denies(opened);
        for port in [past, allowed] {
            closed.rules.insert(0, group_that_denies(port).rules.swap_remove(0));
        }
        vm(&mut goal, "b").network_interfaces[0].port.filter.inbound = vec![
            configuration(
                "root",
                &[("no-80", Deny, denied), ("81-always", AlwaysAllow, opened), ("84", Allow, allowed)],
            )
            .into(),
            configuration(
                "team",
                &[("83-always", AlwaysAllow, past), ("no-84", Deny, allowed), ("no-80", Deny, denied)],
            )
            .into(),
            closed.into(),
        ];
        assert_eq!(one.apply(&goal).problems, Vec::<String>::new());
        assert_eq!(one.apply(&goal).changes, 0);
        one.follow_events();
        let mut tcp = |port| one.probe("a", "10.1.0.4", "10.1.0.5", Protocol::Tcp, port);
        assert_eq!(tcp(denied), ProbeOutcome::Silent);
        // Nobody listens there: the guest refuses, so the packet has arrived and its answer, too.
        assert_eq!(tcp(opened), ProbeOutcome::Refused);
        assert_eq!(tcp(past), ProbeOutcome::Refused);
        assert_eq!(tcp(left_open), ProbeOutcome::Refused);
        assert_eq!(tcp(allowed), ProbeOutcome::Silent);

        let drop = drop_of(&mut one, denied);
        assert_eq!((drop.reason, drop.direction), (DropReason::SecurityAdminRule, Direction::Inbound));
        assert_eq!(by(drop), ("root".into(), "no-80".into(), Some(Association::NetworkManager)));
        let drop = drop_of(&mut one, allowed);
        assert_eq!(drop.reason, DropReason::NetworkSecurityGroup);
        assert_eq!(by(drop), ("nsg-b".into(), "no-web".into(), Some(Association::Subnet)));
        let counters = one.counters();
        let count = |rule: &str| counters.iter().filter(|c| c.rule == rule).map(|c| c.packets).sum::<u64>();
        assert!(
            count("root/no-80") > 0 && count("root/84") > 0 && count("team/83-always") > 0,
            "{counters:?}"
        );
        assert_eq!(count("team/no-84") + count("team/no-80"), 0, "{counters:?}");
    });
}

/// On the sender's side, where there is no network security group at all; the second configuration's rule is told as its own.
#[test]
fn admin_rules_need_no_group_and_work_outbound() {
    in_sandbox("admin_rules_need_no_group_and_work_outbound", || {
        let room = Room::new(1);
        let mut one = room.controller("host1");
        let mut goal = goal(1, 1);
        vm(&mut goal, "a").network_interfaces[0].port.filter.outbound = vec![
            configuration("root", &[("81-always", RuleAccess::AlwaysAllow, 81)]).into(),
            configuration("team", &[("no-81", RuleAccess::Deny, 81), ("no-80", RuleAccess::Deny, 80)]).into(),
        ];
        assert_eq!(one.apply(&goal).problems, Vec::<String>::new());
        one.follow_events();
        assert_eq!(one.probe("a", "10.1.0.4", "10.1.0.5", Protocol::Tcp, 80), ProbeOutcome::Silent);
        assert_eq!(one.probe("a", "10.1.0.4", "10.1.0.5", Protocol::Tcp, 81), ProbeOutcome::Refused);
        assert_eq!(one.probe("a", "10.1.0.4", "10.1.0.5", Protocol::Udp, 53), ProbeOutcome::Answered);
        let drop = drop_of(&mut one, 80);
        assert_eq!((drop.reason, drop.direction), (DropReason::SecurityAdminRule, Direction::Outbound));
        assert_eq!(by(drop), ("team".into(), "no-80".into(), Some(Association::NetworkManager)));
        // AlwaysAllow does not ask the groups; the route is asked all the same.
        assert_eq!(one.probe("a", "10.1.0.4", "10.9.0.1", Protocol::Tcp, 81), ProbeOutcome::Silent);
        assert_eq!(drop_of(&mut one, 81).reason, DropReason::Route);
    });
}
