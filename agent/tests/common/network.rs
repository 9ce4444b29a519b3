//! A small hub and two spokes by hand: what a controller would have compiled.
//!
//! | VM | network (VNI) | host | address |
//! |---|---|---|---|
//! | a | spoke1 (1001) | host1 | 10.1.0.4 |
//! | b | spoke1 (1001) | host1 | 10.1.0.5 |
//! | c | spoke1 (1001) | host2 | 10.1.0.6 |
//! | nva | hub (1000) | host1 | 10.0.0.4, forwards |
//! | d | spoke2 (1002) | host2 | 10.2.0.4 |
//!
//! hub is peered with both spokes; spokes reach each other by way of the nva.

use std::net::Ipv4Addr;

use goal_state::nsg::{AddressSet, Association, PortRange, Protocol, Rule, RuleAccess, RuleGroup};
use goal_state::overlay::{Mapping, VirtualNetwork};
use goal_state::port::Port;
use goal_state::route::{NextHop, Route, RouteSource};
use goal_state::vm::{Guest, Listen, NetworkInterface, Transport, VirtualMachine};
use goal_state::{DropReason, Generation, HostGoalState, MacAddr, Vni};

use super::room::provider_address;

const NVA: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 4);

struct Seat {
    vm: &'static str,
    network: u8,
    host: u8,
    last: u8,
}

/// The second byte of a network's addresses is its number; 0 is the hub.
const SEATS: [Seat; 5] = [
    Seat { vm: "a", network: 1, host: 1, last: 4 },
    Seat { vm: "b", network: 1, host: 1, last: 5 },
    Seat { vm: "c", network: 1, host: 2, last: 6 },
    Seat { vm: "d", network: 2, host: 2, last: 4 },
    Seat { vm: "nva", network: 0, host: 1, last: 4 },
];

impl Seat {
    fn address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, self.network, 0, self.last)
    }

    fn mac(&self) -> MacAddr {
        MacAddr([0, 0x0d, 0x3a, 0, self.network, self.last])
    }
}

/// The goal state of `host1` or `host2`.
pub(crate) fn goal(host: u8, generation: u64) -> HostGoalState {
    let here = || SEATS.iter().filter(|seat| seat.host == host);
    let mut networks = here().map(|seat| seat.network).collect::<Vec<_>>();
    networks.sort_unstable();
    networks.dedup();
    HostGoalState {
        generation: Generation(generation),
        host: format!("host{host}").parse().unwrap(),
        provider_address: provider_address(host).parse().unwrap(),
        virtual_networks: networks.into_iter().map(virtual_network).collect(),
        virtual_machines: here().map(machine).collect(),
        edge: goal_state::edge::Edge::default(),
        platform: goal_state::platform::Platform::default(),
        offload: true,
        honest_packets: false,
    }
}

/// The VM of that name.
pub(crate) fn vm<'a>(goal: &'a mut HostGoalState, name: &str) -> &'a mut VirtualMachine {
    goal.virtual_machines.iter_mut().find(|vm| vm.name.as_str() == name).unwrap()
}

/// The address of the appliance, and of [`second_appliance`]'s.
pub(crate) const APPLIANCES: [Ipv4Addr; 2] = [NVA, Ipv4Addr::new(10, 0, 0, 5)];

/// Puts another appliance `nva2` beside the first, on the same host, and tells all virtual networks of it.
pub(crate) fn second_appliance(goals: [&mut HostGoalState; 2]) {
    for goal in goals {
        let twin = |mac: MacAddr| MacAddr([mac.0[0], mac.0[1], mac.0[2], mac.0[3], mac.0[4], 5]);
        for network in &mut goal.virtual_networks {
            let mut mapping = network.mappings.iter().find(|m| m.customer_address == NVA).unwrap().clone();
            mapping.customer_address = APPLIANCES[1];
            mapping.mac = twin(mapping.mac);
            network.mappings.push(mapping);
        }
        let nva = goal.virtual_machines.iter().find(|vm| vm.name.as_str() == "nva").cloned();
        goal.virtual_machines.extend(nva.map(|mut vm| {
            vm.name = "nva2".parse().unwrap();
            let nic = &mut vm.network_interfaces[0];
            nic.addresses = vec![APPLIANCES[1]];
            nic.mac = twin(nic.mac);
            vm
        }));
    }
}

