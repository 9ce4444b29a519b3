//! In which order a packet meets everything that can drop it: whoever is asked first is the reason.

use super::*;
use goal_state::DropReason;

const CLOSED: [&str; 2] = ["100 Inbound Deny * * *", "100 Outbound Deny * * *"];

/// a1 and a2, and whatever else `with` adds.
fn pair(with: impl FnOnce(NetworkBuilder) -> NetworkBuilder) -> Network {
    with(NetworkBuilder::new().vnet("a", "10.0.0.0/16")).vm("a1", "10.0.0.4").vm("a2", "10.0.0.5").build()
}

fn from_address(network: &Network, from: &str, source: [u8; 4], to: &str) -> Explanation {
    let question = Question {
        from: from.to_owned(),
        to: to.to_owned(),
        protocol: IpProtocol::TCP,
        port: Some(80),
        source_port: None,
        source_ip: Some(source.into()),
    };
    explain(&Policy::new(network), &question).unwrap()
}

#[test]
fn s0_platform_addresses_come_before_rules_and_routes() {
    let network = pair(|builder| {
        builder
            .nsg("nsg", &CLOSED)
            .subnet_nsg("a/default", "nsg")
            .route_table("rt", &["all 0.0.0.0/0 None"])
            .subnet_routes("a/default", "rt")
    });
    assert_eq!(said(&tcp(&network, "a1", "168.63.129.16", 53)), "Allow a1>platform");
    assert_eq!(said(&tcp(&network, "a1", "169.254.169.254", 80)), "Allow a1>platform");
}

#[test]
fn s0_the_source_is_checked_before_the_rules() {
    let network = pair(|builder| builder.nsg("nsg", &CLOSED).subnet_nsg("a/default", "nsg"));
    let answer = from_address(&network, "a1", [10, 0, 0, 99], "a2");
    assert_eq!(said(&answer), "Deny sourceAddress at a1 a1");
}

#[test]
fn s0_the_protocol_is_checked_before_the_rules() {
    let network = pair(|builder| builder.nsg("nsg", &CLOSED).subnet_nsg("a/default", "nsg"));
    assert_eq!(said(&ask(&network, "a1", "a2", IpProtocol(47), None)), "Deny protocol at a1 a1");
    assert_eq!(said(&tcp(&network, "a1", "224.0.0.251", 80)), "Deny protocol at a1 a1");
}

/// Who says no at a VM when all of its filters do, and then without the admin rules.
fn first_two(direction: &str) -> Vec<String> {
    let deny = format!("10 {direction} Deny * * *");
    let network = |admin: bool| {
        let builder = NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .nsg("of-subnet", &[&deny.replace("10 ", "100 ")])
            .nsg("of-nic", &[&deny.replace("10 ", "100 ")])
            .subnet("a", "filtered", "10.0.9.0/24")
            .subnet_nsg("a/filtered", "of-subnet");
        let builder = if admin { builder.admin("org", &["a"], &[&deny]) } else { builder };
        let of_nic = builder.nsg_id("of-nic");
        builder
            .vm_with("web", &["10.0.9.4"], |vm| vm.nics[0].nsg = Some(of_nic))
            .vm("other", "10.0.0.4")
            .build()
    };
    let (from, to) = if direction == "Inbound" { ("other", "web") } else { ("web", "other") };
    let who = |admin: bool| {
        let reason = tcp(&network(admin), from, to, 80).reason.unwrap();
        reason.resource.unwrap()
    };
    vec![who(true), who(false)]
}

#[test]
fn s0_outbound_admin_rules_then_the_interface_then_the_subnet() {
    assert_eq!(first_two("Outbound"), ["org", "of-nic"]);
}

#[test]
fn s0_inbound_admin_rules_then_the_subnet_then_the_interface() {
    assert_eq!(first_two("Inbound"), ["org", "of-subnet"]);
}

