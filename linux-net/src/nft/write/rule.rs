//! A rule as expressions.

use super::expression::{Data, Expression, Load, TO_VALUE, TO_VERDICT};
use super::flow_map;
use super::key::{Key, word_number};
use super::set::{Set, Target};
use crate::nft::device::Indexes;
use crate::nft::{self, Family, Field, Nat, Operator, Statement, Value};

const EQUAL: u32 = 0;
const NOT_EQUAL: u32 = 1;
const AT_MOST: u32 = 3;
const MORE: u32 = 4;
const AT_LEAST: u32 = 5;

/// What is done with an element of a map: `NFT_DYNSET_OP_UPDATE`, `NFT_DYNSET_OP_DELETE`.
const REMEMBER: u32 = 1;
const FORGET: u32 = 2;

/// What a rule is made of.
pub(super) struct Rule {
    pub(super) expressions: Vec<Expression>,
    pub(super) sets: Vec<Set>,
    family: Family,
    /// What is known already of packets that come so far.
    known: Vec<Expression>,
}

impl Rule {
    /// None when something of it is not written here. `sets` counts the sets of the transaction.
    pub(super) fn of(rule: &nft::Rule, family: Family, indexes: &Indexes, sets: &mut u32) -> Option<Self> {
        if rule.comment.is_some() {
            return None;
        }
        let mut written = Self { expressions: Vec::new(), sets: Vec::new(), family, known: Vec::new() };
        for statement in &rule.statements {
            match statement {
                Statement::Forward(device) => {
                    let index = indexes.get(device).filter(|index| **index != 0)?;
                    let index = Expression::Immediate(Data::Value(index.to_ne_bytes().to_vec()));
                    written.push([index, Expression::Forward]);
                }
                other => written.statement(other, sets)?,
            }
        }
        Some(written)
    }

    /// What must be known before the field is loaded, unless it is.
    fn prepare(&mut self, field: Field) {
        let Some(before) = Key::before(field, self.family) else { return };
        if !self.known.ends_with(&before) {
            self.known = before.to_vec();
            self.push(before);
        }
    }

    fn push(&mut self, expressions: impl IntoIterator<Item = Expression>) {
        self.expressions.extend(expressions);
    }

    fn statement(&mut self, statement: &Statement, sets: &mut u32) -> Option<()> {
        match statement {
            Statement::Match(field, operator, value) => return self.matching(*field, *operator, value, sets),
            Statement::Counter(name) => self.push([Expression::Counter(name.as_str().to_owned())]),
            Statement::CounterBy(field, cases) => {
                let target = |name: &nft::Name| Some(Target::Counter(name.as_str().to_owned()));
                let set = self.look_up(*field, cases, target, sets)?;
                self.push([Expression::CounterBy(set)]);
            }
            Statement::Log { group, prefix, snaplen } => {
                let prefix = prefix.as_str().to_owned();
                self.push([Expression::Log { group: *group, prefix, snaplen: *snaplen }]);
            }
            Statement::SetMark(mark) => {
                self.push([Expression::Immediate(mark_value(*mark)), Expression::SetMark]);
            }
            Statement::SetMarkBy(field, cases) => {
                let target = |mark: &u32| Some(Target::Data(mark_value(*mark)));
                let set = self.look_up(*field, cases, target, sets)?;
                let lookup = Expression::Lookup { set, inverted: false, target: TO_VALUE };
                self.push([lookup, Expression::SetMark]);
            }
            Statement::VerdictMap(field, cases) => {
                let target = |statement: &Statement| verdict(statement).map(Target::Data);
                let set = self.look_up(*field, cases, target, sets)?;
                self.push([Expression::Lookup { set, inverted: false, target: TO_VERDICT }]);
            }
            Statement::Write(field, value) => self.write(*field, value)?,
            Statement::Nat(nat) => self.push([translation(nat)?]),
            Statement::SetMarkByFlow(map) => {
                self.load_flow()?;
                self.push([Expression::LookupFlow(map.as_str().to_owned()), Expression::SetMark]);
            }
            Statement::RememberNextHop(map) => self.remember(map, Field::NextHop, REMEMBER)?,
            Statement::RememberMark(map) => self.remember(map, Field::Mark, REMEMBER)?,
            // The kernel wants an address also where it needs none.
            Statement::Forget(map) => self.remember(map, Field::Mark, FORGET)?,
            Statement::Reset => self.push([Expression::Reset]),
            other => self.push([Expression::Immediate(verdict(other)?)]),
        }
        Some(())
    }

