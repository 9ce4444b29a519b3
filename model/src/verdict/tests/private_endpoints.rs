//! Private endpoints and service endpoints.

use super::*;
use crate::network::PrivateLinkServiceConnectionState;
use crate::network::vnet::PrivateEndpointNetworkPolicies;

/// web1 may send nothing but to 10.0.9.4; the endpoint's subnet has a group that lets nothing in.
fn base(state: PrivateLinkServiceConnectionState, policies: PrivateEndpointNetworkPolicies) -> Network {
    NetworkBuilder::new()
        .vnet_with("a", &["10.0.0.0/16"])
        .subnet("a", "web", "10.0.0.0/24")
        .subnet("a", "pe", "10.0.9.0/24")
        .nsg("nsg-web", &["100 Outbound Allow * * 10.0.9.4/32:1433", "200 Outbound Deny * * *"])
        .nsg("nsg-pe", &["100 Inbound Deny * *:7 10.0.9.4/32:1433"])
        .subnet_nsg("a/web", "nsg-web")
        .subnet_nsg("a/pe", "nsg-pe")
        .subnet_with("a/pe", |subnet| subnet.private_endpoint_network_policies = policies)
        .vm("web1", "10.0.0.4")
        .service("sql1", "Microsoft.Sql", "20.60.0.9")
        .private_endpoint_with("pe-sql", "10.0.9.4", "sql1", |endpoint| endpoint.state = state)
        .build()
}

use PrivateEndpointNetworkPolicies as Policies;
use PrivateLinkServiceConnectionState as State;

#[test]
fn s10_2_only_an_approved_connection_carries_traffic() {
    let allowed = tcp(&base(State::Approved, Policies::Disabled), "web1", "10.0.9.4", 1433);
    assert_eq!(said(&allowed), "Allow web1>pe-sql>sql1");
    assert_eq!(allowed.evidence.not_carried, None);
    let ports = |crossings: &[Crossing]| {
        crossings.iter().map(|crossing| crossing.nic.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ports(&allowed.evidence.crossings), ["web1/nic0", "service.sql1/pe-sql"]);
    assert_eq!(ports(&allowed.evidence.reply_crossings), ["service.sql1/pe-sql", "web1/nic0"]);
    assert_eq!(allowed.reply.unwrap().path, ["sql1", "pe-sql", "web1"]);
    for state in [State::Pending, State::Rejected, State::Disconnected] {
        let answer = tcp(&base(state, Policies::Disabled), "web1", "10.0.9.4", 1433);
        let reason = answer.reason.unwrap();
        assert_eq!((reason.layer, reason.resource.as_deref()), (DropReason::PrivateEndpoint, Some("pe-sql")));
    }
}

#[test]
fn s3_10_the_subnets_group_counts_only_where_policies_say_so_and_source_ports_do_not() {
    let with = |policies| said(&tcp(&base(State::Approved, policies), "web1", "10.0.9.4", 1433));
    let denied = "Deny networkSecurityGroup nsg-pe/rule-100 at pe-sql web1>pe-sql";
    assert_eq!(with(Policies::Disabled), "Allow web1>pe-sql>sql1");
    assert_eq!(with(Policies::RouteTableEnabled), "Allow web1>pe-sql>sql1");
    assert_eq!(with(Policies::NetworkSecurityGroupEnabled), denied);
    assert_eq!(with(Policies::Enabled), denied);
}

#[test]
fn s3_10_the_clients_group_always_counts() {
    let network = base(State::Approved, Policies::Disabled);
    assert_eq!(
        said(&tcp(&network, "web1", "10.0.9.4", 443)),
        "Deny networkSecurityGroup nsg-web/rule-200 at web1 web1"
    );
}

#[test]
fn s10_2_traffic_goes_one_way_and_is_tcp() {
    let mut network = base(State::Approved, Policies::Disabled);
    network.virtual_networks[0].subnets[0].nsg = None;
    let question = Question {
        from: "10.0.9.4".to_owned(),
        to: "web1".to_owned(),
        protocol: IpProtocol::TCP,
        port: Some(80),
        source_port: None,
        source_ip: None,
    };
    assert!(explain(&Policy::new(&network), &question).is_err());
    let udp = ask(&network, "web1", "10.0.9.4", IpProtocol::UDP, Some(1433));
    assert_eq!(said(&udp), "Deny privateEndpoint pe-sql at pe-sql web1>pe-sql");
}

#[test]
fn s10_2_a_private_endpoint_is_reached_from_direct_peers_only() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .vnet("b", "10.1.0.0/16")
        .vnet("c", "10.2.0.0/16")
        .peer("a", "b")
        .peer("b", "c")
        .vm("b1", "10.1.0.4")
        .vm("c1", "10.2.0.4")
        .service("sql1", "Microsoft.Sql", "20.60.0.9")
        .private_endpoint("pe-sql", "10.0.0.9", "sql1")
        .build();
    assert_eq!(said(&tcp(&network, "b1", "10.0.0.9", 1433)), "Allow b1>pe-sql>sql1");
    assert_eq!(tcp(&network, "c1", "10.0.0.9", 1433).verdict, Access::Deny);
}

