//! Small goal states for tests.

use goal_state::host::HostGoalState;
use goal_state::ids::NicName;
use goal_state::overlay::{Mapping, VirtualNetwork};
use goal_state::port::Port;
use goal_state::route::{NextHop, Route, RouteSource};
use goal_state::vm::{Guest, NetworkInterface, VirtualMachine};
use goal_state::{Generation, HostName, MacAddr, VmName, Vni};

/// A host with these VMs, each with one NIC 10.0.0.`number` in the network `hub`.
pub(crate) fn host(name: &str, number: u8, vms: &[(&str, u8)]) -> HostGoalState {
    let mapping = |&(_, last): &(&str, u8)| Mapping {
        customer_address: [10, 0, 0, last].into(),
        mac: MacAddr([0, 0x0d, 0x3a, 0, 0, last]),
        provider_address: [198, 18, 0, number].into(),
        vni: Vni::new(4096).unwrap(),
        encryption: None,
    };
    HostGoalState {
        generation: Generation(1),
        host: HostName::new(name).unwrap(),
        provider_address: [198, 18, 0, number].into(),
        virtual_networks: vec![VirtualNetwork {
            name: "hub".into(),
            vni: Vni::new(4096).unwrap(),
            mappings: vms.iter().map(mapping).collect(),
        }],
        virtual_machines: vms.iter().map(|&(name, last)| vm(name, last)).collect(),
        edge: goal_state::edge::Edge::default(),
        platform: goal_state::platform::Platform::default(),
        offload: true,
        honest_packets: false,
    }
}

fn vm(name: &str, last: u8) -> VirtualMachine {
    let nic = NetworkInterface {
        name: NicName::new("nic0").unwrap(),
        mac: MacAddr([0, 0x0d, 0x3a, 0, 0, last]),
        addresses: vec![[10, 0, 0, last].into()],
        subnet: "10.0.0.0/24".parse().unwrap(),
        accelerated: false,
        encryption_port: None,
        port: Port {
            vni: Vni::new(4096).unwrap(),
            enable_ip_forwarding: false,
            filter: goal_state::nsg::Filter::default(),
            routes: vec![Route {
                prefix: "10.0.0.0/16".parse().unwrap(),
                next_hop: NextHop::VnetLocal,
                source: RouteSource::Default,
                name: "System Route".into(),
            }]
            .into(),
            forwarded_traffic_refused: Vec::new(),
            unencrypted_refused: goal_state::nsg::AddressSet::default(),
            translation: goal_state::translation::Translation::default(),
            private_endpoint: None,
        },
    };
    VirtualMachine {
        name: VmName::new(name).unwrap(),
        network_interfaces: vec![nic],
        guest: Guest::default(),
    }
}
