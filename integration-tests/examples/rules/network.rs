//! One virtual network on one host: the client, and VMs with a network security group each.

use std::net::Ipv4Addr;

use goal_state::nsg::{Association, Filter, Rule, RuleGroup};
use goal_state::overlay::{Mapping, VirtualNetwork};
use goal_state::port::Port;
use goal_state::route::{NextHop, Route, RouteSource};
use goal_state::vm::{Guest, NetworkInterface, VirtualMachine};
use goal_state::{DropReason, Generation, HostGoalState, MacAddr, Vni};

/// The last byte of the client's address.
pub(crate) const CLIENT: u8 = 4;

/// A VM to be.
pub(crate) struct Machine {
    pub(crate) name: String,
    /// The last byte of its address.
    pub(crate) last: u8,
    /// What lets packets in; none, no group.
    pub(crate) rules: Vec<Rule>,
}

pub(crate) fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

pub(crate) fn goal(machines: &[Machine]) -> HostGoalState {
    let mapping = |machine: &Machine| Mapping {
        customer_address: address(machine.last),
        mac: mac(machine),
        provider_address: Ipv4Addr::LOCALHOST,
        vni: vni(),
        encryption: None,
    };
    HostGoalState {
        generation: Generation(1),
        host: "host1".parse().unwrap(),
        provider_address: Ipv4Addr::LOCALHOST,
        virtual_networks: vec![VirtualNetwork {
            name: "vnet".into(),
            vni: vni(),
            mappings: machines.iter().map(mapping).collect(),
        }],
        virtual_machines: machines.iter().map(virtual_machine).collect(),
        edge: goal_state::edge::Edge::default(),
        platform: goal_state::platform::Platform::default(),
        offload: true,
        honest_packets: false,
    }
}

fn vni() -> Vni {
    Vni::new(1000).unwrap()
}

fn mac(machine: &Machine) -> MacAddr {
    MacAddr([0, 0x0d, 0x3a, 0, 0, machine.last])
}

fn virtual_machine(machine: &Machine) -> VirtualMachine {
    let group = || RuleGroup {
        name: "nsg".into(),
        association: Association::NetworkInterface,
        rules: machine.rules.clone(),
    };
    let inbound = if machine.rules.is_empty() { vec![] } else { vec![group().into()] };
    VirtualMachine {
        name: machine.name.parse().unwrap(),
        network_interfaces: vec![NetworkInterface {
            name: "nic0".parse().unwrap(),
            mac: mac(machine),
            addresses: vec![address(machine.last)],
            subnet: "10.0.0.0/24".parse().unwrap(),
            accelerated: false,
            encryption_port: None,
            port: Port {
                vni: vni(),
                enable_ip_forwarding: false,
                filter: Filter { inbound, ..Filter::default() },
                routes: vec![
                    route("0.0.0.0/0", NextHop::Drop { reason: DropReason::OutboundAccess }),
                    route("10.0.0.0/16", NextHop::VnetLocal),
                ]
                .into(),
                forwarded_traffic_refused: vec![],
                unencrypted_refused: goal_state::nsg::AddressSet::default(),
                translation: goal_state::translation::Translation::default(),
                private_endpoint: None,
            },
        }],
        guest: Guest::default(),
    }
}

fn route(prefix: &str, next_hop: NextHop) -> Route {
    Route {
        prefix: prefix.parse().unwrap(),
        next_hop,
        source: RouteSource::Default,
        name: "System Route".into(),
    }
}
