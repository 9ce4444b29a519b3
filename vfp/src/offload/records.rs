//! The entries of the programs' maps, byte for byte as `bpf/maps.h` lays them out.
//!
//! Numbers are in the machine's byte order, addresses and ports of packets in the network's.

use std::net::Ipv4Addr;

use goal_state::event::FiveTuple;
use goal_state::nsg::Direction;
use goal_state::{MacAddr, Vni};

/// Protocol number of ICMP.
const ICMP: u8 = 1;

/// The host's provider address and the network's identifier: within it, frames need no tunnel.
pub(super) fn network(provider_address: Ipv4Addr, vni: Vni) -> u64 {
    u64::from(u32::from(provider_address)) << 32 | u64::from(vni.get())
}

/// Whether a network is of the host with this provider address.
pub(super) fn is_of_host(network: u64, provider_address: Ipv4Addr) -> bool {
    network >> 32 == u64::from(u32::from(provider_address))
}

/// `struct port`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PortRecord {
    /// 0 while the policy is being changed.
    pub(super) generation: u32,
    /// The last one that was in force.
    pub(super) last_generation: u32,
    /// `up0` in the port's namespace.
    pub(super) uplink: u32,
    /// `vf` there; 0 for none.
    pub(super) vf: u32,
    /// The network's VXLAN device in the host's namespace.
    pub(super) tunnel: u32,
    /// The host's end of the port, there.
    pub(super) device: u32,
    /// The host's device on the underlay, there.
    pub(super) underlay: u32,
    /// The TAP device of the network's encryption, there; 0 when the NIC does not encrypt.
    pub(super) encryptor: u32,
    /// See [`network`].
    pub(super) network: u64,
    /// Flows.
    pub(super) learnt: u64,
    /// Packets.
    pub(super) refused: u64,
    /// The NIC's.
    pub(super) mac: MacAddr,
}

impl PortRecord {
    const SIZE: usize = 64;

    /// Of no port. The last generation is what the next one with this number goes on from.
    pub(super) fn vacant(last_generation: u32) -> Self {
        Self {
            generation: 0,
            last_generation,
            uplink: 0,
            vf: 0,
            tunnel: 0,
            device: 0,
            underlay: 0,
            encryptor: 0,
            network: 0,
            learnt: 0,
            refused: 0,
            mac: MacAddr([0; 6]),
        }
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        let Self {
            generation,
            last_generation,
            uplink,
            vf,
            tunnel,
            device,
            underlay,
            encryptor,
            network,
            learnt,
            refused,
            mac,
        } = self;
        let mut bytes = Vec::with_capacity(Self::SIZE);
        for number in [generation, last_generation, uplink, vf, tunnel, device, underlay, encryptor] {
            bytes.extend(number.to_ne_bytes());
        }
        for number in [network, learnt, refused] {
            bytes.extend(number.to_ne_bytes());
        }
        bytes.extend(mac.0);
        bytes.extend([0; 2]);
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::SIZE] = bytes.try_into().ok()?;
        Some(Self {
            generation: u32_at(bytes, 0)?,
            last_generation: u32_at(bytes, 4)?,
            uplink: u32_at(bytes, 8)?,
            vf: u32_at(bytes, 12)?,
            tunnel: u32_at(bytes, 16)?,
            device: u32_at(bytes, 20)?,
            underlay: u32_at(bytes, 24)?,
            encryptor: u32_at(bytes, 28)?,
            network: u64_at(bytes, 32)?,
            learnt: u64_at(bytes, 40)?,
            refused: u64_at(bytes, 48)?,
            mac: mac_at(bytes, 56)?,
        })
    }
}

/// `struct nic`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NicRecord {
    /// See [`network`].
    pub(super) network: u64,
    /// The host's end of the port.
    pub(super) device: u32,
    /// Its port's number; 0 for a NIC that is not accelerated.
    pub(super) port: u32,
    /// The NIC's.
    pub(super) mac: MacAddr,
    /// Whether it encrypts.
    pub(super) encrypts: bool,
}

impl NicRecord {
    const SIZE: usize = 24;

    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::SIZE);
        bytes.extend(self.network.to_ne_bytes());
        bytes.extend(self.device.to_ne_bytes());
        bytes.extend(self.port.to_ne_bytes());
        bytes.extend(self.mac.0);
        bytes.extend([u8::from(self.encrypts), 0]);
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::SIZE] = bytes.try_into().ok()?;
        Some(Self {
            network: u64_at(bytes, 0)?,
            device: u32_at(bytes, 8)?,
            port: u32_at(bytes, 12)?,
            mac: mac_at(bytes, 16)?,
            encrypts: bytes[22] != 0,
        })
    }
}

/// `struct owner`.
pub(super) fn owner(mac: MacAddr) -> Vec<u8> {
    let mut bytes = mac.0.to_vec();
    bytes.extend([0; 2]);
    bytes
}

