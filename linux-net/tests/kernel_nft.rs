//! What we believe about nft and NFLOG.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests fail by unwrapping, and say why they cannot run"
)]

mod common;

use std::time::{Duration, Instant};

use common::{address, apply, assert_ping, end, mac, namespace, pair, ping, run, sandboxed};
use linux_net::NetNs;
use linux_net::netlink::{LinkChange, NewLink, Request};
use linux_net::nflog::{LoggedPacket, NflogError, NflogSocket};
use linux_net::nft::{
    self, Chain, Comment, ConnectionSet, Counter, Family, Field, Hook, HookPoint, LogPrefix, Name, Nat,
    NftError, Operator, Policy, Rule, Ruleset, Set, Statement, Table, Value,
};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn log(prefix: &str) -> Statement {
    Statement::Log { group: 1, prefix: LogPrefix::new(prefix).unwrap(), snaplen: Some(128) }
}

/// A table with every field, every statement and every value that is allowed in the family `ip`.
fn everything() -> Ruleset {
    let mut table = Table::new(Family::Ip, name("everything"));
    table.counters = vec![
        Counter { name: name("rule_100"), comment: Some(Comment::new("a/b c").unwrap()) },
        Counter { name: name("plain"), comment: None },
    ];
    table.sets = vec![
        Set { name: name("empty"), fields: vec![Field::IpSource], intervals: false, elements: vec![] },
        Set {
            name: name("prefixes"),
            fields: vec![Field::IpDestination],
            intervals: true,
            elements: vec![
                Value::Prefix("10.0.0.0/8".parse().unwrap()),
                Value::Prefix("10.1.0.0/16".parse().unwrap()),
                Value::AddressRange("192.0.2.1".parse().unwrap(), "192.0.2.9".parse().unwrap()),
            ],
        },
        Set {
            name: name("macs"),
            fields: vec![Field::EtherSource],
            intervals: false,
            elements: vec![Value::Mac(mac(1))],
        },
        Set {
            name: name("services"),
            fields: vec![Field::IpDestination, Field::IpProtocol, Field::TransportDestination],
            intervals: true,
            elements: vec![Value::Tuple(vec![
                Value::Prefix("10.0.0.0/24".parse().unwrap()),
                Value::Number(6),
                Value::Range(80, 90),
            ])],
        },
    ];
    let is = Statement::is;
    let guest = name("guest");
    let rules = vec![
        Rule::new([Statement::iif(&guest), Statement::SetMark(1)]),
        Rule::new([
            Statement::oif(&guest),
            is(Field::Mark, Value::Number(1)),
            Statement::Counter(name("plain")),
        ]),
        Rule::new([is(Field::PacketType, Value::Word("host")), is(Field::L4Protocol, Value::Number(6))]),
        Rule::new([Statement::Match(Field::Length, Operator::Above, Value::Number(1400)), Statement::Return]),
        Rule::new([
            is(Field::EtherSource, Value::Set(name("macs"))),
            Statement::is_not(Field::IpSource, Value::Set(name("empty"))),
        ]),
        Rule::new([
            is(Field::EtherDestination, Value::Mac(mac(2))),
            is(Field::IpDestination, Value::Set(name("prefixes"))),
        ]),
        Rule::new([is(
            Field::IpProtocol,
            Value::AnyOf(vec![Value::Number(1), Value::Range(6, 17), Value::Number(50)]),
        )]),
        Rule::new([is(Field::IpDscp, Value::Number(63)), log("seen"), Statement::SetDscp(0)]),
        Rule::new([Statement::Match(Field::IpTtl, Operator::Below, Value::Number(2)), Statement::Drop]),
        Rule::new([is(Field::TcpSource, Value::Number(1)), is(Field::TcpDestination, Value::Range(80, 90))]),
        Rule::new([is(Field::UdpSource, Value::Number(65330)), is(Field::UdpDestination, Value::Number(67))]),
        Rule::new([
            is(Field::L4Protocol, Value::AnyOf(vec![Value::Number(6), Value::Number(17)])),
            is(Field::TransportSource, Value::Number(1)),
            is(Field::TransportDestination, Value::Range(1, 2)),
        ]),
        Rule::new([is(Field::TcpFlags, Value::Word("syn"))]),
        Rule::new([is(Field::IcmpType, Value::Word("echo-request")), is(Field::IcmpCode, Value::Number(0))]),
        Rule::new([
            is(Field::ConntrackState, Value::Words(vec!["established", "related"])),
            Statement::Accept,
        ]),
        Rule::new([
            is(Field::ConntrackDirection, Value::Word("original")),
            is(Field::ConntrackStatus, Value::Word("dnat")),
        ]),
        Rule::new([is(Field::ConntrackMark, Value::Number(3)), Statement::SetConntrackMark(4)]),
        Rule::new([is(Field::ConntrackOriginalDestination, Value::Address("192.0.2.1".parse().unwrap()))]),
        Rule::new([
            Statement::is_not(Field::FibDestinationType, Value::Word("unicast")),
            Statement::Jump(name("deny")),
        ]),
        Rule::new([
            Statement::Match(Field::IpFragment, Operator::Above, Value::Number(0)),
            Statement::SetPacketTypeHost,
        ]),
        Rule::new([
            Statement::MatchAll(
                vec![Field::IpDestination, Field::IpProtocol, Field::TransportDestination],
                Operator::Is,
                name("services"),
            ),
            Statement::Goto(name("deny")),
        ]),
        Rule::new([Statement::VerdictMap(
            Field::IifName,
            vec![
                (Value::Device(name("guest")), Statement::Jump(name("deny"))),
                (Value::Device(name("up0")), Statement::Accept),
            ],
        )]),
    ];
    let deny = Chain::new(
        name("deny"),
        vec![
            Rule::new([Statement::Counter(name("rule_100")), log("d 1"), Statement::Drop])
                .comment(Comment::lossy("why")),
        ],
    );
    let raw = Chain::at(
        name("raw_in"),
        Hook::filter(HookPoint::Prerouting, -300, Policy::Accept),
        vec![Rule::new([Statement::NoTrack])],
    );
    let nat = Chain::at(
        name("nat_out"),
        Hook::nat(HookPoint::Postrouting, 100),
        vec![
            Rule::new([Statement::oif(&guest), Statement::Nat(nft::Nat::Masquerade)]),
            Rule::new([
                is(Field::L4Protocol, Value::Number(6)),
                Statement::Nat(nft::Nat::Source("192.0.2.1".parse().unwrap(), Some((1024, 2047)))),
            ]),
            Rule::new([Statement::Nat(nft::Nat::Source("192.0.2.1".parse().unwrap(), None))]),
        ],
    );
    let dnat = Chain::at(
        name("nat_in"),
        Hook::nat(HookPoint::Prerouting, -100),
        vec![
            Rule::new([
                is(Field::L4Protocol, Value::Number(6)),
                Statement::Nat(nft::Nat::Destination("10.0.0.4".parse().unwrap(), Some(80))),
            ]),
            Rule::new([Statement::Nat(nft::Nat::Destination("10.0.0.4".parse().unwrap(), None))]),
        ],
    );
    let filter = Chain::at(name("port"), Hook::filter(HookPoint::Prerouting, 0, Policy::Drop), rules);
    let through = Chain::at(
        name("through"),
        Hook::filter(HookPoint::Forward, 0, Policy::Accept),
        vec![Rule::new([is(Field::NextHop, Value::Address("10.0.0.4".parse().unwrap())), Statement::Drop])],
    );
    table.chains = vec![deny, raw, nat, dnat, filter, through];
    let mut bridge = Table::new(Family::Bridge, name("frames"));
    bridge.chains = vec![Chain::at(
        name("pre"),
        Hook::filter(HookPoint::Prerouting, 0, Policy::Accept),
        vec![Rule::new([
            is(Field::EtherType, Value::Word("arp")),
            is(Field::ArpOperation, Value::Word("request")),
            is(Field::ArpSource, Value::Address("10.0.0.1".parse().unwrap())),
            Statement::is_not(Field::ArpDestination, Value::Address("10.0.0.2".parse().unwrap())),
            Statement::Drop,
        ])],
    )];
    Ruleset { tables: vec![table, bridge] }
}

