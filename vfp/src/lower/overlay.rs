//! Virtual networks on a host: one bridge and one VXLAN device each, told where every address lives.
//!
//! A bridge answers its ports' ARP requests by itself (proxy ARP and permanent neighbours), learns nothing and floods
//! nothing. A NIC on this host and of this network is behind its port, and a station's leg behind its cable; any other is behind the VXLAN device, under the
//! VNI of the NIC's own network: that is all that peering is on the wire, also between two networks of one host.

use std::collections::{BTreeMap, BTreeSet};

use goal_state::overlay::{Mapping, VirtualNetwork};
use goal_state::vm::NetworkInterface;
use goal_state::{HostGoalState, MacAddr, Vni};

use linux_net::netlink::{FdbEntry, FdbTarget, Neighbour};

use super::{MTU, encryption, mac, no_destination};
use crate::names;
use crate::network::{BridgePort, Device, DeviceKind, Namespace, Sysctl};
use crate::ruleset::Ruleset;
use crate::station::legs;

/// The IANA port of VXLAN, RFC 7348 section 8.
const VXLAN_PORT: u16 = 4789;

/// The host's own namespace.
pub(super) fn lower(goal: &HostGoalState) -> Namespace {
    let mut switch = Namespace {
        sysctls: vec![
            Sysctl::optional("net/ipv6/conf/all/disable_ipv6", "1"),
            Sysctl::optional("net/ipv6/conf/default/disable_ipv6", "1"),
            // Bridged packets are filtered by their ports and by nobody else.
            Sysctl::optional("net/bridge/bridge-nf-call-iptables", "0"),
        ],
        rulesets: rulesets(goal),
        ..Namespace::default()
    };
    for network in &goal.virtual_networks {
        switch.devices.extend(network_devices(goal, network));
        switch.neighbours.extend(neighbours(network));
        switch.forwarding.extend(forwarding(goal, network));
    }
    switch.devices.extend(encryption::devices(goal));
    switch.devices.extend(nics(goal).map(|nic| port_device(nic.mac, nic.port.vni)));
    switch.devices.extend(legs(goal).map(|leg| port_device(leg.mac, leg.vni)));
    switch
}

fn rulesets(goal: &HostGoalState) -> Vec<Ruleset> {
    let bridge = encryption::guarded(goal, no_destination::ruleset(goal));
    [Some(bridge), encryption::ruleset(goal)].into_iter().flatten().collect()
}

fn network_devices(goal: &HostGoalState, network: &VirtualNetwork) -> [(String, Device); 2] {
    let bridge =
        Device { kind: DeviceKind::Bridge, mac: Some(bridge_mac(network.vni)), mtu: MTU, bridge: None };
    let vxlan = Device {
        kind: DeviceKind::Vxlan { vni: network.vni.get(), local: goal.provider_address, port: VXLAN_PORT },
        mac: None,
        mtu: MTU,
        bridge: Some(BridgePort { bridge: names::bridge(network.vni), answers_arp: false }),
    };
    [(names::bridge(network.vni), bridge), (names::vxlan(network.vni), vxlan)]
}

/// A bridge without an address of its own takes the lowest one of its ports, and each time it takes another the kernel
/// forgets all its neighbours, permanent ones, too.
fn bridge_mac(vni: Vni) -> MacAddr {
    let [_, a, b, c] = vni.get().to_be_bytes();
    // Locally administered, unicast.
    MacAddr([0x02, 0, 0, a, b, c])
}

fn port_device(mac: MacAddr, vni: Vni) -> (String, Device) {
    let bridge = Some(BridgePort { bridge: names::bridge(vni), answers_arp: true });
    (names::host_port(mac), Device { kind: DeviceKind::CableEnd, mac: None, mtu: MTU, bridge })
}

fn neighbours(network: &VirtualNetwork) -> Vec<Neighbour> {
    let neighbour = |mapping: &Mapping| {
        let device = names::bridge(network.vni);
        (
            mapping.customer_address,
            Neighbour { device, address: mapping.customer_address, mac: mac(mapping.mac) },
        )
    };
    network.mappings.iter().map(neighbour).collect::<BTreeMap<_, _>>().into_values().collect()
}

/// One way per Ethernet address, however many customer addresses it has.
fn forwarding(goal: &HostGoalState, network: &VirtualNetwork) -> BTreeSet<FdbEntry> {
    let nics = nics(goal).map(|nic| (nic.port.vni, nic.mac));
    let here = nics.chain(legs(goal).map(|leg| (leg.vni, leg.mac)));
    let local = here.filter(|(vni, _)| *vni == network.vni).map(|(_, mac)| mac).collect::<BTreeSet<_>>();
    network.mappings.iter().flat_map(|mapping| ways(network, mapping, &local)).collect()
}

fn ways(network: &VirtualNetwork, mapping: &Mapping, local: &BTreeSet<MacAddr>) -> Vec<FdbEntry> {
    let entry = |device: &str, target| FdbEntry { device: device.into(), mac: mac(mapping.mac), target };
    if local.contains(&mapping.mac) {
        return vec![entry(&names::host_port(mapping.mac), FdbTarget::Port)];
    }
    let device = names::vxlan(network.vni);
    let remote = FdbTarget::Remote { peer: mapping.provider_address, vni: mapping.vni.get() };
    vec![entry(&device, FdbTarget::Port), entry(&device, remote)]
}

pub(super) fn nics(goal: &HostGoalState) -> impl Iterator<Item = &NetworkInterface> {
    goal.virtual_machines.iter().flat_map(|vm| &vm.network_interfaces)
}
