//! A guest operating system: which NIC it sends from, and what it does with what it gets.
//!
//! It is set up as Azure's images are: the primary NIC has the default route, each further NIC has a table of its own
//! for packets with that NIC's source addresses.
//! <https://learn.microsoft.com/troubleshoot/azure/virtual-machines/linux/linux-vm-multiple-virtual-network-interfaces-configuration>

use std::net::Ipv4Addr;

use super::flows::Flows;
use super::packet::{IpProtocol, Packet};
use crate::network::{Network, Nic, NicIndex, NicRef, VmId};

/// Whether `address` is the guest's own, be it that of a frontend which hands it packets as they are. 127.0.0.0/8 and 0.0.0.0 never leave a
/// guest.
pub(super) fn owns(network: &Network, vm: VmId, address: Ipv4Addr) -> bool {
    let own = network.vm(vm).nics.iter().any(|nic| nic.addresses.contains(&address));
    own || address.is_loopback() || address.is_unspecified() || has_floating(network, vm, address)
}

/// Whether the guest has the address on its loopback device for a load balancer (floating IP).
/// <https://learn.microsoft.com/azure/load-balancer/load-balancer-floating-ip>
fn has_floating(network: &Network, vm: VmId, address: Ipv4Addr) -> bool {
    network.load_balancers.iter().any(|balancer| {
        let is_address =
            |frontend: usize| network.frontend_address(balancer.frontends[frontend].address) == address;
        let balancing = balancer.load_balancing_rules.iter().filter(|rule| rule.enable_floating_ip);
        let mut balancing = balancing.filter(|rule| is_address(rule.frontend));
        let nat = balancer.inbound_nat_rules.iter().filter(|rule| rule.enable_floating_ip);
        let mut nat = nat.filter(|rule| is_address(rule.frontend));
        balancing.any(|rule| balancer.backend_pools[rule.backend_pool].1.iter().any(|nic| nic.vm == vm))
            || nat.any(|rule| rule.backends.iter().any(|(nic, _)| nic.vm == vm))
    })
}

/// The NIC through which the guest sends a packet with these addresses.
pub(super) fn egress(network: &Network, vm: VmId, source: Ipv4Addr, destination: Ipv4Addr) -> NicRef {
    let nics = &network.vm(vm).nics;
    let further = nics.iter().skip(1).position(|nic| nic.addresses.contains(&source)).map(|index| index + 1);
    let connected = || nics.iter().position(|nic| is_connected(network, nic, destination));
    NicRef { vm, index: NicIndex(further.or_else(connected).unwrap_or(0)) }
}

fn is_connected(network: &Network, nic: &Nic, destination: Ipv4Addr) -> bool {
    network.subnet(nic.subnet).prefix.contains(&destination)
}

/// The address that the guest sends from when its program does not say: the primary one of the NIC that the
/// destination is routed through.
pub(super) fn source_address(network: &Network, vm: VmId, destination: Ipv4Addr) -> Ipv4Addr {
    if owns(network, vm, destination) {
        return destination;
    }
    network.nic(egress(network, vm, Ipv4Addr::UNSPECIFIED, destination)).addresses[0]
}

/// What a guest does with a packet from the wire.
pub(super) enum Reception {
    /// It is for this guest; the packet as its programs see it.
    Local(Packet),
    /// On to the next one; the packet as it leaves.
    Forward(Packet),
    /// Linux takes no packet from the wire whose source is its own.
    OwnSource,
    /// It is for somebody else, and forwarding is off.
    NotForwarding,
}

/// What the guest `vm` does with `packet`, which came from the wire.
pub(super) fn receive(network: &Network, flows: &mut Flows, vm: VmId, packet: Packet) -> Reception {
    // Replies to a replaced source get their first destination back before the guest looks where they go.
    let restored = flows.restored(vm, packet);
    let incoming = restored.unwrap_or(packet);
    if owns(network, vm, incoming.source) {
        Reception::OwnSource
    } else if owns(network, vm, incoming.destination) || flows.floats_in(vm, incoming.destination) {
        Reception::Local(incoming)
    } else if !network.vm(vm).guest_ip_forwarding {
        Reception::NotForwarding
    } else if masquerades(network, vm, incoming) && restored.is_none() && opens_flow(flows, incoming) {
        Reception::Forward(masquerade(network, flows, vm, incoming))
    } else {
        Reception::Forward(incoming)
    }
}

/// Whether the guest replaces the source of what it forwards there.
fn masquerades(network: &Network, vm: VmId, packet: Packet) -> bool {
    let vm = network.vm(vm);
    vm.guest_masquerade && !vm.guest_masquerade_except.contains(packet.destination)
}

/// Connection tracking opens a flow, and so replaces its source, for any first packet but a TCP one that is no SYN or
/// an ICMP echo reply: a guest that sees only the replies of those leaves them as they are.
fn opens_flow(flows: &Flows, packet: Packet) -> bool {
    let needs_request = packet.protocol == IpProtocol::TCP || packet.protocol == IpProtocol::ICMP;
    !(needs_request && flows.is_reply())
}

/// Replaces the source by the primary address of the NIC that the packet leaves through.
fn masquerade(network: &Network, flows: &mut Flows, vm: VmId, packet: Packet) -> Packet {
    let out = egress(network, vm, packet.source, packet.destination);
    let replaced = Packet { source: network.nic(out).addresses[0], ..packet };
    flows.remember_source(vm, packet, replaced);
    replaced
}
