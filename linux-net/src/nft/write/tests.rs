//! What is written here and what nft writes of the same ruleset are listed alike.

use std::process::{Command, Stdio};

use super::*;
use crate::Netlink;
use crate::mac::MacAddr;
use crate::netlink::{NewLink, Request};
use crate::netns::NetNs;
use crate::nft::{Counter, Field, Hook, LogPrefix, Name, Nat, Operator, Rule, Set, Statement, Value, device};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn address(text: &str) -> Value {
    Value::Address(text.parse().unwrap())
}

fn prefix(text: &str) -> Value {
    Value::Prefix(text.parse().unwrap())
}

fn goto() -> Statement {
    Statement::Goto(name("leaf"))
}

/// One rule for each thing that ports say.
fn rules() -> Vec<Rule> {
    use Statement::{Match, SetMarkBy, VerdictMap};
    use Value::{AddressRange, AnyOf, Number, Range, Word};
    let device = |text| Value::Device(name(text));
    let mac = |last| Value::Mac(MacAddr([0, 0x0d, 0x3a, 0, 0, last]));
    let is = Statement::is;
    let log =
        |snaplen| Statement::Log { group: 1, prefix: LogPrefix::new("vl drop 4 0 1 7").unwrap(), snaplen };
    let counted = || Statement::Counter(name("c1"));
    let rule = |statements: Vec<Statement>| Rule::new(statements);
    vec![
        rule(vec![is(Field::IifName, device("guest")), goto()]),
        rule(vec![
            is(Field::IifName, AnyOf(vec![device("guest"), device("up0")])),
            counted(),
            Statement::Accept,
        ]),
        rule(vec![
            Statement::is_not(Field::IpSource, address("10.0.0.4")),
            counted(),
            log(Some(128)),
            Statement::Drop,
        ]),
        rule(vec![
            is(Field::IpSource, AnyOf(vec![prefix("10.0.0.0/8"), address("1.2.3.4")])),
            Statement::Return,
        ]),
        rule(vec![
            Statement::is_not(Field::IpSource, AnyOf(vec![prefix("0.0.0.0/1"), prefix("240.0.0.0/4")])),
            goto(),
        ]),
        rule(vec![
            is(Field::IpDestination, AnyOf(vec![address("10.0.0.1"), address("1.2.3.4")])),
            Statement::Return,
        ]),
        rule(vec![is(Field::IpDestination, prefix("10.1.0.0/20")), Statement::Return]),
        rule(vec![Statement::is_not(Field::IpDestination, prefix("10.1.0.0/16")), Statement::Return]),
        rule(vec![is(Field::IpDscp, Number(63)), log(None)]),
        rule(vec![is(Field::PacketType, AnyOf(vec![Word("broadcast"), Word("multicast")])), Statement::Drop]),
        rule(vec![
            Statement::is_not(Field::L4Protocol, AnyOf(vec![Number(1), Number(6), Number(17)])),
            Statement::Drop,
        ]),
        rule(vec![
            is(Field::L4Protocol, Number(17)),
            is(Field::TransportSource, Number(68)),
            is(Field::TransportDestination, Range(67, 69)),
            Statement::Drop,
        ]),
        rule(vec![
            is(Field::L4Protocol, AnyOf(vec![Number(6), Number(17)])),
            is(Field::TransportDestination, AnyOf(vec![Number(80), Range(90, 100), Range(65_000, 65_535)])),
            Statement::Accept,
        ]),
        rule(vec![is(Field::ConntrackState, Value::Words(vec!["established", "related"])), goto()]),
        rule(vec![
            is(Field::L4Protocol, Number(6)),
            Statement::is_not(Field::TcpHandshake, Word("syn")),
            goto(),
        ]),
        rule(vec![is(Field::L4Protocol, Number(6)), is(Field::TcpHandshake, Word("syn")), goto()]),
        rule(vec![is(Field::EtherSource, AnyOf(vec![mac(1), mac(2)])), Statement::Drop]),
        rule(vec![is(Field::EtherSource, mac(1)), Statement::Drop]),
        rule(vec![is(Field::Mark, Number(u32::MAX)), Statement::SetMark(1), Statement::Return]),
        rule(vec![is(Field::Mark, AnyOf(vec![Range(100, 112), Number(200)])), Statement::Return]),
        rule(vec![is(Field::Mark, AnyOf(vec![Number(100), Number(200)])), Statement::Return]),
        rule(vec![is(Field::Mark, Range(100, 200)), Statement::Return]),
        rule(vec![Match(Field::Mark, Operator::Above, Number(100)), Statement::Jump(name("leaf"))]),
        rule(vec![Statement::CounterBy(
            Field::Mark,
            vec![(Number(100), name("c1")), (Number(200), name("c2"))],
        )]),
        rule(vec![
            SetMarkBy(Field::TransportDestination, vec![(Range(1, 5), 100), (Range(6, 6), 200)]),
            Statement::Return,
        ]),
        rule(vec![SetMarkBy(Field::IpSource, vec![(address("10.0.0.1"), 100)]), Statement::Return]),
        rule(vec![VerdictMap(Field::L4Protocol, vec![(Number(6), goto()), (Number(17), Statement::Return)])]),
        rule(vec![VerdictMap(
            Field::IpSource,
            vec![
                (AddressRange([10, 0, 0, 0].into(), [10, 0, 0, 7].into()), goto()),
                (AddressRange([255, 0, 0, 0].into(), [255, 255, 255, 255].into()), Statement::Return),
            ],
        )]),
    ]
}

