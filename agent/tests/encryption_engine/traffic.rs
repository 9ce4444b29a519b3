//! What gets through, and in how many pieces.

use std::io::{Read, Write};
use std::net::{SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use agent::encryption::engine::{Count, Table};
use linux_net::netlink::{LinkChange, Request};
use linux_net::tap::Tap;
use nix::sys::socket::{setsockopt, sockopt};
use tunnel::record::Cipher;

use super::ends::{End, TAP, UNDERLAY, eventually, give_keys};
use super::with_engines;

const PORT: u16 = 5000;

fn address(end: &End) -> SocketAddr {
    SocketAddrV4::new(end.customer(), PORT).into()
}

fn udp(end: &End) -> UdpSocket {
    let socket = end.inside(|| UdpSocket::bind(address(end))).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

/// Bytes that are easy to make and hard to mix up.
fn stream(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Sends `bytes` from one host to the other by TCP; what arrives.
fn send_tcp(from: &End, to: &End, bytes: &[u8]) -> Vec<u8> {
    let listener = to.inside(|| TcpListener::bind(address(to))).unwrap();
    let mut sender = from.inside(|| TcpStream::connect(address(to))).unwrap();
    let (mut receiver, _) = listener.accept().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            sender.write_all(bytes).unwrap();
        });
        let mut received = Vec::new();
        receiver.read_to_end(&mut received).unwrap();
        received
    })
}

#[test]
fn pings_and_datagrams_of_all_sizes() {
    with_engines(|one, two| {
        give_keys(&one, &two, Cipher::Aes128Gcm);
        let ping = format!("ping -n -c 3 -i 0.01 -W 5 -s 1472 -M do {}", two.customer());
        let words: Vec<&str> = ping.split(' ').collect();
        let mut command = std::process::Command::new(words[0]);
        command.args(&words[1..]).stdout(std::process::Stdio::null());
        let mut child = linux_net::process::Placement::network(&one.namespace).spawn(command).unwrap();
        assert!(child.wait().unwrap().success());

        let (from, to) = (udp(&one), udp(&two));
        let bytes = stream(20_000);
        let mut buffer = vec![0; 65_536];
        // The last ones are fragments, which nobody cuts or joins.
        for length in (0..1473).step_by(7).chain([1471, 1472, 1473, 2000, 9000, 20_000]) {
            from.send_to(&bytes[..length], address(&two)).unwrap();
            let (received, source) = to.recv_from(&mut buffer).unwrap();
            assert_eq!((source, received), (address(&one), length));
            assert!(buffer[..received] == bytes[..length], "{length} bytes");
            to.send_to(&bytes[..length], source).unwrap();
            assert_eq!(from.recv(&mut buffer).unwrap(), length);
        }
        for end in [&one, &two] {
            let count = end.channel().counters();
            let wrong =
                Count { records_sent: 0, records_received: 0, bytes_sent: 0, bytes_received: 0, ..count };
            assert_eq!(wrong, Count::default());
            assert_eq!(end.channel().traffic().sealed, count.records_sent);
        }
        eventually("both count the same", || {
            let (sent, received) = (one.channel().counters(), two.channel().counters());
            (sent.records_sent, sent.bytes_sent) == (received.records_received, received.bytes_received)
        });
    });
}

/// The bytes arrive, and travel in superpackets: read, sent and delivered many at once.
fn tcp_goes_in_bulk(cipher: Cipher) {
    with_engines(|one, two| {
        give_keys(&one, &two, cipher);
        let bytes = stream(20 << 20);
        for (from, to) in [(&one, &two), (&two, &one)] {
            let sent = || from.channel().counters().records_sent;
            let pieces = || {
                [
                    from.statistics(TAP).tx_packets,
                    from.statistics(UNDERLAY).tx_packets,
                    to.statistics(TAP).rx_packets,
                ]
            };
            let before = (sent(), pieces());
            assert!(send_tcp(from, to, &bytes) == bytes);
            let records = sent() - before.0;
            assert!(records >= 20 << 20 >> 11, "{records} records");
            for (piece, before) in pieces().iter().zip(before.1) {
                assert!(piece - before < records / 4, "{} pieces for {records} records", piece - before);
            }
            assert_eq!(to.channel().counters().not_delivered, 0);
        }
    });
}

#[test]
fn tcp_goes_in_bulk_with_aes_128() {
    tcp_goes_in_bulk(Cipher::Aes128Gcm);
}

#[test]
fn tcp_goes_in_bulk_with_aes_256() {
    tcp_goes_in_bulk(Cipher::Aes256Gcm);
}

