//! Keys for the first packets: from one side, from both, over links that lose, and where nobody answers.

use std::time::Duration;

use proptest::prelude::*;

use super::super::{Settings, State};
use super::network::{Link, Network};
use super::puppet::client_hello;
use crate::handshake::HandshakeFailure;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn either_side_opens_by_its_first_packet() {
    for side in 0..2 {
        let mut network = Network::scripted(&Settings::default(), Link::GOOD, 1);
        assert_eq!(network.nodes[0].state(), State::Idle);
        let packet = network.packet(side);
        assert_eq!(network.nodes[side].state(), State::Opening);
        // Two round trips, and the packet's own way.
        let took = network.run_until(ms(100), |network| network.nodes[1 - side].received.contains(&packet));
        assert_eq!(took, ms(5));
        assert!(network.established());
        assert_eq!(network.begun(), 2);
        network.run(ms(1000));
        assert_eq!(
            network.handshakes.iter().sum::<u64>(),
            4,
            "a hello, an answer of two, and its confirmation"
        );
        assert_eq!(network.nodes[0].refused + network.nodes[1].refused, 0);
    }
}

#[test]
fn when_both_open_at_once_there_is_one_set_of_keys() {
    let mut network = Network::scripted(&Settings::default(), Link::GOOD, 1);
    let packets = [network.packet(0), network.packet(1)];
    network.run(ms(10));
    assert!(network.established());
    assert!(
        network.nodes[1].received.contains(&packets[0]) && network.nodes[0].received.contains(&packets[1])
    );
    // The second side's own handshake has ended.
    assert!(network.nodes.iter().all(|node| node.machine.client.is_none() && node.machine.server.is_none()));
    network.run(ms(10_000));
    for node in &network.nodes {
        assert_eq!((node.rekeys, node.refused, node.machine.sessions.len()), (0, 0, 1));
        assert_eq!(node.failures, []);
    }
}

#[test]
fn a_hello_that_is_lost_at_glare_comes_again() {
    let mut network = Network::scripted(&Settings::default(), Link::GOOD, 1);
    network.cut = true;
    network.packet(0);
    network.cut = false;
    network.packet(1);
    let took = network.run_until(ms(2000), Network::established);
    assert!(took < ms(60), "{took:?}");
}

#[test]
fn each_datagram_may_be_lost() {
    for lost in 0..6 {
        for side in 0..2 {
            let mut network = Network::scripted(&Settings::default(), Link::GOOD, 1);
            let packet = network.packet(side);
            // The n-th datagram from now on: those sent within one step are lost together.
            for _ in 0..lost {
                network.run(ms(1));
            }
            network.cut = true;
            network.run(ms(1));
            network.cut = false;
            let took = network.run_until(ms(900), |network| {
                network.nodes[1 - side].received.contains(&packet) || network.established()
            });
            assert!(took < ms(70), "{lost} {took:?}");
            network.ping(side);
        }
    }
}

#[test]
fn nobody_answers() {
    let mut network = Network::scripted(&Settings::default(), Link::GOOD, 1);
    network.cut = true;
    let (mut begun, mut starts, mut datagrams) = (0, Vec::new(), 0);
    let begin = network.now;
    for _ in 0..400 {
        network.packet(0);
        network.run(ms(100));
        assert_ne!(network.nodes[0].state(), State::Established);
        if network.begun() > begun {
            begun = network.begun();
            starts.push((network.now - begin).as_millis() as u64 / 100);
        }
    }
    // Each takes 3 s, and then there is a wait.
    let waits: Vec<u64> = starts.windows(2).map(|pair| pair[1] - pair[0] - 30).collect();
    for (wait, expected) in waits.iter().zip([2u64, 4, 8, 16, 32, 50, 50]) {
        assert!(wait.abs_diff(expected) <= 1, "{waits:?}");
    }
    assert!(waits.len() >= 6, "{waits:?}");
    assert_eq!(network.nodes[0].failures[0], HandshakeFailure::NoAnswer);
    assert!(network.nodes[0].not_sent > 300);
    datagrams += network.handshakes[0];
    assert!(datagrams < 40 * 4, "{datagrams} datagrams in 40 s");

    // In the wait it is Failed; then the peer is there again, and a packet opens.
    network.run_until(ms(9000), |network| network.nodes[0].state() == State::Failed);
    network.cut = false;
    network.run(ms(6000));
    assert_eq!(network.nodes[0].state(), State::Failed, "nothing wants to go");
    assert!(network.ping(0) < ms(10));
}

