//! Stories: who sends what, and what must happen.

use goal_state::nsg::Access;
use goal_state::vm::{Listen, Transport};

use super::*;
use crate::network::build::NetworkBuilder;

fn ask(network: &Network, from: &str, to: &str, protocol: IpProtocol, port: Option<u16>) -> Explanation {
    let question = Question {
        from: from.to_owned(),
        to: to.to_owned(),
        protocol,
        port,
        source_port: None,
        source_ip: None,
    };
    explain(network, &question).unwrap()
}

fn tcp(network: &Network, from: &str, to: &str, port: u16) -> Explanation {
    ask(network, from, to, IpProtocol::TCP, Some(port))
}

fn ping(network: &Network, from: &str, to: &str) -> Explanation {
    ask(network, from, to, IpProtocol::ICMP, None)
}

/// `Allow a>b>c`, or `Deny networkSecurityGroup nsg-db/DenyAllInBound at db1 a>b`.
fn said(explanation: &Explanation) -> String {
    let path = explanation.path.join(">");
    match &explanation.reason {
        None => format!("Allow {path}"),
        Some(reason) => {
            let by = [reason.resource.as_deref(), reason.rule.as_deref()];
            let by = by.into_iter().flatten().collect::<Vec<_>>().join("/");
            let words = ["Deny", reason.layer.as_str(), &by, "at", &reason.at, &path];
            words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
        }
    }
}

/// Two spokes that only the hub joins: each sends everything to the appliance in the hub.
fn hub_and_spokes() -> NetworkBuilder {
    NetworkBuilder::new()
        .vnet("hub", "10.0.0.0/16")
        .vnet("spoke1", "10.1.0.0/16")
        .vnet("spoke2", "10.2.0.0/16")
        .peer("hub", "spoke1")
        .peer("hub", "spoke2")
        .route_table("rt-spoke", &["default 0.0.0.0/0 10.0.0.4"])
        .subnet_routes("spoke1/default", "rt-spoke")
        .subnet_routes("spoke2/default", "rt-spoke")
        .vm("web1", "10.1.0.4")
        .vm("db1", "10.2.0.4")
}

/// The tutorial's case: spoke to spoke through the appliance, and the JSON that scripts read.
#[test]
fn spoke_to_spoke_goes_through_the_appliance() {
    let network = hub_and_spokes()
        .nva("nva", &["10.0.0.4"])
        .nsg("nsg-db", &["100 Inbound Allow Tcp 10.1.0.0/16 *:1433"])
        .subnet_nsg("spoke2/default", "nsg-db")
        .build();
    let allowed = tcp(&network, "web1", "db1", 1433);
    assert_eq!(said(&allowed), "Allow web1>nva>db1");
    let crossings: Vec<_> =
        allowed.evidence.crossings.iter().map(|c| format!("{} {}", c.nic, c.direction)).collect();
    assert_eq!(
        crossings,
        ["web1/nic0 Outbound", "nva/nic0 Inbound", "nva/nic0 Outbound", "db1/nic0 Inbound"]
    );
    insta::assert_json_snapshot!("explanation_allowed", allowed);

    // With 0.0.0.0/0 to an appliance in its UDRs, VirtualNetwork is everything for db1's subnet: a custom deny is needed.
    assert_eq!(said(&tcp(&network, "web1", "db1", 22)), "Allow web1>nva>db1");
    let strict = hub_and_spokes()
        .nva("nva", &["10.0.0.4"])
        .nsg("nsg-db", &["100 Inbound Allow Tcp 10.1.0.0/16 *:1433", "4096 Inbound Deny * * *"])
        .subnet_nsg("spoke2/default", "nsg-db")
        .build();
    let denied = tcp(&strict, "web1", "db1", 22);
    assert_eq!(said(&denied), "Deny networkSecurityGroup nsg-db/rule-4096 at db1 web1>nva>db1");
    insta::assert_json_snapshot!("explanation_denied", denied);
}

#[test]
fn without_a_route_peering_is_not_transitive() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .vnet("b", "10.1.0.0/16")
        .vnet("c", "10.2.0.0/16")
        .peer("a", "b")
        .peer("b", "c")
        .vm("a1", "10.0.0.4")
        .vm("b1", "10.1.0.4")
        .vm("c1", "10.2.0.4")
        .build();
    assert_eq!(said(&ping(&network, "a1", "b1")), "Allow a1>b1");
    assert_eq!(said(&ping(&network, "b1", "c1")), "Allow b1>c1");
    assert_eq!(said(&ping(&network, "a1", "c1")), "Deny route System Route at a1 a1");
}

/// Half a peering carries nothing: the route is not there.
#[test]
fn one_link_is_no_peering() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .vnet("b", "10.1.0.0/16")
        .link("a", "b", |_| {})
        .vm("a1", "10.0.0.4")
        .vm("b1", "10.1.0.4")
        .build();
    assert_eq!(said(&ping(&network, "a1", "b1")), "Deny route System Route at a1 a1");
}