#[test]
fn s10_1_a_service_sees_the_private_address_by_a_service_endpoint() {
    let with = |endpoint: bool| {
        let builder = NetworkBuilder::new()
            .tags(&[("Sql", &["20.60.0.0/24"])])
            .vnet("a", "10.0.0.0/16")
            .public_ip("pip-nat", "20.0.0.3")
            .nat_gateway("nat", &["pip-nat"])
            .subnet_nat_gateway("a/default", "nat")
            .vm("web1", "10.0.0.4")
            .service("sql1", "Microsoft.Sql", "20.60.0.9");
        let network =
            if endpoint { builder.service_endpoint("a/default", "Microsoft.Sql", &["Sql"]) } else { builder };
        tcp(&network.build(), "web1", "sql1", 1433)
    };
    let by_endpoint = with(true);
    let [_, at_service] = &by_endpoint.evidence.crossings[..] else { panic!("two ports") };
    assert_eq!(at_service.nic.to_string(), "service.sql1/a");
    assert_eq!(
        (&at_service.packet.sources[..], at_service.packet.destination),
        (&["10.0.0.4".parse().unwrap()][..], None)
    );
    assert_eq!(said(&by_endpoint), "Allow web1>sql1");
    assert_eq!(by_endpoint.received.unwrap().source, "10.0.0.4:49152");
    assert_eq!(by_endpoint.egress.unwrap().method, EgressMethod::ServiceEndpoint);
    assert_eq!(with(false).received.unwrap().source, "20.0.0.3:49152");
}

#[test]
fn s10_1_a_services_firewall_lets_in_subnets_by_their_endpoint_and_public_addresses() {
    use crate::network::{ServiceFirewall, SubnetRef, VnetId};
    let network = |endpoint: bool, firewall: ServiceFirewall| {
        let builder = NetworkBuilder::new()
            .tags(&[("Sql", &["20.60.0.0/24"])])
            .vnet("a", "10.0.0.0/16")
            .public_ip("pip-nat", "20.0.0.3")
            .nat_gateway("nat", &["pip-nat"])
            .subnet_nat_gateway("a/default", "nat")
            .vm("web1", "10.0.0.4")
            .internet_host("client", "203.0.113.9")
            .service("sql1", "Microsoft.Sql", "20.60.0.9")
            .private_endpoint("pe", "10.0.0.9", "sql1");
        let builder =
            if endpoint { builder.service_endpoint("a/default", "Microsoft.Sql", &["Sql"]) } else { builder };
        let mut network = builder.build();
        network.services[0].firewall = Some(firewall);
        network
    };
    let subnet = ServiceFirewall {
        virtual_network_rules: vec![SubnetRef { vnet: VnetId(0), index: 0 }],
        ip_rules: Vec::new(),
    };
    let address = |text: &str| ServiceFirewall {
        virtual_network_rules: Vec::new(),
        ip_rules: vec![text.parse().unwrap()],
    };
    let says = |endpoint, firewall: &ServiceFirewall, from: &str, to: &str| {
        let answer = tcp(&network(endpoint, firewall.clone()), from, to, 1433);
        (answer.verdict, answer.reason.map(|reason| reason.layer))
    };
    let (allowed, refused) = ((Access::Allow, None), (Access::Deny, Some(DropReason::Guest)));
    assert_eq!(says(true, &subnet, "web1", "sql1"), allowed);
    assert_eq!(says(false, &subnet, "web1", "sql1"), refused, "what comes by the internet is no subnet");
    assert_eq!(says(true, &subnet, "internet/client", "sql1"), refused);
    assert_eq!(says(true, &ServiceFirewall::default(), "web1", "sql1"), refused);
    assert_eq!(says(false, &address("20.0.0.0/24"), "web1", "sql1"), allowed, "the NAT gateway's address");
    assert_eq!(
        says(true, &address("20.0.0.0/24"), "web1", "sql1"),
        refused,
        "the endpoint shows a private one"
    );
    assert_eq!(says(false, &address("203.0.113.9/32"), "internet/client", "sql1"), allowed);
    assert_eq!(says(false, &ServiceFirewall::default(), "web1", "10.0.0.9"), allowed, "a private endpoint");
}