#[test]
fn s0_groups_are_asked_before_the_route() {
    let with = |closed: bool| {
        pair(|builder| {
            let rules: &[&str] = if closed { &CLOSED } else { &[] };
            builder
                .nsg("nsg", rules)
                .subnet_nsg("a/default", "nsg")
                .route_table("rt", &["cut 10.0.0.5/32 None"])
                .subnet_routes("a/default", "rt")
        })
    };
    assert_eq!(said(&tcp(&with(true), "a1", "a2", 80)), "Deny networkSecurityGroup nsg/rule-100 at a1 a1");
    assert_eq!(said(&tcp(&with(false), "a1", "a2", 80)), "Deny route rt/cut at a1 a1");
}

/// The route hands over to an appliance whose interface does not forward.
#[test]
fn s0_an_interface_without_ip_forwarding_receives_for_itself_only() {
    let network = hub_and_spokes().vm("nva", "10.0.0.4").build();
    assert_eq!(tcp(&network, "web1", "db1", 80).reason.unwrap().layer, DropReason::IpForwarding);
    assert_eq!(said(&tcp(&network, "web1", "nva", 80)), "Allow web1>nva");
}

#[test]
fn s0_a_flow_is_remembered_and_its_replies_need_no_rule() {
    let network = pair(|builder| {
        builder
            .nsg("nsg", &["100 Inbound Allow Tcp 10.0.0.4/32 10.0.0.5/32:80", "200 Inbound Deny * * *"])
            .subnet_nsg("a/default", "nsg")
    });
    let answer = tcp(&network, "a1", "a2", 80);
    assert_eq!(said(&answer), "Allow a1>a2");
    assert_eq!(answer.reply.unwrap().path, ["a2", "a1"]);
    assert_eq!(tcp(&network, "a2", "a1", 80).verdict, Access::Deny);
}

#[test]
fn s0_rules_see_private_addresses_both_ways() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .public_ip("pip", "20.0.0.1")
        .internet_host("client", "203.0.113.9")
        .nsg(
            "nsg",
            &[
                "100 Inbound Allow Tcp 203.0.113.9/32 10.0.0.4/32:80",
                "100 Outbound Deny Tcp 20.0.0.1/32 *:443",
                "110 Outbound Deny Tcp 10.0.0.4/32 *:444",
            ],
        )
        .subnet_nsg("a/default", "nsg")
        .vm("a1", "10.0.0.4")
        .vm_public_ip("a1", "pip")
        .build();
    assert_eq!(said(&tcp(&network, "internet/client", "a1", 80)), "Allow internet/client>a1");
    assert_eq!(said(&tcp(&network, "a1", "internet/client", 443)), "Allow a1>internet/client");
    assert_eq!(tcp(&network, "a1", "internet/client", 444).verdict, Access::Deny);
}

#[test]
fn s1_2_nothing_is_broadcast_or_multicast() {
    let network = pair(|builder| builder);
    for to in ["255.255.255.255", "10.0.0.255", "224.0.0.1", "239.255.255.250"] {
        let answer = ask(&network, "a1", to, IpProtocol::UDP, Some(5353));
        assert_eq!(said(&answer), "Deny protocol at a1 a1", "{to}");
    }
}

#[test]
fn s3_1_any_is_every_protocol_that_is_carried() {
    let network =
        pair(|builder| builder.nsg("nsg", &["100 Inbound Deny * * *"]).subnet_nsg("a/default", "nsg"));
    for protocol in [IpProtocol::TCP, IpProtocol::UDP] {
        assert_eq!(ask(&network, "a1", "a2", protocol, Some(80)).verdict, Access::Deny, "{protocol:?}");
    }
    for protocol in [IpProtocol::ICMP, IpProtocol::ESP, IpProtocol::AH] {
        assert_eq!(ask(&network, "a1", "a2", protocol, None).verdict, Access::Deny, "{protocol:?}");
    }
}

#[test]
fn s3_3_what_the_first_group_denies_the_second_does_not_see() {
    let builder = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .nsg("of-subnet", &CLOSED)
        .nsg("of-nic", &CLOSED)
        .subnet_nsg("a/default", "of-subnet");
    let of_nic = builder.nsg_id("of-nic");
    let network =
        builder.vm_with("a1", &["10.0.0.4"], |vm| vm.nics[0].nsg = Some(of_nic)).vm("a2", "10.0.0.5").build();
    let answer = tcp(&network, "a1", "a2", 80);
    let asked: Vec<_> = answer.steps.iter().filter_map(|step| step.resource.as_deref()).collect();
    assert_eq!(asked, ["of-nic"]);
}