/// The language that we write is the one that nft reads.
#[test]
fn everything_that_prints_is_accepted() {
    insta::assert_snapshot!(everything());
    sandboxed(|| nft::apply(&namespace(), &everything()).unwrap());
}

/// A ruleset is recognised by its digest; an unknown or partial one is not; tables of others are left alone.
#[test]
fn the_digest_tells_what_is_there() {
    sandboxed(|| {
        let a = namespace();
        assert!(run(&a, "nft", &["add table ip other"]).0);
        assert_eq!(nft::current_digest(&a).unwrap(), None);
        let wanted = everything();
        nft::apply(&a, &wanted).unwrap();
        assert_eq!(nft::current_digest(&a).unwrap(), Some(wanted.digest()));
        nft::apply(&a, &wanted).unwrap();
        assert_eq!(nft::current_digest(&a).unwrap(), Some(wanted.digest()));
        assert!(run(&a, "nft", &["delete table bridge frames"]).0);
        assert_eq!(nft::current_digest(&a).unwrap(), None, "one table is missing");

        let smaller = Ruleset { tables: vec![Table::new(Family::Inet, name("small"))] };
        nft::apply(&a, &smaller).unwrap();
        assert_eq!(nft::current_digest(&a).unwrap(), Some(smaller.digest()));
        let tables = run(&a, "nft", &["list", "tables"]).1;
        assert_eq!(tables, "table ip other\ntable inet small\n");
        nft::delete(&a).unwrap();
        assert_eq!(run(&a, "nft", &["list", "tables"]).1, "table ip other\n");
    });
}

