//! A packet or superpacket from a TAP, cut into packets that fit. Checksums of TCP and UDP are left open where they can be: they
//! hold the sum of the pseudo header, and the tag of the record in which the packet travels stands in for the rest.

use super::checksum;
use super::packet::{ETHERNET, LARGEST_HEAD, Layout, Transport, total_length};
use super::virtio::{Cut, Header};

/// TCP's flags FIN and PSH, which only the last segment keeps, and CWR, which only the first does (RFC 3168, section 6.1.2).
const LAST_ONLY: u8 = 0x09;
const FIRST_ONLY: u8 = 0x80;

/// Header and packet do not fit each other, or the packet is no IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the packet is malformed")]
pub(crate) struct Malformed;

/// One packet, ready to be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment<'p> {
    /// The checksum is left open.
    pub(crate) partial: bool,
    /// Its headers, or as much of it as the cut has touched.
    pub(crate) head: &'p [u8],
    /// The rest.
    pub(crate) payload: &'p [u8],
}

impl Segment<'_> {
    /// Bytes of the packet.
    pub(crate) fn len(&self) -> usize {
        self.head.len() + self.payload.len()
    }
}

/// Hands the packets into which `packet` (IPv4, without Ethernet header) is to be cut to `take`, in order.
///
/// What `header` leaves open and cannot stay so is worked out in `packet`.
pub(crate) fn cut(
    header: &Header,
    packet: &mut [u8],
    take: impl FnMut(Segment<'_>),
) -> Result<(), Malformed> {
    match header.cut {
        Cut::Not => single(header, packet, take),
        Cut::Tcp => several(header, packet, Transport::Tcp, take),
        Cut::Udp => several(header, packet, Transport::Udp, take),
        Cut::Unknown => Err(Malformed),
    }
}

/// One packet; behind it there may be what fills the shortest Ethernet frame.
fn single(header: &Header, packet: &mut [u8], mut take: impl FnMut(Segment<'_>)) -> Result<(), Malformed> {
    let length = total_length(packet).ok_or(Malformed)?;
    let packet = &mut packet[..length];
    let mut partial = false;
    if header.checksum_start.is_some() {
        partial = Layout::of(packet).is_some_and(|layout| is_usual(header, &layout));
        if !partial {
            // That of a packet inside the packet.
            let offset = usize::from(header.checksum_offset);
            let start = checksum_start(header).ok_or(Malformed)?;
            let bytes = packet.get_mut(start..).filter(|bytes| bytes.len() >= offset + 2).ok_or(Malformed)?;
            checksum::complete(bytes, offset, offset == Transport::Udp.checksum_offset());
        }
    }
    take(Segment { partial, head: packet, payload: &[] });
    Ok(())
}

fn several(
    header: &Header,
    packet: &[u8],
    transport: Transport,
    mut take: impl FnMut(Segment<'_>),
) -> Result<(), Malformed> {
    let layout = Layout::of(packet).filter(|layout| layout.transport == transport).ok_or(Malformed)?;
    let size = usize::from(header.segment);
    let (original, payload) = packet.split_at(layout.head);
    if size == 0 || payload.is_empty() || !is_usual(header, &layout) {
        return Err(Malformed);
    }
    let mut head = [0; LARGEST_HEAD];
    let head = &mut head[..layout.head];
    head.copy_from_slice(original);
    let sums = Sums::of(head, &layout);
    let pieces = payload.len().div_ceil(size);
    for (number, piece) in payload.chunks(size).enumerate() {
        set_ip(head, original, number, piece.len(), &sums);
        match transport {
            Transport::Tcp => set_tcp(&mut head[layout.ip..], &original[layout.ip..], number, size, pieces),
            Transport::Udp => set_udp(&mut head[layout.ip..], piece.len()),
        }
        let length = (layout.head - layout.ip + piece.len()) as u16;
        let at = layout.ip + transport.checksum_offset();
        let pseudo = checksum::fold(checksum::add_number(sums.addresses, length));
        head[at..at + 2].copy_from_slice(&pseudo);
        take(Segment { partial: true, head, payload: piece });
    }
    Ok(())
}

/// Where in the packet the bytes begin that the checksum is about.
fn checksum_start(header: &Header) -> Option<usize> {
    usize::from(header.checksum_start?).checked_sub(ETHERNET)
}

/// Whether the open checksum is that of the packet's own TCP or UDP header.
fn is_usual(header: &Header, layout: &Layout) -> bool {
    checksum_start(header) == Some(layout.ip)
        && usize::from(header.checksum_offset) == layout.transport.checksum_offset()
}

/// Sums over what is the same in all pieces.
struct Sums {
    /// The IPv4 header without length, identification and checksum.
    ip: u64,
    /// The pseudo header without length.
    addresses: u64,
}

impl Sums {
    fn of(head: &[u8], layout: &Layout) -> Self {
        let ip = checksum::add(checksum::add(0, &head[..2]), &head[6..10]);
        let ip = checksum::add(ip, &head[12..layout.ip]);
        let addresses = checksum::addresses(head, layout.transport.protocol());
        Self { ip, addresses }
    }
}

/// Length, identification (counted up, as the kernel does) and checksum.
fn set_ip(head: &mut [u8], original: &[u8], number: usize, payload: usize, sums: &Sums) {
    let length = (head.len() + payload) as u16;
    let identification = u16::from_be_bytes([original[4], original[5]]).wrapping_add(number as u16);
    head[2..4].copy_from_slice(&length.to_be_bytes());
    head[4..6].copy_from_slice(&identification.to_be_bytes());
    let sum = checksum::add_number(checksum::add_number(sums.ip, length), identification);
    head[10..12].copy_from_slice(&checksum::finish(sum));
}

fn set_tcp(tcp: &mut [u8], original: &[u8], number: usize, size: usize, pieces: usize) {
    let first = u32::from_be_bytes([original[4], original[5], original[6], original[7]]);
    tcp[4..8].copy_from_slice(&first.wrapping_add((number * size) as u32).to_be_bytes());
    let mut flags = original[13];
    if number + 1 < pieces {
        flags &= !LAST_ONLY;
    }
    if number > 0 {
        flags &= !FIRST_ONLY;
    }
    tcp[13] = flags;
}

fn set_udp(udp: &mut [u8], payload: usize) {
    udp[4..6].copy_from_slice(&((8 + payload) as u16).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encryption::engine::sample::{self, tcp, udp};

    /// What `cut` makes of a superpacket, each packet whole, with its checksum worked out.
    fn cut_whole(header: &Header, packet: &[u8]) -> Result<Vec<Vec<u8>>, Malformed> {
        let mut packets = Vec::new();
        cut(header, &mut packet.to_vec(), |segment| {
            let whole = [segment.head, segment.payload].concat();
            assert_eq!(whole.len(), segment.len());
            packets.push(if segment.partial { sample::completed(&whole) } else { whole });
        })?;
        Ok(packets)
    }

    #[test]
    fn tcp_is_cut() {
        let payload: Vec<u8> = (0..3000).map(|number| number as u8).collect();
        let mut superpacket = tcp(u32::MAX - 1000, &payload);
        superpacket[20 + 13] = 0x99; // CWR, ACK, PSH, FIN
        let header = sample::header(&superpacket, Cut::Tcp, 1448);
        let packets = cut_whole(&header, &superpacket).unwrap();
        let head = superpacket.len() - payload.len();
        let numbers = packets.iter().map(|packet| u32::from_be_bytes(packet[24..28].try_into().unwrap()));
        assert_eq!(numbers.collect::<Vec<_>>(), [u32::MAX - 1000, 447, 1895]);
        assert_eq!(packets.iter().map(|packet| packet[33]).collect::<Vec<_>>(), [0x90, 0x10, 0x19]);
        assert_eq!(packets.iter().map(|packet| packet[5]).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(packets.iter().flat_map(|packet| packet[head..].to_vec()).collect::<Vec<_>>(), payload);
        assert!(packets.iter().all(|packet| sample::is_right(packet)));
    }

    #[test]
    fn udp_is_cut() {
        let superpacket = udp(&[7; 2050]);
        let header = sample::header(&superpacket, Cut::Udp, 1000);
        let packets = cut_whole(&header, &superpacket).unwrap();
        assert_eq!(packets.iter().map(Vec::len).collect::<Vec<_>>(), [1028, 1028, 78]);
        assert!(packets.iter().all(|packet| sample::is_right(packet)));
    }

    /// A small packet is followed by what Ethernet fills it up with.
    #[test]
    fn a_packet_stays_as_it_is() {
        let packet = sample::completed(&udp(b"hello"));
        let padded = [&packet[..], &[0; 13]].concat();
        assert_eq!(cut_whole(&Header::DONE, &padded), Ok(vec![packet.clone()]));
        let open = sample::header(&packet, Cut::Not, 0);
        assert_eq!(cut_whole(&open, &sample::opened(&packet)), Ok(vec![packet.clone()]));
        // A checksum at a place of its own is worked out: here over the UDP header and payload of a packet inside.
        let inner = udp(b"inner");
        let outer = udp(&inner);
        let cut = cut_whole(&Header { checksum_start: Some(34 + 28), ..open }, &outer).unwrap();
        assert_eq!(cut[0][28..], sample::completed(&inner));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let packet = tcp(1, &[1; 100]);
        let good = sample::header(&packet, Cut::Tcp, 50);
        assert_eq!(cut_whole(&good, &packet).map(|packets| packets.len()), Ok(2));
        for bad in [
            Header { segment: 0, ..good },
            Header { cut: Cut::Udp, ..good },
            Header { cut: Cut::Unknown, ..good },
            Header { checksum_start: None, ..good },
            Header { checksum_offset: 6, ..good },
            Header { checksum_start: Some(35), ..good },
        ] {
            assert_eq!(cut_whole(&bad, &packet), Err(Malformed), "{bad:?}");
        }
        assert_eq!(cut_whole(&good, &packet[..30]), Err(Malformed));
        assert_eq!(cut_whole(&good, &packet[..40]), Err(Malformed), "no payload");
        for start in [3, 200] {
            let bad = Header { checksum_start: Some(start), cut: Cut::Not, ..good };
            assert_eq!(cut_whole(&bad, &packet), Err(Malformed), "{bad:?}");
        }
        assert_eq!(cut_whole(&Header::DONE, &packet[..100]), Err(Malformed), "shorter than it says");
        assert_eq!(cut_whole(&Header::DONE, &[0x60; 60]), Err(Malformed), "IPv6");
    }
}
