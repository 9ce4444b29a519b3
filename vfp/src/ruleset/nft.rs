//! A ruleset in the language of `linux_net::nft`, which prints and applies it.

use goal_state::MacAddr;
use goal_state::nsg::{AddressSet, PortRange};
use ipnet::Ipv4Net;
use linux_net::nft::{self, Field, InvalidText, Name, Operator, Statement, Value};

use super::{
    Action, Chain, Elements, Family, FlowAction, Hook, Key, Match, NamedSet, Rule, Ruleset, Span, TABLE,
    Translated,
};

/// The bytes of a logged packet that are kept: the longest IPv4 header and the ports, with room.
const LOG_LENGTH: u32 = 128;
const TCP: u8 = 6;

/// Flows that there is room for in a map: some hundred megabytes when it is full.
const FLOWS: u32 = 1 << 20;

/// The tables of one namespace, for the kernel.
///
/// # Errors
/// When a name in them is none.
pub fn as_nft(rulesets: &[Ruleset]) -> Result<nft::Ruleset, InvalidText> {
    Ok(nft::Ruleset { tables: all(rulesets, table)? })
}

fn table(ruleset: &Ruleset) -> Result<nft::Table, InvalidText> {
    let family = match ruleset.family {
        Family::Ip => nft::Family::Ip,
        Family::Bridge => nft::Family::Bridge,
        Family::Netdev => nft::Family::Netdev,
    };
    let mut table = nft::Table::new(family, Name::new(TABLE)?);
    table.counters = all(&ruleset.counters, |counter| {
        let comment = Some(nft::Comment::lossy(&counter.comment));
        Ok(nft::Counter { name: Name::new(&*counter.name)?, comment })
    })?;
    table.sets = all(&ruleset.sets, set)?;
    table.connection_sets = all(&ruleset.connection_sets, |set| {
        let fields = set.keys.iter().map(|key| field(*key)).collect();
        Ok(nft::ConnectionSet { name: Name::new(&*set.name)?, fields, size: set.size })
    })?;
    table.flow_maps = all(&ruleset.flow_maps, |map| {
        Ok(nft::FlowMap { name: Name::new(&*map.name)?, timeout_s: map.timeout_s, size: FLOWS })
    })?;
    table.chains = all(&ruleset.chains, |wanted| chain(ruleset, wanted))?;
    Ok(table)
}

fn all<T, U>(items: &[T], lower: impl Fn(&T) -> Result<U, InvalidText>) -> Result<Vec<U>, InvalidText> {
    items.iter().map(lower).collect()
}

fn set(set: &NamedSet) -> Result<nft::Set, InvalidText> {
    let (field, elements) = match &set.elements {
        Elements::Addresses(addresses) => {
            (Field::ArpDestination, addresses.iter().copied().map(Value::Address).collect())
        }
        Elements::Macs(macs) => (Field::EtherDestination, macs.iter().map(mac).collect()),
    };
    Ok(nft::Set { name: Name::new(&*set.name)?, fields: vec![field], intervals: false, elements })
}

fn chain(ruleset: &Ruleset, chain: &Chain) -> Result<nft::Chain, InvalidText> {
    let name = Name::new(&*chain.name)?;
    let hook = chain.hook.as_ref().map(hook).transpose()?;
    Ok(nft::Chain { name, hook, rules: all(&chain.rules, |wanted| rule(ruleset, wanted))? })
}

fn hook(hook: &Hook) -> Result<nft::Hook, InvalidText> {
    use nft::{HookPoint, Policy};
    Ok(match hook {
        Hook::Prerouting { drop: true } => nft::Hook::filter(HookPoint::Prerouting, 0, Policy::Drop),
        Hook::Prerouting { drop: false } => nft::Hook::filter(HookPoint::Prerouting, 0, Policy::Accept),
        Hook::Output => nft::Hook::filter(HookPoint::Output, 0, Policy::Drop),
        Hook::Forward => nft::Hook::filter(HookPoint::Forward, 0, Policy::Accept),
        Hook::DestinationNat => nft::Hook::nat(HookPoint::Prerouting, -100),
        Hook::SourceNat => nft::Hook::nat(HookPoint::Postrouting, 100),
        Hook::Postrouting => nft::Hook::filter(HookPoint::Postrouting, 150, Policy::Accept),
        Hook::Ingress(devices) => {
            nft::Hook::netdev(HookPoint::Ingress, all(devices, |device| Name::new(&**device))?, 0)
        }
    })
}

