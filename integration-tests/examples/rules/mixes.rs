//! Lists of rules of several kinds. In each, the connections that are measured match the last rule before the default rules.

use std::net::Ipv4Addr;

use goal_state::nsg::{AddressSet, PortRange, Protocol, Rule, RuleAccess};

use crate::network;

/// The port that is called.
pub(crate) const PORT: u16 = 50_000;

/// A kind of list.
pub(crate) struct Mix {
    pub(crate) name: &'static str,
    /// The rule with this index of so many; none when it would match what is measured.
    rule: fn(u16, u16, &mut Chance) -> Rule,
}

pub(crate) const MIXES: [Mix; 5] = [
    Mix { name: "each a port", rule: |n, _, _| tcp(n, AddressSet::all(), AddressSet::all(), one(1000 + n)) },
    Mix {
        name: "each a source prefix",
        rule: |n, _, _| tcp(n, prefix(n, 24), AddressSet::all(), PortRange::ALL),
    },
    Mix {
        name: "ports and prefixes by turns",
        rule: |n, _, _| match n % 2 {
            0 => tcp(n, AddressSet::all(), AddressSet::all(), one(1000 + n)),
            _ => tcp(n, prefix(n, 24), AddressSet::all(), PortRange::ALL),
        },
    },
    Mix { name: "random, many wildcards", rule: random },
    // Each range holds the next: hardly anything can be told apart by one look-up.
    Mix {
        name: "nested ranges of both ports",
        rule: |n, count, _| Rule {
            source_ports: vec![PortRange::new(n, 2 * count - n).unwrap()],
            ..tcp(n, AddressSet::all(), AddressSet::all(), PortRange::new(40_000 + n, 60_000 - n).unwrap())
        },
    },
];

/// `count` rules and the default ones, for the VM with this address.
pub(crate) fn rules(mix: &Mix, count: u16, own: Ipv4Addr) -> Vec<Rule> {
    let mut chance = Chance(1);
    let client = network::address(network::CLIENT);
    let mut rules = Vec::new();
    for n in 0..count - 1 {
        rules.push(loop {
            let rule = (mix.rule)(n, count, &mut chance);
            let port = |ranges: &[PortRange], port| ranges.iter().any(|range| range.contains(port));
            // A guest's own ports are from 32768 on.
            let met = rule.source.contains(client)
                && rule.destination.contains(own)
                && port(&rule.destination_ports, PORT);
            if !met || !port(&rule.source_ports, 32_768) {
                break rule;
            }
        });
    }
    rules.push(Rule { access: RuleAccess::Allow, ..tcp(0, AddressSet::all(), AddressSet::all(), one(PORT)) });
    for (index, rule) in rules.iter_mut().enumerate() {
        rule.priority = 100 + u16::try_from(index).unwrap();
        rule.name = format!("rule-{index}");
    }
    let network: AddressSet = ["10.0.0.0/16".parse().unwrap()].into_iter().collect();
    let default = |name: &str, priority, access, source: &AddressSet, destination: &AddressSet| Rule {
        name: name.into(),
        priority,
        access,
        protocol: Protocol::Any,
        ..tcp(0, source.clone(), destination.clone(), PortRange::ALL)
    };
    let (all, balancer) = (AddressSet::all(), ["168.63.129.16/32".parse().unwrap()].into_iter().collect());
    rules.extend([
        default("AllowVnetInBound", 65_000, RuleAccess::Allow, &network, &network),
        default("AllowAzureLoadBalancerInBound", 65_001, RuleAccess::Allow, &balancer, &all),
        default("DenyAllInBound", 65_500, RuleAccess::Deny, &all, &all),
    ]);
    rules
}

fn tcp(n: u16, source: AddressSet, destination: AddressSet, ports: PortRange) -> Rule {
    Rule {
        name: String::new(),
        priority: 0,
        access: if n.is_multiple_of(2) { RuleAccess::Allow } else { RuleAccess::Deny },
        protocol: Protocol::Tcp,
        source,
        source_ports: vec![PortRange::ALL],
        destination,
        destination_ports: vec![ports],
    }
}

fn random(n: u16, _: u16, chance: &mut Chance) -> Rule {
    let mut addresses = || match chance.below(10) {
        0..5 => AddressSet::all(),
        5..8 => prefix(chance.below(4096), 24),
        8 => prefix(chance.below(4096), 16),
        _ => (0..4).flat_map(|_| prefix(chance.below(4096), 28).prefixes().to_vec()).collect(),
    };
    let (source, destination) = (addresses(), addresses());
    let port = chance.below(40_000);
    let ports = match chance.below(10) {
        0..3 => PortRange::ALL,
        3..8 => one(port),
        _ => PortRange::new(port, port + chance.below(2000)).unwrap(),
    };
    let protocol = match chance.below(10) {
        0..6 => Protocol::Tcp,
        6..8 => Protocol::Udp,
        _ => Protocol::Any,
    };
    Rule { protocol, ..tcp(n, source, destination, ports) }
}

fn one(port: u16) -> PortRange {
    PortRange::new(port, port).unwrap()
}

/// A prefix of 172.16.0.0/12.
fn prefix(n: u16, length: u8) -> AddressSet {
    let address = Ipv4Addr::from(0xac10_0000 + (u32::from(n) << 8));
    [ipnet::Ipv4Net::new(address, length).unwrap()].into_iter().collect()
}

/// Numbers that look random and are the same in each run.
pub(crate) struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u16) -> u16 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u16::try_from((self.0 >> 33) % u64::from(limit)).unwrap()
    }
}
