//! What is joined, what is not, and that nothing is lost by it.

use proptest::prelude::*;

use super::*;
use crate::encryption::engine::sample::{self, completed, tcp, udp};
use crate::encryption::engine::segment::cut;

const ETHERNET_HEADER: [u8; ETHERNET] = [2, 0, 0, 0, 0, 5, 2, 0, 0, 0, 0, 4, 8, 0];

/// What is written when packets come in this order, each with whether its checksum is open.
fn write(packets: &[(bool, Vec<u8>)]) -> Vec<Vec<u8>> {
    let mut written = Vec::new();
    let mut take = |parts: &[IoSlice<'_>]| written.push(parts.concat_all());
    let mut coalescer = Coalescer::new(ETHERNET_HEADER, true);
    for (partial, packet) in packets {
        coalescer.push(*partial, packet, &mut take).unwrap();
    }
    coalescer.flush(&mut take);
    written
}

trait ConcatAll {
    fn concat_all(&self) -> Vec<u8>;
}

impl ConcatAll for [IoSlice<'_>] {
    fn concat_all(&self) -> Vec<u8> {
        self.iter().flat_map(|part| part.to_vec()).collect()
    }
}

/// The packets into which the kernel would cut a frame, with whether their checksums are open.
fn cut_frame(frame: &[u8]) -> Vec<(bool, Vec<u8>)> {
    let header = Header::from_bytes(frame[..virtio::LENGTH].try_into().unwrap());
    assert_eq!(frame[virtio::LENGTH..PACKET], ETHERNET_HEADER);
    let mut packets = Vec::new();
    let take = |segment: crate::encryption::engine::segment::Segment<'_>| {
        packets.push((segment.partial, [segment.head, segment.payload].concat()));
    };
    cut(&header, &mut frame[PACKET..].to_vec(), take).unwrap();
    packets
}

/// As on the wire: with the checksum worked out, and without an identification that means nothing.
fn on_the_wire((partial, packet): &(bool, Vec<u8>)) -> Vec<u8> {
    let mut packet = if *partial { completed(packet) } else { packet.clone() };
    if packet[6] & 0x40 != 0 {
        packet[4..6].fill(0);
    }
    checksum::complete_ip(&mut packet[..20]);
    packet
}

#[test]
fn a_stream_is_joined() {
    let payload: Vec<u8> = (0..60_000u32).map(|number| (number * 7) as u8).collect();
    let superpacket = tcp(1000, &payload);
    let header = sample::header(&superpacket, Cut::Tcp, 1448);
    let mut packets = Vec::new();
    cut(&header, &mut superpacket.clone(), |segment| {
        packets.push((segment.partial, [segment.head, segment.payload].concat()));
    })
    .unwrap();
    assert_eq!(packets.len(), 42);
    let written = write(&packets);
    assert_eq!(written.len(), 1);
    let expected = [&header.to_bytes(), &ETHERNET_HEADER[..], &superpacket].concat();
    assert!(written[0] == expected);
}

#[test]
fn a_packet_alone_is_written_as_it_is() {
    let packet = completed(&udp(b"hello"));
    let written = write(&[(false, packet.clone())]);
    assert_eq!(written, [[&Header::DONE.to_bytes(), &ETHERNET_HEADER[..], &packet].concat()]);
    let open = udp(b"hello");
    let header = Header { segment: 5, ..sample::header(&open, Cut::Not, 0) };
    let written = write(&[(true, open.clone())]);
    assert_eq!(written, [[&header.to_bytes(), &ETHERNET_HEADER[..], &open].concat()]);
    let mut icmp = packet;
    icmp[9] = 1;
    assert_eq!(write(&[(false, icmp.clone()), (false, icmp)]).len(), 2);
}

/// Two packets in a row: how many writes they come to after something is changed in the second.
fn writes_of_two(change: impl FnOnce(&mut Vec<u8>)) -> usize {
    let mut second = tcp(1100, &[2; 100]);
    change(&mut second);
    // Of a fragment nobody leaves the checksum open.
    let partial = Layout::of(&second).is_some();
    write(&[(true, tcp(1000, &[1; 100])), (partial, second)]).len()
}

#[test]
fn what_differs_is_not_joined() {
    assert_eq!(writes_of_two(|_| {}), 1);
    assert_eq!(writes_of_two(|packet| packet[4] = 9), 1, "an identification that means nothing");
    for (at, what) in [
        (1, "type of service"),
        (8, "TTL"),
        (15, "source"),
        (19, "destination"),
        (21, "source port"),
        (23, "destination port"),
        (27, "sequence number"),
        (31, "acknowledgement"),
        (34, "window"),
        (39, "urgent pointer"),
        (51, "timestamp"),
    ] {
        assert_eq!(writes_of_two(|packet| packet[at] ^= 1), 2, "{what}");
    }
    assert_eq!(writes_of_two(|packet| packet[6] = 0), 2, "may be fragmented");
    assert_eq!(writes_of_two(|packet| packet[6] = 0x60), 2, "a fragment");
    for flag in [0x02, 0x04, 0x20, 0x40, 0x80] {
        assert_eq!(writes_of_two(|packet| packet[33] |= flag), 2, "flag {flag:#x}");
    }
    for flag in [0x01, 0x08] {
        assert_eq!(writes_of_two(|packet| packet[33] |= flag), 1, "flag {flag:#x}");
    }
    assert_eq!(writes_of_two(|packet| *packet = tcp(1100, &[2; 101])), 2, "longer");
    assert_eq!(writes_of_two(|packet| *packet = tcp(1100, &[2; 99])), 1, "shorter");
    assert_eq!(writes_of_two(|packet| *packet = tcp(1100, &[])), 2, "an acknowledgement");
}

