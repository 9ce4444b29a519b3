//! What the tags make of packets.

use super::*;

/// web1 sends to what is behind the appliance, by a route that the appliance's own subnet does not have.
fn appliance(routes: &[&str], rules: &[&str]) -> Network {
    NetworkBuilder::new()
        .vnet_with("a", &["10.0.0.0/16"])
        .subnet("a", "web", "10.0.1.0/24")
        .subnet("a", "nva", "10.0.2.0/24")
        .route_table("rt", routes)
        .subnet_routes("a/web", "rt")
        .nsg("nsg", rules)
        .subnet_nsg("a/web", "nsg")
        .nsg("nsg-nva", &[])
        .subnet_nsg("a/nva", "nsg-nva")
        .vm("web1", "10.0.1.4")
        .nva("nva", &["10.0.2.4"])
        .build()
}

/// azure-docs#22178.
#[test]
fn s5_1_with_a_default_route_a_deny_for_virtual_network_is_one_for_everything() {
    let deny = ["100 Outbound Deny * * VirtualNetwork"];
    let steered = appliance(&["all 0.0.0.0/0 10.0.2.4"], &deny);
    let denied = "Deny networkSecurityGroup nsg/rule-100 at web1 web1";
    assert_eq!(said(&tcp(&steered, "web1", "8.8.8.8", 443)), denied);
    assert_eq!(said(&tcp(&steered, "web1", "192.168.0.4", 443)), denied);
    let plain = appliance(&[], &deny);
    assert_eq!(said(&tcp(&plain, "web1", "nva", 443)), denied);
    assert_ne!(said(&tcp(&plain, "web1", "8.8.8.8", 443)), denied);
}

/// azure-docs#124192.
#[test]
fn s5_1_the_appliances_own_default_rules_deny_what_its_tag_lacks() {
    let network = appliance(&["site 172.20.0.0/16 10.0.2.4"], &[]);
    assert_eq!(
        said(&tcp(&network, "web1", "172.20.0.9", 443)),
        "Deny networkSecurityGroup nsg-nva/DenyAllInBound at nva web1>nva"
    );
}

/// azure-docs#38326: the rule of priority 65001 for probes is never reached.
#[test]
fn s5_1_a_deny_for_virtual_network_takes_health_probes_along() {
    let probe = |rules: &[&str]| said(&tcp(&appliance(&[], rules), "168.63.129.16", "web1", 80));
    assert_eq!(probe(&[]), "Allow platform>web1");
    assert_eq!(
        probe(&["4096 Inbound Deny * VirtualNetwork *"]),
        "Deny networkSecurityGroup nsg/rule-4096 at web1 platform>web1"
    );
}

#[test]
fn s5_1_an_unknown_private_destination_is_in_no_tag_and_falls_to_the_last_rule() {
    let network = appliance(&[], &[]);
    for to in ["10.9.0.1", "172.16.0.1", "192.168.0.1"] {
        assert_eq!(
            said(&tcp(&network, "web1", to, 443)),
            "Deny networkSecurityGroup nsg/DenyAllOutBound at web1 web1",
            "{to}"
        );
    }
}

/// azure-docs#41670.
#[test]
fn s5_1_prefixes_of_a_service_endpoint_do_not_belong_to_virtual_network() {
    let with = |rule: &str| {
        let network = NetworkBuilder::new()
            .tags(&[("Sql", &["20.60.0.0/24"])])
            .vnet("a", "10.0.0.0/16")
            .nsg("nsg", &[rule])
            .subnet_nsg("a/default", "nsg")
            .service_endpoint("a/default", "Microsoft.Sql", &["Sql"])
            .vm("web1", "10.0.0.4")
            .service("sql1", "Microsoft.Sql", "20.60.0.9")
            .build();
        tcp(&network, "web1", "sql1", 1433).verdict
    };
    assert_eq!(with("100 Outbound Deny * * VirtualNetwork"), Access::Allow);
    // 10.1: rules that close the internet close the service, too.
    assert_eq!(with("100 Outbound Deny * * Internet"), Access::Deny);
}

