//! A second opinion: carries packets by the goal states alone, the way that hosts do, knowing nothing of the network that
//! they were compiled from.

use std::net::Ipv4Addr;

use goal_state::nsg::{Association, Direction, RuleAccess};
use goal_state::overlay::{Mapping, VirtualNetwork};
use goal_state::route::NextHop;
use goal_state::vm::{NetworkInterface, VirtualMachine};
use goal_state::{DropReason, HostGoalState, MacAddr};

use crate::verdict::rule_match::first_match;
use crate::verdict::{IpProtocol, Packet};

/// What became of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// In this VM.
    Arrived(String, Packet),
    /// By a port or host; in a guest for [`DropReason::Guest`].
    Dropped(DropReason),
    /// Its TTL ended.
    Circled,
}

/// How a packet gets from one NIC to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crosses {
    /// It stays on its host.
    Nothing,
    /// The underlay, in clear.
    InClear,
    /// The underlay, encrypted.
    Encrypted,
}

/// All hosts, and what they remember.
pub(super) struct Switch {
    hosts: Vec<HostGoalState>,
    /// Ports and the packets that they have accepted.
    accepted: Vec<(MacAddr, Packet)>,
    /// Guests, packets before and after their source was replaced.
    replaced: Vec<(String, Packet, Packet)>,
    pub(super) crossings: Vec<String>,
    /// Between each NIC and the next.
    pub(super) stretches: Vec<Crosses>,
    pub(super) reply: bool,
    /// Which of several appliances every port takes.
    pick: usize,
}

impl Switch {
    pub(super) fn new(hosts: Vec<HostGoalState>, pick: usize) -> Self {
        Self {
            hosts,
            accepted: Vec::new(),
            replaced: Vec::new(),
            crossings: Vec::new(),
            stretches: Vec::new(),
            reply: false,
            pick,
        }
    }

    pub(super) fn carry(&mut self, sender: &str, mut packet: Packet) -> Fate {
        let mut vm = self.vm(sender).clone();
        self.crossings.clear();
        self.stretches.clear();
        if owns(&vm, packet.destination) {
            return Fate::Arrived(vm.name.to_string(), packet);
        }
        for _ in 0..64 {
            let out = guest_route(&vm, packet).clone();
            let asked = match self.outbound(&out, packet) {
                Ok(asked) => asked,
                Err(reason) => return Fate::Dropped(reason),
            };
            self.accept(&vm, &out, Direction::Outbound, packet);
            if out.port.unencrypted_refused.contains(asked) {
                return Fate::Dropped(DropReason::Encryption);
            }
            let mappings = &self.bridge(&out).mappings;
            let is_asked =
                |mapping: &&Mapping| mapping.customer_address == asked && !is_kept_from(&out, asked);
            let answer = mappings.iter().find(is_asked);
            let Some(next) = answer.map(|mapping| mapping.mac) else {
                return Fate::Dropped(DropReason::NoDestination);
            };
            let Some((owner, nic)) = self.find(|_, nic| nic.mac == next) else { panic!("{next} is nobody") };
            self.stretches.push(self.crosses(&out, &nic));
            if let Err(reason) = self.inbound(&nic, out.mac, packet) {
                return Fate::Dropped(reason);
            }
            self.accept(&owner, &nic, Direction::Inbound, packet);
            vm = owner;
            match self.receive(&vm, packet) {
                Ok((true, packet)) => return Fate::Arrived(vm.name.to_string(), packet),
                Ok((false, next)) => packet = next,
                Err(()) => return Fate::Dropped(DropReason::Guest),
            }
        }
        Fate::Circled
    }

    /// The address that the port asks its bridge for.
    fn outbound(&self, nic: &NetworkInterface, packet: Packet) -> Result<Ipv4Addr, DropReason> {
        if !nic.port.enable_ip_forwarding && !nic.addresses.contains(&packet.source) {
            return Err(DropReason::SourceAddress);
        }
        self.groups(nic, Direction::Outbound, packet)?;
        let covering = nic.port.routes.iter().filter(|route| route.prefix.contains(&packet.destination));
        let route = covering.max_by_key(|route| route.prefix.prefix_len()).unwrap();
        let next_hop = match &route.next_hop {
            NextHop::Drop { reason } => return Err(*reason),
            NextHop::VirtualAppliance { addresses, .. } => addresses[self.pick % addresses.len()],
            NextHop::VnetLocal | NextHop::VnetPeering => packet.destination,
            NextHop::Internet { router } => *router,
        };
        Ok(next_hop)
    }

    /// How a packet gets from the host of `from` to that of `to`. An association needs both: each host must know of its own NIC, and
    /// of the other's by the mappings of its own NIC's virtual network.
    fn crosses(&self, from: &NetworkInterface, to: &NetworkInterface) -> Crosses {
        let [here, there] = [from, to].map(|nic| self.host(nic).provider_address);
        if here == there {
            return Crosses::Nothing;
        }
        let ends = [(from, to, there), (to, from, here)].map(|(near, far, address)| {
            let mut mappings = self.bridge(near).mappings.iter();
            let known = mappings.find(|mapping| mapping.mac == far.mac);
            let seen = known
                .filter(|known| known.provider_address == address)
                .and_then(|known| known.encryption.as_ref());
            assert!(
                seen.is_none_or(|seen| Some(seen.port) == far.encryption_port),
                "{} has another port",
                far.mac
            );
            near.encryption_port.is_some() && seen.is_some()
        });
        assert_eq!(ends[0], ends[1], "{} and {}: only one end encrypts", from.mac, to.mac);
        if ends[0] { Crosses::Encrypted } else { Crosses::InClear }
    }

