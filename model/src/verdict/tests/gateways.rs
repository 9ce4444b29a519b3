//! Gateways, and sites behind them.

use super::*;
use crate::network::gateway::GatewayType;

/// A hub with a VPN gateway to Seoul, and a spoke that uses it.
fn hub() -> NetworkBuilder {
    NetworkBuilder::new()
        .vnet_with("hub", &["10.0.0.0/16"])
        .subnet("hub", "default", "10.0.0.0/24")
        .subnet("hub", "GatewaySubnet", "10.0.254.0/27")
        .vnet("spoke", "10.1.0.0/16")
        .link("hub", "spoke", |link| link.allow_gateway_transit = true)
        .link("spoke", "hub", |link| link.use_remote_gateways = true)
        .gateway("vpn", "hub", GatewayType::Vpn)
        .site("seoul", &["10.50.0.0/16"], &["erp 10.50.1.10"])
        .vm("hub1", "10.0.0.4")
        .vm("web1", "10.1.0.4")
}

fn by_bgp() -> NetworkBuilder {
    hub().bgp_local_network_gateway("seoul-dc", "seoul", 65010, &["10.50.0.0/16"]).connect("vpn", "seoul-dc")
}

#[test]
fn s8_2_a_vm_and_a_site_meet_by_the_gateway() {
    for network in [
        by_bgp().build(),
        hub()
            .local_network_gateway("seoul-dc", "seoul", &["10.50.0.0/16"])
            .connect("vpn", "seoul-dc")
            .build(),
    ] {
        let answer = tcp(&network, "hub1", "seoul/erp", 443);
        assert_eq!(said(&answer), "Allow hub1>vpn>seoul/erp");
        assert_eq!(answer.evidence.not_carried.as_deref(), Some("virtual network gateways"));
        assert_eq!(answer.egress, None);
        assert_eq!(answer.reply.unwrap().path, ["seoul/erp", "vpn", "hub1"]);
        assert_eq!(said(&tcp(&network, "seoul/erp", "hub1", 443)), "Allow seoul/erp>vpn>hub1");
        assert_eq!(
            said(&tcp(&network, "10.50.1.10", "10.0.0.4", 443)),
            "Allow 10.50.1.10>vpn>hub1".replace("10.50.1.10", "seoul/erp")
        );
    }
}

#[test]
fn s7_2_a_spoke_uses_the_hubs_gateway() {
    let network = by_bgp().build();
    assert_eq!(said(&tcp(&network, "web1", "seoul/erp", 443)), "Allow web1>vpn>seoul/erp");
    assert_eq!(said(&tcp(&network, "seoul/erp", "web1", 443)), "Allow seoul/erp>vpn>web1");
    let mut without = network;
    without.virtual_networks[1].peerings[0].use_remote_gateways = false;
    assert_eq!(said(&tcp(&without, "web1", "seoul/erp", 443)), "Deny route System Route at web1 web1");
    assert_eq!(said(&tcp(&without, "seoul/erp", "web1", 443)), "Deny gateway seoul at seoul/erp seoul/erp");
}

#[test]
fn s7_2_what_a_gateway_forwards_needs_no_allow_forwarded_traffic() {
    let mut network = by_bgp().build();
    for vnet in &mut network.virtual_networks {
        vnet.peerings[0].allow_forwarded_traffic = false;
    }
    assert_eq!(said(&tcp(&network, "seoul/erp", "web1", 443)), "Allow seoul/erp>vpn>web1");
}

#[test]
fn s8_2_what_a_site_has_not_announced_has_no_way() {
    let network = by_bgp().build();
    assert_eq!(said(&tcp(&network, "hub1", "10.51.0.1", 443)), "Deny route System Route at hub1 hub1");
    assert_eq!(said(&tcp(&network, "hub1", "10.50.9.9", 443)), "Deny noDestination at vpn hub1>vpn");
}