/// The appliance's NIC has IP forwarding off: the platform drops what is not for it, although the route leads there.
#[test]
fn an_appliance_needs_ip_forwarding_on_its_nic_and_in_its_guest() {
    let without_both = hub_and_spokes().vm("nva", "10.0.0.4").build();
    assert_eq!(said(&ping(&without_both, "web1", "db1")), "Deny ipForwarding at nva web1>nva");
    let without_guest =
        hub_and_spokes().vm_with("nva", &["10.0.0.4"], |vm| vm.nics[0].enable_ip_forwarding = true).build();
    assert_eq!(said(&ping(&without_guest, "web1", "db1")), "Deny guest at nva web1>nva");
}

#[test]
fn an_appliance_that_nobody_is_or_that_is_too_far_away_is_no_next_hop() {
    let nobody = hub_and_spokes().build();
    assert_eq!(said(&ping(&nobody, "web1", "db1")), "Deny nextHop rt-spoke/default at web1 web1");
    let too_far = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .vnet("b", "10.1.0.0/16")
        .vnet("c", "10.2.0.0/16")
        .peer("a", "b")
        .peer("b", "c")
        .route_table("rt", &["far 0.0.0.0/0 10.2.0.4"])
        .subnet_routes("a/default", "rt")
        .vm("a1", "10.0.0.4")
        .nva("c1", &["10.2.0.4"])
        .build();
    assert_eq!(said(&ping(&too_far, "a1", "c1")), "Deny nextHop rt/far at a1 a1");
}

#[test]
fn the_platforms_routes_end_where_azures_do() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .route_table("rt", &["cut 10.0.0.128/25 None", "vpn 10.9.0.0/16 VirtualNetworkGateway"])
        .subnet_routes("a/default", "rt")
        .vm("a1", "10.0.0.4")
        .vm("a2", "10.0.0.200")
        .build();
    let cases = [
        ("10.0.0.9", "Deny noDestination at a1 a1"),
        ("a2", "Deny route rt/cut at a1 a1"),
        ("10.8.0.4", "Deny route System Route at a1 a1"),
        ("10.9.0.4", "Deny gateway rt/vpn at a1 a1"),
        ("192.168.0.4", "Deny route System Route at a1 a1"),
        ("8.8.8.8", "Deny noDestination System Route at a1 a1"),
        ("168.63.129.16", "Deny platform at a1 a1"),
        ("169.254.169.254", "Deny platform at a1 a1"),
        ("224.0.0.251", "Deny protocol at a1 a1"),
        ("10.0.0.255", "Deny protocol at a1 a1"),
        ("a1", "Allow a1"),
        ("127.0.0.1", "Allow a1"),
    ];
    for (to, expected) in cases {
        assert_eq!(said(&ping(&network, "a1", to)), expected, "{to}");
    }
}