    fn inbound(&self, nic: &NetworkInterface, sender: MacAddr, packet: Packet) -> Result<(), DropReason> {
        if !nic.port.enable_ip_forwarding && !nic.addresses.contains(&packet.destination) {
            return Err(DropReason::IpForwarding);
        }
        let refuses = |refusal: &goal_state::port::ForwardedTrafficRefusal| {
            refusal.forwarders.contains(&sender) && !refusal.space.contains(packet.source)
        };
        if nic.port.forwarded_traffic_refused.iter().any(refuses) {
            return Err(DropReason::Peering);
        }
        self.groups(nic, Direction::Inbound, packet)
    }

    fn groups(&self, nic: &NetworkInterface, direction: Direction, packet: Packet) -> Result<(), DropReason> {
        if self.accepted.contains(&(nic.mac, packet.reversed())) {
            return Ok(());
        }
        let mut by_admin = false;
        for group in nic.port.filter.groups(direction) {
            let admin = group.association == Association::NetworkManager;
            if admin && by_admin {
                continue;
            }
            let Some(rule) = first_match(group, &packet) else {
                assert!(admin, "a network security group ends with rules for everything");
                continue;
            };
            by_admin |= admin;
            match rule.access {
                RuleAccess::AlwaysAllow => return Ok(()),
                RuleAccess::Allow => {}
                RuleAccess::Deny if admin => return Err(DropReason::SecurityAdminRule),
                RuleAccess::Deny => return Err(DropReason::NetworkSecurityGroup),
            }
        }
        Ok(())
    }

    fn accept(&mut self, vm: &VirtualMachine, nic: &NetworkInterface, direction: Direction, packet: Packet) {
        self.accepted.push((nic.mac, packet));
        self.crossings.push(format!("{}/{} {direction}", vm.name, nic.name));
    }

    /// Whether the packet stays, and as what; an error when the guest does not take it.
    fn receive(&mut self, vm: &VirtualMachine, packet: Packet) -> Result<(bool, Packet), ()> {
        let known = self
            .replaced
            .iter()
            .find(|(guest, _, after)| guest == vm.name.as_str() && after.reversed() == packet);
        let restored = known.map(|(_, before, _)| before.reversed());
        let incoming = restored.unwrap_or(packet);
        if owns(vm, incoming.source) {
            return Err(());
        }
        if owns(vm, incoming.destination) {
            return Ok((true, incoming));
        }
        if !vm.guest.ip_forwarding {
            return Err(());
        }
        let tracked = !self.reply || ![IpProtocol::TCP, IpProtocol::ICMP].contains(&incoming.protocol);
        if !vm.guest.masquerade || restored.is_some() || !tracked {
            return Ok((false, incoming));
        }
        let source = guest_route(vm, incoming).addresses[0];
        let after = Packet { source, ..incoming };
        self.replaced.push((vm.name.to_string(), incoming, after));
        Ok((false, after))
    }

    fn host(&self, nic: &NetworkInterface) -> &HostGoalState {
        let here = |host: &&HostGoalState| {
            let mut nics = host.virtual_machines.iter().flat_map(|vm| &vm.network_interfaces);
            nics.any(|other| other.mac == nic.mac)
        };
        self.hosts.iter().find(here).unwrap()
    }

    fn bridge(&self, nic: &NetworkInterface) -> &VirtualNetwork {
        self.host(nic).virtual_networks.iter().find(|network| network.vni == nic.port.vni).unwrap()
    }

    fn vm(&self, name: &str) -> &VirtualMachine {
        let mut machines = self.hosts.iter().flat_map(|host| &host.virtual_machines);
        machines.find(|vm| vm.name.as_str() == name).unwrap()
    }

    fn find(
        &self,
        wanted: impl Fn(&VirtualMachine, &NetworkInterface) -> bool,
    ) -> Option<(VirtualMachine, NetworkInterface)> {
        let machines = self.hosts.iter().flat_map(|host| &host.virtual_machines);
        let mut nics = machines.flat_map(|vm| vm.network_interfaces.iter().map(move |nic| (vm, nic)));
        nics.find(|(vm, nic)| wanted(vm, nic)).map(|(vm, nic)| (vm.clone(), nic.clone()))
    }
}

/// Whether the host leaves the NIC's questions for this address unanswered.
fn is_kept_from(nic: &NetworkInterface, asked: Ipv4Addr) -> bool {
    nic.port.routes.iter().any(|route| {
        let NextHop::VirtualAppliance { unreachable, .. } = &route.next_hop else { return false };
        unreachable.contains(&asked)
    })
}

fn owns(vm: &VirtualMachine, address: Ipv4Addr) -> bool {
    vm.network_interfaces.iter().any(|nic| nic.addresses.contains(&address))
}

/// `ip rule`: tables of further NICs by source; then the main table: connected subnets, default by the first NIC.
fn guest_route(vm: &VirtualMachine, packet: Packet) -> &NetworkInterface {
    let nics = &vm.network_interfaces;
    let by_source = nics.iter().skip(1).find(|nic| nic.addresses.contains(&packet.source));
    let connected = nics.iter().find(|nic| nic.subnet.contains(&packet.destination));
    by_source.or(connected).unwrap_or(&nics[0])
}