#[test]
fn s3_3_machines_of_one_subnet_are_filtered_from_each_other_at_both_ends() {
    let with = |rule: &str| {
        let network = pair(|builder| builder.nsg("nsg", &[rule]).subnet_nsg("a/default", "nsg"));
        said(&tcp(&network, "a1", "a2", 80))
    };
    assert_eq!(with("100 Outbound Deny * * *"), "Deny networkSecurityGroup nsg/rule-100 at a1 a1");
    assert_eq!(with("100 Inbound Deny * * *"), "Deny networkSecurityGroup nsg/rule-100 at a2 a1>a2");
}

#[test]
fn s3_3_without_a_group_nothing_is_filtered() {
    let network = pair(|builder| builder.nsg("unused", &CLOSED));
    for protocol in [IpProtocol::TCP, IpProtocol::UDP] {
        assert_eq!(said(&ask(&network, "a1", "a2", protocol, Some(22))), "Allow a1>a2");
    }
    assert_eq!(said(&ping(&network, "a1", "a2")), "Allow a1>a2");
}

/// a2 may answer, and not begin; nor does an answer open anything else.
#[test]
fn s3_4_replies_of_an_allowed_flow_need_no_rule() {
    let network = pair(|builder| {
        builder
            .nsg("nsg", &["100 Outbound Deny * 10.0.0.5/32 *", "100 Inbound Deny * * 10.0.0.4/32"])
            .subnet_nsg("a/default", "nsg")
    });
    for protocol in [IpProtocol::TCP, IpProtocol::UDP] {
        assert_eq!(said(&ask(&network, "a1", "a2", protocol, Some(80))), "Allow a1>a2");
    }
    assert_eq!(said(&ping(&network, "a1", "a2")), "Allow a1>a2");
    assert_eq!(tcp(&network, "a2", "a1", 80).verdict, Access::Deny);
}

#[test]
fn s3_6_ports_do_not_matter_to_icmp() {
    let with = |rule: &str| {
        let network = pair(|builder| builder.nsg("nsg", &[rule]).subnet_nsg("a/default", "nsg"));
        ping(&network, "a1", "a2").verdict
    };
    assert_eq!(with("100 Inbound Deny * * *:443"), Access::Deny);
    assert_eq!(with("100 Inbound Deny Icmp * *"), Access::Deny);
    assert_eq!(with("100 Inbound Deny Tcp * *"), Access::Allow);
    assert_eq!(with("100 Inbound Deny Udp * *"), Access::Allow);
}

#[test]
fn s6_9_traffic_inside_of_a_subnet_obeys_the_route_table() {
    let with = |routes: &[&str]| {
        let network = NetworkBuilder::new()
            .vnet_with("a", &["10.0.0.0/16"])
            .subnet("a", "web", "10.0.1.0/24")
            .subnet("a", "nva", "10.0.2.0/24")
            .route_table("rt", routes)
            .subnet_routes("a/web", "rt")
            .vm("web1", "10.0.1.4")
            .vm("web2", "10.0.1.5")
            .nva("nva", &["10.0.2.4"])
            .build();
        said(&tcp(&network, "web1", "web2", 80))
    };
    assert_eq!(with(&["all 10.0.0.0/16 10.0.2.4"]), "Allow web1>nva>web2");
    assert_eq!(with(&["all 10.0.0.0/16 10.0.2.4", "own 10.0.1.0/24 VnetLocal"]), "Allow web1>web2");
}

#[test]
fn s6_9_next_hop_none_drops_and_the_table_is_named() {
    let network =
        pair(|builder| builder.route_table("rt", &["cut 10.0.0.5/32 None"]).subnet_routes("a/default", "rt"));
    assert_eq!(said(&tcp(&network, "a1", "a2", 80)), "Deny route rt/cut at a1 a1");
    assert_eq!(said(&tcp(&network, "a1", "10.9.0.1", 80)), "Deny route System Route at a1 a1");
}
