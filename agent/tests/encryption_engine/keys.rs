//! Keys that come, change and go, and what whoever makes them is told.

use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::time::Duration;

use tunnel::association::flags;
use tunnel::receiver::SessionId;
use tunnel::record::Cipher;

use super::ends::{End, FIRST, Word, eventually, give_keys};
use super::with_engines;

const CIPHER: Cipher = Cipher::Aes128Gcm;

fn address(end: &End) -> SocketAddr {
    SocketAddrV4::new(end.customer(), 6000).into()
}

fn udp(end: &End) -> UdpSocket {
    let socket = end.inside(|| UdpSocket::bind(address(end))).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

/// First packets wait, up to a number; those that did arrive in order.
#[test]
fn first_packets_wait_for_keys() {
    with_engines(|one, two| {
        let (from, to) = (udp(&one), udp(&two));
        for number in 0..70u8 {
            from.send_to(&[number], address(&two)).unwrap();
        }
        eventually("six of seventy are too many", || one.channel().counters().not_sent == 6);
        assert_eq!(one.notes.words().first(), Some(&Word::Wanted));
        assert!(one.notes.words().len() < 20, "it is told now and then");
        give_keys(&one, &two, CIPHER);
        let mut buffer = [0; 10];
        let received: Vec<u8> = (0..64).map(|_| to.recv(&mut buffer).map(|_| buffer[0]).unwrap()).collect();
        assert_eq!(received, (0..64).collect::<Vec<u8>>());
        assert_eq!(two.notes.words(), [Word::Authentic(FIRST)]);

        one.channel().drop_keys();
        from.send_to(&[100], address(&two)).unwrap();
        eventually("keys are wanted again", || one.notes.words().len() > 1);
        eventually("nothing waits for longer than a second", || {
            one.channel().expire();
            one.channel().counters().not_sent == 7
        });
        assert_eq!(one.channel().counters().records_sent, 64);
    });
}

/// New keys replace old ones without a gap: records with either are opened as long as both are there.
#[test]
fn keys_are_replaced() {
    with_engines(|one, two| {
        give_keys(&one, &two, CIPHER);
        let (from, to) = (udp(&one), udp(&two));
        let mut buffer = [0; 10];
        let mut pass = |number: u8| {
            from.send_to(&[number], address(&two)).unwrap();
            assert_eq!((to.recv(&mut buffer).unwrap(), buffer[0]), (1, number));
        };
        pass(1);
        let second = SessionId(2);
        two.channel().receive_with(second, one.opener(Cipher::Aes256Gcm));
        pass(2);
        one.channel().send_with(one.sealer(Cipher::Aes256Gcm));
        pass(3);
        assert_eq!(two.notes.words(), [Word::Authentic(FIRST), Word::Authentic(second)]);
        two.channel().forget(FIRST);
        pass(4);
        assert_eq!(two.notes.words().len(), 2);
        two.channel().forget(second);
        from.send_to(&[5], address(&two)).unwrap();
        eventually("the other side has no keys", || two.notes.words().last() == Some(&Word::Keyless));
        assert_eq!(two.channel().counters().not_authentic, 1);
        assert_eq!(two.channel().traffic().opened, 4);
        assert_eq!(one.channel().traffic().sealed, 3, "with the keys in use");
    });
}

/// Who is asked answers, and a farewell is told.
#[test]
fn words_without_packets() {
    with_engines(|one, two| {
        one.channel().send_empty(flags::ASK);
        one.channel().send_close();
        assert_eq!(one.channel().counters().records_sent, 0, "there are no keys");
        give_keys(&one, &two, CIPHER);
        one.channel().send_empty(flags::ASK);
        eventually("the answer came", || one.channel().counters().records_received == 1);
        assert_eq!(one.notes.words(), [Word::Authentic(FIRST)]);
        assert_eq!(two.channel().counters().records_sent, 1);
        one.channel().send_close();
        let told = [Word::Authentic(FIRST), Word::Closed(FIRST)];
        eventually("it closed", || two.notes.words() == told);
    });
}

/// Whatever is no record of a packet is handed on, but not as fast as anybody likes.
#[test]
fn handshakes_are_handed_on() {
    with_engines(|one, two| {
        one.channel().send_datagram(&[22, 254, 253, 1, 2, 3]);
        let first = Word::Handshake(vec![22, 254, 253, 1, 2, 3]);
        eventually("a handshake came", || two.notes.words() == [first.clone()]);
        for _ in 0..5000 {
            one.channel().send_datagram(&[0b0010_1110, 0, 0]);
        }
        give_keys(&one, &two, CIPHER);
        one.channel().send_empty(0);
        eventually("all have come", || two.notes.words().last() == Some(&Word::Authentic(FIRST)));
        let count = two.notes.words().len();
        assert!((10..2000).contains(&count), "{count} were handed on");
    });
}