/// Only the last one may be shorter, or push.
#[test]
fn what_ends_a_run() {
    let third = (true, tcp(1200, &[3; 100]));
    let short = [(true, tcp(1000, &[1; 100])), (true, tcp(1100, &[2; 99])), (true, tcp(1199, &[3; 99]))];
    assert_eq!(write(&short).len(), 2);
    let mut push = tcp(1100, &[2; 100]);
    push[33] |= 8;
    assert_eq!(write(&[(true, tcp(1000, &[1; 100])), (true, push), third]).len(), 2);
}

/// A checksum that was wrong before stays wrong.
#[test]
fn a_wrong_checksum_is_kept() {
    let right = completed(&udp(&[1; 100]));
    assert_eq!(write(&[(false, right.clone()), (false, right.clone())]).len(), 1);
    assert_eq!(write(&[(false, right.clone()), (true, udp(&[1; 100]))]).len(), 1);
    let mut wrong = right.clone();
    wrong[40] ^= 1;
    let written = write(&[(false, right.clone()), (false, wrong.clone()), (false, right)]);
    assert_eq!(written.len(), 3);
    assert_eq!(written[1][PACKET..], wrong);
    // None at all is none afterwards.
    let mut none = udp(&[1; 100]);
    none[26..28].fill(0);
    assert_eq!(write(&[(false, none.clone()), (false, none)]).len(), 2);
}

#[test]
fn an_open_checksum_of_something_else_is_refused() {
    let mut icmp = udp(b"x");
    icmp[9] = 1;
    let mut coalescer = Coalescer::new(ETHERNET_HEADER, true);
    assert_eq!(coalescer.push(true, &icmp, |_| {}), Err(Malformed));
}

#[test]
fn udp_is_joined_where_the_device_can_cut_it() {
    let packets = [udp(&[1; 100]), udp(&[2; 100]), udp(&[3; 50])];
    assert_eq!(write(&packets.clone().map(|packet| (true, packet))).len(), 1);
    let mut coalescer = Coalescer::new(ETHERNET_HEADER, false);
    let mut writes = 0;
    for packet in &packets {
        coalescer.push(true, packet, |_| writes += 1).unwrap();
    }
    coalescer.flush(|_| writes += 1);
    assert_eq!(writes, 3);
}

/// A superpacket of one of two flows, or of UDP, with what makes joins begin and end.
fn superpacket() -> impl Strategy<Value = (Header, Vec<u8>)> {
    let flags = prop::sample::select(vec![0x10u8, 0x10, 0x18, 0x11, 0x90, 0x12]);
    (any::<bool>(), 0..3u8, 1..6000usize, 100..1500u16, 0..3u32, flags, any::<u8>()).prop_map(
        |(is_udp, port, length, segment, number, flags, fill)| {
            let payload: Vec<u8> = (0..length).map(|at| (at as u8).wrapping_mul(fill)).collect();
            let mut packet = if is_udp { udp(&payload) } else { tcp(number * 1448, &payload) };
            packet[21] = port;
            if !is_udp {
                packet[33] = flags;
            }
            let cut = if is_udp { Cut::Udp } else { Cut::Tcp };
            (sample::header(&packet, cut, segment), packet)
        },
    )
}

proptest! {
    /// Whatever is cut, joined and cut again is, packet by packet, what it was; and every checksum is right.
    #[test]
    fn joining_is_the_reverse_of_cutting(
        superpackets in prop::collection::vec(superpacket(), 1..12),
        lost in prop::collection::vec(prop::bool::weighted(0.1), 60),
        full in prop::collection::vec(prop::bool::weighted(0.2), 60),
    ) {
        let mut packets = Vec::new();
        for (header, packet) in &superpackets {
            cut(header, &mut packet.clone(), |segment| {
                let packet = [segment.head, segment.payload].concat();
                let number = packets.len() % 60;
                match (lost[number], full[number]) {
                    (true, _) => {}
                    (_, true) => packets.push((false, completed(&packet))),
                    (_, false) => packets.push((true, packet)),
                }
            }).unwrap();
        }
        let written = write(&packets);
        prop_assert!(written.len() <= packets.len());
        let again: Vec<_> = written.iter().flat_map(|frame| cut_frame(frame)).collect();
        let (again, packets): (Vec<_>, Vec<_>) =
            (again.iter().map(on_the_wire).collect(), packets.iter().map(on_the_wire).collect());
        prop_assert!(again.iter().all(|packet| sample::is_right(packet)));
        prop_assert_eq!(again, packets);
    }
}
