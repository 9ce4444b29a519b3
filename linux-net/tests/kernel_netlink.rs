//! What we believe about route netlink: what is put is listed as the same value, twice is once, and packets follow.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests fail by unwrapping, and say why they cannot run"
)]

mod common;

use std::net::Ipv4Addr;

use common::{address, apply, assert_ping, end, mac, namespace, net, pair, ping, run, sandboxed};
use linux_net::Netlink;
use linux_net::netlink::{
    BridgePort, FdbEntry, FdbTarget, LinkChange, LinkKind, Neighbour, NetlinkError, NewLink, Request, Route,
    RouteTarget, Rule, Vxlan,
};

fn bridge(name: &str) -> Request {
    Request::AddLink(NewLink::Bridge { name: name.into(), mac: None, mtu: 1500, up: true })
}

fn vxlan(name: &str, vni: u32, local: &str) -> Request {
    let vxlan = Vxlan { vni, local: Some(local.parse().unwrap()), port: 4789, learning: false };
    Request::AddLink(NewLink::Vxlan { name: name.into(), vxlan, mac: None, mtu: 1500, up: true })
}

fn master(device: &str, bridge: &str) -> Request {
    Request::set_link(device, LinkChange::Master(bridge.into()))
}

/// Both ends are made straight in their namespaces, from a third one, complete with names, MAC addresses, MTU, and up.
#[test]
fn a_veth_pair_is_made_in_two_foreign_namespaces() {
    sandboxed(|| {
        let (here, a, b) = (namespace(), namespace(), namespace());
        apply(&here, &[Request::AddLink(NewLink::Veth(end(&a, "guest", 1), end(&b, "eth0", 2)))]);
        assert_eq!(Netlink::open(&here).unwrap().links().unwrap().len(), 1);
        let guest = Netlink::open(&a).unwrap().link("guest").unwrap().unwrap();
        assert_eq!((guest.kind, guest.mac, guest.mtu, guest.up), (LinkKind::Veth, Some(mac(1)), 1500, true));
        let eth0 = Netlink::open(&b).unwrap().link("eth0").unwrap().unwrap();
        assert_eq!((eth0.mac, eth0.up, eth0.peer_index), (Some(mac(2)), true, Some(guest.index)));
        assert_eq!(guest.peer_index, Some(eth0.index));
    });
}

/// Ping over a veth pair.
#[test]
fn two_namespaces_ping_each_other() {
    sandboxed(|| {
        let (a, b) = pair();
        assert_ping(&a, "10.0.0.2");
        assert_ping(&b, "10.0.0.1");
    });
}

/// One batch may make a device and use it; all settings of a link are listed as they were put.
#[test]
fn a_batch_makes_and_uses_devices() {
    sandboxed(|| {
        let a = namespace();
        apply(
            &a,
            &[
                bridge("br1"),
                Request::AddLink(NewLink::Veth(end(&a, "p1", 1), end(&a, "q1", 2))),
                master("p1", "br1"),
                Request::set_port("p1", BridgePort { proxy_arp: true, ..BridgePort::STATIC }),
                Request::set_link("q1", LinkChange::Down),
                Request::set_link("q1", LinkChange::Name("q2".into())),
                Request::set_link("q2", LinkChange::Mtu(9000)),
                Request::set_link("q2", LinkChange::Mac(mac(9))),
                address("q2", "10.1.0.1/16"),
            ],
        );
        let mut netlink = Netlink::open(&a).unwrap();
        let p1 = netlink.link("p1").unwrap().unwrap();
        assert_eq!(p1.master.as_deref(), Some("br1"));
        assert_eq!(p1.port, Some(BridgePort { proxy_arp: true, ..BridgePort::STATIC }));
        let q2 = netlink.link("q2").unwrap().unwrap();
        assert_eq!((q2.mtu, q2.mac, q2.up), (9000, Some(mac(9)), false));
        let addresses = netlink.addresses().unwrap();
        assert!(addresses.iter().any(|one| one.device == "q2" && one.address == net("10.1.0.1/16")));
        netlink.apply(&[Request::DeleteLink("q2".into()), Request::DeleteLink("q2".into())]).unwrap();
        assert_eq!(netlink.link("p1").unwrap(), None);
    });
}

