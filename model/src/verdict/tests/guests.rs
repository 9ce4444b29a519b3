//! What guests do: appliances, several NICs, responders.

use super::*;

/// The appliance's NIC has IP forwarding off: the platform drops what is not for it, although the route leads there.
#[test]
fn s6_8_an_appliance_needs_ip_forwarding_on_its_nic_and_in_its_guest() {
    let without_both = hub_and_spokes().vm("nva", "10.0.0.4").build();
    assert_eq!(said(&ping(&without_both, "web1", "db1")), "Deny ipForwarding at nva web1>nva");
    let without_guest =
        hub_and_spokes().vm_with("nva", &["10.0.0.4"], |vm| vm.nics[0].enable_ip_forwarding = true).build();
    assert_eq!(said(&ping(&without_guest, "web1", "db1")), "Deny guest at nva web1>nva");
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
