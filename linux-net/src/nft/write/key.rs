//! How a field is loaded into a register, and what its values look like there.

use super::expression::{Expression, Load};
use crate::nft::{Family, Field, Value};

const ETH_P_IP: u16 = 0x0800;
const ETH_P_ARP: u16 = 0x0806;
/// nft's number of the type.
const CONNTRACK_DIRECTION: u32 = 27;

/// A field as the kernel sees it. None of these for a field that is not written here.
pub(super) struct Key {
    /// What loads it into register 1.
    pub(super) load: Load,
    /// nft's number of its type, so that nft lists values as it writes them.
    pub(super) kind: u32,
    /// Bytes.
    pub(super) length: u32,
    /// Whether values are in the machine's own byte order.
    pub(super) is_host_order: bool,
}

impl Key {
    pub(super) fn of(field: Field) -> Option<Self> {
        let network = |offset, length| Load::Payload { base: 1, offset, length };
        let transport = |offset| Load::Payload { base: 2, offset, length: 2 };
        let (load, kind, length, is_host_order) = match field {
            Field::IifName => (Load::Meta(6), 41, 16, true),
            Field::Mark => (Load::Meta(3), 19, 4, true),
            Field::PacketType => (Load::Meta(19), 31, 1, true),
            Field::L4Protocol => (Load::Meta(16), 12, 1, false),
            Field::EtherSource => (Load::Payload { base: 0, offset: 6, length: 6 }, 9, 6, false),
            Field::EtherDestination => (Load::Payload { base: 0, offset: 0, length: 6 }, 9, 6, false),
            Field::Protocol => (Load::Meta(1), 10, 2, false),
            Field::ArpOperation => (network(6, 2), 11, 2, false),
            Field::ArpDestination => (network(24, 4), 7, 4, false),
            Field::IpSource => (network(12, 4), 7, 4, false),
            Field::IpDestination => (network(16, 4), 7, 4, false),
            Field::IpDscp => (network(1, 1), 36, 1, false),
            Field::TransportSource => (transport(0), 13, 2, false),
            Field::TransportDestination => (transport(2), 13, 2, false),
            Field::TcpFlags | Field::TcpHandshake => {
                (Load::Payload { base: 2, offset: 13, length: 1 }, 15, 1, false)
            }
            Field::ConntrackState => (Load::Conntrack(0), 26, 4, true),
            Field::ConntrackDirection => (Load::Conntrack(1), CONNTRACK_DIRECTION, 1, true),
            Field::ConntrackStatus => (Load::Conntrack(2), 28, 4, true),
            Field::NextHop => (Load::Routing(1), 7, 4, false),
            _ => return None,
        };
        Some(Self { load, kind, length, is_host_order })
    }

    /// What must be known before the field is loaded: an Ethernet address needs an Ethernet device, which those of a bridge are;
    /// and what ARP asks needs ARP.
    pub(super) fn before(field: Field, family: Family) -> Option<[Expression; 2]> {
        match field {
            Field::EtherSource | Field::EtherDestination if family != Family::Bridge => {
                Some([Expression::Load(Load::Meta(8)), Expression::Compare(0, 1u16.to_ne_bytes().to_vec())])
            }
            Field::ArpOperation | Field::ArpDestination => {
                let kind = Load::Payload { base: 0, offset: 12, length: 2 };
                Some([Expression::Load(kind), Expression::Compare(0, ETH_P_ARP.to_be_bytes().to_vec())])
            }
            _ => None,
        }
    }

    /// A number in the register's byte order.
    pub(super) fn number(&self, number: u32) -> Vec<u8> {
        let length = self.length as usize;
        if self.is_host_order && cfg!(target_endian = "little") {
            number.to_le_bytes()[..length.min(4)].to_vec()
        } else {
            number.to_be_bytes()[4 - length.min(4)..].to_vec()
        }
    }

    /// A single value.
    pub(super) fn value(&self, value: &Value) -> Option<Vec<u8>> {
        Some(match value {
            Value::Number(number) => self.number(*number),
            Value::Address(address) => address.octets().to_vec(),
            Value::Mac(mac) => mac.0.to_vec(),
            Value::Device(name) => {
                let mut bytes = name.as_str().as_bytes().to_vec();
                bytes.resize(self.length as usize, 0);
                bytes
            }
            // ARP's replies have the number 2.
            Value::Word("reply") if self.kind == CONNTRACK_DIRECTION => self.number(1),
            Value::Word(word) => self.number(word_number(word)?),
            _ => return None,
        })
    }

    /// From, to, as numbers.
    pub(super) fn span(value: &Value) -> Option<(u32, u32)> {
        Some(match value {
            Value::Number(number) => (*number, *number),
            Value::Range(first, last) => (*first, *last),
            Value::Address(address) => ((*address).into(), (*address).into()),
            Value::AddressRange(first, last) => ((*first).into(), (*last).into()),
            Value::Prefix(prefix) => (prefix.network().into(), prefix.broadcast().into()),
            _ => return None,
        })
    }

    /// The highest number.
    pub(super) fn highest(&self) -> u32 {
        u32::MAX >> (32 - 8 * self.length.min(4))
    }
}

/// Conntrack states and statuses as bits, kinds of packets, protocols, what ARP wants.
pub(super) fn word_number(word: &str) -> Option<u32> {
    Some(match word {
        "invalid" => 1,
        "established" => 2,
        "related" => 4,
        "new" => 8,
        "confirmed" => 8,
        "snat" => 16,
        "dnat" => 32,
        "broadcast" => 1,
        "multicast" => 2,
        "other" => 3,
        "request" => 1,
        "reply" => 2,
        "ip" => ETH_P_IP.into(),
        "arp" => ETH_P_ARP.into(),
        _ => return None,
    })
}
