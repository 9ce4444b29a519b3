//! What ports drop: sources, protocols, groups, peering flags.

use super::*;

#[test]
fn s0_protocols_that_a_virtual_network_does_not_carry_die_at_the_sender() {
    let network =
        NetworkBuilder::new().vnet("a", "10.0.0.0/16").vm("a1", "10.0.0.4").vm("a2", "10.0.0.5").build();
    assert_eq!(said(&ask(&network, "a1", "a2", IpProtocol(47), None)), "Deny protocol at a1 a1");
    for carried in [IpProtocol::ESP, IpProtocol::AH] {
        assert_eq!(said(&ask(&network, "a1", "a2", carried, None)), "Allow a1>a2");
    }
    // The reply would have to leave from the reserved port.
    let answer = ask(&network, "a1", "a2", IpProtocol::UDP, Some(65330));
    assert_eq!(said(&answer), "Deny protocol at a2 a1>a2");
    assert!(answer.received.is_some());
    assert_eq!(answer.reply.unwrap().path, ["a2"]);
}

/// Also when a later rule is narrower, or says the opposite.
#[test]
fn s3_1_among_rules_for_one_port_the_lowest_number_decides() {
    let with = |rules: &[&str]| {
        let network =
            NetworkBuilder::new().vnet("a", "10.0.0.0/16").nsg("nsg", rules).subnet_nsg("a/default", "nsg");
        let network = network.vm("a1", "10.0.0.4").vm("a2", "10.0.0.5").build();
        said(&ask(&network, "a1", "a2", IpProtocol::TCP, Some(80)))
    };
    let allow_first = ["100 Inbound Allow Tcp * *:80", "200 Inbound Deny Tcp 10.0.0.4/32 *:80"];
    let deny_first = ["200 Inbound Deny Tcp * *:80-81", "300 Inbound Allow Tcp 10.0.0.4/32 *:80"];
    assert_eq!(with(&allow_first), "Allow a1>a2");
    assert_eq!(with(&deny_first), "Deny networkSecurityGroup nsg/rule-200 at a2 a1>a2");
}

#[test]
fn s3_3_groups_are_asked_nic_first_outbound_and_subnet_first_inbound_and_replies_need_no_rule() {
    let base = || {
        NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .nsg("closed-in", &["100 Inbound Deny * * *"])
            .nsg("closed-out", &["100 Outbound Deny * * *"])
            .nsg("open", &[])
    };
    let with_nic_nsg = |name: &'static str, nsg: &'static str| {
        move |builder: NetworkBuilder| {
            let nsg = builder.nsg_id(nsg);
            builder.vm_with(name, &[if name == "a1" { "10.0.0.4" } else { "10.0.0.5" }], |vm| {
                vm.nics[0].nsg = Some(nsg);
            })
        }
    };
    let both = with_nic_nsg("a1", "closed-out")(base().subnet_nsg("a/default", "closed-out"));
    let both = both.vm("a2", "10.0.0.5").build();
    let denied = ping(&both, "a1", "a2");
    assert_eq!(said(&denied), "Deny networkSecurityGroup closed-out/rule-100 at a1 a1");
    assert!(denied.steps[0].detail.contains("network interface nic0"), "{denied:?}");

    // a2's own group lets nothing in; a1's lets nothing in either, yet a1 gets replies.
    let closed = base().subnet_nsg("a/default", "open");
    let closed = with_nic_nsg("a2", "open")(with_nic_nsg("a1", "closed-in")(closed)).build();
    assert_eq!(said(&ping(&closed, "a1", "a2")), "Allow a1>a2");
    let steps: Vec<_> = ping(&closed, "a1", "a2")
        .steps
        .iter()
        .filter_map(|step| Some(format!("{} {}", step.at, step.resource.clone()?)))
        .collect();
    assert_eq!(steps, ["a1 closed-in", "a1 open", "a1 System Route", "a2 open", "a2 open"]);
    assert_eq!(said(&ping(&closed, "a2", "a1")), "Deny networkSecurityGroup closed-in/rule-100 at a1 a2>a1");
}

#[test]
fn s7_2_peering_flags_bite_on_the_side_that_sets_them() {
    // spoke1 shuts the hub out: nothing leaves spoke1 for it, and the hub's packets get no reply.
    let no_access = NetworkBuilder::new()
        .vnet("hub", "10.0.0.0/16")
        .vnet("spoke1", "10.1.0.0/16")
        .link("hub", "spoke1", |_| {})
        .link("spoke1", "hub", |link| link.allow_virtual_network_access = false)
        .vm("hub1", "10.0.0.4")
        .vm("web1", "10.1.0.4")
        .build();
    let dropped = "peering spoke1/to-hub/allowVirtualNetworkAccess at web1";
    assert_eq!(said(&ping(&no_access, "web1", "hub1")), format!("Deny {dropped} web1"));
    assert_eq!(said(&ping(&no_access, "hub1", "web1")), format!("Deny {dropped} hub1>web1"));

    // spoke2 takes from the hub only what the hub itself sends.
    let unforwarded = NetworkBuilder::new()
        .vnet("hub", "10.0.0.0/16")
        .vnet("spoke1", "10.1.0.0/16")
        .vnet("spoke2", "10.2.0.0/16")
        .peer("hub", "spoke1")
        .link("hub", "spoke2", |_| {})
        .link("spoke2", "hub", |link| link.allow_forwarded_traffic = false)
        .route_table("rt", &["default 0.0.0.0/0 10.0.0.4"])
        .subnet_routes("spoke1/default", "rt")
        .subnet_routes("spoke2/default", "rt")
        .vm("web1", "10.1.0.4")
        .vm("db1", "10.2.0.4")
        .nva("nva", &["10.0.0.4"])
        .build();
    assert_eq!(
        said(&ping(&unforwarded, "web1", "db1")),
        "Deny peering spoke2/to-hub/allowForwardedTraffic at db1 web1>nva>db1"
    );
    assert_eq!(said(&ping(&unforwarded, "nva", "db1")), "Allow nva>db1");
    // The reply is forwarded traffic, too.
    assert_eq!(
        said(&ping(&unforwarded, "db1", "web1")),
        "Deny peering spoke2/to-hub/allowForwardedTraffic at db1 db1>nva>web1"
    );
}

#[test]
fn s6_8_a_foreign_source_is_dropped_unless_the_nic_forwards() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .vm("a1", "10.0.0.4")
        .vm("a2", "10.0.0.5")
        .nva("nva", &["10.0.0.6"])
        .build();
    let spoof = |from: &str| Question {
        from: from.to_owned(),
        to: "a2".to_owned(),
        protocol: IpProtocol::ICMP,
        port: None,
        source_port: None,
        source_ip: Some([10, 0, 0, 99].into()),
    };
    let refused = explain(&Policy::new(&network), &spoof("a1")).unwrap();
    assert_eq!(said(&refused), "Deny sourceAddress at a1 a1");
    let unanswered = explain(&Policy::new(&network), &spoof("nva")).unwrap();
    assert_eq!(said(&unanswered), "Deny noDestination at a2 nva>a2");
}