#[test]
fn s6_9_a_route_on_the_gateway_subnet_leads_to_the_firewall() {
    let network = by_bgp()
        .nva("fw", &["10.0.0.9"])
        .route_table("rt-gw", &["to-spoke 10.1.0.0/16 10.0.0.9"])
        .subnet_routes("hub/GatewaySubnet", "rt-gw")
        .build();
    let answer = tcp(&network, "seoul/erp", "web1", 443);
    assert_eq!(said(&answer), "Allow seoul/erp>vpn>fw>web1");
    assert_eq!(answer.reply.unwrap().path, ["web1", "vpn", "seoul/erp"], "the reply goes round the firewall");
}

#[test]
fn s8_2_sites_meet_by_a_gateway_only_with_bgp() {
    let two = |builder: NetworkBuilder| builder.site("busan", &["10.60.0.0/16"], &["crm 10.60.1.10"]);
    let by_bgp = two(by_bgp())
        .bgp_local_network_gateway("busan-dc", "busan", 65020, &["10.60.0.0/16"])
        .connect("vpn", "busan-dc")
        .build();
    assert_eq!(said(&tcp(&by_bgp, "seoul/erp", "busan/crm", 443)), "Allow seoul/erp>vpn>busan/crm");
    let by_hand = two(hub())
        .local_network_gateway("seoul-dc", "seoul", &["10.50.0.0/16"])
        .local_network_gateway("busan-dc", "busan", &["10.60.0.0/16"])
        .connect("vpn", "seoul-dc")
        .connect("vpn", "busan-dc")
        .build();
    assert_eq!(
        said(&tcp(&by_hand, "seoul/erp", "busan/crm", 443)),
        "Deny gateway seoul at seoul/erp seoul/erp"
    );
}

#[test]
fn s8_2_two_virtual_networks_meet_by_their_gateways() {
    let network = hub()
        .vnet_with("far", &["10.9.0.0/16"])
        .subnet("far", "default", "10.9.0.0/24")
        .subnet("far", "GatewaySubnet", "10.9.254.0/27")
        .gateway_with("vpn-far", "far", GatewayType::Vpn, |gateway| gateway.asn = 65020)
        .connect("vpn", "vpn-far")
        .vm("far1", "10.9.0.4")
        .build();
    assert_eq!(said(&tcp(&network, "hub1", "far1", 443)), "Allow hub1>vpn>vpn-far>far1");
    assert_eq!(said(&tcp(&network, "far1", "hub1", 443)), "Allow far1>vpn-far>vpn>hub1");
}

/// An ExpressRoute and a VPN gateway side by side.
fn coexisting(branch_to_branch: bool) -> Network {
    let builder = by_bgp()
        .subnet("hub", "RouteServerSubnet", "10.0.253.0/27")
        .gateway("er", "hub", GatewayType::ExpressRoute)
        .site("busan", &["10.60.0.0/16"], &["crm 10.60.1.10"])
        .circuit("c1", "busan", 65030, &["10.60.0.0/16"])
        .connect("er", "c1");
    builder
        .route_server("rs", "hub", |server| server.allow_branch_to_branch_traffic = branch_to_branch)
        .build()
}

#[test]
fn s8_3_no_transit_between_express_route_and_vpn_without_branch_to_branch() {
    let apart = coexisting(false);
    assert_eq!(said(&tcp(&apart, "hub1", "busan/crm", 443)), "Allow hub1>er>busan/crm");
    assert_eq!(tcp(&apart, "seoul/erp", "busan/crm", 443).verdict, Access::Deny);
    let together = coexisting(true);
    assert_eq!(said(&tcp(&together, "seoul/erp", "busan/crm", 443)), "Allow seoul/erp>vpn>er>busan/crm");
}

#[test]
fn s10_2_a_private_endpoint_is_reached_from_on_premises() {
    let network = by_bgp()
        .service("sql1", "Microsoft.Sql", "20.60.0.9")
        .private_endpoint("pe-sql", "10.0.0.9", "sql1")
        .build();
    let answer = tcp(&network, "seoul/erp", "10.0.0.9", 1433);
    assert_eq!(said(&answer), "Allow seoul/erp>vpn>pe-sql>sql1");
    assert_eq!(answer.reply.unwrap().path, ["sql1", "pe-sql", "vpn", "seoul/erp"]);
}