#[test]
fn keys_may_come_after_all() {
    for side in 0..2 {
        let mut network = Network::scripted(&Settings::default(), Link::GOOD, 1);
        network.packet(side);
        // The client's last datagram is under way, and the server's sign will be lost.
        network.run(Duration::from_micros(2500));
        network.cut = true;
        network.run(ms(4000));
        assert_eq!(network.nodes[side].state(), State::Failed);
        assert_eq!(network.nodes[side].failures, [HandshakeFailure::Unconfirmed]);
        assert_eq!(network.nodes[1 - side].state(), State::Established);
        network.cut = false;
        assert!(network.ping(1 - side) <= ms(2));
        assert!(network.established());
        assert_eq!(network.begun(), 2);
    }
}

/// Each side has a handshake of its own under way and serves the other's: whatever is lost of them, both end up with the same keys.
#[test]
fn two_handshakes_at_once_end_in_one_set_of_keys() {
    let mut twice = 0;
    for first in 0..2 {
        for (whole_at, latency) in
            (0..60).flat_map(|step| [1000, 7000, 20_000].map(|latency| (510 + step * 13, latency)))
        {
            let mut network = Network::scripted(&Settings::default(), Link { latency, ..Link::GOOD }, 1);
            // The hello arrives, and no answer. The other side waits for it in vain, and begins as well.
            network.packet(1 - first);
            network.cut = true;
            for _ in 0..whole_at / 10 {
                network.run(ms(10));
                network.packet(first);
            }
            network.run(ms(whole_at % 10));
            twice += u32::from(
                network.nodes[first].machine.client.is_some()
                    && network.nodes[first].machine.server.is_some(),
            );
            network.cut = false;
            for _ in 0..80 {
                network.packet(0);
                network.packet(1);
                network.run(ms(100));
            }
            assert!(network.established());
            for node in &network.nodes {
                assert_eq!(
                    (node.refused, node.machine.sessions.len()),
                    (0, 1),
                    "{first} {whole_at} {latency}"
                );
            }
        }
    }
    assert!(twice > 100, "{twice}");
}

#[test]
fn hellos_from_nowhere_cost_one_handshake_at_a_time() {
    let mut network = Network::scripted(&Settings::default(), Link::GOOD, 1);
    for name in 0..=255 {
        network.inject(0, client_hello(name));
        network.run(ms(10));
    }
    // One in 200 ms.
    assert!(network.begun() <= 14, "{}", network.begun());
    network.run(ms(4000));
    assert_eq!(network.nodes[0].state(), State::Idle);
    assert_eq!(network.nodes[0].failures, []);
    assert!(network.ping(0) < ms(10));
}

#[test]
fn hellos_from_nowhere_do_not_keep_a_side_from_opening() {
    for side in 0..2 {
        let mut network = Network::scripted(&Settings::default(), Link::GOOD, 1);
        network.inject(side, client_hello(1));
        let packet = network.packet(side);
        let took = network.run_until(ms(3000), |network| network.nodes[1 - side].received.contains(&packet));
        assert!(took < ms(510), "{took:?}");
    }
}

#[test]
fn records_without_keys_begin_few_handshakes() {
    let mut network = Network::scripted(&Settings::default(), Link::GOOD, 1);
    network.cut = true;
    for _ in 0..1000 {
        network.inject(1, [&[0b0010_1011][..], &[7; 50]].concat());
        network.run(ms(1));
    }
    assert_eq!(network.nodes[1].refused, 1000);
    assert_eq!(network.begun(), 1);
    let mut network = Network::scripted(
        &Settings { handshake_timeout: ms(1), retry_first: ms(1), ..Settings::default() },
        Link::GOOD,
        1,
    );
    network.cut = true;
    for _ in 0..1000 {
        network.inject(1, [&[0b0010_1011][..], &[7; 50]].concat());
        network.run(ms(1));
    }
    assert_eq!(network.begun(), 6, "one in 200 ms");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is lost, repeated and reordered: within a few tries both sides have keys, and the same.
    #[test]
    fn bad_links_open(
        random: u64, loss in 0..300u64, twice in 0..300u64, latency in 0..30_000u64, jitter in 0..30_000u64, both: bool, late in 0..60u64,
    ) {
        let mut network = Network::scripted(&Settings::default(), Link { loss, twice, latency, jitter }, random);
        network.packet(0);
        if both {
            network.run(ms(late));
            network.packet(1);
        }
        let mut rounds = 0;
        while !network.established() {
            network.run(ms(100));
            let side = usize::from(rounds % 2 == 1);
            network.packet(side);
            rounds += 1;
            prop_assert!(rounds < 200, "not open after 20 s");
        }
        network.link = Link::GOOD;
        network.run(ms(1000));
        prop_assert!(network.ping(0) < ms(5));
    }
}
