//! The internet, both ways: ways out, public addresses, mail.

use super::*;
use crate::network::Subscription;

/// web1 and web2 in a subnet with the group that lets port 80 in, and a client in the internet.
fn base() -> NetworkBuilder {
    NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .public_ip("pip", "20.0.0.1")
        .public_ip("pip2", "20.0.0.2")
        .public_ip("pip-nat", "20.0.0.3")
        .public_ip("pip-lb", "20.0.0.4")
        .nat_gateway("nat", &["pip-nat"])
        .internet_host("client", "203.0.113.9")
        .vm("web1", "10.0.0.4")
        .vm("web2", "10.0.0.5")
}

fn open_on_80() -> NetworkBuilder {
    base().nsg("nsg", &["100 Inbound Allow Tcp Internet *:80"]).subnet_nsg("a/default", "nsg")
}

fn egress(explanation: &Explanation) -> String {
    serde_json::to_string(&explanation.egress).unwrap()
}

#[test]
fn s9_1_the_internet_sees_the_nat_gateway_and_its_answer_comes_back() {
    let network = base().vm_public_ip("web1", "pip").subnet_nat_gateway("a/default", "nat").build();
    let answer = tcp(&network, "web1", "internet/client", 443);
    assert_eq!(said(&answer), "Allow web1>internet/client");
    assert_eq!(
        egress(&answer),
        r#"{"method":"natGateway","resource":"nat","sourceAddress":"20.0.0.3","allocatedOutboundPorts":null}"#
    );
    assert_eq!(answer.received.as_ref().unwrap().source, "20.0.0.3:49152");
    assert_eq!(answer.evidence.not_carried, None);
    let [at_web1, at_client] = &answer.evidence.crossings[..] else { panic!("two ports") };
    assert_eq!(
        (at_web1.nic.to_string(), at_client.nic.to_string()),
        ("web1/nic0".into(), "internet.client/nic0".into())
    );
    assert!(at_web1.packet.is_exact(), "rules see the private source");
    assert_eq!(at_client.packet.sources, [std::net::Ipv4Addr::new(20, 0, 0, 3)]);
    assert_eq!(at_client.packet.source_ports, 1024..=65535);
    let reply = answer.reply.unwrap();
    assert_eq!(reply.path, ["internet/client", "web1"]);
    assert_eq!(reply.received.unwrap().destination, "10.0.0.4:49152");
}

#[test]
fn s9_1_a_load_balancer_tells_its_ports() {
    let network = base().load_balancer("lb", "pip-lb", &["web1"], &["Tcp 80 80"]).build();
    let answer = tcp(&network, "web1", "internet/client", 443);
    assert_eq!(
        egress(&answer),
        r#"{"method":"loadBalancer","resource":"lb","sourceAddress":"20.0.0.4","allocatedOutboundPorts":1024}"#
    );
}

#[test]
fn s9_1_without_any_way_out_it_is_dropped() {
    let private = |builder: NetworkBuilder| {
        builder.subnet_with("a/default", |subnet| subnet.default_outbound_access = false)
    };
    let network = private(base()).build();
    for to in ["internet/client", "8.8.8.8"] {
        let answer = tcp(&network, "web1", to, 443);
        assert_eq!(said(&answer), "Deny outboundAccess a/default at web1 web1");
        assert_eq!(
            egress(&answer),
            r#"{"method":"none","resource":null,"sourceAddress":null,"allocatedOutboundPorts":null}"#
        );
        assert_eq!(answer.evidence.not_carried, None, "ports say so themselves");
    }
}

#[test]
fn s9_1_a_route_that_is_not_to_the_internet_uses_no_way_out() {
    let network = base()
        .vm_public_ip("web1", "pip")
        .route_table("rt", &["cut 0.0.0.0/0 None"])
        .subnet_routes("a/default", "rt")
        .build();
    let answer = tcp(&network, "web1", "internet/client", 443);
    assert_eq!(said(&answer), "Deny route rt/cut at web1 web1");
    assert_eq!(answer.egress, None);
}

#[test]
fn s9_1_a_user_route_to_the_internet_uses_the_nat_gateway() {
    let network = base()
        .subnet_nat_gateway("a/default", "nat")
        .route_table("rt", &["out 203.0.113.0/24 Internet"])
        .subnet_routes("a/default", "rt")
        .build();
    assert_eq!(tcp(&network, "web1", "internet/client", 443).received.unwrap().source, "20.0.0.3:49152");
}

