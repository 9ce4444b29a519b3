//! The same with real handshakes: certificates, and datagrams as they are on the wire.

use std::time::Duration;

use proptest::prelude::*;

use super::super::{Settings, State};
use super::network::{Link, Network};
use crate::handshake::{Handshake, HandshakeFailure};
use crate::identity::{CertificateError, PeerName};
use crate::test_lab::TestAuthority;

const FIRST: &str = "vnetlab://nic/first/nic0";
const SECOND: &str = "vnetlab://nic/second/nic0";

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn network(settings: &Settings, link: Link, random: u64) -> Network<Handshake> {
    let authority = TestAuthority::new();
    let ((first, first_name), (second, second_name)) =
        (authority.identity(FIRST), authority.identity(SECOND));
    Network::new(settings, link, random, [(first, second_name), (second, first_name)])
}

#[test]
fn either_side_opens_or_both() {
    for openers in [&[0][..], &[1], &[0, 1]] {
        let mut network = network(&Settings::default(), Link::GOOD, 1);
        let packets: Vec<_> = openers.iter().map(|side| network.packet(*side)).collect();
        let took = network.run_until(ms(1000), |network| {
            packets.iter().all(|packet| network.received().contains(packet)) && network.established()
        });
        assert!(took <= ms(10), "{took:?}");
        network.run(ms(2000));
        for node in &network.nodes {
            assert_eq!((node.rekeys, node.refused, node.machine.sessions.len()), (0, 0, 1));
            assert_eq!(node.failures, []);
            assert!(node.machine.client.is_none() && node.machine.server.is_none());
        }
        assert!(network.ping(0) <= ms(2) && network.ping(1) <= ms(2));
    }
}

#[test]
fn a_restarted_side_is_back_at_once() {
    for side in 0..2 {
        for sender in 0..2 {
            let mut network = network(&Settings::default(), Link::GOOD, 1);
            network.ping(0);
            network.run(ms(1000));
            network.restart(side);
            network.packet(sender);
            assert!(network.run_until(ms(1000), Network::established) <= ms(8));
            assert!(network.ping(0) <= ms(4) && network.ping(1) <= ms(2));
        }
    }
}

#[test]
fn datagrams_of_old_handshakes_and_damaged_ones_change_nothing() {
    let mut network = network(&Settings::default(), Link::GOOD, 1);
    network.packet(0);
    network.packet(1);
    network.run(ms(1000));
    network.restart(0);
    network.packet(0);
    network.run(ms(1000));
    let sessions = [network.nodes[0].session(), network.nodes[1].session()];
    let seen = std::mem::take(&mut network.seen);
    assert!(seen.len() >= 6, "two handshakes of three flights");
    for (from, mut datagram) in seen {
        network.inject(1 - from, datagram.clone());
        network.run(ms(220));
        let place = network.random(datagram.len() as u64) as usize;
        datagram[place] ^= 1 << network.random(8);
        network.inject(1 - from, datagram);
        network.run(ms(220));
        assert!(network.ping(from) <= ms(2));
    }
    assert_eq!([network.nodes[0].session(), network.nodes[1].session()], sessions);
}

#[test]
fn another_than_expected_gets_no_keys() {
    for mistaken in 0..2 {
        let mut network = network(&Settings::default(), Link::GOOD, 1);
        network.nodes[mistaken].expected = PeerName::new("vnetlab://nic/third/nic0");
        for _ in 0..70 {
            network.packet(0);
            network.run(ms(100));
            assert!(network.nodes.iter().all(|node| node.state() != State::Established));
        }
        let failure = &network.nodes[mistaken].failures[0];
        let other = matches!(failure, HandshakeFailure::Certificate(CertificateError::AnotherName { .. }));
        assert!(other, "{failure:?}");
        assert!(network.nodes.iter().all(|node| node.received.is_empty()));
        assert!(network.handshakes[0] < 60);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    /// As with the handshakes of a script: over a bad link, with new keys every second.
    #[test]
    fn nothing_is_lost_that_the_link_did_not_lose(random: u64, loss in 0..250u64, twice in 0..200u64, jitter in 0..20_000u64) {
        let settings = Settings { rekey_age: ms(800), sessions: 8, ..Settings::default() };
        let mut network = network(&settings, Link { loss, twice, latency: 1000, jitter }, random);
        let mut rounds = 0;
        while !network.established() {
            network.packet(rounds % 2);
            network.run(ms(100));
            rounds += 1;
            prop_assert!(rounds < 200, "not open after 20 s");
        }
        network.nodes.iter_mut().for_each(|node| (node.refused, node.not_sent) = (0, 0));
        for _ in 0..800 {
            network.packet(0);
            network.packet(1);
            network.run(ms(5));
        }
        network.link = Link::GOOD;
        network.run(ms(100));
        for node in &network.nodes {
            prop_assert_eq!((node.refused, node.not_sent), (0, 0));
            prop_assert!(node.rekeys > 0);
        }
        prop_assert_eq!(network.received(), network.arrived.clone());
    }
}
