//! Somebody else on the underlay, in the place of the second host.

use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::time::Duration;

use tunnel::record::{Cipher, Content, Sealer, record_len};

use super::ends::{self, End, FIRST, Word, eventually};

const CIPHER: Cipher = Cipher::Aes128Gcm;

/// An engine on the first host with keys, and a socket where the second one's would be.
fn against_one(test: impl FnOnce(&End, &End, &UdpSocket)) {
    let Some((mut one, two)) = ends::hosts() else {
        eprintln!("SKIPPED: no right to make network namespaces or TAP devices: run as root");
        return;
    };
    one.start(&two);
    one.channel().receive_with(FIRST, two.opener(CIPHER));
    let socket = two.inside(|| UdpSocket::bind(two.provider())).unwrap();
    socket.connect(one.provider()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    test(&one, &two, &socket);
}

fn record(sealer: &mut Sealer, payload: &[u8]) -> Vec<u8> {
    let mut record = vec![0; record_len(payload.len())];
    sealer.seal(&mut record, Content::ApplicationData, [payload, &[], &[]]).unwrap();
    record
}

/// Flags and a UDP datagram from the second VM to the first one's port 7000, without a UDP checksum.
fn packet(flags: u8, text: &[u8]) -> Vec<u8> {
    let udp = (8 + text.len()) as u16;
    let mut packet = vec![0x45, 0];
    packet.extend((20 + udp).to_be_bytes());
    packet.extend([0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1]);
    let sum: u32 = packet.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let folded = !(((sum & 0xffff) + (sum >> 16)) as u16);
    packet[10..12].copy_from_slice(&folded.to_be_bytes());
    packet.extend([7000u16.to_be_bytes(), 7000u16.to_be_bytes(), udp.to_be_bytes(), [0, 0]].concat());
    packet.extend(text);
    [&[flags], &packet[..]].concat()
}

#[test]
fn replayed_and_corrupted_records_are_counted() {
    against_one(|one, two, socket| {
        let to = SocketAddr::from(SocketAddrV4::new(one.customer(), 7000));
        let guest = one.inside(|| UdpSocket::bind(to)).unwrap();
        guest.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut sealer = two.sealer(CIPHER);
        let first = record(&mut sealer, &packet(0, b"first"));
        socket.send(&first).unwrap();
        let mut buffer = [0; 100];
        assert_eq!(guest.recv(&mut buffer).unwrap(), 5);

        socket.send(&first).unwrap();
        let counters = || one.channel().counters();
        eventually("it is replayed", || counters().replayed == 1);

        let second = record(&mut sealer, &packet(0, b"second"));
        for (count, at) in (1..).zip([second.len() - 1, 10]) {
            let mut corrupted = second.clone();
            corrupted[at] ^= 1;
            socket.send(&corrupted).unwrap();
            eventually("it is not authentic", || counters().not_authentic == count);
        }
        // What failed left no trace.
        socket.send(&second).unwrap();
        assert_eq!(guest.recv(&mut buffer).unwrap(), 6);
        eventually("both count", || counters().records_received == 2);
        assert_eq!(counters().not_delivered, 0);
        assert_eq!(one.notes.words(), [Word::Authentic(FIRST)]);
    });
}

/// Authentic, and yet nonsense: none of it reaches the network.
#[test]
fn malformed_packets_are_counted() {
    against_one(|one, two, socket| {
        let mut sealer = two.sealer(CIPHER);
        let good = packet(0, b"text");
        let before = one.statistics(ends::TAP).rx_packets;
        let mut icmp = packet(1, b"x");
        icmp[10] = 1;
        let mut version = good.clone();
        version[1] = 0x65;
        let nonsense: [&[u8]; 5] =
            [&[0, 1], &good[..good.len() - 1], &[&good[..], &[0]].concat(), &version, &icmp];
        for (count, payload) in (1..).zip(nonsense) {
            socket.send(&record(&mut sealer, payload)).unwrap();
            eventually("it is not delivered", || one.channel().counters().not_delivered == count);
        }
        assert_eq!(one.statistics(ends::TAP).rx_packets, before);
        // Nothing at all is nothing wrong.
        socket.send(&record(&mut sealer, &[])).unwrap();
        eventually("it was opened", || one.channel().counters().records_received == 6);
    });
}

#[test]
fn strangers_are_told() {
    against_one(|one, two, _| {
        let stranger = SocketAddrV4::new(*two.provider().ip(), 9);
        let socket = two.inside(|| UdpSocket::bind(stranger)).unwrap();
        let record = record(&mut two.sealer(CIPHER), &packet(0, b"stolen"));
        socket.send_to(&record, one.provider()).unwrap();
        eventually("a stranger", || one.notes.words() == [Word::Stranger]);
        assert_eq!(one.channel().counters().records_received, 0);
    });
}

/// Records may come at a side that has no keys, and any number of them.
#[test]
fn records_without_keys_are_told_now_and_then() {
    against_one(|one, two, socket| {
        one.channel().forget(FIRST);
        let record = record(&mut two.sealer(CIPHER), &packet(0, b"early"));
        for _ in 0..100 {
            socket.send(&record).unwrap();
        }
        eventually("all have come", || one.channel().counters().not_authentic == 100);
        let words = one.notes.words();
        assert!(
            (1..20).contains(&words.len()) && words.iter().all(|word| *word == Word::Keyless),
            "{words:?}"
        );
    });
}