#[test]
fn protocols_that_a_virtual_network_does_not_carry_die_at_the_sender() {
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

#[test]
fn groups_are_asked_nic_first_outbound_and_subnet_first_inbound_and_replies_need_no_rule() {
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

/// An appliance in the way of the forward direction only: replies come straight back to a port that knows the flow.
/// In the way of the reply only: the appliance's port has no flow, and its group decides about the reply as new.
#[test]
fn asymmetric_paths_meet_ports_without_state() {
    let base = || {
        NetworkBuilder::new()
            .vnet_with("a", &["10.0.0.0/16"])
            .subnet("a", "web", "10.0.1.0/24")
            .subnet("a", "db", "10.0.2.0/24")
            .subnet("a", "nva", "10.0.3.0/24")
            .route_table("rt", &["to-web 10.0.1.0/24 10.0.3.4"])
            .subnet_routes("a/db", "rt")
            .nsg("nsg-nva", &["100 Inbound Deny Tcp * *:22", "110 Inbound Deny Tcp *:22 *"])
            .vm("web1", "10.0.1.4")
            .vm("db1", "10.0.2.4")
            .nva("nva", &["10.0.3.4"])
    };
    let open = base().build();
    assert_eq!(said(&tcp(&open, "db1", "web1", 22)), "Allow db1>nva>web1");
    assert_eq!(tcp(&open, "db1", "web1", 22).reply.unwrap().path, ["web1", "db1"]);
    assert_eq!(tcp(&open, "web1", "db1", 22).reply.unwrap().path, ["db1", "nva", "web1"]);

    let filtered = base().subnet_nsg("a/nva", "nsg-nva").build();
    let answer = tcp(&filtered, "web1", "db1", 22);
    assert_eq!(said(&answer), "Deny networkSecurityGroup nsg-nva/rule-110 at nva web1>db1");
    assert_eq!(answer.received.unwrap().at, "db1");
    assert_eq!(said(&tcp(&filtered, "web1", "db1", 80)), "Allow web1>db1");
}

#[test]
fn a_masquerading_appliance_shows_its_own_source_and_gets_the_reply() {
    let network = hub_and_spokes()
        .vm_with("nva", &["10.0.0.4"], |vm| {
            vm.guest_ip_forwarding = true;
            vm.guest_masquerade = true;
            vm.nics[0].enable_ip_forwarding = true;
        })
        .build();
    let answer = tcp(&network, "web1", "db1", 80);
    assert_eq!(said(&answer), "Allow web1>nva>db1");
    assert_eq!(answer.received.unwrap().source, "10.0.0.4:49152");
    let reply = answer.reply.unwrap();
    assert_eq!(reply.path, ["db1", "nva", "web1"]);
    assert_eq!(reply.received.unwrap().source, "10.2.0.4:80");
}

/// The reply alone crosses a masquerading guest: UDP comes back from a stranger, TCP is left as it is.
#[test]
fn a_masquerading_appliance_in_the_way_of_replies_breaks_udp_only() {
    let network = NetworkBuilder::new()
        .vnet_with("a", &["10.0.0.0/16"])
        .subnet("a", "web", "10.0.1.0/24")
        .subnet("a", "db", "10.0.2.0/24")
        .subnet("a", "nva", "10.0.3.0/24")
        .route_table("rt", &["to-web 10.0.1.0/24 10.0.3.4"])
        .subnet_routes("a/db", "rt")
        .vm("web1", "10.0.1.4")
        .vm("db1", "10.0.2.4")
        .vm_with("nva", &["10.0.3.4"], |vm| {
            vm.guest_ip_forwarding = true;
            vm.guest_masquerade = true;
            vm.nics[0].enable_ip_forwarding = true;
        })
        .build();
    assert_eq!(said(&tcp(&network, "web1", "db1", 53)), "Allow web1>db1");
    let udp = ask(&network, "web1", "db1", IpProtocol::UDP, Some(53));
    assert_eq!(said(&udp), "Deny guest at web1 web1>db1");
}

#[test]
fn peering_flags_bite_on_the_side_that_sets_them() {
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
fn a_loop_ends() {
    let two = NetworkBuilder::new()
        .vnet_with("a", &["10.0.0.0/16"])
        .subnet("a", "one", "10.0.1.0/24")
        .subnet("a", "two", "10.0.2.0/24")
        .route_table("rt1", &["round 10.9.0.0/16 10.0.2.4"])
        .route_table("rt2", &["round 10.9.0.0/16 10.0.1.4"])
        .subnet_routes("a/one", "rt1")
        .subnet_routes("a/two", "rt2")
        .nva("nva1", &["10.0.1.4"])
        .nva("nva2", &["10.0.2.4"])
        .vm("web1", "10.0.1.5")
        .build();
    let answer = ping(&two, "web1", "10.9.0.1");
    assert_eq!(said(&answer), "Deny route rt1/round at nva1 web1>nva2>nva1>nva2");
    assert!(answer.evidence.loops && answer.steps.last().unwrap().detail.starts_with("loop"));

    // The usual mistake: the appliance sits in the subnet whose table points at it.
    let own = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .route_table("rt", &["default 0.0.0.0/0 10.0.0.4"])
        .subnet_routes("a/default", "rt")
        .nva("nva", &["10.0.0.4"])
        .vm("web1", "10.0.0.5")
        .build();
    assert_eq!(said(&ping(&own, "web1", "8.8.8.8")), "Deny nextHop rt/default at nva web1>nva");
}

#[test]
fn a_guest_with_two_nics_sends_from_the_one_that_its_routes_say() {
    let network = |forwarding: bool| {
        NetworkBuilder::new()
            .vnet_with("a", &["10.0.0.0/16"])
            .subnet("a", "front", "10.0.1.0/24")
            .subnet("a", "back", "10.0.2.0/24")
            .subnet("a", "far", "10.0.3.0/24")
            .vm("front1", "10.0.1.9")
            .vm("back1", "10.0.2.9")
            .vm("far1", "10.0.3.9")
            .vm_with("fw", &["10.0.1.4", "10.0.2.4"], |vm| {
                vm.nics.iter_mut().for_each(|nic| nic.enable_ip_forwarding = forwarding);
            })
            .build()
    };
    let plain = network(false);
    let source = |to: &str| ping(&plain, "fw", to).received.unwrap().source;
    assert_eq!([source("front1"), source("back1"), source("far1")], ["10.0.1.4", "10.0.2.4", "10.0.1.4"]);
    assert_eq!(said(&ping(&plain, "fw/nic1", "far1")), "Allow fw>far1");
    assert_eq!(said(&ping(&plain, "fw/nic1", "fw/nic0")), "Allow fw");
    // The primary NIC's address has no table of its own: to the other NIC's subnet it leaves by that NIC.
    assert_eq!(said(&ping(&plain, "fw/nic0", "back1")), "Deny sourceAddress at fw fw");
    assert_eq!(said(&ping(&plain, "back1", "fw")), "Deny sourceAddress at fw back1>fw");
    assert_eq!(said(&ping(&network(true), "back1", "fw")), "Allow back1>fw");
}

#[test]
fn a_foreign_source_is_dropped_unless_the_nic_forwards() {
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
    let refused = explain(&network, &spoof("a1")).unwrap();
    assert_eq!(said(&refused), "Deny sourceAddress at a1 a1");
    let unanswered = explain(&network, &spoof("nva")).unwrap();
    assert_eq!(said(&unanswered), "Deny noDestination at a2 nva>a2");
}

#[test]
fn a_list_of_responders_denies_what_is_not_on_it() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .vm("a1", "10.0.0.4")
        .vm_with("a2", &["10.0.0.5"], |vm| {
            vm.listen = Some(vec![Listen { port: 80, transport: Transport::Tcp }]);
        })
        .build();
    assert_eq!(said(&tcp(&network, "a1", "a2", 80)), "Allow a1>a2");
    assert_eq!(said(&tcp(&network, "a1", "a2", 81)), "Deny guest at a2 a1>a2");
    let udp = ask(&network, "a1", "a2", IpProtocol::UDP, Some(80));
    assert_eq!(said(&udp), "Deny guest at a2 a1>a2");
    assert_eq!(said(&ping(&network, "a1", "a2")), "Allow a1>a2");
}

/// Two tenants with the same addresses: a question for the other tenant's VM is not answered by one's own.
#[test]
fn equal_addresses_in_unrelated_networks_stay_apart() {
    let network = NetworkBuilder::new()
        .vnet("red", "10.0.0.0/16")
        .vnet("blue", "10.0.0.0/16")
        .vm_with("red1", &["red/10.0.0.4"], |_| {})
        .vm_with("red2", &["red/10.0.0.5"], |_| {})
        .vm_with("blue2", &["blue/10.0.0.5"], |_| {})
        .build();
    assert_eq!(said(&ping(&network, "red1", "red2")), "Allow red1>red2");
    let other = ping(&network, "red1", "blue2");
    assert_eq!(said(&other), "Deny noDestination at red2 red1>red2");
    assert!(other.evidence.taken_by_another && other.received.is_none());
    assert_eq!(said(&ping(&network, "red1", "10.0.0.5")), "Allow red1>red2");
    assert_eq!(said(&ping(&network, "blue2", "red1")), "Deny noDestination at blue2 blue2");
}

#[test]
fn questions_that_name_nobody_say_who_was_meant() {
    let network = NetworkBuilder::new()
        .vnet("red", "10.0.0.0/16")
        .vnet("blue", "10.0.0.0/16")
        .vm_with("web1", &["red/10.0.0.4"], |_| {})
        .vm_with("web2", &["blue/10.0.0.4"], |_| {})
        .build();
    let refused = |from: &str, to: &str, port: Option<u16>| {
        let (from, to) = (from.to_owned(), to.to_owned());
        let protocol = IpProtocol::TCP;
        let question = Question { from, to, protocol, port, source_port: None, source_ip: None };
        explain(&network, &question).unwrap_err().to_string()
    };
    let port = Some(80);
    assert_eq!(refused("web", "web1", port), "there is no virtual machine web; did you mean web1?");
    assert_eq!(
        refused("web1/nic9", "web1", port),
        "virtual machine web1 has no network interface nic9; did you mean nic0?"
    );
    assert_eq!(refused("web1", "zzz", port), "there is no virtual machine zzz");
    assert_eq!(refused("web1", "web2", None), "Tcp needs a destination port");
    assert_eq!(
        refused("10.9.9.9", "web1", port),
        "no virtual machine has the address 10.9.9.9, so nothing can be sent from it"
    );
    assert_eq!(
        refused("10.0.0.4", "web1", port),
        "several virtual machines have the address 10.0.0.4: web1, web2; name the one you mean"
    );
    assert_eq!(refused("168.63.129.16", "web1", port), "questions from health probes are not built yet");
}

#[test]
fn every_allowed_answer_has_its_reply_and_every_denied_one_a_reason() {
    let network = hub_and_spokes().nva("nva", &["10.0.0.4"]).build();
    let answer = ping(&network, "web1", "db1");
    assert_eq!((answer.verdict, answer.encryption), (Access::Allow, Some("NX")));
    assert_eq!(answer.reply.unwrap().path, ["db1", "nva", "web1"]);
}
