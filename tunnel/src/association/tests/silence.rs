//! A peer that is silent, and links that are cut for a while.

use std::time::Duration;

use super::super::{Settings, State};
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

/// One packet from the first side each 10 ms.
fn stream(network: &mut Network<Scripted>, time: Duration) {
    let end = network.now + time;
    while network.now < end {
        network.packet(0);
        network.run(ms(10));
    }
}

#[test]
fn a_peer_that_only_listens_is_asked_and_answers() {
    let mut network = established();
    stream(&mut network, ms(10_000));
    let [first, second] = network.records;
    // Asked about once a second, each time with an answer and nothing more.
    assert!((7..=13).contains(&second), "{second} answers");
    assert!((1007..=1015).contains(&first), "{first} packets and questions");
    assert_eq!(network.begun(), 2);
    assert_eq!(network.nodes[0].rekeys, 0);
}

#[test]
fn a_single_packet_is_asked_about_once() {
    let mut network = established();
    network.packet(0);
    let before = network.records;
    network.run(ms(60_000));
    assert_eq!([network.records[0] - before[0], network.records[1] - before[1]], [1, 1]);
}

#[test]
fn packets_that_are_answered_need_no_questions() {
    let mut network = established();
    let before = network.records;
    for _ in 0..30 {
        network.ping(1);
        network.run(ms(990));
    }
    // A ping across two looks may seem unanswered for a moment, but not for a second.
    assert_eq!([network.records[0] - before[0], network.records[1] - before[1]], [30, 30]);
}

#[test]
fn silence_leads_to_new_keys_and_the_old_ones_stay() {
    let mut network = established();
    network.cut = true;
    stream(&mut network, ms(3900));
    assert_eq!(network.begun(), 2);
    stream(&mut network, ms(300));
    assert_eq!(network.begun(), 3, "4 s of silence");
    stream(&mut network, ms(20_000));
    assert_eq!(network.nodes[0].state(), State::Established);
    assert!(!network.nodes[0].failures.is_empty());
    // Both still have the old keys.
    network.cut = false;
    let begin = network.now;
    let packet = network.packet(0);
    network.run_until(ms(10), |network| network.nodes[1].received.contains(&packet));
    assert_eq!(network.now - begin, ms(1));
}

#[test]
fn cuts_are_survived_without_a_flood() {
    for cut in [1000, 10_000, 60_000] {
        let mut network = established();
        network.cut = true;
        let (before, handshakes) = (network.records[0], network.handshakes[0]);
        stream(&mut network, ms(cut));
        let own = network.records[0] - before - cut / 10;
        let handshakes = network.handshakes[0] - handshakes;
        assert!(own <= cut / 1000 + 1, "{own} questions");
        assert!(handshakes <= 12 + cut / 500, "{handshakes} datagrams of handshakes in {cut} ms");
        network.cut = false;
        assert!(network.ping(0) <= ms(3));
        assert!(network.ping(1) <= ms(3));
        stream(&mut network, ms(10_000));
        assert_eq!(network.nodes[0].refused + network.nodes[1].refused, 0);
        assert!(network.nodes[0].machine.sessions.len() <= 2);
    }
}

#[test]
fn nothing_is_tried_for_when_nothing_wants_to_go() {
    let mut network = established();
    network.cut = true;
    network.packet(0);
    network.run(ms(100_000));
    // Asked a few times, one handshake after that, and no other until there is another packet.
    assert_eq!(network.begun(), 3);
    assert!(network.records[0] < 10);
    assert_eq!(network.nodes[0].state(), State::Established);
}

#[test]
fn a_cut_one_way_is_noticed_and_mended() {
    // The second side was restarted and cannot say so: all it sends is lost until the link is whole.
    let mut network = established();
    network.restart(1);
    network.cut = true;
    stream(&mut network, ms(8000));
    network.cut = false;
    let begin = network.now;
    stream(&mut network, ms(10));
    network.run_until(ms(1000), Network::established);
    network.ping(0);
    assert!(network.now - begin < ms(50), "{:?}", network.now - begin);
}

#[test]
fn records_that_no_keys_open_lead_to_new_ones_but_seldom() {
    let mut network = established();
    let junk = || [&[0b0010_1011][..], &[7; 50]].concat();
    for _ in 0..300 {
        network.inject(0, junk());
        network.run(ms(100));
    }
    // 30 s.
    assert!((6..=8).contains(&(network.begun() / 2)), "{}", network.begun());
    assert!(network.established());
    // Where authentic records come, junk is only junk.
    let before = network.begun();
    for _ in 0..100 {
        network.inject(0, junk());
        network.ping(0);
        network.run(ms(100));
    }
    assert_eq!(network.begun(), before);
}
