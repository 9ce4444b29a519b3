//! A web VM behind two groups and a route table, an appliance, and the host that has both.

use goal_state::encryption::EncryptingNic;
use goal_state::nsg::Protocol;
use goal_state::route::NextHop;
use goal_state::translation::{InboundTranslation, OutboundTranslation, PortLease, Translation, WayOut};
use goal_state::vm::VirtualMachine;
use goal_state::{HostGoalState, NicId};

/// As JSON, because that is the form in which a goal state arrives.
pub(crate) fn hub_and_spoke() -> HostGoalState {
    serde_json::from_str(include_str!("hub-and-spoke.json")).unwrap()
}

/// The same where the NICs of `web1` and the appliance's first one encrypt, and so do all that they can reach.
pub(crate) fn encrypting() -> HostGoalState {
    let mut goal = hub_and_spoke();
    for (index, mapping) in
        goal.virtual_networks.iter_mut().flat_map(|network| &mut network.mappings).enumerate()
    {
        let nic = NicId { vm: format!("vm{index}").parse().unwrap(), nic: "nic0".parse().unwrap() };
        mapping.encryption = Some(EncryptingNic { nic, port: 50_000 });
    }
    for vm in &mut goal.virtual_machines {
        vm.network_interfaces[0].encryption_port = Some(50_000);
    }
    goal
}

/// The same where `web1` has a way to the internet, and is a backend of a public load balancer with leased ports and of an internal one
/// with a floating address; and the appliance has a NAT gateway, and a public address that is closed.
pub(crate) fn translating() -> HostGoalState {
    let mut goal = hub_and_spoke();
    let [nva, web1] = ["nva", "web1"].map(|name| {
        let is_it = |vm: &VirtualMachine| vm.name.as_str() == name;
        goal.virtual_machines.iter().position(is_it).unwrap()
    });
    for vm in [nva, web1] {
        let nic = &mut goal.virtual_machines[vm].network_interfaces[0];
        let default = std::sync::Arc::make_mut(&mut nic.port.routes).iter_mut();
        let default = default.min_by_key(|route| route.prefix.prefix_len()).unwrap();
        default.next_hop = NextHop::Internet { router: [169, 254, 1, 1].into() };
    }
    let own = |goal: &HostGoalState, vm: usize| goal.virtual_machines[vm].network_interfaces[0].addresses[0];
    let (nva_address, web1_address) = (own(&goal, nva), own(&goal, web1));
    let inbound = InboundTranslation {
        resource: "lb".into(),
        rule: "web".into(),
        address: [203, 0, 113, 5].into(),
        protocol: Protocol::Tcp,
        port: Some(80),
        to_address: web1_address,
        to_port: Some(8080),
        floating: false,
        closed: false,
        balanced: true,
    };
    let floating = InboundTranslation {
        rule: "ha".into(),
        address: [10, 1, 1, 100].into(),
        protocol: Protocol::Any,
        port: None,
        to_port: None,
        floating: true,
        ..inbound.clone()
    };
    let closed = InboundTranslation {
        resource: "pip-nva".into(),
        rule: String::new(),
        address: [203, 0, 113, 9].into(),
        to_address: nva_address,
        closed: true,
        balanced: false,
        floating: false,
        ..floating.clone()
    };
    let out = |source, protocol, way| OutboundTranslation { source, protocol, way };
    let lease = PortLease { address: [203, 0, 113, 5].into(), first: 1024, last: 1215 };
    let ports = WayOut::Ports { resource: "lb".into(), leases: vec![lease] };
    let address = WayOut::Address { address: [203, 0, 113, 9].into() };
    let gateway = WayOut::NatGateway { next_hop: [169, 254, 2, 1].into() };
    goal.virtual_machines[nva].guest.answers_everything = true;
    goal.virtual_machines[web1].guest.floating = vec![[10, 1, 1, 100].into()];
    goal.virtual_machines[web1].network_interfaces[0].port.translation = Translation {
        inbound: vec![inbound, floating],
        outbound: vec![
            out(web1_address, Protocol::Tcp, ports.clone()),
            out(web1_address, Protocol::Udp, ports),
        ],
        mail_closed: false,
    };
    goal.virtual_machines[nva].network_interfaces[0].port.translation = Translation {
        inbound: vec![closed],
        outbound: vec![out(nva_address, Protocol::Tcp, gateway), out(nva_address, Protocol::Any, address)],
        mail_closed: true,
    };
    goal
}