/// Rules that are asked after routing.
fn forward_rules() -> Vec<Rule> {
    let rule = |value| Rule::new([Statement::is(Field::NextHop, value), Statement::Drop]);
    let several = Value::AnyOf(vec![prefix("10.0.0.0/24"), address("1.2.3.4")]);
    let values = [address("10.0.0.4"), prefix("10.0.0.0/16"), prefix("10.0.0.0/30"), several];
    values.map(rule).into()
}

/// Rules that translate.
fn destination_rules() -> Vec<Rule> {
    let to = |port| Statement::Nat(Nat::Destination([10, 0, 0, 4].into(), port));
    let tcp = Statement::is(Field::L4Protocol, Value::Number(6));
    vec![Rule::new([to(None)]), Rule::new([tcp, to(Some(8080))])]
}

fn source_rules() -> Vec<Rule> {
    let to = |ports| Statement::Nat(Nat::Source([203, 0, 113, 4].into(), ports));
    let udp = Statement::is(Field::L4Protocol, Value::Number(17));
    vec![Rule::new([to(None)]), Rule::new([udp, to(Some((1024, 2047)))])]
}

/// Rules that know what has been translated, and write without translating.
fn writing_rules() -> Vec<Rule> {
    let protocol = |number| Statement::is(Field::L4Protocol, Value::Number(number));
    let write = |field, number| Statement::Write(field, Value::Number(number));
    let translated =
        |words: &[&'static str]| Statement::is(Field::ConntrackStatus, Value::Words(words.to_vec()));
    vec![
        Rule::new([
            Statement::is(Field::ConntrackDirection, Value::Word("reply")),
            translated(&["dnat"]),
            Statement::Write(Field::IpSource, address("10.0.0.4")),
        ]),
        Rule::new([translated(&["snat", "dnat"]), Statement::SetMark(7)]),
        Rule::new([protocol(6), write(Field::TcpSource, 8080), write(Field::TcpDestination, 8081)]),
        Rule::new([protocol(17), write(Field::UdpSource, 53), write(Field::UdpDestination, 54)]),
        Rule::new([Statement::Write(Field::IpDestination, address("10.0.0.5"))]),
    ]
}

fn ruleset(rules: Vec<Rule>) -> Ruleset {
    let mut table = Table::new(Family::Ip, name("vfp"));
    let words = |text: &str| Some(Comment::new(text).unwrap());
    table.counters = vec![
        Counter { name: name("c1"), comment: words("nsg/allow") },
        Counter { name: name("c2"), comment: None },
    ];
    table.chains = vec![
        Chain::new(name("leaf"), vec![Rule::new([Statement::Return])]),
        Chain::at(name("port"), Hook::filter(HookPoint::Prerouting, 0, Policy::Drop), rules),
        Chain::at(name("silence"), Hook::filter(HookPoint::Output, -5, Policy::Accept), vec![]),
        Chain::at(name("through"), Hook::filter(HookPoint::Forward, 0, Policy::Accept), forward_rules()),
        Chain::at(name("destinations"), Hook::nat(HookPoint::Prerouting, -100), destination_rules()),
        Chain::at(name("sources"), Hook::nat(HookPoint::Postrouting, 100), source_rules()),
        Chain::at(name("after"), Hook::filter(HookPoint::Postrouting, 150, Policy::Accept), writing_rules()),
    ];
    Ruleset { tables: vec![table] }
}

/// What a host says of its bridges, and of frames before they come there.
fn host_ruleset() -> Ruleset {
    let is = Statement::is;
    let mac = |last| Value::Mac(MacAddr([0, 0x0d, 0x3a, 0, 0, last]));
    let set =
        |text, field, elements| Set { name: name(text), fields: vec![field], intervals: false, elements };
    let peers = || set("peers", Field::EtherDestination, vec![mac(1), mac(2)]);
    let for_peer =
        || [is(Field::Protocol, Value::Word("ip")), is(Field::EtherDestination, Value::Set(name("peers")))];
    let rule = |statements: Vec<Statement>| Rule::new(statements);
    let mut bridge = Table::new(Family::Bridge, name("vfp"));
    bridge.counters = vec![Counter { name: name("c1"), comment: None }];
    bridge.sets = vec![
        peers(),
        set("known", Field::ArpDestination, vec![address("10.0.0.1"), address("10.0.0.2")]),
        set("none", Field::ArpDestination, vec![]),
        // More than one attribute takes.
        set("many", Field::ArpDestination, (0..5000).map(|n| Value::Address((n * 3).into())).collect()),
    ];
    let from =
        || is(Field::IifName, Value::AnyOf(vec![Value::Device(name("p1")), Value::Device(name("p2"))]));
    let question = |set| {
        let unknown = Statement::is_not(Field::ArpDestination, Value::Set(name(set)));
        vec![from(), is(Field::ArpOperation, Value::Word("request")), unknown, Statement::Drop]
    };
    let guard = [vec![from()], for_peer().to_vec(), vec![Statement::Counter(name("c1")), Statement::Drop]];
    bridge.chains = vec![Chain::at(
        name("frames"),
        Hook::filter(HookPoint::Prerouting, 0, Policy::Accept),
        vec![rule(question("known")), rule(question("none")), rule(guard.concat())],
    )];
    let mut netdev = Table::new(Family::Netdev, name("vfp"));
    netdev.sets = vec![peers()];
    let forward = [for_peer().to_vec(), vec![Statement::Forward(name("tap"))]].concat();
    let at = |devices: &[&str]| {
        Hook::netdev(HookPoint::Ingress, devices.iter().map(|device| name(device)).collect(), 0)
    };
    netdev.chains = vec![
        Chain::at(name("several"), at(&["p1", "p2"]), vec![rule(forward.clone())]),
        Chain::at(
            name("single"),
            at(&["p1"]),
            vec![rule(forward), rule(vec![is(Field::EtherSource, mac(3)), Statement::Drop])],
        ),
    ];
    Ruleset { tables: vec![bridge, netdev] }
}

fn list(namespace: &NetNs) -> String {
    let output = namespace.run(|| Command::new("nft").args(["list", "ruleset"]).output().unwrap()).unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn by_nft(namespace: &NetNs, ruleset: &Ruleset) {
    let mut nft = namespace
        .run(|| Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()).spawn().unwrap())
        .unwrap();
    std::io::Write::write_all(&mut nft.stdin.take().unwrap(), ruleset.to_string().as_bytes()).unwrap();
    assert!(nft.wait().unwrap().success());
}

/// Two namespaces, or nothing where nobody may make any.
fn namespaces() -> Option<[NetNs; 2]> {
    let made = NetNs::anonymous().and_then(|one| Ok([one, NetNs::anonymous()?]));
    made.inspect_err(|error| println!("SKIPPED: {error}: run as root, or below `unshare -Urnm`")).ok()
}

fn commit(namespace: &NetNs, ruleset: &Ruleset, outdated: &[&TableEntry]) {
    let mark = Comment::new("linux-net").unwrap();
    let indexes = device::indexes(namespace, ruleset).unwrap();
    let transaction = Transaction::new(ruleset, &indexes, &mark, outdated).expect("all of it is written");
    namespace.run(|| transaction.commit_here()).unwrap().unwrap();
}

#[test]
fn nft_lists_what_is_written_as_its_own() {
    let Some([ours, theirs]) = namespaces() else { return };
    let ruleset = ruleset(rules());
    commit(&ours, &ruleset, &[]);
    by_nft(&theirs, &ruleset);
    assert_eq!(list(&ours).replace("\tcomment \"linux-net\"\n", ""), list(&theirs));
}

/// Devices stand in it by index.
#[test]
fn nft_lists_what_is_written_for_a_host_as_its_own() {
    let Some(namespaces) = namespaces() else { return };
    for namespace in &namespaces {
        let device = |name: &str| {
            Request::AddLink(NewLink::Bridge { name: name.into(), mac: None, mtu: 1500, up: false })
        };
        Netlink::open(namespace).unwrap().apply(&["p1", "p2", "tap"].map(device)).unwrap();
    }
    let [ours, theirs] = namespaces;
    let ruleset = host_ruleset();
    commit(&ours, &ruleset, &[]);
    by_nft(&theirs, &ruleset);
    assert_eq!(list(&ours).replace("\tcomment \"linux-net\"\n", ""), list(&theirs));
    let outdated = ["bridge", "netdev"];
    let outdated = outdated.map(|family| TableEntry { family, name: "vfp".into(), comment: String::new() });
    commit(&ours, &ruleset, &outdated.each_ref());
    assert!(list(&ours).contains("fwd to \"tap\""), "{}", list(&ours));
    let mark = Comment::new("linux-net").unwrap();
    assert!(Transaction::new(&ruleset, &device::Indexes::new(), &mark, &[]).is_none(), "no device, no index");
}

/// More than a message, an attribute, or a socket's usual buffer takes.
#[test]
fn large_maps_are_written_and_replaced() {
    let Some([ours, theirs]) = namespaces() else { return };
    let cases = (0..20_000).map(|n| (Value::Range(3 * n, 3 * n + 1), n)).collect();
    let map = Rule::new([Statement::SetMarkBy(Field::TransportDestination, cases), Statement::Return]);
    let large = ruleset(vec![map]);
    commit(&ours, &large, &[]);
    by_nft(&theirs, &large);
    assert_eq!(list(&ours).replace("\tcomment \"linux-net\"\n", ""), list(&theirs));
    let outdated = TableEntry { family: "ip", name: "vfp".into(), comment: String::new() };
    commit(&ours, &ruleset(vec![]), &[&outdated]);
    assert!(!list(&ours).contains("map"), "{}", list(&ours));
}

#[test]
fn a_refusal_changes_nothing() {
    let Some([ours, _]) = namespaces() else { return };
    commit(&ours, &ruleset(rules()), &[]);
    let before = list(&ours);
    let lost = ruleset(vec![Rule::new([Statement::Goto(name("nowhere"))])]);
    let outdated = TableEntry { family: "ip", name: "vfp".into(), comment: String::new() };
    let mark = Comment::new("linux-net").unwrap();
    let transaction = Transaction::new(&lost, &device::Indexes::new(), &mark, &[&outdated]).unwrap();
    assert!(ours.run(|| transaction.commit_here()).unwrap().is_err());
    assert_eq!(list(&ours), before);
}
