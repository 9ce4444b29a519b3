//! What a logged packet says about itself. The bytes come from a VM: anything may be in them.

use std::net::Ipv4Addr;

use etherparse::Ipv4HeaderSlice;
use goal_state::MacAddr;
use goal_state::event::FiveTuple;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// The five-tuple of an IPv4 packet, from its first bytes. None when they are no IPv4 header.
#[must_use]
pub fn five_tuple(packet: &[u8]) -> Option<FiveTuple> {
    let header = Ipv4HeaderSlice::from_slice(packet).ok()?;
    let protocol = header.protocol().0;
    let transport = packet.get(header.slice().len()..).unwrap_or_default();
    // A later fragment has no ports.
    let transport = if header.fragments_offset().value() == 0 { transport } else { &[] };
    let (source_port, destination_port) = match protocol {
        TCP | UDP => (word(transport, 0), word(transport, 2)),
        ICMP if is_echo(transport) => (word(transport, 4), 0),
        _ => (0, 0),
    };
    Some(FiveTuple {
        protocol,
        source: header.source_addr(),
        source_port,
        destination: header.destination_addr(),
        destination_port,
    })
}

/// RFC 792: type 8 is echo, type 0 echo reply; both carry an identifier.
fn is_echo(transport: &[u8]) -> bool {
    matches!(transport.first(), Some(0 | 8))
}

fn word(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
}

/// Who asks for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArpRequest {
    /// The asker's Ethernet address.
    pub sender: MacAddr,
    /// The address that is asked for.
    pub target: Ipv4Addr,
}

/// The question of an ARP request for IPv4 over Ethernet (RFC 826), from behind the Ethernet header.
#[must_use]
pub fn arp_request(packet: &[u8]) -> Option<ArpRequest> {
    // Ethernet, IPv4, lengths 6 and 4, request.
    if packet.get(..8)? != [0, 1, 8, 0, 6, 4, 0, 1] {
        return None;
    }
    let sender = packet.get(8..14)?.try_into().ok()?;
    let target: [u8; 4] = packet.get(24..28)?.try_into().ok()?;
    Some(ArpRequest { sender: MacAddr(sender), target: target.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_echo_has_its_identifier_as_source_port() {
        let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 4, 10, 0, 0, 5];
        packet.extend([8, 0, 0, 0, 0x12, 0x34, 0, 1]);
        let tuple = five_tuple(&packet).unwrap();
        assert_eq!((tuple.protocol, tuple.source_port, tuple.destination_port), (1, 0x1234, 0));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = (five_tuple(&bytes), arp_request(&bytes));
        }
    }
}