#[test]
fn s10_1_a_service_endpoint_needs_no_way_out_and_outbound_rules_must_allow_it() {
    let with = |endpoint: bool, rules: &[&str]| {
        let builder = NetworkBuilder::new()
            .tags(&[("Sql", &["20.60.0.0/24"])])
            .vnet("a", "10.0.0.0/16")
            .subnet_with("a/default", |subnet| subnet.default_outbound_access = false)
            .nsg("nsg", rules)
            .subnet_nsg("a/default", "nsg")
            .vm("web1", "10.0.0.4")
            .service("sql1", "Microsoft.Sql", "20.60.0.9");
        let network =
            if endpoint { builder.service_endpoint("a/default", "Microsoft.Sql", &["Sql"]) } else { builder };
        said(&tcp(&network.build(), "web1", "sql1", 1433))
    };
    assert_eq!(with(true, &[]), "Allow web1>sql1");
    assert_eq!(with(false, &[]), "Deny outboundAccess a/default at web1 web1");
    assert_eq!(
        with(true, &["100 Outbound Deny * * Internet"]),
        "Deny networkSecurityGroup nsg/rule-100 at web1 web1"
    );
}

#[test]
fn s3_7_the_tag_for_probes_is_not_what_is_balanced() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .public_ip("pip-lb", "20.0.0.4")
        .internet_host("client", "203.0.113.9")
        .nsg("nsg", &["100 Inbound Allow * AzureLoadBalancer *", "200 Inbound Deny * * *"])
        .subnet_nsg("a/default", "nsg")
        .vm("web1", "10.0.0.4")
        .load_balancer("lb", "pip-lb", &["web1"], &["Tcp 80 8080"])
        .build();
    assert_eq!(said(&tcp(&network, "168.63.129.16", "web1", 8080)), "Allow platform>web1");
    assert_eq!(
        said(&tcp(&network, "internet/client", "20.0.0.4", 80)),
        "Deny networkSecurityGroup nsg/rule-200 at web1 internet/client>web1"
    );
}

#[test]
fn s2_4_in_a_private_subnet_a_route_to_the_internet_is_no_way_out() {
    let with = |nat: bool| {
        let builder = NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .public_ip("pip-nat", "20.0.0.3")
            .nat_gateway("nat", &["pip-nat"])
            .internet_host("client", "203.0.113.9")
            .subnet_with("a/default", |subnet| subnet.default_outbound_access = false)
            .route_table("rt", &["out 0.0.0.0/0 Internet"])
            .subnet_routes("a/default", "rt")
            .vm("web1", "10.0.0.4");
        let network = if nat { builder.subnet_nat_gateway("a/default", "nat") } else { builder };
        said(&tcp(&network.build(), "web1", "internet/client", 443))
    };
    assert_eq!(with(false), "Deny outboundAccess a/default at web1 web1");
    assert_eq!(with(true), "Allow web1>internet/client");
}

#[test]
fn s2_4_default_outbound_access_carries_no_icmp() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .internet_host("client", "203.0.113.9")
        .vm("web1", "10.0.0.4")
        .build();
    assert_eq!(said(&tcp(&network, "web1", "internet/client", 443)), "Allow web1>internet/client");
    assert_eq!(said(&ping(&network, "web1", "internet/client")), "Deny outboundAccess at web1 web1");
}

#[test]
fn s4_private_endpoints_are_left_out() {
    let network = NetworkBuilder::new()
        .vnet_with("a", &["10.0.0.0/16"])
        .subnet("a", "web", "10.0.0.0/24")
        .subnet("a", "pe", "10.0.9.0/24")
        .vm("web1", "10.0.0.4")
        .vm("near", "10.0.9.9")
        .service("sql1", "Microsoft.Sql", "20.60.0.9")
        .private_endpoint("pe-sql", "10.0.9.4", "sql1")
        .admin("org", &["a"], &["10 Inbound Deny * * *"])
        .build();
    assert_eq!(said(&tcp(&network, "web1", "10.0.9.4", 1433)), "Allow web1>pe-sql>sql1");
    assert_eq!(tcp(&network, "web1", "near", 1433).verdict, Access::Deny);
}