fn rule(ruleset: &Ruleset, rule: &Rule) -> Result<nft::Rule, InvalidText> {
    let mut statements = Vec::new();
    for question in &rule.matches {
        statements.extend(matching(ruleset, question)?);
    }
    statements.extend(all(&rule.actions, action)?);
    Ok(nft::Rule::new(statements))
}

fn matching(ruleset: &Ruleset, question: &Match) -> Result<Vec<Statement>, InvalidText> {
    use Operator::{Is, IsNot};
    let one = |field, operator, value| Ok(vec![Statement::Match(field, operator, value)]);
    match question {
        Match::InDevice(devices) => {
            let devices = all(devices, |device| Ok(Value::Device(Name::new(&**device)?)))?;
            one(Field::IifName, Is, any_of(devices))
        }
        Match::Established => one(Field::ConntrackState, Is, Value::Words(vec!["established", "related"])),
        Match::Reply => one(Field::ConntrackDirection, Is, Value::Word("reply")),
        Match::Invalid => one(Field::ConntrackState, Is, Value::Words(vec!["invalid"])),
        Match::NotTheFirst => one(Field::ConntrackStatus, Is, Value::Words(vec!["confirmed"])),
        Match::FewConnections { set, most } => {
            let keys = ruleset.connection_sets.iter().filter(|counted| counted.name == *set);
            let fields = keys.flat_map(|counted| &counted.keys).map(|key| field(*key)).collect();
            Ok(vec![Statement::CountConnections { set: Name::new(&**set)?, fields, most: *most }])
        }
        Match::HasSocket => Ok(vec![Statement::HasSocket]),
        Match::EndsConnection => one(Field::TcpFlags, Is, Value::Words(vec!["fin", "rst"])),
        Match::Translated(translated) => {
            let words = match translated {
                Translated::Destination => vec!["dnat"],
                Translated::Either => vec!["snat", "dnat"],
            };
            one(Field::ConntrackStatus, Is, Value::Words(words))
        }
        Match::NoNewConnection => one(Field::TcpHandshake, IsNot, Value::Word("syn")),
        Match::Source(set) => one(Field::IpSource, Is, addresses(set)),
        Match::SourceNot(set) => one(Field::IpSource, IsNot, addresses(set)),
        Match::Destination(set) => one(Field::IpDestination, Is, addresses(set)),
        Match::DestinationNot(set) => one(Field::IpDestination, IsNot, addresses(set)),
        Match::SourceMac(macs) => one(Field::EtherSource, Is, any_of(macs.iter().map(mac).collect())),
        Match::Protocol(numbers) => one(Field::L4Protocol, Is, protocols(numbers)),
        Match::ProtocolNot(numbers) => one(Field::L4Protocol, IsNot, protocols(numbers)),
        Match::SourcePort(ranges) => one(Field::TransportSource, Is, ports(ranges)),
        Match::DestinationPort(ranges) => one(Field::TransportDestination, Is, ports(ranges)),
        Match::Dscp(value) => one(Field::IpDscp, Is, Value::Number(u32::from(*value))),
        Match::NotUnicastFrame => {
            let kinds = ["broadcast", "multicast"].map(Value::Word).to_vec();
            one(Field::PacketType, Is, Value::AnyOf(kinds))
        }
        Match::ArpRequestNotIn(set) => Ok(vec![
            Statement::is(Field::ArpOperation, Value::Word("request")),
            Statement::is_not(Field::ArpDestination, Value::Set(Name::new(&**set)?)),
        ]),
        Match::ArpRequestFor(addresses) => Ok(vec![
            Statement::is(Field::ArpOperation, Value::Word("request")),
            Statement::is(
                Field::ArpDestination,
                any_of(addresses.iter().copied().map(Value::Address).collect()),
            ),
        ]),
        Match::Ipv4ForMac(set) => Ok(vec![
            Statement::is(Field::Protocol, Value::Word("ip")),
            Statement::is(Field::EtherDestination, Value::Set(Name::new(&**set)?)),
        ]),
        Match::NextHop(set) => one(Field::NextHop, Is, addresses(set)),
        Match::Mark(spans) => {
            let spans = spans.iter().map(|span| numbers(*span)).collect();
            one(Field::Mark, Is, any_of(spans))
        }
        Match::MarkAbove(mark) => one(Field::Mark, Operator::Above, Value::Number(*mark)),
    }
}