/// See [`owner`].
pub(super) fn owner_of(bytes: &[u8]) -> Option<MacAddr> {
    (bytes.len() == 8).then(|| mac_at(bytes, 0)).flatten()
}

/// `struct flow_key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FlowKey {
    /// The port's number.
    pub(super) port: u32,
    /// Seen from the NIC.
    pub(super) direction: Direction,
    /// Its packets.
    pub(super) packet: FiveTuple,
}

impl FlowKey {
    const SIZE: usize = 20;

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::SIZE] = bytes.try_into().ok()?;
        let protocol = bytes[16];
        // The programs keep the type of an echo there.
        let destination_port = if protocol == ICMP { 0 } else { port_at(bytes, 14)? };
        Some(Self {
            port: u32_at(bytes, 0)?,
            direction: if bytes[17] == 0 { Direction::Inbound } else { Direction::Outbound },
            packet: FiveTuple {
                protocol,
                source: address_at(bytes, 4)?,
                source_port: port_at(bytes, 12)?,
                destination: address_at(bytes, 8)?,
                destination_port,
            },
        })
    }
}

/// `struct flow`. Times are nanoseconds of CLOCK_MONOTONIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FlowRecord {
    /// Packets that took it.
    pub(super) packets: u64,
    /// With Ethernet headers.
    pub(super) bytes: u64,
    /// When it was learnt.
    pub(super) learnt: u64,
    /// When a packet last took it.
    pub(super) used: u64,
    /// The port's, when it was learnt.
    pub(super) generation: u32,
    /// To whom packets are sent.
    pub(super) next_hop: MacAddr,
}

impl FlowRecord {
    const SIZE: usize = 64;

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::SIZE] = bytes.try_into().ok()?;
        Some(Self {
            packets: u64_at(bytes, 0)?,
            bytes: u64_at(bytes, 8)?,
            learnt: u64_at(bytes, 16)?,
            used: u64_at(bytes, 24)?,
            generation: u32_at(bytes, 40)?,
            next_hop: mac_at(bytes, 44)?,
        })
    }
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_ne_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array_at(bytes, at).map(u64::from_ne_bytes)
}

fn mac_at(bytes: &[u8], at: usize) -> Option<MacAddr> {
    array_at(bytes, at).map(MacAddr)
}

fn address_at(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    array_at::<4>(bytes, at).map(Ipv4Addr::from)
}

fn port_at(bytes: &[u8], at: usize) -> Option<u16> {
    array_at(bytes, at).map(u16::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mac = MacAddr([0, 0x0d, 0x3a, 1, 2, 3]);
        let port = PortRecord {
            generation: 0,
            last_generation: 7,
            uplink: 3,
            vf: 4,
            tunnel: 5,
            device: 6,
            underlay: 2,
            encryptor: 8,
            network: network([198, 18, 0, 1].into(), Vni::new(4096).unwrap()),
            learnt: 1 << 40,
            refused: 2,
            mac,
        };
        assert_eq!(PortRecord::from_bytes(&port.to_bytes()), Some(port));
        let nic = |encrypts| NicRecord { network: port.network, device: 9, port: 3, mac, encrypts };
        for nic in [nic(false), nic(true)] {
            assert_eq!(NicRecord::from_bytes(&nic.to_bytes()), Some(nic));
            assert_eq!(PortRecord::from_bytes(&nic.to_bytes()), None);
        }
    }

    #[test]
    fn a_network_is_of_one_host() {
        let network = network([198, 18, 0, 1].into(), Vni::new(0xff_ffff).unwrap());
        assert!(is_of_host(network, [198, 18, 0, 1].into()));
        assert!(!is_of_host(network, [198, 18, 0, 2].into()));
    }

    #[test]
    fn a_flow_is_read_as_the_programs_write_it() {
        let mut key = Vec::new();
        key.extend(2_u32.to_ne_bytes());
        key.extend([10, 0, 0, 4, 10, 0, 0, 5, 0x01, 0x02, 0, 80, 6, 1, 0, 0]);
        let key = FlowKey::from_bytes(&key).unwrap();
        assert_eq!((key.port, key.direction), (2, Direction::Outbound));
        let FiveTuple { protocol, source, source_port, destination, destination_port } = key.packet;
        assert_eq!((protocol, source_port, destination_port), (6, 0x102, 80));
        assert_eq!((source, destination), ([10, 0, 0, 4].into(), [10, 0, 0, 5].into()));

        let mut flow = Vec::new();
        for number in 1_u64..=5 {
            flow.extend(number.to_ne_bytes());
        }
        flow.extend(6_u32.to_ne_bytes());
        flow.extend([7; 6]);
        flow.extend([8; 6]);
        flow.extend([0; 8]);
        let flow = FlowRecord::from_bytes(&flow).unwrap();
        assert_eq!((flow.packets, flow.bytes, flow.learnt, flow.used), (1, 2, 3, 4));
        assert_eq!((flow.generation, flow.next_hop), (6, MacAddr([7; 6])));
    }
}
