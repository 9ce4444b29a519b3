//! An agent that was restarted has lost its keys, and the other one does not know.

use std::time::Duration;

use proptest::prelude::*;

use super::super::Settings;
use super::network::{Link, Network};
use super::script::Scripted;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn established() -> Network<Scripted> {
    let mut network = Network::scripted(&Settings::default(), Link::GOOD, 1);
    network.ping(0);
    network.run(ms(1000));
    network
}

/// `restarted` lost its keys; then a packet goes from `sender`. How long until packets come through both ways again.
fn recovery(restarted: &[usize], sender: usize) -> Duration {
    let mut network = established();
    for side in restarted {
        network.restart(*side);
    }
    let begin = network.now;
    network.packet(sender);
    network.run_until(ms(100), |network| network.established());
    network.ping(sender);
    network.ping(1 - sender);
    network.now - begin
}

#[test]
fn the_next_packet_of_either_side_brings_both_back() {
    for restarted in [&[0][..], &[1], &[0, 1]] {
        for sender in 0..2 {
            // The packet's way at most, a handshake of two round trips, and two pings of a round trip each.
            let took = recovery(restarted, sender);
            assert!(took <= ms(1 + 4 + 4), "{restarted:?} {sender}: {took:?}");
        }
    }
}

#[test]
fn the_side_that_kept_its_keys_takes_new_ones() {
    let mut network = established();
    network.restart(1);
    network.packet(0);
    network.run(ms(10));
    assert_eq!((network.nodes[0].rekeys, network.nodes[1].rekeys), (1, 0));
    assert_eq!(network.nodes[1].refused, 1, "the one that said so");
    network.run(ms(10_000));
    assert_eq!(network.nodes[0].machine.sessions.len(), 1, "keys that nobody has are forgotten");
    network.ping(0);
}

#[test]
fn traffic_goes_on_while_a_side_is_restarted_again_and_again() {
    let mut network = established();
    for round in 0..20 {
        network.restart(round % 2);
        // Whatever wants to go at this moment.
        for _ in 0..300 {
            network.packet(0);
            network.packet(1);
            network.run(ms(1));
        }
        assert!(network.established(), "round {round}");
        network.ping(round % 2);
    }
    // A handshake for each restart, and no more than it takes both sides to notice at once.
    assert!(network.begun() <= 2 + 20 * 3, "{}", network.begun());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// At any moment, of a handshake or between two, on a bad link.
    #[test]
    fn a_restart_at_any_moment(
        random: u64, loss in 0..200u64, jitter in 0..20_000u64, times in prop::collection::vec((0..2usize, 0..400u64), 1..5),
    ) {
        let mut network = Network::scripted(&Settings::default(), Link { loss, twice: 100, latency: 2000, jitter }, random);
        for (side, after) in times {
            for _ in 0..after / 10 {
                let from = network.random(2) as usize;
                network.packet(from);
                network.run(ms(10));
            }
            network.restart(side);
        }
        network.link = Link::GOOD;
        let mut rounds = 0;
        loop {
            rounds += 1;
            prop_assert!(rounds < 100, "not within 10 s");
            let packets = [network.packet(0), network.packet(1)];
            network.run(ms(100));
            if packets.iter().all(|packet| network.received().contains(packet)) {
                break;
            }
        }
        prop_assert!(network.established());
    }
}