    /// Loads what tells the packet's flow from others.
    fn load_flow(&mut self) -> Option<()> {
        self.push(
            flow_map::loads()?.into_iter().map(|(load, register)| Expression::LoadInto(register, load)),
        );
        Some(())
    }

    fn remember(&mut self, map: &nft::Name, value: Field, operation: u32) -> Option<()> {
        self.load_flow()?;
        self.push([Expression::LoadInto(flow_map::VALUE_REGISTER, Key::of(value)?.load)]);
        self.push([Expression::Remember { map: map.as_str().to_owned(), operation }]);
        Some(())
    }

    /// Into a header, of TCP where it is a port of TCP.
    fn write(&mut self, field: Field, value: &Value) -> Option<()> {
        let (known_as, checksum, is_pseudo) = match field {
            Field::IpSource | Field::IpDestination => (field, 10, true),
            Field::TcpSource => (Field::TransportSource, 16, false),
            Field::TcpDestination => (Field::TransportDestination, 16, false),
            Field::UdpSource => (Field::TransportSource, 6, false),
            Field::UdpDestination => (Field::TransportDestination, 6, false),
            _ => return None,
        };
        let key = Key::of(known_as)?;
        let Load::Payload { base, offset, length } = key.load else { return None };
        self.push([
            Expression::Immediate(Data::Value(key.value(value)?)),
            Expression::Write { base, offset, length, checksum, is_pseudo },
        ]);
        Some(())
    }

    /// Loads the field, and makes a map of the cases; returns its number.
    fn look_up<T>(
        &mut self,
        field: Field,
        cases: &[(Value, T)],
        target: impl Fn(&T) -> Option<Target>,
        sets: &mut u32,
    ) -> Option<u32> {
        let case =
            |(value, result): &'_ (Value, T)| target(result).map(|target| (value.clone(), Some(target)));
        let cases = cases.iter().map(case).collect::<Option<Vec<_>>>()?;
        self.load_for_set(field, &cases, sets)
    }

    fn load_for_set(
        &mut self,
        field: Field,
        values: &[(Value, Option<Target>)],
        sets: &mut u32,
    ) -> Option<u32> {
        // Of these, a part of what is loaded counts.
        if matches!(
            field,
            Field::IpDscp
                | Field::TcpFlags
                | Field::TcpHandshake
                | Field::ConntrackState
                | Field::ConntrackStatus
        ) {
            return None;
        }
        let key = Key::of(field)?;
        *sets += 1;
        let values = values.iter().map(|(value, target)| (value, target.clone())).collect::<Vec<_>>();
        let set = Set::new(*sets, &key, &values)?;
        self.prepare(field);
        self.push([Expression::Load(key.load)]);
        if set.has_intervals() && key.is_host_order {
            (key.length == 4).then_some(())?;
            self.push([Expression::NetworkOrder]);
        }
        self.sets.push(set);
        Some(*sets)
    }

