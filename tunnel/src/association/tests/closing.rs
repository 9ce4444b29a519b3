//! The end of an association that nobody uses, and its next beginning.

use std::time::Duration;

use super::super::{Settings, State};
use super::network::{Link, Network};
use super::script::Scripted;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn established() -> Network<Scripted> {
    let mut network = Network::scripted(&Settings::default(), Link::GOOD, 1);
    network.ping(0);
    network
}

fn states(network: &Network<Scripted>) -> [State; 2] {
    [network.nodes[0].state(), network.nodes[1].state()]
}

#[test]
fn five_minutes_without_packets_close_it() {
    let mut network = established();
    network.run(seconds(299));
    assert_eq!(states(&network), [State::Established; 2]);
    network.run(seconds(2));
    assert_eq!(states(&network), [State::Idle; 2]);
    assert!(network.nodes[0].closed + network.nodes[1].closed >= 1, "one said so");
    network.run(seconds(6));
    for node in &network.nodes {
        assert_eq!((node.machine.sessions.len(), node.has_keys()), (0, false));
        assert_eq!(node.machine.next_timeout(), None, "nothing to wait for");
    }
    for side in 0..2 {
        assert_eq!(network.ping(side), ms(if side == 0 { 6 } else { 2 }), "opened again by the next packet");
    }
    assert_eq!(network.nodes[0].rekeys, 0);
}

#[test]
fn packets_keep_it_open() {
    let mut network = established();
    for side in 0..10 {
        network.run(seconds(200));
        network.packet(side % 2);
    }
    network.run(seconds(200));
    assert_eq!(states(&network), [State::Established; 2]);
    assert_eq!(network.begun(), 2);
}

#[test]
fn a_lost_close_costs_the_other_side_nothing() {
    let mut network = established();
    network.nodes[1].machine.settings.idle = seconds(400);
    network.run(seconds(299));
    network.cut = true;
    network.run(seconds(2));
    network.cut = false;
    assert_eq!(states(&network), [State::Idle, State::Established]);
    network.run(seconds(10));
    // The side that still has keys sends with them, and the other one opens.
    network.packet(1);
    network.run(ms(10));
    assert_eq!(states(&network), [State::Established; 2]);
    assert!(network.ping(0) <= ms(2) && network.ping(1) <= ms(2));
}

#[test]
fn what_was_under_way_when_it_closed_is_received() {
    let mut network = established();
    network.nodes[1].machine.settings.idle = seconds(400);
    let mut packets = Vec::new();
    network.run(seconds(300) - ms(1));
    for _ in 0..200 {
        packets.push(network.packet(1));
        network.run(Duration::from_micros(20));
    }
    network.run(seconds(3));
    assert!(packets.iter().all(|packet| network.nodes[0].received.contains(packet)));
    assert_eq!(network.nodes[0].refused, 0);
}

#[test]
fn a_close_that_comes_late_closes_nothing_newer() {
    let mut network = established();
    let old = network.nodes[1].session().unwrap();
    network.nodes[0].machine.settings.rekey_age = seconds(10);
    network.run(seconds(11));
    assert_eq!(network.nodes[1].rekeys, 1);
    let now = network.now;
    network.nodes[1].machine.handle_close(old, now);
    assert_eq!(network.nodes[1].state(), State::Established);
    assert!(network.nodes[1].machine.poll().is_none());
}

#[test]
fn a_close_that_is_not_authentic_is_nothing() {
    let mut network = established();
    network.run(seconds(1));
    // An alert in clear, one of a handshake, and one that only looks like a record.
    for forged in
        [&[21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0][..], &[0x2e, 0, 0, 1, 0], &[0x2b; 40]]
    {
        network.inject(0, forged.to_vec());
        network.run(ms(100));
        assert_eq!(states(&network), [State::Established; 2]);
    }
    assert!(network.ping(0) <= ms(2));
    assert_eq!(network.begun(), 2);
}
