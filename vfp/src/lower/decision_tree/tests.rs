//! A tree means what its list means: for any rules and any packet the same rule decides, is counted and is logged.

use std::net::Ipv4Addr;

use goal_state::nsg::{
    AddressSet, Association, Direction, Filter, PortRange, Protocol, Rule, RuleAccess, RuleGroup,
};
use ipnet::Ipv4Net;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::lower::drop_log::LogPrefix;
use crate::lower::rule_list::{self, ListedRule};
use crate::lower::{nsg, security_admin};
use crate::ruleset::evaluate::{Outcome, Packet, evaluate};
use crate::ruleset::{self, Action, Chain, Family, Hook, Match, Ruleset};

/// What packets have that go on.
const MARK: u32 = 1;

/// Asks one list, and accepts what comes back.
fn asking(list: &[ListedRule<'_>], mut chains: Vec<Chain>) -> Ruleset {
    let list_name = chains.last().unwrap().name.clone();
    let rule = ruleset::Rule::new;
    let past = Chain { name: "past".into(), hook: None, rules: vec![rule(vec![], vec![Action::Accept])] };
    let port = Chain {
        name: "port".into(),
        hook: Some(Hook::Prerouting { drop: true }),
        rules: vec![
            rule(vec![], vec![Action::SetMark(MARK)]),
            rule(vec![], vec![Action::Jump(list_name)]),
            rule(vec![Match::MarkAbove(MARK)], vec![Action::Drop]),
            rule(vec![], vec![Action::Accept]),
        ],
    };
    chains.extend([past, port]);
    let counters = list.iter().map(|listed| listed.counter.clone()).collect();
    Ruleset { counters, chains, ..Ruleset::new(Family::Ip) }
}

fn followed(list: &[ListedRule<'_>]) -> Ruleset {
    asking(list, vec![rule_list::chain("inbound_subnet".into(), list)])
}

fn looked_up(list: &[ListedRule<'_>]) -> Ruleset {
    asking(list, super::tree_chains("inbound_subnet", list, MARK))
}

fn comparable(outcome: &Outcome) -> (bool, Vec<LogPrefix>, Vec<String>, u32) {
    let logged =
        outcome.logged.iter().map(|(prefix, mark)| LogPrefix::parse(prefix, *mark).unwrap()).collect();
    // What is dropped may have any mark.
    let mark = if outcome.accepted { outcome.mark } else { 0 };
    (outcome.accepted, logged, outcome.counted.clone(), mark)
}

fn group(association: Association, rules: &[Rule]) -> RuleGroup {
    let mut rules = rules.to_vec();
    for (index, rule) in rules.iter_mut().enumerate() {
        rule.priority = 100 + 3 * u16::try_from(index).unwrap();
    }
    RuleGroup { name: "group".into(), association, rules }
}

fn assert_equal(list: &[ListedRule<'_>], packets: &[Packet]) -> Result<(), TestCaseError> {
    let (followed, looked_up) = (followed(list), looked_up(list));
    for packet in packets {
        let expected = evaluate(&followed, "port", packet);
        let found = evaluate(&looked_up, "port", packet);
        prop_assert_eq!(comparable(&found), comparable(&expected), "{:?} {:#?}", packet, looked_up.chains);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_tree_decides_as_its_list_does(rules in vec(any_rule(), 0..60), packets in vec(packet(), 64)) {
        let group = group(Association::Subnet, &rules);
        assert_equal(&nsg::list(&group, Direction::Inbound), &packets)?;
    }

    #[test]
    fn so_does_a_tree_of_admin_rules(rules in vec(any_rule(), 0..40), packets in vec(packet(), 32)) {
        let (one, other) = rules.split_at(rules.len() / 2);
        let groups = [one, other].map(|rules| group(Association::NetworkManager, rules).into());
        let filter = Filter { inbound: groups.to_vec(), ..Filter::default() };
        assert_equal(&security_admin::list(&filter, Direction::Inbound, "past"), &packets)?;
    }
}

/// Lists as they are, with a thousand rules: few rules are tried, whichever packet comes, and the chains stay few.
#[test]
fn a_thousand_rules_are_few_tries() {
    for (name, rules) in [
        ("ports", (0..1000).map(by_port).collect::<Vec<_>>()),
        ("sources", (0..1000).map(by_source).collect()),
        (
            "both by turns",
            (0..1000).map(|n: u16| if n.is_multiple_of(2) { by_port(n) } else { by_source(n) }).collect(),
        ),
        (
            "source and port",
            (0..1000).map(|n| Rule { source: by_source(n / 4).source, ..by_port(n) }).collect(),
        ),
    ] {
        let rules = rules.into_iter().chain([everything()]).collect::<Vec<_>>();
        let group = group(Association::Subnet, &rules);
        let list = nsg::list(&group, Direction::Inbound);
        let (followed, looked_up) = (followed(&list), looked_up(&list));
        let written = looked_up.chains.iter().map(|chain| chain.rules.len()).sum::<usize>();
        assert!(written < 2 * rules.len(), "{name}: {written} rules are written");
        for n in (0..1000).step_by(7) {
            let packet = Packet {
                source: Ipv4Addr::from(0x0a00_0004 + (u32::from(n) << 8)),
                destination_port: 1000 + n,
                ..tcp()
            };
            let (expected, found) =
                (evaluate(&followed, "port", &packet), evaluate(&looked_up, "port", &packet));
            assert_eq!(comparable(&found), comparable(&expected), "{name} {n}");
            assert!(found.tried <= 24, "{name}: {} rules tried", found.tried);
        }
    }
}

fn everything() -> Rule {
    Rule {
        name: "rule".into(),
        priority: 0,
        access: RuleAccess::Deny,
        protocol: Protocol::Any,
        source: AddressSet::all(),
        source_ports: vec![PortRange::ALL],
        destination: AddressSet::all(),
        destination_ports: vec![PortRange::ALL],
    }
}

fn by_port(n: u16) -> Rule {
    let ports = vec![PortRange::new(1000 + n, 1000 + n).unwrap()];
    let access = if n.is_multiple_of(3) { RuleAccess::Deny } else { RuleAccess::Allow };
    Rule { access, protocol: Protocol::Tcp, destination_ports: ports, ..everything() }
}

fn by_source(n: u16) -> Rule {
    let prefix = Ipv4Net::new_assert(Ipv4Addr::from(0x0a00_0000 + (u32::from(n) << 8)), 24);
    Rule { access: RuleAccess::Allow, source: [prefix].into_iter().collect(), ..everything() }
}

fn tcp() -> Packet {
    Packet {
        answers: false,
        translated: None,
        device: "up0".into(),
        source_mac: goal_state::MacAddr([0; 6]),
        unicast: true,
        protocol: 6,
        source: [10, 0, 0, 4].into(),
        source_port: 50_000,
        destination: [10, 9, 0, 4].into(),
        destination_port: 80,
        dscp: 0,
        established: false,
        opens: false,
    }
}

/// Few addresses and ports, so that rules overlap, touch and meet packets.
fn address() -> impl Strategy<Value = Ipv4Addr> {
    let near =
        (0..4_u8, select(vec![0, 1, 4, 5, 7, 8, 127, 128, 255_u8])).prop_map(|(a, b)| [10, 0, a, b].into());
    let far = select(vec![[0, 0, 0, 0], [9, 255, 255, 255], [192, 0, 2, 1], [255, 255, 255, 255]]);
    prop_oneof![4 => near, 1 => far.prop_map(Ipv4Addr::from)]
}

fn prefix() -> impl Strategy<Value = Ipv4Net> {
    let length = select(vec![0, 1, 8, 22, 24, 25, 29, 30, 31, 32]);
    (address(), length).prop_map(|(address, length)| Ipv4Net::new_assert(address, length).trunc())
}

fn addresses() -> impl Strategy<Value = AddressSet> {
    prop_oneof![
        3 => Just(AddressSet::all()),
        6 => vec(prefix(), 1..4).prop_map(AddressSet::new),
        1 => Just(AddressSet::default()),
    ]
}

fn port() -> impl Strategy<Value = u16> {
    prop_oneof![4 => 75..85_u16, 1 => select(vec![0, 1, 443, 65_534, 65_535])]
}

fn ports() -> impl Strategy<Value = Vec<PortRange>> {
    let range = (port(), port()).prop_map(|(a, b)| PortRange::new(a.min(b), a.max(b)).unwrap());
    let one = port().prop_map(|port| PortRange::new(port, port).unwrap());
    prop_oneof![
        5 => Just(vec![PortRange::ALL]),
        5 => vec(one, 1..4),
        3 => vec(range, 1..3),
        1 => Just(vec![]),
    ]
}

fn any_rule() -> impl Strategy<Value = Rule> {
    use Protocol::{Ah, Any, Esp, Icmp, Tcp, Udp};
    let access = select(vec![RuleAccess::Allow, RuleAccess::AlwaysAllow, RuleAccess::Deny]);
    let protocol = select(vec![Tcp, Tcp, Tcp, Udp, Any, Any, Icmp, Esp, Ah]);
    let source_ports = prop_oneof![4 => Just(vec![PortRange::ALL]), 1 => ports()];
    (access, protocol, addresses(), source_ports, addresses(), ports()).prop_map(
        |(access, protocol, source, source_ports, destination, destination_ports)| Rule {
            access,
            protocol,
            source,
            source_ports,
            destination,
            destination_ports,
            ..everything()
        },
    )
}

fn packet() -> impl Strategy<Value = Packet> {
    let protocol = select(vec![6, 6, 6, 17, 17, 1, 50, 51, 47, 0, 255_u8]);
    (protocol, (address(), port()), (address(), port())).prop_map(|(protocol, source, destination)| Packet {
        protocol,
        source: source.0,
        source_port: source.1,
        destination: destination.0,
        destination_port: destination.1,
        ..tcp()
    })
}