#[test]
fn s9_1_answers_to_what_came_in_leave_by_the_same_address_though_there_is_a_nat_gateway() {
    let network = open_on_80().vm_public_ip("web1", "pip").subnet_nat_gateway("a/default", "nat").build();
    let answer = tcp(&network, "internet/client", "web1", 80);
    assert_eq!(said(&answer), "Allow internet/client>web1");
    assert_eq!(answer.reply.unwrap().received.unwrap().source, "20.0.0.1:80");
}

#[test]
fn s9_2_a_nat_gateway_lets_nothing_in() {
    let network = open_on_80().subnet_nat_gateway("a/default", "nat").build();
    let answer = tcp(&network, "internet/client", "20.0.0.3", 80);
    assert_eq!(said(&answer), "Deny publicAddress nat at nat internet/client>nat");
}

#[test]
fn s9_4_a_standard_public_address_is_closed_without_a_group() {
    let network = base().vm_public_ip("web1", "pip").build();
    let answer = tcp(&network, "internet/client", "web1", 80);
    assert_eq!(said(&answer), "Deny publicAddress pip at web1 internet/client>web1");
    assert_eq!(said(&tcp(&network, "web1", "internet/client", 80)), "Allow web1>internet/client");
}

#[test]
fn s9_4_a_group_decides_on_the_private_address() {
    let network = open_on_80().vm_public_ip("web1", "pip").build();
    let answer = tcp(&network, "internet/client", "web1", 80);
    let received = answer.received.as_ref().unwrap();
    assert_eq!(
        (received.source.as_str(), received.destination.as_str()),
        ("203.0.113.9:49152", "10.0.0.4:80")
    );
    assert_eq!(
        said(&tcp(&network, "internet/client", "web1", 22)),
        "Deny networkSecurityGroup nsg/DenyAllInBound at web1 internet/client>web1"
    );
    // A rule about the public address never matches.
    let by_public = base()
        .nsg("nsg", &["100 Inbound Allow Tcp Internet 20.0.0.1/32:80"])
        .subnet_nsg("a/default", "nsg")
        .vm_public_ip("web1", "pip")
        .build();
    assert_eq!(tcp(&by_public, "internet/client", "web1", 80).verdict, Access::Deny);
}

#[test]
fn s9_4_a_basic_public_address_is_open() {
    let network = base().basic("pip").vm_public_ip("web1", "pip").build();
    assert_eq!(said(&tcp(&network, "internet/client", "web1", 80)), "Allow internet/client>web1");
}

#[test]
fn s9_4_a_vm_without_a_public_address_cannot_be_reached_from_the_internet() {
    let network = open_on_80().build();
    let answer = tcp(&network, "internet/client", "web1", 80);
    assert_eq!(said(&answer), "Deny publicAddress at internet internet/client>internet");
}

#[test]
fn those_outside_send_by_their_own_ports() {
    let network = open_on_80()
        .vm_public_ip("web1", "pip")
        .service("sql1", "Microsoft.Sql", "20.60.0.9")
        .private_endpoint("pe-sql", "10.0.0.9", "sql1")
        .build();
    for (from, vm) in [("internet/client", "internet.client"), ("sql1", "service.sql1")] {
        let answer = tcp(&network, from, "web1", 80);
        assert_eq!(said(&answer), format!("Allow {from}>web1"));
        assert_eq!(answer.evidence.sender.unwrap().as_str(), vm);
        assert_eq!(answer.evidence.not_carried, None);
        let ports: Vec<_> = answer.evidence.crossings.iter().map(|it| it.nic.to_string()).collect();
        assert_eq!(ports, [format!("{vm}/nic0"), "web1/nic0".to_owned()]);
        let arrived = answer.evidence.arrived.unwrap();
        assert_eq!((arrived.destination, arrived.destination_port), ([10, 0, 0, 4].into(), 80));
    }
    // Its own machine takes what is for itself.
    for to in ["sql1", "10.0.0.9"] {
        assert_eq!(tcp(&network, "sql1", to, 80).evidence.crossings, []);
    }
}

#[test]
fn s9_1_two_vms_meet_by_their_public_addresses() {
    let network = open_on_80().vm_public_ip("web1", "pip").vm_public_ip("web2", "pip2").build();
    let answer = tcp(&network, "web1", "20.0.0.2", 80);
    assert_eq!(said(&answer), "Allow web1>web2");
    let received = answer.received.unwrap();
    assert_eq!((received.source.as_str(), received.destination.as_str()), ("20.0.0.1:49152", "10.0.0.5:80"));
}

