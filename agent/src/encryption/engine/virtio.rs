//! The header before each frame of a TAP: what is left to do about the frame's checksum and size (`struct virtio_net_hdr`,
//! linux/virtio_net.h; OASIS Virtio 1.2, section 5.1.6). In the machine's byte order.

use linux_net::tap;

/// Bytes of it.
pub(crate) const LENGTH: usize = tap::HEADER;

/// The checksum is to be worked out from `checksum_start` on.
const NEEDS_CHECKSUM: u8 = 1;

/// Ways of cutting a superpacket.
const TCP_V4: u8 = 1;
const UDP: u8 = 5;
/// Set beside TCP when the connection uses ECN.
const ECN: u8 = 0x80;

/// How a superpacket is to be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// It is one packet.
    Not,
    /// Into TCP segments, each with headers of its own.
    Tcp,
    /// Into UDP datagrams, each with headers of its own.
    Udp,
    /// In a way that was not asked for.
    Unknown,
}

/// The header. Offsets are from the frame's beginning on, the Ethernet header included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Where the bytes begin that the checksum is about; none when it is there, or there is none.
    pub(crate) checksum_start: Option<u16>,
    /// Where it is to be put, from `checksum_start` on.
    pub(crate) checksum_offset: u16,
    /// What is to be cut.
    pub(crate) cut: Cut,
    /// Bytes of all headers together; a hint.
    pub(crate) header_length: u16,
    /// Bytes of each piece without headers.
    pub(crate) segment: u16,
}

impl Header {
    /// That of a frame with which nothing is left to do.
    pub(crate) const DONE: Self =
        Self { checksum_start: None, checksum_offset: 0, cut: Cut::Not, header_length: 0, segment: 0 };

    /// Reads it.
    pub(crate) fn from_bytes(bytes: [u8; LENGTH]) -> Self {
        let [flags, kind, header_length @ .., s0, s1, c0, c1, o0, o1] = bytes;
        let cut = match kind & !ECN {
            0 => Cut::Not,
            TCP_V4 => Cut::Tcp,
            UDP => Cut::Udp,
            _ => Cut::Unknown,
        };
        Self {
            checksum_start: (flags & NEEDS_CHECKSUM != 0).then(|| u16::from_ne_bytes([c0, c1])),
            checksum_offset: u16::from_ne_bytes([o0, o1]),
            cut,
            header_length: u16::from_ne_bytes(header_length),
            segment: u16::from_ne_bytes([s0, s1]),
        }
    }

    /// Writes it.
    pub(crate) fn to_bytes(self) -> [u8; LENGTH] {
        let kind = match self.cut {
            Cut::Not | Cut::Unknown => 0,
            Cut::Tcp => TCP_V4,
            Cut::Udp => UDP,
        };
        let [h0, h1] = self.header_length.to_ne_bytes();
        let [s0, s1] = self.segment.to_ne_bytes();
        let [c0, c1] = self.checksum_start.unwrap_or(0).to_ne_bytes();
        let [o0, o1] = self.checksum_offset.to_ne_bytes();
        [u8::from(self.checksum_start.is_some()), kind, h0, h1, s0, s1, c0, c1, o0, o1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_and_written() {
        let mut bytes = [0; LENGTH];
        assert_eq!(Header::from_bytes(bytes), Header::DONE);
        assert_eq!(Header::DONE.to_bytes(), bytes);
        bytes[..2].copy_from_slice(&[NEEDS_CHECKSUM, TCP_V4 | ECN]);
        for (at, value) in [(2, 66u16), (4, 1448), (6, 34), (8, 16)] {
            bytes[at..at + 2].copy_from_slice(&value.to_ne_bytes());
        }
        let header = Header::from_bytes(bytes);
        let expected = Header {
            checksum_start: Some(34),
            checksum_offset: 16,
            cut: Cut::Tcp,
            header_length: 66,
            segment: 1448,
        };
        assert_eq!(header, expected);
        assert_eq!(Header::from_bytes(header.to_bytes()), header);
    }

    #[test]
    fn ways_that_were_not_asked_for_are_told() {
        // UDP fragments, TCP over IPv6.
        for kind in [3, 4] {
            assert_eq!(Header::from_bytes([0, kind, 0, 0, 0, 0, 0, 0, 0, 0]).cut, Cut::Unknown);
        }
    }
}
