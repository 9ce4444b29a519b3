//! A hub with an appliance and two spokes, as its hosts are told about it.

use goal_state::DropReason;
use goal_state::route::NextHop;
use goal_state::vm::{Listen, Transport};

mod encryption;
mod routes;

use super::*;
use crate::network::HostId;
use crate::network::build::NetworkBuilder;

fn hub_and_spokes() -> Network {
    NetworkBuilder::new()
        .vnet("hub", "10.0.0.0/16")
        .vnet("spoke1", "10.1.0.0/16")
        .vnet("spoke2", "10.2.0.0/16")
        .peer("hub", "spoke1")
        .link("hub", "spoke2", |_| {})
        .link("spoke2", "hub", |link| link.allow_forwarded_traffic = false)
        .route_table("rt-spoke", &["default 0.0.0.0/0 10.0.0.4"])
        .subnet_routes("spoke1/default", "rt-spoke")
        .nsg("nsg-web", &["100 Inbound Allow Tcp Internet *:80"])
        .subnet_nsg("spoke2/default", "nsg-web")
        .vm_with("web1", &["10.1.0.4"], |vm| {
            vm.listen = Some(vec![
                Listen { port: 80, transport: Transport::Tcp },
                Listen { port: 53, transport: Transport::Udp },
            ]);
        })
        .vm("db1", "10.2.0.4")
        .nva("nva", &["10.0.0.4"])
        .vm("web2", "10.1.0.5")
        .build()
}

#[test]
fn hub_and_spoke() {
    let goal = compile(&hub_and_spokes(), Generation(7));
    insta::assert_json_snapshot!("hub_and_spoke", goal);
}

#[test]
fn equal_networks_give_equal_goal_states_however_their_vms_are_listed() {
    let network = hub_and_spokes();
    let mut listed_otherwise = network.clone();
    listed_otherwise.virtual_machines.reverse();
    assert_eq!(compile(&network, Generation(1)), compile(&listed_otherwise, Generation(1)));
}

/// Every way in which an active route does not deliver, with the reason that the drop event will carry.
#[test]
fn routes_that_lead_nowhere_say_why() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .vnet("b", "10.1.0.0/16")
        .link("a", "b", |link| link.allow_virtual_network_access = false)
        .link("b", "a", |_| {})
        .route_table(
            "rt",
            &[
                "cut 10.3.0.0/16 None",
                "vpn 10.4.0.0/16 VirtualNetworkGateway",
                "nobody 10.5.0.0/16 10.0.0.99",
                "shut 10.6.0.0/16 10.1.0.4",
                "self 10.7.0.0/16 10.0.0.4",
                "nva 10.8.0.0/16 10.0.0.5",
                "web 20.0.0.0/8 Internet",
            ],
        )
        .subnet_routes("a/default", "rt")
        .nva("a1", &["10.0.0.4"])
        .nva("a2", &["10.0.0.5"])
        .nva("b1", &["10.1.0.4"])
        .build();
    let goal = compile(&network, Generation(1));
    let a1 = goal.iter().flat_map(|host| &host.virtual_machines).find(|vm| vm.name.as_str() == "a1").unwrap();
    let routes: Vec<_> = a1.network_interfaces[0]
        .port
        .routes
        .iter()
        .map(|route| {
            let hop = match &route.next_hop {
                NextHop::Drop { reason } => format!("drop {reason}"),
                NextHop::VirtualAppliance { addresses, .. } => format!("via {}", addresses[0]),
                NextHop::VnetLocal => "local".to_owned(),
                NextHop::Internet { router } => format!("internet by {router}"),
                NextHop::VnetPeering => "peering".to_owned(),
            };
            format!("{} {hop} {}", route.prefix, route.name)
        })
        .collect();
    assert_eq!(
        routes,
        [
            "0.0.0.0/0 drop noDestination System Route",
            "10.0.0.0/8 drop route System Route",
            "10.0.0.0/16 local System Route",
            "10.1.0.0/16 drop peering a/to-b",
            "10.3.0.0/16 drop route rt/cut",
            "10.4.0.0/16 drop gateway rt/vpn",
            "10.5.0.0/16 drop nextHop rt/nobody",
            "10.6.0.0/16 drop nextHop rt/shut",
            "10.7.0.0/16 drop nextHop rt/self",
            "10.8.0.0/16 via 10.0.0.5 rt/nva",
            "20.0.0.0/8 drop noDestination rt/web",
            "100.64.0.0/10 drop route System Route",
            "172.16.0.0/12 drop route System Route",
            "192.168.0.0/16 drop route System Route",
        ]
    );
    assert_eq!(DropReason::NextHop.as_str(), "nextHop");
}

/// Overlapping address spaces on one host: each network's bridge knows its own owner of an address.
#[test]
fn unrelated_networks_with_equal_addresses_keep_their_own_mappings() {
    let network = NetworkBuilder::new()
        .vnet("red", "10.0.0.0/16")
        .vnet("blue", "10.0.0.0/16")
        .vm_with("red1", &["red/10.0.0.4"], |_| {})
        .vm_with("blue1", &["blue/10.0.0.4"], |vm| vm.host = HostId(0))
        .build();
    let goal = compile(&network, Generation(1));
    let owners: Vec<_> = goal[0]
        .virtual_networks
        .iter()
        .map(|vnet| (vnet.name.as_str(), vnet.mappings.iter().map(|m| m.mac).collect::<Vec<_>>()))
        .collect();
    let mac = |vm: usize| network.virtual_machines[vm].nics[0].mac;
    assert_eq!(owners, [("red", vec![mac(0)]), ("blue", vec![mac(1)])]);
    assert!(goal[1].virtual_networks.is_empty() && goal[1].virtual_machines.is_empty());
}

#[test]
fn a_deallocated_machine_has_no_port() {
    let network = NetworkBuilder::new()
        .vnet("hub", "10.0.0.0/16")
        .vm_with("off", &["10.0.0.4"], |vm| vm.power_state = crate::network::PowerState::Deallocated)
        .vm_with("on", &["10.0.0.5"], |vm| vm.host = HostId(0))
        .build();
    let names = compile(&network, Generation(1))
        .iter()
        .flat_map(|goal| goal.virtual_machines.iter().map(|vm| vm.name.to_string()))
        .collect::<Vec<_>>();
    assert_eq!(names, ["on"]);
}
