//! An internet for the VMs of `host1`, by hand: VMs stand for what is at the edge of a lab. `router` forwards there, and `client` is a host.

use std::net::Ipv4Addr;
use std::sync::Arc;

use goal_state::edge::INTERNET_VNI;
use goal_state::overlay::{Mapping, VirtualNetwork};
use goal_state::route::{NextHop, Route, RouteSource};
use goal_state::vm::NetworkInterface;
use goal_state::{HostGoalState, MacAddr, Vni};

use super::network::{goal, vm};
use super::room::provider_address;

/// The way out of the region, and its address in every virtual network.
pub(crate) const ROUTER: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);
/// A host in the internet.
pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);
/// Another address of the same host.
pub(crate) const OTHER_CLIENT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 11);
/// A public address that is `a`'s.
pub(crate) const PUBLIC: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
/// The frontend of an internal load balancer.
pub(crate) const VIP: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 100);
/// Of the VM `a`.
pub(crate) const A: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 4);
/// Of the VM `b`.
pub(crate) const B: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 5);
/// The network of the appliance.
pub(crate) const HUB: u32 = 1000;
/// The network of `a` and `b`.
pub(crate) const SPOKE: u32 = 1001;

/// A network by number.
pub(crate) fn vni(number: u32) -> Vni {
    Vni::new(number).unwrap()
}

/// The Ethernet address of somebody at the edge.
pub(crate) fn mac(last: u8) -> MacAddr {
    MacAddr([0, 0x0d, 0x3a, 0xff, 0xff, last])
}

/// That address is at that NIC, which is of that network and on the one host.
pub(crate) fn mapping(address: Ipv4Addr, mac: MacAddr, network: u32) -> Mapping {
    let provider_address = provider_address(1).parse().unwrap();
    Mapping { customer_address: address, mac, provider_address, vni: vni(network), encryption: None }
}

/// Tells a network of an address.
pub(crate) fn know(goal: &mut HostGoalState, network: u32, mapping: Mapping) {
    let network = goal.virtual_networks.iter_mut().find(|known| known.vni == vni(network)).unwrap();
    network.mappings.push(mapping);
    network.mappings.sort_by_key(|mapping| mapping.customer_address);
}

/// The fixture's host with an internet, in which are `router` and `client`. `a` has a route to it, and its public address is known there.
pub(crate) fn with_internet(generation: u64) -> HostGoalState {
    let mut goal = goal(1, generation);
    goal.virtual_networks.push(VirtualNetwork {
        name: "internet".into(),
        vni: vni(INTERNET_VNI),
        mappings: vec![],
    });
    let everything = |next_hop| Route {
        prefix: "0.0.0.0/0".parse().unwrap(),
        next_hop,
        source: RouteSource::Default,
        name: "System Route".into(),
    };
    let through_router = NextHop::VirtualAppliance { addresses: vec![ROUTER], unreachable: vec![] };
    for (name, addresses, last, next_hop) in [
        ("router", vec![ROUTER], 1, NextHop::VnetLocal),
        ("client", vec![CLIENT, OTHER_CLIENT], 2, through_router),
    ] {
        let mut machine = vm(&mut goal, "b").clone();
        machine.name = name.parse().unwrap();
        machine.guest.ip_forwarding = name == "router";
        let nic = &mut machine.network_interfaces[0];
        nic.mac = mac(last);
        nic.subnet = addresses[0].into();
        nic.addresses = addresses.clone();
        nic.port.vni = vni(INTERNET_VNI);
        nic.port.enable_ip_forwarding = name == "router";
        nic.port.routes = Arc::new(vec![everything(next_hop)]);
        goal.virtual_machines.push(machine);
        for address in addresses {
            know(&mut goal, INTERNET_VNI, mapping(address, mac(last), INTERNET_VNI));
        }
    }
    know(&mut goal, SPOKE, mapping(ROUTER, mac(1), INTERNET_VNI));
    let a = nic_of(&mut goal, "a").mac;
    know(&mut goal, INTERNET_VNI, mapping(PUBLIC, a, SPOKE));
    Arc::make_mut(&mut nic_of(&mut goal, "a").port.routes)[0] =
        everything(NextHop::Internet { router: ROUTER });
    goal
}

/// The NIC of a VM.
pub(crate) fn nic_of<'a>(goal: &'a mut HostGoalState, name: &str) -> &'a mut NetworkInterface {
    &mut vm(goal, name).network_interfaces[0]
}
