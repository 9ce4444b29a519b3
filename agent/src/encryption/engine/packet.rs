//! What must be known of an IPv4 packet (RFC 791) to cut it, to join it to others, and to leave its checksum open.

/// Bytes of an Ethernet header.
pub(crate) const ETHERNET: usize = 14;

/// Most bytes of an IPv4 and a TCP header together, each with all options.
pub(crate) const LARGEST_HEAD: usize = 120;

/// A transport whose checksum can be left open, and whose packets can be cut and joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
}

impl Transport {
    /// IPv4's number for it.
    pub(crate) fn protocol(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
        }
    }

    /// Where its checksum is in its header.
    pub(crate) fn checksum_offset(self) -> usize {
        match self {
            Self::Tcp => 16,
            Self::Udp => 6,
        }
    }
}

/// Where what begins in an IPv4 packet with a whole TCP or UDP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// What follows the IPv4 header.
    pub(crate) transport: Transport,
    /// Bytes of the IPv4 header.
    pub(crate) ip: usize,
    /// Bytes of both headers: where the payload begins.
    pub(crate) head: usize,
}

impl Layout {
    /// That of `packet`; none when it is a fragment, carries something else, or ends before its headers do.
    pub(crate) fn of(packet: &[u8]) -> Option<Self> {
        let ip = header_length(packet)?;
        let fragment = u16::from_be_bytes([packet[6], packet[7]]) & 0x3fff != 0;
        let (transport, length) = match packet[9] {
            _ if fragment => return None,
            6 => (Transport::Tcp, usize::from(packet.get(ip + 12)? >> 4) * 4),
            17 => (Transport::Udp, 8),
            _ => return None,
        };
        let least = if transport == Transport::Tcp { 20 } else { 8 };
        let head = ip + length;
        (length >= least && head <= packet.len()).then_some(Self { transport, ip, head })
    }
}

/// Bytes of the IPv4 header; none when this does not begin with one.
fn header_length(packet: &[u8]) -> Option<usize> {
    let length = usize::from(packet.first()? & 0x0f) * 4;
    (packet[0] >> 4 == 4 && length >= 20 && length <= packet.len()).then_some(length)
}

/// Bytes of the IPv4 packet by its own account; none when this does not begin with one, or is shorter.
pub(crate) fn total_length(bytes: &[u8]) -> Option<usize> {
    let header = header_length(bytes)?;
    let total = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
    (header..=bytes.len()).contains(&total).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(protocol: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 20 + rest.len() as u8, 0, 0, 0, 0, 64, protocol, 0, 0];
        packet.extend([10, 0, 0, 1, 10, 0, 0, 2]);
        packet.extend(rest);
        packet
    }

    #[test]
    fn layouts() {
        let mut tcp = [0; 30];
        tcp[12] = 6 << 4;
        assert_eq!(Layout::of(&ip(6, &tcp)), Some(Layout { transport: Transport::Tcp, ip: 20, head: 44 }));
        assert_eq!(
            Layout::of(&ip(17, &[0; 8])),
            Some(Layout { transport: Transport::Udp, ip: 20, head: 28 })
        );
        tcp[12] = 4 << 4;
        assert_eq!(Layout::of(&ip(6, &tcp)), None, "a TCP header of 16 bytes");
        tcp[12] = 8 << 4;
        assert_eq!(Layout::of(&ip(6, &tcp)), None, "a TCP header beyond the end");
        assert_eq!(Layout::of(&ip(1, &[0; 8])), None, "ICMP");
        assert_eq!(Layout::of(&ip(17, &[0; 7])), None, "half a UDP header");
        assert_eq!(Layout::of(&[]), None);
        for (at, value) in [(6, 0x20), (7, 1)] {
            let mut fragment = ip(17, &[0; 8]);
            fragment[at] = value;
            assert_eq!(Layout::of(&fragment), None, "a fragment");
        }
    }

    #[test]
    fn total_lengths() {
        let mut packet = ip(1, &[0; 8]);
        assert_eq!(total_length(&packet), Some(28));
        packet.extend([0; 18]);
        assert_eq!(total_length(&packet), Some(28), "padded by Ethernet");
        assert_eq!(total_length(&packet[..27]), None);
        packet[3] = 19;
        assert_eq!(total_length(&packet), None, "shorter than its header");
        packet[0] = 0x65;
        assert_eq!(total_length(&packet), None, "another version");
    }
}