/// A refused ruleset changes nothing, and the error has nft's words and the line.
#[test]
fn a_refused_ruleset_changes_nothing() {
    sandboxed(|| {
        let a = namespace();
        nft::apply(&a, &everything()).unwrap();
        let before = run(&a, "nft", &["list", "ruleset"]).1;
        let mut broken = everything();
        let rule = Rule::new([Statement::Jump(name("nowhere"))]);
        broken.tables[0].chains[0].rules.push(rule);
        let Err(NftError::Refused { stderr, line, .. }) = nft::apply(&a, &broken) else {
            panic!("not refused")
        };
        assert!(stderr.contains("nowhere") || stderr.contains("No such file"), "{stderr}");
        assert_eq!(line.as_deref(), Some("jump nowhere"), "{stderr}");
        assert_eq!(run(&a, "nft", &["list", "ruleset"]).1, before);
    });
}

fn filter(chain: Chain) -> Ruleset {
    let mut table = Table::new(Family::Ip, name("test"));
    table.counters = vec![Counter { name: name("denied"), comment: Some(Comment::lossy("a/b")) }];
    table.chains = vec![chain];
    Ruleset { tables: vec![table] }
}

fn wait_for_packet(socket: &mut NflogSocket) -> LoggedPacket {
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        if let Some(packet) = socket.receive_within(Duration::from_millis(100)).unwrap().pop() {
            return packet;
        }
    }
    panic!("no packet was logged");
}

/// A dropped ping is counted, and told by NFLOG at once with prefix, device, source MAC address and its first bytes.
#[test]
fn a_dropped_packet_is_counted_and_logged() {
    sandboxed(|| {
        let (a, b) = pair();
        assert_ping(&a, "10.0.0.2");
        let hook = Hook::filter(HookPoint::Prerouting, 0, Policy::Accept);
        let deny = Rule::new([
            Statement::is(Field::IcmpType, Value::Word("echo-request")),
            Statement::Counter(name("denied")),
            log("d 3 in 100"),
            Statement::Drop,
        ]);
        let mut socket = NflogSocket::open(&b, 1).unwrap();
        nft::apply(&b, &filter(Chain::at(name("pre"), hook, vec![deny]))).unwrap();
        assert!(!ping(&a, "10.0.0.2"));
        let packet = wait_for_packet(&mut socket);
        assert_eq!((packet.prefix.as_str(), packet.ethertype), ("d 3 in 100", 0x0800));
        assert_eq!(packet.hardware_source, Some(mac(1)));
        let eth0 = linux_net::Netlink::open(&b).unwrap().link("eth0").unwrap().unwrap();
        assert_eq!((packet.in_device, packet.out_device), (Some(eth0.index), None));
        assert_eq!(packet.payload[12..20], [10, 0, 0, 1, 10, 0, 0, 2]);
        assert!(packet.timestamp.elapsed().unwrap_or_default() < Duration::from_secs(60));
        assert_eq!(socket.receive().unwrap(), []);
        assert_eq!(socket.lost(), 0);
        let counters = nft::counters(&b).unwrap();
        assert_eq!(counters.len(), 1);
        assert_eq!((counters[0].name.as_str(), counters[0].packets, counters[0].bytes), ("denied", 1, 84));
        assert_eq!((counters[0].family.as_str(), counters[0].comment.as_str()), ("ip", "a/b"));
    });
}

/// A second receiver of the same group is refused.
#[test]
fn a_group_has_one_receiver() {
    sandboxed(|| {
        let a = namespace();
        let _first = NflogSocket::open(&a, 1).unwrap();
        assert!(matches!(NflogSocket::open(&a, 1), Err(NflogError::Bind { group: 1, .. })));
        NflogSocket::open(&a, 2).unwrap();
        NflogSocket::open(&namespace(), 1).unwrap();
    });
}

