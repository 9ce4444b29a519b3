//! What the builder makes is what was said.

use super::NetworkBuilder;
use crate::network::gateway::GatewayType;
use crate::network::public::PublicIpSku;
use crate::network::{ConnectionTarget, GatewayId, NatGatewayId, PublicIpId};

/// A network with something of everything that the builder has words for.
fn everything() -> NetworkBuilder {
    NetworkBuilder::new()
        .tags(&[("Storage", &["20.60.0.0/16"])])
        .vnet_with("hub", &["10.0.0.0/16"])
        .subnet("hub", "GatewaySubnet", "10.0.254.0/27")
        .subnet("hub", "RouteServerSubnet", "10.0.253.0/27")
        .subnet("hub", "web", "10.0.1.0/24")
        .service_endpoint("hub/web", "Microsoft.Storage", &["Storage"])
        .vm("web1", "10.0.1.4")
        .vm("nva", "10.0.1.5")
        .public_ip("pip", "20.200.0.4")
        .public_ip("pip-lb", "20.200.0.5")
        .public_ip("pip-nat", "20.200.0.6")
        .basic("pip")
        .vm_public_ip("web1", "pip")
        .nat_gateway("egress", &["pip-nat"])
        .subnet_nat_gateway("hub/web", "egress")
        .service("sql", "Microsoft.Sql", "20.60.1.1")
        .private_endpoint("pe", "hub/10.0.1.9", "sql")
        .internet_host("client", "203.0.113.9")
        .load_balancer("lb", "pip-lb", &["web1"], &["Tcp 80 8080"])
        .outbound_rule("lb")
        .load_balancer("ilb", "10.0.1.10", &["nva"], &["All 0 0"])
        .admin("baseline", &["hub"], &["20 Inbound Deny Tcp * *:23", "10 Inbound AlwaysAllow Tcp * *:22"])
        .site("seoul", &["10.50.0.0/16"], &["erp 10.50.1.10"])
        .gateway("vpn", "hub", GatewayType::Vpn)
        .gateway("er", "hub", GatewayType::ExpressRoute)
        .local_network_gateway("static", "seoul", &["10.50.0.0/16"])
        .bgp_local_network_gateway("dynamic", "seoul", 65010, &["10.50.0.0/16", "0.0.0.0/0 65010,65010"])
        .circuit("c1", "seoul", 65010, &["10.50.0.0/16"])
        .connect("vpn", "static")
        .connect("vpn", "dynamic")
        .connect("er", "c1")
        .route_server("rs", "hub", |server| server.allow_branch_to_branch_traffic = true)
        .route_server_peer("rs", "nva", 65001, &["10.250.0.0/16"])
}

#[test]
fn gateways_stand_in_their_subnets_and_are_connected() {
    let network = everything().build();
    let [vpn, er] = &network.virtual_network_gateways[..] else { panic!("two gateways") };
    assert_eq!(vpn.private_addresses, ["10.0.254.4".parse::<std::net::Ipv4Addr>().unwrap()]);
    assert_eq!(er.private_addresses, ["10.0.254.5".parse::<std::net::Ipv4Addr>().unwrap()]);
    let bgp: Vec<_> = network.connections.iter().map(|connection| connection.enable_bgp).collect();
    assert_eq!(bgp, [false, true, true]);
    assert_eq!(network.connections[2].gateway, GatewayId(1));
    assert!(matches!(network.connections[2].to, ConnectionTarget::Circuit(_)));
    let routes = &network.local_network_gateways[1].bgp.as_ref().unwrap().routes;
    assert_eq!((&routes[0].as_path[..], &routes[1].as_path[..]), (&[65010][..], &[65010, 65010][..]));
    let server = &network.route_servers[0];
    assert_eq!(server.peers[0].address, "10.0.1.5".parse::<std::net::Ipv4Addr>().unwrap());
    assert!(server.allow_branch_to_branch_traffic);
}

#[test]
fn the_public_side_is_attached() {
    let network = everything().build();
    assert_eq!(network.virtual_machines[0].nics[0].public_ips[0].1, PublicIpId(0));
    assert_eq!(network.public_ip_addresses[0].sku, PublicIpSku::Basic);
    assert_eq!(network.virtual_networks[0].subnets[2].nat_gateway, Some(NatGatewayId(0)));
    assert_eq!(network.load_balancers[0].outbound_rules.len(), 1);
    assert_eq!(network.private_endpoints[0].subnet.index, 2);
    let priorities: Vec<_> =
        network.security_admin_configurations[0].rules.iter().map(|rule| rule.priority).collect();
    assert_eq!(priorities, [10, 20]);
}

#[test]
fn s4_managed_instance_and_databricks_are_network_intent_policy_services() {
    let holds = |delegation: Option<&str>| {
        let network = NetworkBuilder::new()
            .vnet("hub", "10.0.0.0/16")
            .subnet_with("hub/default", |subnet| subnet.delegation = delegation.map(str::to_owned));
        network.build().virtual_networks[0].holds_network_intent_policy_service()
    };
    assert!(holds(Some("Microsoft.Sql/managedInstances")));
    assert!(holds(Some("microsoft.databricks/Workspaces")));
    assert!(!holds(Some("Microsoft.Web/serverFarms")));
    assert!(!holds(None));
}