/// A group whose first rule denies TCP to one port.
pub(crate) fn group_that_denies(port: u16) -> RuleGroup {
    let ports = PortRange::new(port, port).unwrap();
    RuleGroup {
        name: "nsg-b".into(),
        association: Association::Subnet,
        rules: vec![
            rule("no-web", 100, RuleAccess::Deny, Protocol::Tcp, ports),
            rule("AllowVnetInBound", 65_000, RuleAccess::Allow, Protocol::Any, PortRange::ALL),
        ],
    }
}

/// A security admin configuration: TCP ports, and what becomes of them. All its rules have the same priority.
pub(crate) fn configuration(name: &str, rules: &[(&str, RuleAccess, u16)]) -> RuleGroup {
    let tcp = |(name, access, port): &(&str, RuleAccess, u16)| {
        rule(name, 10, *access, Protocol::Tcp, PortRange::new(*port, *port).unwrap())
    };
    let rules = rules.iter().map(tcp).collect();
    RuleGroup { name: name.into(), association: Association::NetworkManager, rules }
}

/// A rule from anywhere to some ports anywhere.
pub(crate) fn rule(
    name: &str,
    priority: u16,
    access: RuleAccess,
    protocol: Protocol,
    ports: PortRange,
) -> Rule {
    Rule {
        name: name.into(),
        priority,
        access,
        protocol,
        source: AddressSet::all(),
        source_ports: vec![PortRange::ALL],
        destination: AddressSet::all(),
        destination_ports: vec![ports],
    }
}

fn vni(network: u8) -> Vni {
    Vni::new(1000 + u32::from(network)).unwrap()
}

fn virtual_network(network: u8) -> VirtualNetwork {
    let reachable = |seat: &&Seat| seat.network == network || seat.network == 0 || network == 0;
    let mapping = |seat: &Seat| Mapping {
        customer_address: seat.address(),
        mac: seat.mac(),
        provider_address: provider_address(seat.host).parse().unwrap(),
        vni: vni(seat.network),
        encryption: None,
    };
    VirtualNetwork {
        name: format!("network{network}"),
        vni: vni(network),
        mappings: SEATS.iter().filter(reachable).map(mapping).collect(),
    }
}

fn machine(seat: &Seat) -> VirtualMachine {
    let forwards = seat.network == 0;
    VirtualMachine {
        name: seat.vm.parse().unwrap(),
        network_interfaces: vec![NetworkInterface {
            name: "nic0".parse().unwrap(),
            mac: seat.mac(),
            addresses: vec![seat.address()],
            subnet: format!("10.{}.0.0/24", seat.network).parse().unwrap(),
            accelerated: false,
            encryption_port: None,
            port: Port {
                vni: vni(seat.network),
                enable_ip_forwarding: forwards,
                filter: Default::default(),
                routes: routes(seat.network).into(),
                forwarded_traffic_refused: Vec::new(),
                unencrypted_refused: goal_state::nsg::AddressSet::default(),
                translation: goal_state::translation::Translation::default(),
                private_endpoint: None,
            },
        }],
        guest: Guest {
            ip_forwarding: forwards,
            listen: vec![
                Listen { port: 80, transport: Transport::Tcp },
                Listen { port: 53, transport: Transport::Udp },
            ],
            hosts: SEATS.iter().map(|seat| (seat.address(), seat.vm.to_owned())).collect(),
            ..Guest::default()
        },
    }
}

fn routes(network: u8) -> Vec<Route> {
    let route = |prefix: String, next_hop, source, name: &str| Route {
        prefix: prefix.parse().unwrap(),
        next_hop,
        source,
        name: name.into(),
    };
    let own = route(format!("10.{network}.0.0/16"), NextHop::VnetLocal, RouteSource::Default, "System Route");
    let peer = |network: u8| {
        route(format!("10.{network}.0.0/16"), NextHop::VnetPeering, RouteSource::Default, "hub/to-spoke")
    };
    if network == 0 {
        let nowhere = NextHop::Drop { reason: DropReason::OutboundAccess };
        return vec![
            route("0.0.0.0/0".into(), nowhere, RouteSource::Default, "System Route"),
            own,
            peer(1),
            peer(2),
        ];
    }
    let default = route(
        "0.0.0.0/0".into(),
        NextHop::VirtualAppliance { addresses: vec![NVA], unreachable: vec![] },
        RouteSource::User,
        "rt/default",
    );
    let quarantine = NextHop::Drop { reason: DropReason::Route };
    let quarantine = route("10.9.0.0/16".into(), quarantine, RouteSource::User, "rt/quarantine");
    vec![default, peer(0), own, quarantine]
}