/// When nobody reads, the kernel drops; the next packets that come through tell how many were lost.
#[test]
fn lost_packets_are_counted() {
    sandboxed(|| {
        let (a, b) = pair();
        assert_ping(&a, "10.0.0.2");
        let hook = Hook::filter(HookPoint::Prerouting, 0, Policy::Accept);
        let logged = Rule::new([
            Statement::is(Field::IpProtocol, Value::Number(17)),
            Statement::Counter(name("denied")),
            log("x"),
            Statement::Drop,
        ]);
        let mut socket = NflogSocket::open(&b, 1).unwrap();
        nft::apply(&b, &filter(Chain::at(name("pre"), hook, vec![logged]))).unwrap();
        let send = |a: &NetNs, count| {
            a.run(|| {
                let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
                (0..count).for_each(|_| assert_eq!(socket.send_to(&[0; 100], "10.0.0.2:9").unwrap(), 100));
            })
            .unwrap();
        };
        send(&a, 20_000);
        let read = socket.receive().unwrap().len() as u64;
        assert!(read < 20_000, "the buffer took everything: the test shows nothing");
        // ENOBUFS stands in the way of a few more before packets are queued again.
        let mut more = 0;
        while more == 0 {
            send(&a, 1);
            more = socket.receive_within(Duration::from_millis(10)).unwrap().len() as u64;
        }
        let counted = nft::counters(&b).unwrap()[0].packets;
        assert_eq!(read + more + socket.lost(), counted);
    });
}

/// In a bridge's table, an ARP question for an address that nobody owns is dropped and told; a known one passes.
#[test]
fn a_bridge_table_logs_arp() {
    sandboxed(|| {
        let (host, a, b) = (namespace(), namespace(), namespace());
        apply(
            &host,
            &[
                Request::AddLink(NewLink::Bridge { name: "br1".into(), mac: None, mtu: 1500, up: true }),
                Request::AddLink(NewLink::Veth(end(&host, "p1", 0x11), end(&a, "eth0", 1))),
                Request::AddLink(NewLink::Veth(end(&host, "p2", 0x12), end(&b, "eth0", 2))),
                Request::set_link("p1", LinkChange::Master("br1".into())),
                Request::set_link("p2", LinkChange::Master("br1".into())),
            ],
        );
        apply(&a, &[address("eth0", "10.0.0.1/24")]);
        apply(&b, &[address("eth0", "10.0.0.2/24")]);
        let mut table = Table::new(Family::Bridge, name("arp_guard"));
        table.sets = vec![Set {
            name: name("ca"),
            fields: vec![Field::IpDestination],
            intervals: false,
            elements: ["10.0.0.1", "10.0.0.2"].map(|text| Value::Address(text.parse().unwrap())).into(),
        }];
        table.chains = vec![Chain::at(
            name("pre"),
            Hook::filter(HookPoint::Prerouting, 0, Policy::Accept),
            vec![Rule::new([
                Statement::iif(&name("p1")),
                Statement::is(Field::ArpOperation, Value::Word("request")),
                Statement::is_not(Field::ArpDestination, Value::Set(name("ca"))),
                log("nobody"),
                Statement::Drop,
            ])],
        )];
        let mut socket = NflogSocket::open(&host, 1).unwrap();
        nft::apply(&host, &Ruleset { tables: vec![table] }).unwrap();
        assert_ping(&a, "10.0.0.2");
        assert_eq!(socket.receive().unwrap(), []);
        assert!(!ping(&a, "10.0.0.9"));
        let packet = wait_for_packet(&mut socket);
        assert_eq!((packet.prefix.as_str(), packet.ethertype), ("nobody", 0x0806));
        assert_eq!(packet.payload[24..28], [10, 0, 0, 9], "{packet:?}");
        assert_eq!(packet.hardware_source, Some(mac(1)));
    });
}