fn action(wanted: &Action) -> Result<Statement, InvalidText> {
    Ok(match wanted {
        Action::SetMark(mark) => Statement::SetMark(*mark),
        Action::MarkBy(key, cases) => {
            let cases = cases.iter().map(|(span, mark)| (looked_up(*key, *span), *mark)).collect();
            Statement::SetMarkBy(field(*key), cases)
        }
        Action::CountByMark(cases) => {
            let case = |(mark, counter): &(u32, String)| Ok((Value::Number(*mark), Name::new(&**counter)?));
            Statement::CounterBy(Field::Mark, all(cases, case)?)
        }
        Action::Branch(key, cases) => {
            let case = |(span, verdict): &(Span, Action)| Ok((looked_up(*key, *span), action(verdict)?));
            Statement::VerdictMap(field(*key), all(cases, case)?)
        }
        Action::Count(counter) => Statement::Counter(Name::new(&**counter)?),
        Action::Log { group, prefix } => {
            let prefix = nft::LogPrefix::new(&**prefix)?;
            Statement::Log { group: *group, prefix, snaplen: Some(LOG_LENGTH) }
        }
        Action::Masquerade => Statement::Nat(nft::Nat::Masquerade),
        Action::SourceNat(address, ports) => {
            let ports = ports.map(|ports| (ports.first(), ports.last()));
            Statement::Nat(nft::Nat::Source(*address, ports))
        }
        Action::DestinationNat(address, port) => Statement::Nat(nft::Nat::Destination(*address, *port)),
        Action::WriteSource(address) => Statement::Write(Field::IpSource, Value::Address(*address)),
        Action::WriteSourcePort(protocol, port) => {
            let field = if *protocol == TCP { Field::TcpSource } else { Field::UdpSource };
            Statement::Write(field, Value::Number(u32::from(*port)))
        }
        Action::Forward(device) => Statement::Forward(Name::new(&**device)?),
        Action::Flow(what, map) => flow(*what, Name::new(&**map)?),
        Action::Accept => Statement::Accept,
        Action::Drop => Statement::Drop,
        Action::Reset => Statement::Reset,
        Action::Return => Statement::Return,
        Action::Jump(chain) => Statement::Jump(Name::new(&**chain)?),
        Action::Goto(chain) => Statement::Goto(Name::new(&**chain)?),
        Action::GotoByChance(chains) => {
            Statement::VerdictByChance(all(chains, |chain| Ok(Statement::Goto(Name::new(&**chain)?)))?)
        }
    })
}

fn flow(action: FlowAction, map: Name) -> Statement {
    match action {
        FlowAction::Find => Statement::SetMarkByFlow(map),
        FlowAction::RememberNextHop => Statement::RememberNextHop(map),
        FlowAction::RememberMark => Statement::RememberMark(map),
        FlowAction::Forget => Statement::Forget(map),
    }
}

fn addresses(set: &AddressSet) -> Value {
    let prefix = |prefix: &Ipv4Net| match prefix.prefix_len() {
        32 => Value::Address(prefix.addr()),
        _ => Value::Prefix(*prefix),
    };
    any_of(set.prefixes().iter().map(prefix).collect())
}

fn ports(ranges: &[PortRange]) -> Value {
    let range = |range: &PortRange| match (u32::from(range.first()), u32::from(range.last())) {
        (first, last) if first == last => Value::Number(first),
        (first, last) => Value::Range(first, last),
    };
    any_of(ranges.iter().map(range).collect())
}

fn field(key: Key) -> Field {
    match key {
        Key::Protocol => Field::L4Protocol,
        Key::Source => Field::IpSource,
        Key::Destination => Field::IpDestination,
        Key::SourcePort => Field::TransportSource,
        Key::DestinationPort => Field::TransportDestination,
    }
}

fn looked_up(key: Key, span: Span) -> Value {
    match key {
        Key::Protocol | Key::SourcePort | Key::DestinationPort => numbers(span),
        Key::Source | Key::Destination if span.first == span.last => Value::Address(span.first.into()),
        Key::Source | Key::Destination => Value::AddressRange(span.first.into(), span.last.into()),
    }
}

fn numbers(span: Span) -> Value {
    if span.first == span.last { Value::Number(span.first) } else { Value::Range(span.first, span.last) }
}

fn protocols(numbers: &[u8]) -> Value {
    any_of(numbers.iter().map(|number| Value::Number(u32::from(*number))).collect())
}

fn mac(mac: &MacAddr) -> Value {
    Value::Mac(linux_net::MacAddr(mac.0))
}

/// One value as itself, several as an anonymous set: looked up in one step however many there are.
fn any_of(mut values: Vec<Value>) -> Value {
    if values.len() == 1 { values.remove(0) } else { Value::AnyOf(values) }
}
