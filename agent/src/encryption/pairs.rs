//! Which pairs of NICs a goal state wants encrypted, seen from its host.

use std::net::SocketAddrV4;

use goal_state::encryption::{EncryptingNic, certificate_name};
use goal_state::overlay::{Mapping, VirtualNetwork};
use goal_state::vm::{NetworkInterface, VirtualMachine};
use goal_state::{HostGoalState, MacAddr, NicId, Vni};

/// A NIC of this host and one of another, both of which encrypt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Pair {
    /// The one of this host.
    pub(super) nic: NicId,
    /// The other one.
    pub(super) peer: NicId,
    /// The Ethernet address of this host's.
    pub(super) nic_mac: MacAddr,
    /// The Ethernet address of the other.
    pub(super) peer_mac: MacAddr,
    /// Where records are sent from and come to.
    pub(super) address: SocketAddrV4,
    /// Where records are sent to and come from.
    pub(super) peer_address: SocketAddrV4,
    /// The virtual network that this host's is in.
    pub(super) vni: Vni,
}

impl Pair {
    /// What names it on this host.
    pub(super) fn key(&self) -> (SocketAddrV4, SocketAddrV4) {
        (self.address, self.peer_address)
    }

    /// Whether a handshake that this side begins goes before one that the other begins at the same moment.
    pub(super) fn goes_first(&self) -> bool {
        self.address < self.peer_address
    }

    /// The name that the peer's certificate must bear.
    pub(super) fn peer_name(&self) -> String {
        certificate_name(&self.peer)
    }
}

/// A NIC of this host that encrypts, and its address on the underlay.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Seat {
    /// The NIC.
    pub(super) nic: NicId,
    /// The provider address of its host and the port that is its own.
    pub(super) address: SocketAddrV4,
    /// The virtual network that it is in.
    pub(super) vni: Vni,
}

/// The NICs of this host that encrypt, sorted.
pub(super) fn seats(goal: &HostGoalState) -> Vec<Seat> {
    let mut seats: Vec<_> = local(goal).map(|(nic, _, seat)| Seat { nic, ..seat }).collect();
    seats.sort();
    seats
}

/// All pairs, sorted.
pub(super) fn pairs(goal: &HostGoalState) -> Vec<Pair> {
    let network = |vni: Vni| {
        goal.virtual_networks.iter().find(|network| network.vni == vni).map(|network| remote(goal, network))
    };
    let mut pairs = Vec::new();
    for (_, interface, seat) in local(goal) {
        let peers = network(seat.vni).into_iter().flatten();
        pairs.extend(peers.map(|(mapping, peer)| Pair {
            nic: seat.nic.clone(),
            peer: peer.nic.clone(),
            nic_mac: interface.mac,
            peer_mac: mapping.mac,
            address: seat.address,
            peer_address: SocketAddrV4::new(mapping.provider_address, peer.port),
            vni: seat.vni,
        }));
    }
    pairs.sort();
    // A NIC with several addresses has a mapping for each.
    pairs.dedup();
    pairs
}

fn local(goal: &HostGoalState) -> impl Iterator<Item = (NicId, &NetworkInterface, Seat)> {
    let of_machine = |machine: &VirtualMachine, interface: &NetworkInterface| NicId {
        vm: machine.name.clone(),
        nic: interface.name.clone(),
    };
    let interfaces = goal.virtual_machines.iter().flat_map(move |machine| {
        machine.network_interfaces.iter().map(move |interface| (of_machine(machine, interface), interface))
    });
    interfaces.filter_map(|(nic, interface)| {
        let address = SocketAddrV4::new(goal.provider_address, interface.encryption_port?);
        Some((nic.clone(), interface, Seat { nic, address, vni: interface.port.vni }))
    })
}

fn remote<'g>(
    goal: &'g HostGoalState,
    network: &'g VirtualNetwork,
) -> impl Iterator<Item = (&'g Mapping, &'g EncryptingNic)> {
    let elsewhere =
        network.mappings.iter().filter(|mapping| mapping.provider_address != goal.provider_address);
    elsewhere.filter_map(|mapping| mapping.encryption.as_ref().map(|nic| (mapping, nic)))
}