/// Of a range of source ports each serves one flow to a destination; of those that find none free the set tells.
#[test]
fn connections_to_a_destination_are_counted() {
    sandboxed(|| {
        let (a, b) = pair();
        let fields = vec![Field::IpDestination, Field::L4Protocol, Field::TransportDestination];
        let mut table = Table::new(Family::Ip, name("sources"));
        table.counters = vec![Counter { name: name("exhausted"), comment: None }];
        table.connection_sets =
            vec![ConnectionSet { name: name("flows"), fields: fields.clone(), size: 1000 }];
        let udp = || Statement::is(Field::L4Protocol, Value::Number(17));
        let most = Statement::CountConnections { set: name("flows"), fields, most: 3 };
        let translate = Statement::Nat(Nat::Source([10, 0, 0, 1].into(), Some((5000, 5002))));
        table.chains = vec![Chain::at(
            name("sources"),
            Hook::nat(HookPoint::Postrouting, 100),
            vec![
                Rule::new([udp(), most, translate]),
                Rule::new([udp(), Statement::Counter(name("exhausted")), Statement::Drop]),
            ],
        )];
        nft::apply(&a, &Ruleset { tables: vec![table] }).unwrap();
        let received = |port: u16| {
            let receiver = b.run(|| std::net::UdpSocket::bind(("10.0.0.2", port)).unwrap()).unwrap();
            let socket = || std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
            let senders: Vec<_> = a.run(|| (0..5).map(|_| socket()).collect()).unwrap();
            // What is dropped here is told to its sender.
            let sent = senders.iter().filter(|sender| sender.send_to(b"x", ("10.0.0.2", port)).is_ok());
            let sent = sent.count();
            let mut ports: Vec<_> =
                (0..sent).map(|_| receiver.recv_from(&mut [0]).unwrap().1.port()).collect();
            ports.sort_unstable();
            ports
        };
        assert_eq!(received(7), [5000, 5001, 5002]);
        assert_eq!(received(8), [5000, 5001, 5002], "another destination has them all anew");
        let exhausted = nft::counters(&a).unwrap();
        assert_eq!(exhausted.iter().map(|counter| counter.packets).sum::<u64>(), 4, "{exhausted:?}");
    });
}

/// What routing has chosen is remembered, found again as a mark, listed, and forgotten.
#[test]
fn a_flow_is_remembered_and_forgotten() {
    use linux_net::nft::{FlowMap, flow_counts};

    sandboxed(|| {
        let (a, b) = pair();
        let map = || name("flows");
        let (known, unknown) = (name("known"), name("nobody"));
        let mut table = Table::new(Family::Ip, name("memory"));
        table.counters = [&known, &unknown].map(|name| Counter { name: name.clone(), comment: None }).into();
        table.flow_maps = vec![FlowMap { name: map(), timeout_s: 60, size: 100 }];
        let to = |port| {
            let udp = Statement::is(Field::L4Protocol, Value::Number(17));
            [udp, Statement::is(Field::TransportDestination, Value::Number(port))]
        };
        let mark = u32::from_ne_bytes([10, 0, 0, 2]);
        let is_known = Statement::is(Field::Mark, Value::Number(mark));
        let rules = vec![
            Rule::new(to(7).into_iter().chain([
                Statement::SetMarkByFlow(map()),
                is_known,
                Statement::Counter(known.clone()),
            ])),
            Rule::new(to(7).into_iter().chain([Statement::RememberNextHop(map())])),
            Rule::new(to(8).into_iter().chain([Statement::RememberMark(map()), Statement::Forget(map())])),
            Rule::new(
                to(9)
                    .into_iter()
                    .chain([Statement::SetMarkByFlow(map()), Statement::Counter(unknown.clone())]),
            ),
        ];
        let hook = Hook::filter(HookPoint::Postrouting, 0, Policy::Accept);
        table.chains = vec![Chain::at(name("sent"), hook, rules)];
        nft::apply(&a, &Ruleset { tables: vec![table] }).unwrap();
        let (listed, text) = run(&a, "nft", &["list", "ruleset"]);
        assert!(listed && text.contains("udp dport map @flows"), "{text}");
        let receiver = b.run(|| std::net::UdpSocket::bind("10.0.0.2:7").unwrap()).unwrap();
        let sender = a.run(|| std::net::UdpSocket::bind("10.0.0.1:0").unwrap()).unwrap();
        for port in [7, 8, 9, 7] {
            // Those that nobody listens for are refused, which the next send is told.
            while sender.send_to(b"x", ("10.0.0.2", port)).is_err() {}
        }
        for _ in 0..2 {
            receiver.recv_from(&mut [0]).unwrap();
        }
        let packets = |counter: &Name| {
            let counters = nft::counters(&a).unwrap();
            counters.iter().find(|one| one.name == counter.as_str()).unwrap().packets
        };
        assert_eq!((packets(&known), packets(&unknown)), (1, 0));
        let counts = flow_counts(&a, &name("memory"), &[map()]).unwrap();
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), [((map(), [10, 0, 0, 2].into()), 1)]);
    });
}