/// Datagrams that were sent as one arrive one by one, after they have travelled as one.
#[test]
fn udp_goes_in_bulk() {
    with_engines(|one, two| {
        give_keys(&one, &two, Cipher::Aes128Gcm);
        let (from, to) = (udp(&one), udp(&two));
        let bytes = stream(40 * 1200 + 500);
        setsockopt(&from, sockopt::UdpGsoSegment, &1200).unwrap();
        let before = two.statistics(TAP).rx_packets;
        from.send_to(&bytes, address(&two)).unwrap();
        let mut received = Vec::new();
        let mut buffer = vec![0; 65_536];
        for length in [1200; 40].into_iter().chain([500]) {
            assert_eq!(to.recv(&mut buffer).unwrap(), length);
            received.extend_from_slice(&buffer[..length]);
        }
        assert!(received == bytes);
        assert_eq!(one.channel().counters().records_sent, 41);
        assert_eq!(two.statistics(TAP).rx_packets - before, 1);
    });
}

/// Each record is a packet of its own on the underlay.
#[test]
fn honest_records_travel_alone() {
    with_engines(|one, two| {
        give_keys(&one, &two, Cipher::Aes128Gcm);
        one.engine().set_honest(true);
        let bytes = stream(4 << 20);
        let before = one.statistics(UNDERLAY);
        assert!(send_tcp(&one, &two, &bytes) == bytes);
        let (after, records) = (one.statistics(UNDERLAY), one.channel().counters().records_sent);
        assert!(after.tx_packets - before.tx_packets >= records);
        assert!(records >= 4 << 20 >> 11, "{records} records");
    });
}

/// What has no business here is dropped and counted.
#[test]
fn other_frames_are_dropped() {
    with_engines(|one, two| {
        give_keys(&one, &two, Cipher::Aes128Gcm);
        let socket = udp(&one);
        // Nobody answers ARP for this one.
        socket.send_to(b"?", "10.0.0.77:1").unwrap();
        eventually("ARP is no IPv4", || one.engine().dropped_frames().not_ipv4 > 0);
        socket.set_broadcast(true).unwrap();
        socket.send_to(b"all", "10.0.0.255:1").unwrap();
        eventually("a broadcast belongs to no channel", || one.engine().dropped_frames().unknown == 1);
        assert_eq!(one.channel().counters().records_sent, 0);
        assert_eq!(one.engine().dropped_frames().malformed, 0);
    });
}

/// The TAP goes away and comes back: nothing spins, and then everything is as before.
#[test]
fn a_tap_goes_and_comes_back() {
    with_engines(|one, two| {
        give_keys(&one, &two, Cipher::Aes128Gcm);
        assert_eq!(send_tcp(&one, &two, b"before"), b"before");
        one.apply(&[Request::DeleteLink(TAP.into())]);
        assert!(one.inside(|| one.engine().add_tap(TAP)).is_err());
        two.channel().send_empty(0x80);
        eventually("the engine goes on", || two.channel().counters().records_received > 3);
        one.make_tap(&two);
        one.inside(|| one.engine().add_tap(TAP)).unwrap();
        one.inside(|| one.engine().add_tap(TAP)).unwrap();
        assert_eq!(send_tcp(&one, &two, b"after"), b"after");
        assert_eq!(send_tcp(&two, &one, b"after"), b"after");

        one.apply(&[Request::set_link(TAP, LinkChange::Down)]);
        let not_delivered = || one.channel().counters().not_delivered;
        let before = not_delivered();
        udp(&two).send_to(b"lost", address(&one)).unwrap();
        eventually("a device that is down takes nothing", || not_delivered() > before);
    });
}

/// An engine ends at once, whatever its threads wait for, and another one may have the TAP and the port.
#[test]
fn an_engine_ends() {
    with_engines(|mut one, two| {
        give_keys(&one, &two, Cipher::Aes128Gcm);
        assert_eq!(send_tcp(&one, &two, b"first"), b"first");
        one.stop();
        one.start(&two);
        // Records of these keys begin at the same number again.
        one.channel().receive_with(super::ends::FIRST, two.opener(Cipher::Aes128Gcm));
        assert_eq!(one.channel().counters(), Count::default());
    });
}

/// What is removed is free for others as soon as no thread looks at it, though nothing comes any more.
#[test]
fn ports_are_let_go_of() {
    with_engines(|mut one, two| {
        give_keys(&one, &two, Cipher::Aes128Gcm);
        assert_eq!(send_tcp(&one, &two, b"first"), b"first");
        one.engine().remove_socket(one.provider());
        one.forget_channel();
        one.engine().set_table(Table::default());
        eventually("the port is free", || one.inside(|| one.engine().add_socket(one.provider())).is_ok());
        one.engine().remove_tap(TAP);
        eventually("the TAP is free", || one.inside(|| Tap::attach(TAP)).is_ok());
    });
}
