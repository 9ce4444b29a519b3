//! Virtual network encryption in a hostile and broken network: forgeries are dropped and counted, and what was cut recovers by
//! itself.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use integration_tests::encryption::Associations;
use integration_tests::forgery::Forger;
use integration_tests::traffic::{End, Stream, Transfer};
use integration_tests::wire::{Datagram, Wire, provider_addresses};
use integration_tests::{Lab, User, wait};

const TOPOLOGY: &str = "\
name: hostile
hosts: 3
virtualNetworks:
  net: {addressSpace: [10.1.0.0/16], encryption: {enabled: true}, subnets: {a: {addressPrefix: 10.1.0.0/24}}}
virtualMachines:
  web: {subnet: net/a, privateIPAddress: 10.1.0.4, host: host1}
  db: {subnet: net/a, privateIPAddress: 10.1.0.5, host: host2}
  third: {subnet: net/a, privateIPAddress: 10.1.0.6, host: host3}
";
const DB: &str = "10.1.0.5";
/// So many forgeries of a kind.
const COUNT: usize = 32;

fn ping(lab: &Lab) {
    let _ = lab.exec("web", &["ping", "-c", "3", "-i", "0.05", "-W", "5", DB]).ok();
}

/// Records from web to db as they were on the wire, each small enough to be one.
fn records(lab: &Lab) -> Vec<Datagram> {
    let address = provider_addresses(lab)[0].1;
    let wire = Wire::start(lab);
    let _ = lab.exec("web", &["ping", "-c", &COUNT.to_string(), "-i", "0.01", "-W", "5", DB]).ok();
    let seen = wire.stop().datagrams("host2");
    let mine = |datagram: &Datagram| datagram.is_record() && *datagram.source.ip() == address;
    let records: Vec<_> = seen.into_iter().filter(mine).take(COUNT).collect();
    assert_eq!(records.len(), COUNT);
    records
}

/// What db's host has dropped of what came from web: received before, not authentic.
fn dropped(lab: &Lab) -> (u64, u64) {
    let associations = Associations::of(lab);
    let count = |name| associations.counter("db", "web", name);
    (count("replayed"), count("notAuthentic"))
}

/// Sent again, word by word, from another host: the source is part of what is repeated.
#[test]
fn what_is_sent_again_is_dropped_and_counted_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    ping(&lab);
    let (records, before) = (records(&lab), dropped(&lab));
    let forger = Forger::new(&lab, "host-host3");
    let received = || Associations::of(&lab).counter("db", "web", "recordsReceived");
    let received_before = received();
    records.iter().for_each(|record| forger.send(record));
    let expected = (before.0 + COUNT as u64, before.1);
    wait::until("replays to be counted", || (dropped(&lab) == expected).then_some(()));
    // Liveness may have sent one of its own.
    assert!(received() <= received_before + 4, "not one of them was opened");
    ping(&lab);
}

/// One bit is another one: in the number, in the data, or in the tag.
#[test]
fn what_was_altered_is_dropped_and_counted_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    ping(&lab);
    let (records, before) = (records(&lab), dropped(&lab));
    let forger = Forger::new(&lab, "host-host3");
    for (at, record) in records.iter().enumerate() {
        let mut altered = record.clone();
        let length = altered.payload.len();
        altered.payload[1 + at * 7 % (length - 1)] ^= 1 << (at % 8);
        forger.send(&altered);
        // Numbers ahead of all that came: they are dropped by the tag alone.
        let mut ahead = record.clone();
        ahead.payload[1] ^= 0x40;
        forger.send(&ahead);
    }
    let sum = |(replayed, not_authentic): (u64, u64)| replayed + not_authentic;
    let expected = sum(before) + 2 * COUNT as u64;
    wait::until("forgeries to be counted", || (sum(dropped(&lab)) == expected).then_some(()));
    assert!(dropped(&lab).1 > before.1, "some of them for their tag: {:?}", dropped(&lab));
    ping(&lab);
}

/// From an address that no NIC has; nobody answers.
#[test]
fn strangers_are_not_answered_and_are_counted_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    ping(&lab);
    let sample = records(&lab).swap_remove(0);
    let strangers = || Associations::of(&lab).of_host("host2", "fromStrangers");
    let before = strangers();
    let wire = Wire::start(&lab);
    let stranger = SocketAddrV4::new(Ipv4Addr::new(198, 19, 200, 1), 33_333);
    let forger = Forger::new(&lab, "host-host3");
    for _ in 0..COUNT {
        forger.send(&Datagram { source: stranger, ..sample.clone() });
    }
    wait::until("strangers to be counted", || (strangers() == before + COUNT as u64).then_some(()));
    let seen = wire.stop().datagrams("host2");
    assert!(seen.iter().any(|datagram| datagram.source == stranger), "they came as far as the host");
    let answers = seen.iter().filter(|datagram| datagram.destination == stranger).count();
    assert_eq!(answers, 0, "answers");
}

/// Takes host2 off the underlay for a while, under load.
fn recovers_from_a_cut_of(time: Duration) {
    let lab = Lab::up(User::Root, TOPOLOGY);
    let transfer = Transfer::start(&lab, "web", "db", DB);
    let stream = Stream::start(End::of(&lab, "web", "10.1.0.4"), End::of(&lab, "db", DB));
    let set = |state: &str| {
        let _ = lab.in_namespace("host-host2", &["ip", "link", "set", "underlay0", state]).ok();
    };
    set("down");
    let cut = Instant::now();
    // Not a wait for something to happen: it is how long the link is cut.
    std::thread::sleep(time);
    set("up");
    let cut = cut.elapsed();
    stream.await_answers(500);
    transfer.await_progress();
    transfer.finish();
    let losses = stream.finish();
    assert!(losses.span >= time / 2, "the cut is felt: {losses:?}");
    assert!(losses.span < cut + Duration::from_secs(5), "{losses:?} of a cut of {cut:?}");
    let associations = Associations::of(&lab);
    assert!(associations.established("web", "db"), "{:#}", associations.json());
}

#[test]
fn a_cut_of_a_second_is_recovered_from_as_root() {
    recovers_from_a_cut_of(Duration::from_secs(1));
}

#[test]
fn a_cut_of_ten_seconds_is_recovered_from_as_root() {
    recovers_from_a_cut_of(Duration::from_secs(10));
}

/// New keys every few thousand records, in the middle of a transfer and of a stream of which every datagram counts.
#[test]
fn new_keys_cost_no_packet_as_root() {
    let lab = Lab::up_by(User::Root, TOPOLOGY, |mut up| {
        up.env("VNETLAB_REKEY_RECORDS", "5000");
        up
    });
    ping(&lab);
    let stream = Stream::start(End::of(&lab, "web", "10.1.0.4"), End::of(&lab, "db", DB));
    let transfer = Transfer::start(&lab, "web", "db", DB);
    let rekeys = || Associations::of(&lab).counter("web", "db", "rekeys");
    wait::until("some changes of keys", || (rekeys() >= 5).then_some(()));
    transfer.await_progress();
    transfer.finish();
    // A flood may fill a queue; of the stream alone, nothing may be missing.
    let losses = stream.finish();
    assert_eq!((losses.lost, dropped(&lab).1), (0, 0), "{losses:?}: {:#}", Associations::of(&lab).json());
}