/// ARP is on unless an end is made without it, at either side of a pair, and it can be switched.
#[test]
fn arp_can_be_off_from_the_beginning() {
    sandboxed(|| {
        let (a, b) = (namespace(), namespace());
        let silent =
            |namespace, name, last| linux_net::netlink::VethEnd { arp: false, ..end(namespace, name, last) };
        apply(
            &a,
            &[
                Request::AddLink(NewLink::Veth(silent(&a, "x", 1), end(&b, "x", 2))),
                Request::AddLink(NewLink::Veth(end(&a, "y", 3), silent(&b, "y", 4))),
            ],
        );
        let arp = |namespace, device| {
            let link = Netlink::open(namespace).unwrap().link(device).unwrap().unwrap();
            assert!(link.up, "{link:?}");
            link.arp
        };
        assert_eq!([arp(&a, "x"), arp(&b, "x"), arp(&a, "y"), arp(&b, "y")], [false, true, true, false]);
        apply(&a, &[address("x", "10.0.0.1/24")]);
        apply(&b, &[address("x", "10.0.0.2/24")]);
        assert!(!run(&b, "ping", &["-n", "-c1", "-W0.3", "10.0.0.1"]).0, "nobody answers the question");
        apply(&a, &[Request::set_link("x", LinkChange::Arp(true))]);
        assert_ping(&b, "10.0.0.1");
        apply(&a, &[Request::set_link("x", LinkChange::Arp(false))]);
        assert!(!arp(&a, "x"));
    });
}

/// Both ends of a pair count the same packets, as sent and as received, with their bytes.
#[test]
fn a_link_counts_what_passes() {
    sandboxed(|| {
        let (a, b) = pair();
        assert_ping(&a, "10.0.0.2");
        let statistics = |namespace| Netlink::open(namespace).unwrap().statistics("eth0").unwrap().unwrap();
        let before = statistics(&b);
        let (ok, text) = run(&a, "ping", &["-n", "-c5", "-i0.01", "-s1000", "10.0.0.2"]);
        assert!(ok, "{text}");
        let after = statistics(&b);
        // ARP and IPv6 may add some.
        assert!((5..15).contains(&(after.rx_packets - before.rx_packets)), "{before:?} {after:?}");
        assert!((5..15).contains(&(after.tx_packets - before.tx_packets)), "{before:?} {after:?}");
        assert!((5210..7000).contains(&(after.rx_bytes - before.rx_bytes)), "{before:?} {after:?}");
        assert!((5210..7000).contains(&(after.tx_bytes - before.tx_bytes)), "{before:?} {after:?}");
        assert_eq!(Netlink::open(&a).unwrap().statistics("nowhere").unwrap(), None);
    });
}

/// A new port is a learning one, and it can be told to be that again.
#[test]
fn ports_begin_as_learning_switch() {
    sandboxed(|| {
        let a = namespace();
        apply(&a, &[bridge("br1"), Request::AddLink(NewLink::Veth(end(&a, "p1", 1), end(&a, "q1", 2)))]);
        apply(&a, &[master("p1", "br1")]);
        let port = |a| Netlink::open(a).unwrap().link("p1").unwrap().unwrap().port;
        assert_eq!(port(&a), Some(BridgePort::LEARNING));
        apply(&a, &[Request::set_port("p1", BridgePort::STATIC)]);
        assert_eq!(port(&a), Some(BridgePort::STATIC));
        apply(&a, &[Request::set_link("p1", LinkChange::NoMaster)]);
        assert_eq!(port(&a), None);
    });
}

