//! A packet, as far as anything on its way looks at it.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use goal_state::event::FiveTuple;
use goal_state::nsg::Protocol;
use serde::{Serialize, Serializer};

/// An IANA protocol number. Reads and writes `Tcp`, `Udp`, `Icmp`, `Esp`, `Ah` or the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpProtocol(pub u8);

impl IpProtocol {
    /// ICMP.
    pub const ICMP: Self = Self(1);
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
    /// IPsec encapsulating security payload.
    pub const ESP: Self = Self(50);
    /// IPsec authentication header.
    pub const AH: Self = Self(51);

    /// The protocol of a rule or a test; none for `*`, which is no single protocol.
    #[must_use]
    pub fn of(protocol: Protocol) -> Option<Self> {
        protocol.number().map(Self)
    }

    /// Whether its packets have ports.
    #[must_use]
    pub fn has_ports(self) -> bool {
        self == Self::TCP || self == Self::UDP
    }

    /// Whether a virtual network carries it.
    /// <https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq>
    #[must_use]
    pub fn is_carried(self) -> bool {
        [Self::TCP, Self::UDP, Self::ICMP, Self::ESP, Self::AH].contains(&self)
    }
}

impl fmt::Display for IpProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ICMP => f.pad("Icmp"),
            Self::TCP => f.pad("Tcp"),
            Self::UDP => f.pad("Udp"),
            Self::ESP => f.pad("Esp"),
            Self::AH => f.pad("Ah"),
            Self(number) => fmt::Display::fmt(&number, f),
        }
    }
}

/// A text that names no protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a protocol: Tcp, Udp, Icmp, Esp, Ah, or a number from 0 to 255")]
pub struct InvalidProtocol {
    text: String,
}

impl FromStr for IpProtocol {
    type Err = InvalidProtocol;

    fn from_str(text: &str) -> Result<Self, InvalidProtocol> {
        let known = [Self::TCP, Self::UDP, Self::ICMP, Self::ESP, Self::AH];
        let named = known.into_iter().find(|protocol| protocol.to_string().eq_ignore_ascii_case(text));
        let invalid = || InvalidProtocol { text: text.to_owned() };
        named.map_or_else(|| text.parse().map(Self).map_err(|_| invalid()), Ok)
    }
}

impl Serialize for IpProtocol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A packet. Ports are 0 where the protocol has none; for ICMP echo `source_port` is the identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Packet {
    /// What it carries.
    pub protocol: IpProtocol,
    /// Source address.
    pub source: Ipv4Addr,
    /// Source port.
    pub source_port: u16,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// Destination port.
    pub destination_port: u16,
}

impl Packet {
    /// The reply to it. An ICMP echo reply keeps the identifier where it was.
    #[must_use]
    pub fn reversed(self) -> Self {
        let swapped = Self { source: self.destination, destination: self.source, ..self };
        if self.protocol.has_ports() {
            Self { source_port: self.destination_port, destination_port: self.source_port, ..swapped }
        } else {
            swapped
        }
    }

    /// As events and probes spell it.
    #[must_use]
    pub fn five_tuple(self) -> FiveTuple {
        FiveTuple {
            protocol: self.protocol.0,
            source: self.source,
            source_port: self.source_port,
            destination: self.destination,
            destination_port: self.destination_port,
        }
    }

    /// The source, with its port where there is one.
    pub(super) fn source_text(self) -> String {
        self.endpoint_text(self.source, self.source_port)
    }

    /// The destination, with its port where there is one.
    pub(super) fn destination_text(self) -> String {
        self.endpoint_text(self.destination, self.destination_port)
    }

    fn endpoint_text(self, address: Ipv4Addr, port: u16) -> String {
        if self.protocol.has_ports() { format!("{address}:{port}") } else { address.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_read_without_case_and_as_numbers() {
        assert_eq!("tCP".parse(), Ok(IpProtocol::TCP));
        assert_eq!("47".parse(), Ok(IpProtocol(47)));
        assert_eq!("6".parse::<IpProtocol>().unwrap().to_string(), "Tcp");
        assert_eq!(IpProtocol(47).to_string(), "47");
        for bad in ["*", "", "256", "gre"] {
            assert!(bad.parse::<IpProtocol>().is_err(), "{bad}");
        }
    }
}
