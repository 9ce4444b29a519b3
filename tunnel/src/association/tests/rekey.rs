//! New keys under traffic: nothing that the link carried is lost.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::super::Settings;
use super::network::{Link, Network};
use super::node::Packet;
use super::puppet::client_hello;
use super::script::Scripted;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn established(settings: &Settings, link: Link, random: u64) -> Network<Scripted> {
    let mut network = Network::scripted(settings, Link::GOOD, random);
    network.ping(0);
    network.run(ms(300));
    network.link = link;
    network
}

/// Packets both ways, one each `every`, for `time`.
fn traffic(network: &mut Network<Scripted>, every: Duration, time: Duration) -> BTreeSet<Packet> {
    let end = network.now + time;
    let mut packets = BTreeSet::new();
    while network.now < end {
        packets.insert(network.packet(0));
        packets.insert(network.packet(1));
        network.run(every);
    }
    packets
}

#[test]
fn worn_out_keys_are_replaced() {
    for side in 0..2 {
        // A sixteenth is more than goes between two looks.
        let settings = Settings { rekey_records: 2000, ..Settings::default() };
        let mut network = established(&settings, Link::GOOD, 1);
        for _ in 0..4500 {
            // Sent by one and opened by the other: both would see it.
            network.packet(side);
            network.run(ms(1));
        }
        assert_eq!([network.nodes[0].rekeys, network.nodes[1].rekeys], [2, 2]);
        assert_eq!(network.begun(), 6, "the second side leaves it to the first");
    }
}

#[test]
fn old_keys_are_replaced() {
    let mut network = established(&Settings::default(), Link::GOOD, 1);
    for _ in 0..40 {
        network.ping(1);
        network.run(Duration::from_secs(100));
    }
    assert_eq!([network.nodes[0].rekeys, network.nodes[1].rekeys], [1, 1]);
    assert_eq!(network.begun(), 4);
    assert_eq!(network.nodes[0].machine.sessions.len(), 1);
}

#[test]
fn either_side_may_want_new_keys() {
    for side in 0..2 {
        let mut network = established(&Settings::default(), Link::GOOD, 1);
        network.nodes[side].machine.settings.rekey_age = ms(1000);
        let packets = traffic(&mut network, ms(1), ms(1500));
        network.run(ms(10));
        assert!(packets.is_subset(&network.received()));
        assert_eq!([network.nodes[0].rekeys, network.nodes[1].rekeys], [1, 1]);
        assert_eq!(network.begun(), 4);
    }
}

#[test]
fn both_at_once() {
    let settings = Settings { rekey_age: ms(1000), ..Settings::default() };
    // The second side believes that it goes first when it comes to age.
    let mut network = established(&settings, Link::GOOD, 1);
    network.nodes[1].machine.settings.rekey_age = ms(1000) * 16 / 17;
    let packets = traffic(&mut network, ms(1), ms(1500));
    network.run(ms(100));
    assert!(packets.is_subset(&network.received()));
    assert_eq!([network.nodes[0].rekeys, network.nodes[1].rekeys], [1, 1]);
    assert_eq!(network.nodes[0].refused + network.nodes[1].refused, 0);
}

#[test]
fn a_handshake_that_comes_to_nothing_harms_no_keys() {
    let mut network = established(&Settings::default(), Link::GOOD, 1);
    let sessions = [network.nodes[0].session(), network.nodes[1].session()];
    for name in 0..100 {
        network.inject(name % 2, client_hello(name as u8));
        let packets = traffic(&mut network, ms(10), ms(300));
        network.run(ms(5));
        assert!(packets.is_subset(&network.received()));
    }
    assert_eq!([network.nodes[0].session(), network.nodes[1].session()], sessions);
    for node in &network.nodes {
        assert_eq!((node.rekeys, node.refused, node.machine.sessions.len()), (0, 0, 1));
        assert_eq!(node.failures, []);
    }
}

#[test]
fn datagrams_of_old_handshakes_come_again() {
    let settings = Settings { rekey_records: 500, ..Settings::default() };
    let mut network = established(&settings, Link::GOOD, 1);
    traffic(&mut network, ms(1), ms(700));
    let seen = std::mem::take(&mut network.seen);
    let sessions = [network.nodes[0].session(), network.nodes[1].session()];
    assert!(seen.len() >= 8);
    for (from, datagram) in seen {
        network.inject(1 - from, datagram);
        traffic(&mut network, ms(5), ms(50));
    }
    network.run(ms(10));
    assert_eq!([network.nodes[0].session(), network.nodes[1].session()], sessions);
    assert_eq!(network.nodes[0].refused + network.nodes[1].refused, 0);
}

#[test]
fn a_certificate_that_is_refused_harms_no_keys() {
    for refuses in 0..2 {
        let settings = Settings { rekey_age: ms(2000), ..Settings::default() };
        let mut network = established(&settings, Link::GOOD, 1);
        network.nodes[refuses].identity.refuses.set(true);
        let packets = traffic(&mut network, ms(5), ms(6000));
        network.run(ms(5));
        assert!(packets.is_subset(&network.received()));
        assert_eq!(network.nodes[0].rekeys + network.nodes[1].rekeys, 0);
        assert!(!network.nodes[refuses].failures.is_empty());
        assert!(network.begun() < 10, "{}", network.begun());
        network.nodes[refuses].identity.refuses.set(false);
        traffic(&mut network, ms(5), ms(9000));
        assert!(network.nodes[0].rekeys > 0 && network.nodes[1].rekeys > 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// Keys change at any moment, begun by either side or both, over any link: every packet whose record arrived was received,
    /// and no record was refused.
    #[test]
    fn nothing_is_lost_that_the_link_did_not_lose(
        random: u64,
        loss in 0..300u64,
        twice in 0..200u64,
        latency in 0..20_000u64,
        jitter in 0..30_000u64,
        ages in (300..2000u64, 300..2000u64),
        begin in 0..300u64,
    ) {
        let settings = Settings { sessions: 8, old_keys_kept: ms(1000), ..Settings::default() };
        let mut network = established(&settings, Link { loss, twice, latency, jitter }, random);
        network.run(ms(begin));
        network.nodes[0].machine.settings.rekey_age = ms(ages.0);
        network.nodes[1].machine.settings.rekey_age = ms(ages.1);
        traffic(&mut network, ms(2), ms(3000));
        network.link = Link::GOOD;
        network.run(ms(100));
        for node in &network.nodes {
            prop_assert_eq!(node.refused, 0);
            prop_assert_eq!(node.not_sent, 0);
        }
        prop_assert_eq!(network.received(), network.arrived.clone());
        network.ping(0);
        network.ping(1);
    }
}