/// Routes, rules, neighbours and FDB entries: put twice, listed as put; deleted twice, gone.
#[test]
fn put_list_delete_are_inverse_and_idempotent() {
    sandboxed(|| {
        let a = namespace();
        apply(
            &a,
            &[
                Request::AddLink(NewLink::Veth(end(&a, "up0", 1), end(&a, "other", 2))),
                bridge("br1"),
                master("up0", "br1"),
                vxlan("vx1", 1001, "192.0.2.1"),
                master("vx1", "br1"),
            ],
        );
        let mut netlink = Netlink::open(&a).unwrap();
        let via: Ipv4Addr = "10.9.0.4".parse().unwrap();
        let others = "192.0.2.8".parse().unwrap();
        let mut routes = vec![
            Route::new(net("10.0.0.0/16"), RouteTarget::Device("br1".into())),
            Route::new(
                net("0.0.0.0/0"),
                RouteTarget::Gateway { gateway: via, device: "br1".into(), onlink: true },
            ),
            Route::new(
                net("10.4.0.0/24"),
                RouteTarget::Gateways { gateways: vec![via, others], device: "br1".into(), onlink: true },
            ),
            Route::new(net("10.3.0.0/24"), RouteTarget::Blackhole),
            Route::new(net("0.0.0.0/0"), RouteTarget::Device("br1".into())).in_table(1000),
            Route { metric: 7, ..Route::new(net("10.3.0.0/24"), RouteTarget::Device("br1".into())) },
        ];
        routes.sort();
        let mut rules = vec![
            Rule::new(100, 1000).iif("up0"),
            Rule::new(200, 200).iif("up0").fwmark(0),
            Rule::new(201, 200).fwmark(0x10),
            Rule::new(202, 1000).from(net("10.0.0.4/32")),
            Rule { to: Some(net("10.1.0.0/16")), ..Rule::new(203, 254) },
        ];
        rules.sort();
        let neighbour = Neighbour { device: "br1".into(), address: via, mac: mac(4) };
        let mut fdb = vec![
            FdbEntry { device: "up0".into(), mac: mac(4), target: FdbTarget::Port },
            FdbEntry { device: "vx1".into(), mac: mac(5), target: FdbTarget::Port },
            FdbEntry { device: "vx1".into(), mac: mac(5), target: remote("192.0.2.2", 1001) },
            FdbEntry { device: "vx1".into(), mac: mac(6), target: remote("192.0.2.3", 2002) },
        ];
        fdb.sort();
        let initial_rules = netlink.rules().unwrap();
        assert_eq!(initial_rules.len(), 3);
        assert!(initial_rules.contains(&Rule::initial_local()));

        let mut puts: Vec<Request> = routes.iter().cloned().map(Request::PutRoute).collect();
        puts.extend(rules.iter().cloned().map(Request::PutRule));
        puts.push(Request::PutNeighbour(neighbour.clone()));
        puts.extend(fdb.iter().cloned().map(Request::PutFdb));
        for _ in 0..2 {
            netlink.apply(&puts).unwrap();
            assert_eq!(netlink.routes().unwrap(), routes);
            let added: Vec<Rule> =
                netlink.rules().unwrap().into_iter().filter(|rule| !initial_rules.contains(rule)).collect();
            assert_eq!(added, rules);
            assert_eq!(netlink.neighbours().unwrap(), std::slice::from_ref(&neighbour));
            assert_eq!(netlink.fdb().unwrap(), fdb);
        }

        let mut deletes: Vec<Request> = routes.iter().cloned().map(Request::DeleteRoute).collect();
        deletes.extend(rules.iter().cloned().map(Request::DeleteRule));
        deletes.push(Request::DeleteNeighbour(neighbour));
        deletes.extend(fdb.into_iter().map(Request::DeleteFdb));
        for _ in 0..2 {
            netlink.apply(&deletes).unwrap();
            assert_eq!(netlink.routes().unwrap(), []);
            assert_eq!(netlink.rules().unwrap(), initial_rules);
            assert_eq!(netlink.neighbours().unwrap(), []);
            assert_eq!(netlink.fdb().unwrap(), []);
        }
    });
}

fn remote(peer: &str, vni: u32) -> FdbTarget {
    FdbTarget::Remote { peer: peer.parse().unwrap(), vni }
}

/// A route, neighbour or FDB entry with the same identity is replaced, not doubled.
#[test]
fn put_replaces() {
    sandboxed(|| {
        let a = namespace();
        apply(
            &a,
            &[
                Request::AddLink(NewLink::Veth(end(&a, "x", 1), end(&a, "y", 2))),
                vxlan("vx1", 1001, "192.0.2.1"),
            ],
        );
        let route = |device: &str| Route::new(net("10.0.0.0/8"), RouteTarget::Device(device.into()));
        let neighbour =
            |last| Neighbour { device: "x".into(), address: Ipv4Addr::new(10, 0, 0, 4), mac: mac(last) };
        let entry = |target| FdbEntry { device: "vx1".into(), mac: mac(5), target };
        let mut netlink = Netlink::open(&a).unwrap();
        netlink
            .apply(&[
                Request::PutRoute(route("x")),
                Request::PutRoute(route("y")),
                Request::PutNeighbour(neighbour(3)),
                Request::PutNeighbour(neighbour(4)),
                Request::PutFdb(entry(remote("192.0.2.2", 1001))),
                Request::PutFdb(entry(remote("192.0.2.3", 2002))),
            ])
            .unwrap();
        assert_eq!(netlink.routes().unwrap(), [route("y")]);
        assert_eq!(netlink.neighbours().unwrap(), [neighbour(4)]);
        assert_eq!(netlink.fdb().unwrap(), [entry(remote("192.0.2.3", 2002))]);
    });
}

