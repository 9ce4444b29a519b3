//! What a packet looks like at a place of its way, as far as that can be foretold.
//!
//! Who translates sources for several machines chooses an address and a port for each flow, and nobody can say which. A service that is reached
//! by a service endpoint has an address there that nobody else sees.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use goal_state::event::FiveTuple;

use super::packet::Packet;

/// A packet as it must look, or a part of that.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Form {
    /// IANA protocol number.
    pub protocol: u8,
    /// One of these sends it. Never empty.
    pub sources: Vec<Ipv4Addr>,
    /// From one of these ports; for ICMP the identifier.
    pub source_ports: RangeInclusive<u16>,
    /// Where to; none where only its receiver knows.
    pub destination: Option<Ipv4Addr>,
    /// The destination port.
    pub destination_port: u16,
}

impl Form {
    /// Whether `packet` looks like this.
    #[must_use]
    pub fn is(&self, packet: &FiveTuple) -> bool {
        self.protocol == packet.protocol
            && self.sources.contains(&packet.source)
            && self.source_ports.contains(&packet.source_port)
            && self.destination.is_none_or(|destination| destination == packet.destination)
            && self.destination_port == packet.destination_port
    }

    /// Whether the source port is a single one, so that the packet cannot be taken for another flow's.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.source_ports.start() == self.source_ports.end()
    }
}

impl From<Packet> for Form {
    fn from(packet: Packet) -> Self {
        Self {
            protocol: packet.protocol.0,
            sources: vec![packet.source],
            source_ports: packet.source_port..=packet.source_port,
            destination: Some(packet.destination),
            destination_port: packet.destination_port,
        }
    }
}

/// A source that stands for several possible ones.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    /// What stands for them.
    pub(super) standing: (Ipv4Addr, u16),
    /// The addresses.
    pub(super) addresses: Vec<Ipv4Addr>,
    /// The ports.
    pub(super) ports: RangeInclusive<u16>,
}

impl Chosen {
    /// What `packet` may look like.
    pub(super) fn form(&self, packet: Packet) -> Form {
        let form = Form::from(packet);
        if (packet.source, packet.source_port) == self.standing {
            Form { sources: self.addresses.clone(), source_ports: self.ports.clone(), ..form }
        } else {
            form
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::IpProtocol;

    #[test]
    fn a_source_that_was_chosen_may_be_any_of_several() {
        let packet = Packet {
            protocol: IpProtocol::TCP,
            source: [20, 0, 0, 1].into(),
            source_port: 50_000,
            destination: [203, 0, 113, 9].into(),
            destination_port: 443,
        };
        let exact = Form::from(packet);
        assert!(exact.is_exact() && exact.is(&packet.five_tuple()));
        let chosen = Chosen {
            standing: (packet.source, packet.source_port),
            addresses: vec![[20, 0, 0, 1].into(), [20, 0, 0, 2].into()],
            ports: 1024..=2047,
        };
        let form = chosen.form(packet);
        let seen = FiveTuple { source: [20, 0, 0, 2].into(), source_port: 1030, ..packet.five_tuple() };
        assert!(form.is(&seen) && !form.is_exact());
        assert!(!form.is(&packet.five_tuple()), "a port of another machine");
        assert!(!form.is(&FiveTuple { source: [20, 0, 0, 3].into(), ..seen }));
        assert!(!form.is(&FiveTuple { destination: [203, 0, 113, 10].into(), ..seen }));
        let elsewhere = Packet { source: [10, 0, 0, 4].into(), ..packet };
        assert_eq!(chosen.form(elsewhere), Form::from(elsewhere));
        assert!(
            Form { destination: None, ..exact }
                .is(&FiveTuple { destination: [1, 1, 1, 1].into(), ..packet.five_tuple() })
        );
    }
}