#[test]
fn s3_6_ping_needs_a_public_address_of_the_vm_both_ways() {
    let network = base()
        .nsg("nsg", &["100 Inbound Allow Icmp Internet *"])
        .subnet_nsg("a/default", "nsg")
        .vm_public_ip("web1", "pip")
        .build();
    assert_eq!(said(&ping(&network, "internet/client", "web1")), "Allow internet/client>web1");
    assert_eq!(said(&ping(&network, "web1", "internet/client")), "Allow web1>internet/client");
    assert_eq!(said(&ping(&network, "web2", "internet/client")), "Deny outboundAccess at web2 web2");
    let by_nat = base().subnet_nat_gateway("a/default", "nat").build();
    assert_eq!(said(&ping(&by_nat, "web2", "internet/client")), "Deny outboundAccess nat at web2 web2");
}

/// The reply goes to the appliance, which has never seen the connection and answers from elsewhere.
#[test]
fn s6_9_a_default_route_to_an_appliance_cuts_a_vm_off_from_the_internet() {
    let network = NetworkBuilder::new()
        .vnet_with("a", &["10.0.0.0/16"])
        .subnet("a", "web", "10.0.0.0/24")
        .subnet("a", "nva", "10.0.1.0/24")
        .public_ip("pip", "20.0.0.1")
        .public_ip("pip-nva", "20.0.0.2")
        .internet_host("client", "203.0.113.9")
        .nsg("nsg", &["100 Inbound Allow Tcp * *:80"])
        .subnet_nsg("a/web", "nsg")
        .route_table("rt", &["default 0.0.0.0/0 10.0.1.4"])
        .subnet_routes("a/web", "rt")
        .vm("web1", "10.0.0.4")
        .vm_public_ip("web1", "pip")
        .nva("nva", &["10.0.1.4"])
        .vm_public_ip("nva", "pip-nva");
    let plain = network.build();
    let answer = tcp(&plain, "internet/client", "web1", 80);
    assert_eq!(said(&answer), "Deny outboundAccess at nva internet/client>web1");
    assert_eq!(answer.reply.unwrap().path, ["web1", "nva"]);
    // What the VM begins itself goes through the appliance, which must translate.
    assert_eq!(said(&tcp(&plain, "web1", "internet/client", 443)), "Deny outboundAccess at nva web1>nva");
    let mut masquerading = plain;
    masquerading.virtual_machines[1].guest_masquerade = true;
    let answer = tcp(&masquerading, "web1", "internet/client", 443);
    assert_eq!(said(&answer), "Allow web1>nva>internet/client");
    assert_eq!(answer.received.unwrap().source, "20.0.0.2:49152");
}

#[test]
fn s3_9_tcp_25_to_the_internet_is_open_for_an_enterprise_agreement_only() {
    for (subscription, open) in [
        (Subscription::EnterpriseAgreement, true),
        (Subscription::EnterpriseDevTest, false),
        (Subscription::Msdn, false),
        (Subscription::PayAsYouGo, false),
        (Subscription::FreeTrial, false),
        (Subscription::Csp, false),
    ] {
        let mut network = base().vm_public_ip("web1", "pip").build();
        network.subscription = subscription;
        let expected = if open { "Allow web1>internet/client" } else { "Deny platform TCP 25 at web1 web1" };
        assert_eq!(said(&tcp(&network, "web1", "internet/client", 25)), expected, "{subscription}");
        assert_eq!(said(&tcp(&network, "web1", "internet/client", 587)), "Allow web1>internet/client");
        assert_eq!(said(&tcp(&network, "web1", "web2", 25)), "Allow web1>web2", "inside nothing is blocked");
    }
}

/// §9.1: what nobody has.
#[test]
fn s9_1_an_address_that_nobody_has_gets_its_way_out_and_no_further() {
    let network = base().subnet_nat_gateway("a/default", "nat").build();
    let answer = tcp(&network, "web1", "93.184.216.34", 443);
    assert_eq!(said(&answer), "Deny noDestination at internet web1>internet");
    assert_eq!(answer.egress.unwrap().resource.as_deref(), Some("nat"));
    assert_eq!(answer.evidence.not_carried, None, "packets end there, too");
}

#[test]
fn s2_4_a_private_subnet_reaches_storage_of_its_region() {
    let network = base()
        .subnet_with("a/default", |subnet| subnet.default_outbound_access = false)
        .service("st1", "Microsoft.Storage", "20.60.0.9")
        .service("sql1", "Microsoft.Sql", "20.60.0.10")
        .build();
    assert_eq!(said(&tcp(&network, "web1", "st1", 443)), "Allow web1>st1");
    assert_eq!(said(&tcp(&network, "web1", "sql1", 443)), "Deny outboundAccess a/default at web1 web1");
    let mut elsewhere = network;
    elsewhere.services[0].location = "westeurope".to_owned();
    assert_eq!(tcp(&elsewhere, "web1", "st1", 443).verdict, Access::Deny);
}