/// A refusal names the operation and the object and says what the kernel says; the other requests are carried out.
#[test]
fn refusals_are_told_in_words() {
    sandboxed(|| {
        let a = namespace();
        let mut netlink = Netlink::open(&a).unwrap();
        let gateway = Ipv4Addr::new(10, 9, 9, 9);
        let error = netlink
            .apply(&[
                bridge("br1"),
                bridge("br1"),
                Request::PutRoute(Route::new(net("10.0.0.0/8"), RouteTarget::Device("nowhere".into()))),
                Request::PutRoute(Route::new(
                    net("10.0.0.0/8"),
                    RouteTarget::Gateway { gateway, device: "br1".into(), onlink: false },
                )),
                bridge("br2"),
            ])
            .unwrap_err();
        let text = error.to_string();
        let NetlinkError::Refused(refusals) = error else { panic!("{error}") };
        assert_eq!(refusals.0.iter().map(|one| one.index).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(text.contains("cannot add bridge br1: File exists"), "{text}");
        assert!(
            text.contains("cannot add route 10.0.0.0/8 dev nowhere scope link: No such device"),
            "{text}"
        );
        assert!(text.contains("(Nexthop has invalid gateway)"), "{text}");
        assert!(netlink.link("br2").unwrap().is_some());
        assert!(netlink.apply(&[bridge("br1")]).unwrap_err().is_already_exists());
        let gone = Request::set_up("nowhere");
        assert!(netlink.apply(&[gone]).unwrap_err().is_no_device());
    });
}

/// Far more requests than fit into one batch, and a list that needs many datagrams.
#[test]
fn thousands_of_requests_are_acknowledged() {
    sandboxed(|| {
        let a = namespace();
        apply(&a, &[Request::AddLink(NewLink::Veth(end(&a, "x", 1), end(&a, "y", 2)))]);
        let routes: Vec<Route> = (0..5000u32)
            .map(|number| {
                let address = Ipv4Addr::from(0x0a00_0000 + (number << 4));
                let prefix = ipnet::Ipv4Net::new(address, 28).unwrap();
                Route::new(prefix, RouteTarget::Device("x".into()))
            })
            .collect();
        let mut netlink = Netlink::open(&a).unwrap();
        let puts: Vec<Request> = routes.iter().cloned().map(Request::PutRoute).collect();
        netlink.apply(&puts).unwrap();
        assert_eq!(netlink.routes().unwrap(), routes);
    });
}

/// A rule for mark 0 leaves packets with another mark alone. (`ip rule ... fwmark 0` does not: it sends no mask.)
#[test]
fn a_rule_for_mark_zero_is_for_mark_zero_only() {
    sandboxed(|| {
        let (a, _b) = pair();
        apply(
            &a,
            &[
                Request::PutRule(Rule::new(10, 100).fwmark(0)),
                Request::PutRoute(Route::new(net("10.0.0.2/32"), RouteTarget::Blackhole).in_table(100)),
            ],
        );
        assert!(!ping(&a, "10.0.0.2"));
        assert!(run(&a, "ping", &["-n", "-c1", "-W1", "-m", "1", "10.0.0.2"]).0);
        assert!(run(&a, "ip", &["rule", "add", "pref", "11", "fwmark", "0", "lookup", "101"]).0);
        let rules = Netlink::open(&a).unwrap().rules().unwrap();
        assert!(rules.contains(&Rule::new(11, 101)), "{rules:?}");
    });
}

/// A bridge with `proxy_arp` on a port answers ARP by itself from its permanent neighbours; the port learns and floods
/// nothing, and static FDB entries lead the frames. Nobody but the addressed namespace sees them.
#[test]
fn a_bridge_answers_arp_by_itself() {
    sandboxed(|| {
        let (host, a, b) = (namespace(), namespace(), namespace());
        apply(
            &host,
            &[
                bridge("br1"),
                Request::AddLink(NewLink::Veth(end(&host, "p1", 0x11), end(&a, "eth0", 1))),
                Request::AddLink(NewLink::Veth(end(&host, "p2", 0x12), end(&b, "eth0", 2))),
                master("p1", "br1"),
                master("p2", "br1"),
                Request::set_port("p1", BridgePort { proxy_arp: true, ..BridgePort::STATIC }),
                Request::set_port("p2", BridgePort { proxy_arp: true, ..BridgePort::STATIC }),
            ],
        );
        apply(&a, &[address("eth0", "10.0.0.1/24")]);
        apply(&b, &[address("eth0", "10.0.0.2/24")]);
        assert!(!ping(&a, "10.0.0.2"), "nothing is flooded, so nobody answers");
        let neighbour = |last: u8| Neighbour {
            device: "br1".into(),
            address: Ipv4Addr::new(10, 0, 0, last),
            mac: mac(last),
        };
        let entry =
            |device: &str, last| FdbEntry { device: device.into(), mac: mac(last), target: FdbTarget::Port };
        apply(
            &host,
            &[
                Request::PutNeighbour(neighbour(1)),
                Request::PutNeighbour(neighbour(2)),
                Request::PutFdb(entry("p1", 1)),
                Request::PutFdb(entry("p2", 2)),
            ],
        );
        let mut capture = linux_net::capture::Capture::open(&b, "eth0").unwrap();
        assert_ping(&a, "10.0.0.2");
        let question = |frame: &linux_net::capture::Frame| {
            frame.bytes[12..14] == [8, 6] && frame.bytes[20..22] == [0, 1] && !frame.outgoing
        };
        let seen = capture.find(std::time::Duration::from_millis(100), question).unwrap();
        assert_eq!(seen, None, "the question stayed in the bridge");
    });
}

/// Two hosts with a VXLAN device each; A's network has VNI 1001, B's 2002, and FDB entries name the other's VNI.
#[test]
fn vxlan_reaches_another_vni_by_fdb_entries() {
    sandboxed(|| {
        let (host1, host2) = (namespace(), namespace());
        let (a, b) = (namespace(), namespace());
        let mut ends = [end(&host1, "underlay0", 0x21), end(&host2, "underlay0", 0x22)];
        ends.iter_mut().for_each(|end| end.mtu = 9000);
        let [one, two] = ends;
        apply(&host1, &[Request::AddLink(NewLink::Veth(one, two))]);
        let host = |host: &linux_net::NetNs, vm, number: u8, vni, own: &str, other: &str, other_vni| {
            let other_number = 3 - number;
            apply(
                host,
                &[
                    address("underlay0", &format!("{own}/24")),
                    bridge("br1"),
                    Request::AddLink(NewLink::Veth(end(host, "p1", 0x10 + number), end(vm, "eth0", number))),
                    vxlan("vx1", vni, own),
                    master("p1", "br1"),
                    master("vx1", "br1"),
                    Request::set_port("p1", BridgePort { proxy_arp: true, ..BridgePort::STATIC }),
                    Request::set_port("vx1", BridgePort::STATIC),
                    Request::PutNeighbour(Neighbour {
                        device: "br1".into(),
                        address: Ipv4Addr::new(10, 0, 0, other_number),
                        mac: mac(other_number),
                    }),
                    Request::PutFdb(FdbEntry {
                        device: "p1".into(),
                        mac: mac(number),
                        target: FdbTarget::Port,
                    }),
                    Request::PutFdb(FdbEntry {
                        device: "vx1".into(),
                        mac: mac(other_number),
                        target: FdbTarget::Port,
                    }),
                    Request::PutFdb(FdbEntry {
                        device: "vx1".into(),
                        mac: mac(other_number),
                        target: remote(other, other_vni),
                    }),
                ],
            );
            apply(vm, &[address("eth0", &format!("10.0.0.{number}/24"))]);
        };
        host(&host1, &a, 1, 1001, "192.0.2.1", "192.0.2.2", 2002);
        host(&host2, &b, 2, 2002, "192.0.2.2", "192.0.2.1", 1001);
        assert_ping(&a, "10.0.0.2");
        assert_ping(&b, "10.0.0.1");
    });
}