/// The goal state of a host that cannot encrypt: everything in clear.
pub(super) fn in_clear(mut goal: HostGoalState) -> HostGoalState {
    for network in &mut goal.virtual_networks {
        for mapping in &mut network.mappings {
            mapping.encryption = None;
        }
    }
    for interface in goal.virtual_machines.iter_mut().flat_map(|machine| &mut machine.network_interfaces) {
        interface.encryption_port = None;
    }
    goal
}

#[cfg(test)]
mod tests {
    use goal_state::nsg::{AddressSet, Filter};
    use goal_state::port::Port;
    use goal_state::vm::Guest;
    use goal_state::{Generation, MacAddr};

    use super::*;

    fn nic(vm: &str) -> NicId {
        NicId { vm: vm.parse().unwrap(), nic: "nic0".parse().unwrap() }
    }

    fn mac(serial: u8) -> MacAddr {
        MacAddr([0, 0x0d, 0x3a, 0, 0, serial])
    }

    fn machine(name: &str, serial: u8, encryption_port: Option<u16>) -> VirtualMachine {
        let port = Port {
            vni: Vni::new(7).unwrap(),
            enable_ip_forwarding: false,
            filter: Filter::default(),
            routes: std::sync::Arc::default(),
            forwarded_traffic_refused: Vec::new(),
            unencrypted_refused: AddressSet::default(),
            translation: goal_state::translation::Translation::default(),
            private_endpoint: None,
        };
        let interface = NetworkInterface {
            name: "nic0".parse().unwrap(),
            mac: mac(serial),
            addresses: vec![[10, 0, 0, serial].into()],
            subnet: "10.0.0.0/24".parse().unwrap(),
            accelerated: true,
            encryption_port,
            port,
        };
        VirtualMachine {
            name: name.parse().unwrap(),
            network_interfaces: vec![interface],
            guest: Guest::default(),
        }
    }

    fn mapping(vm: &str, serial: u8, host: u8, port: Option<u16>) -> Mapping {
        Mapping {
            customer_address: [10, 0, 0, serial].into(),
            mac: mac(serial),
            provider_address: [198, 18, 0, host].into(),
            vni: Vni::new(7).unwrap(),
            encryption: port.map(|port| EncryptingNic { nic: nic(vm), port }),
        }
    }

    /// a and b are here, of which only a encrypts; c and d are elsewhere, of which only c does.
    fn goal() -> HostGoalState {
        let second_address =
            Mapping { customer_address: [10, 0, 0, 33].into(), ..mapping("c", 3, 2, Some(300)) };
        let mappings = vec![
            mapping("a", 1, 1, Some(100)),
            mapping("b", 2, 1, None),
            mapping("c", 3, 2, Some(300)),
            second_address,
            mapping("d", 4, 2, None),
        ];
        HostGoalState {
            generation: Generation(1),
            host: "host1".parse().unwrap(),
            provider_address: [198, 18, 0, 1].into(),
            virtual_networks: vec![VirtualNetwork { name: "v".into(), vni: Vni::new(7).unwrap(), mappings }],
            virtual_machines: vec![machine("a", 1, Some(100)), machine("b", 2, None)],
            edge: goal_state::edge::Edge::default(),
            platform: goal_state::platform::Platform::default(),
            offload: true,
            honest_packets: false,
        }
    }

    #[test]
    fn a_pair_is_two_nics_that_encrypt_on_two_hosts() {
        let pairs = pairs(&goal());
        let [pair] = &pairs[..] else { panic!("{pairs:?}") };
        assert_eq!((pair.nic.clone(), pair.peer.clone()), (nic("a"), nic("c")));
        assert_eq!(pair.peer_address, "198.18.0.2:300".parse().unwrap());
        assert_eq!(pair.peer_name(), "vnetlab://nic/c/nic0");
        assert!(pair.goes_first());
        let seats = seats(&goal());
        assert_eq!(
            seats.iter().map(|seat| (&seat.nic, seat.address.port())).collect::<Vec<_>>(),
            [(&nic("a"), 100)]
        );
    }

    #[test]
    fn in_clear_there_are_none() {
        let clear = in_clear(goal());
        assert_eq!((pairs(&clear), seats(&clear)), (vec![], vec![]));
    }
}
