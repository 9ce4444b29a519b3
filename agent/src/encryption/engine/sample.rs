//! Packets for tests.

use super::checksum;
use super::packet::{ETHERNET, Layout, Transport};
use super::virtio::{Cut, Header};

fn ip(transport: Transport, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + rest.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x45, 0, length[0], length[1], 0, 1, 0x40, 0, 64, transport.protocol(), 0, 0];
    packet.extend([10, 0, 0, 4, 10, 0, 0, 5]);
    checksum::complete_ip(&mut packet);
    packet.extend(rest);
    opened(&packet)
}

/// A TCP segment with ACK and timestamps, its checksum open.
pub(crate) fn tcp(number: u32, payload: &[u8]) -> Vec<u8> {
    let mut segment = vec![0x9c, 0x40, 0x14, 0x51];
    segment.extend(number.to_be_bytes());
    segment.extend([0, 0, 0, 9, 0x80, 0x10, 1, 0xf5, 0, 0, 0, 0]);
    segment.extend([1, 1, 8, 10, 0, 0, 1, 2, 0, 0, 3, 4]);
    segment.extend(payload);
    ip(Transport::Tcp, &segment)
}

/// A UDP datagram, its checksum open.
pub(crate) fn udp(payload: &[u8]) -> Vec<u8> {
    let mut datagram = vec![0x13, 0x88, 0x17, 0x70];
    datagram.extend(u16::try_from(8 + payload.len()).unwrap().to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    ip(Transport::Udp, &datagram)
}

/// The packet with its checksum open: the sum of the pseudo header is in its place.
pub(crate) fn opened(packet: &[u8]) -> Vec<u8> {
    let layout = Layout::of(packet).unwrap();
    let length = u16::try_from(packet.len() - layout.ip).unwrap();
    let pseudo = checksum::add_number(checksum::addresses(packet, layout.transport.protocol()), length);
    let at = layout.ip + layout.transport.checksum_offset();
    let mut packet = packet.to_vec();
    packet[at..at + 2].copy_from_slice(&checksum::fold(pseudo));
    packet
}

/// The packet, whose checksum is open, with it worked out.
pub(crate) fn completed(packet: &[u8]) -> Vec<u8> {
    let layout = Layout::of(packet).unwrap();
    let mut packet = packet.to_vec();
    let udp = layout.transport == Transport::Udp;
    checksum::complete(&mut packet[layout.ip..], layout.transport.checksum_offset(), udp);
    packet
}

/// Whether length and checksums are right.
pub(crate) fn is_right(packet: &[u8]) -> bool {
    let layout = Layout::of(packet).unwrap();
    usize::from(u16::from_be_bytes([packet[2], packet[3]])) == packet.len()
        && checksum::finish(checksum::add(0, &packet[..layout.ip])) == [0, 0]
        && checksum::is_right(packet, layout.transport.protocol(), &packet[layout.ip..])
}

/// What a TAP says before `packet`, whose checksum is open.
pub(crate) fn header(packet: &[u8], cut: Cut, segment: u16) -> Header {
    let layout = Layout::of(packet).unwrap();
    Header {
        checksum_start: Some(u16::try_from(ETHERNET + layout.ip).unwrap()),
        checksum_offset: u16::try_from(layout.transport.checksum_offset()).unwrap(),
        cut,
        header_length: u16::try_from(ETHERNET + layout.head).unwrap(),
        segment,
    }
}