    fn matching(&mut self, field: Field, operator: Operator, value: &Value, sets: &mut u32) -> Option<()> {
        let key = Key::of(field)?;
        let equality = match operator {
            Operator::Is => Some(EQUAL),
            Operator::IsNot => Some(NOT_EQUAL),
            Operator::Below | Operator::Above => None,
        };
        if let (Some(equality), Value::AnyOf(values)) = (equality, value) {
            let values = values.iter().map(|value| (value.clone(), None)).collect::<Vec<_>>();
            let set = self.load_for_set(field, &values, sets)?;
            self.push([Expression::Lookup { set, inverted: equality == NOT_EQUAL, target: None }]);
            return Some(());
        }
        self.prepare(field);
        let load = Expression::Load(key.load);
        let in_network_order = |number: u32| number.to_be_bytes()[4 - key.length as usize..].to_vec();
        let ordered =
            if key.is_host_order { vec![load.clone(), Expression::NetworkOrder] } else { vec![load.clone()] };
        match (operator, value) {
            (Operator::Is, Value::Words(words))
                if matches!(field, Field::ConntrackState | Field::ConntrackStatus) =>
            {
                let bits =
                    words.iter().map(|word| word_number(word)).try_fold(0, |bits, bit| Some(bits | bit?))?;
                let none = Expression::Compare(NOT_EQUAL, vec![0; 4]);
                self.push([load, Expression::Mask(key.number(bits)), none]);
            }
            (Operator::Is, Value::Words(words)) if field == Field::TcpFlags => {
                let bits =
                    words.iter().map(|word| tcp_flag(word)).try_fold(0, |bits, bit| Some(bits | bit?))?;
                self.push([load, Expression::Mask(vec![bits]), Expression::Compare(NOT_EQUAL, vec![0])]);
            }
            (_, _) if field == Field::TcpFlags => return None,
            (_, Value::Number(number)) if field == Field::IpDscp => {
                let number = u8::try_from(*number).ok()? << 2;
                self.push([load, Expression::Mask(vec![0xfc]), Expression::Compare(equality?, vec![number])]);
            }
            (_, Value::Word("syn")) if field == Field::TcpHandshake => {
                self.push([load, Expression::Mask(vec![0x17]), Expression::Compare(equality?, vec![0x02])]);
            }
            (_, _) if matches!(field, Field::TcpHandshake | Field::ConntrackStatus) => return None,
            (_, Value::Prefix(prefix)) => {
                let (address, length) = (prefix.network().octets(), prefix.prefix_len());
                let whole = usize::from(length / 8);
                (length > 0).then_some(())?;
                if length % 8 == 0 {
                    let begin = match key.load {
                        Load::Payload { base, offset, .. } => {
                            Load::Payload { base, offset, length: u32::from(length / 8) }
                        }
                        other => other,
                    };
                    let begin = Expression::Load(begin);
                    self.push([begin, Expression::Compare(equality?, address[..whole].to_vec())]);
                } else {
                    let mask = Expression::Mask(prefix.netmask().octets().to_vec());
                    self.push([load, mask, Expression::Compare(equality?, address.to_vec())]);
                }
            }
            (Operator::Is, Value::Range(first, last)) => {
                (key.length <= 4).then_some(())?;
                self.push(ordered);
                self.push([
                    Expression::Compare(AT_LEAST, in_network_order(*first)),
                    Expression::Compare(AT_MOST, in_network_order(*last)),
                ]);
            }
            (Operator::Above, Value::Number(number)) => {
                (key.length <= 4).then_some(())?;
                self.push(ordered);
                self.push([Expression::Compare(MORE, in_network_order(*number))]);
            }
            (_, Value::Set(set)) => {
                let set = set.as_str().to_owned();
                self.push([load, Expression::LookupByName { set, inverted: equality? == NOT_EQUAL }]);
            }
            _ => self.push([load, Expression::Compare(equality?, key.value(value)?)]),
        }
        Some(())
    }
}

fn translation(nat: &Nat) -> Option<Expression> {
    let (is_source, address, ports) = match nat {
        Nat::Masquerade => return None,
        Nat::Source(address, ports) => (true, address, ports.map(|(first, last)| vec![first, last])),
        Nat::Destination(address, port) => (false, address, port.map(|port| vec![port])),
    };
    Some(Expression::Nat { is_source, address: address.octets().to_vec(), ports: ports.unwrap_or_default() })
}

fn tcp_flag(word: &str) -> Option<u8> {
    match word {
        "fin" => Some(1),
        "syn" => Some(2),
        "rst" => Some(4),
        "ack" => Some(16),
        _ => None,
    }
}

fn mark_value(mark: u32) -> Data {
    Data::Value(mark.to_ne_bytes().to_vec())
}

fn verdict(statement: &Statement) -> Option<Data> {
    let (code, chain) = match statement {
        Statement::Drop => (0, None),
        Statement::Accept => (1, None),
        Statement::Jump(chain) => (-3, Some(chain)),
        Statement::Goto(chain) => (-4, Some(chain)),
        Statement::Return => (-5, None),
        _ => return None,
    };
    Some(Data::Verdict(code, chain.map(|chain| chain.as_str().to_owned())))
}
