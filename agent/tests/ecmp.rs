//! A route with two next hops, with real packets between hand-made goal states.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use common::controller::Controller;
use common::in_sandbox;
use common::network::{APPLIANCES, goal, second_appliance, vm};
use common::room::{Room, shell};
use goal_state::event::Event;
use goal_state::nsg::{Direction, Protocol};
use goal_state::probe::ProbeOutcome;
use goal_state::route::NextHop;
use goal_state::{DropReason, Generation, HostGoalState};

/// With a fair hash, so many flows all choose the same of two appliances once in a million times.
const FLOWS: usize = 24;

/// Connections from a to d by way of two appliances: both carry some, and all packets of a flow go by the same one.
#[test]
fn flows_spread_over_the_next_hops_and_each_keeps_to_one() {
    in_sandbox("flows_spread_over_the_next_hops_and_each_keeps_to_one", || {
        let room = Room::new(2);
        let (mut here, mut there) = (goal(1, 1), goal(2, 1));
        second_appliance([&mut here, &mut there]);
        by_both(&mut here, &[]);
        let (mut one, mut two) = (room.controller("host1"), room.controller("host2"));
        assert_eq!(one.apply(&here).problems, Vec::<String>::new());
        assert_eq!(two.apply(&there).problems, Vec::<String>::new());
        let routes = shell("ip -n port-a-nic0 route");
        assert!(
            APPLIANCES.iter().all(|hop| routes.contains(&format!("nexthop via {hop} dev up0"))),
            "{routes}"
        );
        assert_eq!(one.apply(&here).changes, 0, "a second time does nothing");

        one.follow_events();
        for _ in 0..FLOWS {
            assert_eq!(one.probe("a", "10.1.0.4", "10.2.0.4", Protocol::Tcp, 80), ProbeOutcome::Answered);
        }
        // What comes after this has been read has been read, too.
        assert_eq!(one.probe("a", "10.1.0.4", "10.2.0.4", Protocol::Udp, 53), ProbeOutcome::Answered);
        one.event(|event| seen(event).filter(|(_, _, port)| *port == 53));

        let mut flows: BTreeMap<u16, Vec<String>> = BTreeMap::new();
        for (nic, source_port, port) in one.events().iter().filter_map(seen) {
            if port == 80 {
                flows.entry(source_port).or_default().push(nic);
            }
        }
        // Linux may give out a port twice: that is one flow.
        assert!((FLOWS - 4..=FLOWS).contains(&flows.len()), "{flows:?}");
        assert!(
            flows.values().all(|nics| nics.len() > 1 && nics.iter().all(|nic| *nic == nics[0])),
            "{flows:?}"
        );
        let used = flows.values().flatten().collect::<BTreeSet<_>>();
        assert_eq!(used.len(), 2, "{used:?}");
    });
}

/// One of two appliances is out of reach from now on: what was known of it is forgotten, and flows that fall to it end there.
#[test]
fn a_next_hop_that_goes_out_of_reach_gets_no_more_flows() {
    in_sandbox("a_next_hop_that_goes_out_of_reach_gets_no_more_flows", || {
        let room = Room::new(2);
        let (mut here, mut there) = (goal(1, 1), goal(2, 1));
        second_appliance([&mut here, &mut there]);
        by_both(&mut here, &[]);
        let (mut one, mut two) = (room.controller("host1"), room.controller("host2"));
        assert_eq!(one.apply(&here).problems, Vec::<String>::new());
        assert_eq!(two.apply(&there).problems, Vec::<String>::new());
        let probe = |one: &mut Controller| one.probe("a", "10.1.0.4", "10.2.0.4", Protocol::Tcp, 80);
        assert!((0..FLOWS).all(|_| probe(&mut one) == ProbeOutcome::Answered));
        let known = || shell("ip -n port-a-nic0 neigh show dev up0");
        assert!(APPLIANCES.iter().all(|hop| known().contains(&format!("{hop} lladdr"))), "{}", known());

        by_both(&mut here, &APPLIANCES[1..]);
        here.generation = Generation(2);
        assert_eq!(one.apply(&here).problems, Vec::<String>::new());
        assert!(!known().contains(&format!("{} lladdr", APPLIANCES[1])), "{}", known());
        assert_eq!(one.apply(&here).changes, 0, "a second time does nothing");
        one.follow_events();
        let mut fates = BTreeSet::new();
        for _ in 0..FLOWS {
            fates.insert(probe(&mut one) == ProbeOutcome::Answered);
            if fates.len() == 2 {
                break;
            }
        }
        assert_eq!(fates.len(), 2, "some flows fall to either");
        assert!(!known().contains(&format!("{} lladdr", APPLIANCES[1])), "{}", known());
        let dropped = one.event(|event| match event {
            Event::Drop(drop) if drop.packet.destination == APPLIANCES[1] => Some(drop.clone()),
            _ => None,
        });
        assert_eq!(dropped.reason, DropReason::NoDestination);
        assert_eq!(dropped.nic.map(|nic| nic.to_string()).as_deref(), Some("a/nic0"));
        // Others in the same virtual network reach it as ever.
        assert_eq!(one.probe("b", "10.1.0.5", "10.0.0.5", Protocol::Tcp, 80), ProbeOutcome::Answered);
    });
}

/// Leads a's default route to both appliances.
fn by_both(goal: &mut HostGoalState, unreachable: &[Ipv4Addr]) {
    let port = &mut vm(goal, "a").network_interfaces[0].port;
    let routes = std::sync::Arc::make_mut(&mut port.routes).iter_mut();
    for default in routes.filter(|route| route.prefix.prefix_len() == 0) {
        default.next_hop =
            NextHop::VirtualAppliance { addresses: APPLIANCES.to_vec(), unreachable: unreachable.to_vec() };
    }
}

/// A probe packet at an appliance: which, source port, destination port.
fn seen(event: &Event) -> Option<(String, u16, u16)> {
    let Event::Seen(seen) = event else { return None };
    let nic = seen.nic.to_string();
    let entered = seen.direction == Direction::Inbound && nic.starts_with("nva");
    entered.then_some((nic, seen.packet.source_port, seen.packet.destination_port))
}
