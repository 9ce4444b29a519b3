//! Two hosts on one underlay: VM `a` (10.1.0.4) on the first, the edge on the second. In the internet, which the edge has, are hosts:
//! `client` (203.0.113.10) and `server` (203.0.113.20), and the router of the region. The tests add stations.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use goal_state::edge::{Edge, INTERNET_VNI, Leg, NatGateway, Router};
use goal_state::overlay::{Mapping, VirtualNetwork};
use goal_state::route::{NextHop, Route, RouteSource};
use goal_state::vm::VirtualMachine;
use goal_state::{HostGoalState, MacAddr, Vni};
use linux_net::NetNs;

use super::hosts::cabled;
use super::{VNI, goal, machine};

pub(crate) const ROUTER: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);
pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 20);

/// The Ethernet address of a leg with this serial number below the highest.
pub(crate) fn leg_mac(number: u8) -> MacAddr {
    MacAddr([0, 0x0d, 0x3a, 0xff, 0xff, 0xff - number])
}

pub(crate) fn leg(vni: u32, number: u8, address: Ipv4Addr) -> Leg {
    Leg { vni: Vni::new(vni).unwrap(), mac: leg_mac(number), address }
}

/// Who has an address: on the host with this number, in a network.
pub(crate) fn mapping(address: Ipv4Addr, mac: MacAddr, host: u8, vni: u32) -> Mapping {
    Mapping {
        customer_address: address,
        mac,
        provider_address: [198, 18, 0, host].into(),
        vni: Vni::new(vni).unwrap(),
        encryption: None,
    }
}

/// The goal states of both.
pub(crate) fn goals() -> [HostGoalState; 2] {
    let vm =
        |name: &str, number: u8, address: Ipv4Addr, vni, next_hop| with(name, number, address, vni, next_hop);
    let appliance = NextHop::VirtualAppliance { addresses: vec![ROUTER], unreachable: vec![] };
    let a: Ipv4Addr = [10, 1, 0, 4].into();
    let network = VirtualNetwork {
        name: "network".into(),
        vni: Vni::new(VNI).unwrap(),
        mappings: vec![mapping(a, leg_mac(200), 1, VNI), mapping(ROUTER, leg_mac(0), 2, INTERNET_VNI)],
    };
    let internet = VirtualNetwork {
        name: "internet".into(),
        vni: Vni::new(INTERNET_VNI).unwrap(),
        mappings: vec![
            mapping(ROUTER, leg_mac(0), 2, INTERNET_VNI),
            mapping(CLIENT, leg_mac(1), 2, INTERNET_VNI),
            mapping(SERVER, leg_mac(2), 2, INTERNET_VNI),
        ],
    };
    let router = Router {
        name: "westeurope".into(),
        leg: leg(INTERNET_VNI, 0, ROUTER),
        on_link: vec![CLIENT.into(), SERVER.into()],
        via: vec![],
    };
    let host = |number: u8| HostGoalState {
        host: format!("host{number}").parse().unwrap(),
        provider_address: [198, 18, 0, number].into(),
        ..goal()
    };
    let first = HostGoalState {
        virtual_networks: vec![network.clone()],
        virtual_machines: vec![vm("a", 200, a, VNI, NextHop::Internet { router: ROUTER })],
        ..host(1)
    };
    let second = HostGoalState {
        virtual_networks: vec![network, internet],
        virtual_machines: vec![
            vm("client", 1, CLIENT, INTERNET_VNI, appliance.clone()),
            vm("server", 2, SERVER, INTERNET_VNI, appliance),
        ],
        edge: Edge { routers: vec![router], ..Edge::default() },
        ..host(2)
    };
    [first, second]
}

/// The addresses of the NAT gateway.
pub(crate) const OUTSIDE: [Ipv4Addr; 2] = [Ipv4Addr::new(20, 50, 0, 1), Ipv4Addr::new(20, 50, 7, 7)];

/// The same where `a` has the NAT gateway `out`.
pub(crate) fn with_nat_gateway() -> [HostGoalState; 2] {
    let [mut first, mut second] = goals();
    let inside = Ipv4Addr::new(169, 254, 2, 1);
    let gateway = NatGateway {
        name: "out".into(),
        inside: leg(VNI, 3, inside),
        outside: leg(INTERNET_VNI, 4, OUTSIDE[0]),
        addresses: OUTSIDE.into(),
        router: ROUTER,
        space: vec!["10.1.0.0/16".parse().unwrap()],
        tcp_idle_timeout_s: 240,
    };
    let router = &mut second.edge.routers[0];
    router.on_link.extend(OUTSIDE.map(ipnet::Ipv4Net::from));
    second.edge.nat_gateways = vec![gateway];
    let next_hop = NextHop::VirtualAppliance { addresses: vec![inside], unreachable: vec![] };
    let a = &mut first.virtual_machines[0];
    *a = with("a", 200, a.network_interfaces[0].addresses[0], VNI, next_hop);
    for network in first.virtual_networks.iter_mut().chain(second.virtual_networks.iter_mut()) {
        if network.vni.get() == VNI {
            network.mappings.push(mapping(inside, leg_mac(3), 2, VNI));
        } else {
            let outside = OUTSIDE.map(|address| mapping(address, leg_mac(4), 2, INTERNET_VNI));
            network.mappings.extend(outside);
        }
    }
    [first, second]
}

/// A machine with one NIC, which sends everything by that next hop.
pub(crate) fn with(name: &str, number: u8, address: Ipv4Addr, vni: u32, next_hop: NextHop) -> VirtualMachine {
    let mut vm = machine(name, 4);
    let nic = &mut vm.network_interfaces[0];
    nic.mac = leg_mac(number);
    nic.addresses = vec![address];
    nic.accelerated = false;
    nic.port.vni = Vni::new(vni).unwrap();
    if vni == INTERNET_VNI {
        nic.subnet = address.into();
    }
    nic.port.routes = vec![Route {
        prefix: "0.0.0.0/0".parse().unwrap(),
        next_hop,
        source: RouteSource::Default,
        name: "System Route".into(),
    }]
    .into();
    vm
}

/// The two hosts in the kernel.
pub(crate) struct Hosts {
    pub(crate) namespaces: [NetNs; 2],
}

impl Hosts {
    /// Makes the namespaces and the cable between them.
    pub(crate) fn new() -> Self {
        Self { namespaces: cabled() }
    }

    /// Makes the goal states true; what there was to do.
    pub(crate) fn follow(&self, goals: &[HostGoalState; 2]) -> u32 {
        let follow = |(namespace, goal): (&NetNs, &HostGoalState)| {
            let reconcile = || vfp::reconcile(&vfp::lower(goal), &BTreeSet::new(), &|_, _| ());
            let outcome = namespace.run(reconcile).unwrap();
            assert_eq!(outcome.problems, Vec::<String>::new());
            outcome.changes
        };
        self.namespaces.iter().zip(goals).map(follow).sum()
    }
}