/// An appliance between the two must show its own source, or replies go round it.
#[test]
fn s6_6_replies_of_an_endpoint_go_straight_to_the_client() {
    let network = NetworkBuilder::new()
        .vnet_with("a", &["10.0.0.0/16"])
        .subnet("a", "web", "10.0.0.0/24")
        .subnet("a", "nva", "10.0.1.0/24")
        .subnet("a", "pe", "10.0.9.0/24")
        .route_table("rt", &["pe 10.0.9.4/32 10.0.1.4"])
        .subnet_routes("a/web", "rt")
        .vm("web1", "10.0.0.4")
        .nva("nva", &["10.0.1.4"])
        .service("sql1", "Microsoft.Sql", "20.60.0.9")
        .private_endpoint("pe-sql", "10.0.9.4", "sql1")
        .build();
    let answer = tcp(&network, "web1", "10.0.9.4", 1433);
    assert_eq!(said(&answer), "Allow web1>nva>pe-sql>sql1");
    assert_eq!(answer.reply.unwrap().path, ["sql1", "pe-sql", "web1"]);
}

/// Service endpoints are for subnets: what a site sends to the service does not come by them.
#[test]
fn s10_1_a_service_endpoint_is_of_no_use_on_premises() {
    let network = NetworkBuilder::new()
        .tags(&[("Sql", &["20.60.0.0/24"])])
        .vnet_with("hub", &["10.0.0.0/16"])
        .subnet("hub", "default", "10.0.0.0/24")
        .subnet("hub", "GatewaySubnet", "10.0.254.0/27")
        .gateway("vpn", "hub", crate::network::gateway::GatewayType::Vpn)
        .site("seoul", &["10.50.0.0/16"], &["erp 10.50.1.10"])
        .local_network_gateway("dc", "seoul", &["10.50.0.0/16"])
        .connect("vpn", "dc")
        .service_endpoint("hub/default", "Microsoft.Sql", &["Sql"])
        .vm("hub1", "10.0.0.4")
        .service("sql1", "Microsoft.Sql", "20.60.0.9")
        .build();
    assert_eq!(said(&tcp(&network, "hub1", "sql1", 1433)), "Allow hub1>sql1");
    assert_eq!(said(&tcp(&network, "seoul/erp", "sql1", 1433)), "Deny gateway seoul at seoul/erp seoul/erp");
}

#[test]
fn s9_2_a_nat_gateway_carries_tcp_and_udp_only() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .public_ip("pip-nat", "20.0.0.3")
        .nat_gateway("nat", &["pip-nat"])
        .subnet_nat_gateway("a/default", "nat")
        .internet_host("client", "203.0.113.9")
        .vm("web1", "10.0.0.4")
        .build();
    for protocol in [IpProtocol::TCP, IpProtocol::UDP] {
        let answer = ask(&network, "web1", "internet/client", protocol, Some(53));
        assert_eq!(said(&answer), "Allow web1>internet/client");
    }
    for protocol in [IpProtocol::ICMP, IpProtocol::ESP] {
        let answer = ask(&network, "web1", "internet/client", protocol, None);
        assert_eq!(said(&answer), "Deny outboundAccess nat at web1 web1");
    }
}

/// A proposed text of the documents: a VnetLocal route is honoured where the virtual network has the policies `Basic`.
#[test]
fn s6_6_policies_of_the_network_decide_about_local_routes_to_an_endpoint() {
    use crate::network::vnet::{PrivateEndpointNetworkPolicies, PrivateEndpointVnetPolicies};
    let with = |policies| {
        let mut network = NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .subnet_with("a/default", |subnet| {
                subnet.private_endpoint_network_policies = PrivateEndpointNetworkPolicies::Enabled;
            })
            .route_table("rt", &["local 10.0.0.0/16 VnetLocal"])
            .subnet_routes("a/default", "rt")
            .vm("web1", "10.0.0.4")
            .service("sql1", "Microsoft.Sql", "20.60.0.9")
            .private_endpoint("pe-sql", "10.0.0.9", "sql1")
            .build();
        network.virtual_networks[0].private_endpoint_vnet_policies = policies;
        tcp(&network, "web1", "10.0.0.9", 1433).verdict
    };
    assert_eq!(with(PrivateEndpointVnetPolicies::Disabled), Access::Deny);
    assert_eq!(with(PrivateEndpointVnetPolicies::Basic), Access::Allow);
}
