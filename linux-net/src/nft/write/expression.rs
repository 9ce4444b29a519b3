//! The kernel's expressions, of which rules are made. All work on register 1, and translation on those behind it, too.

use super::bytes::{nested, number, text};
use super::flow_map::VALUE_REGISTER;
use crate::nlmsg;

const REGISTER: u32 = 1;
const VERDICT_REGISTER: u32 = 0;
/// Attributes that all expressions and lists have.
pub(super) const LIST_ELEMENT: u16 = 1;
const NAME: u16 = 1;
const DATA: u16 = 2;
/// Attributes of data.
const DATA_VALUE: u16 = 1;
const DATA_VERDICT: u16 = 2;
const VERDICT_CODE: u16 = 1;
const VERDICT_CHAIN: u16 = 2;

/// The kind of checksum of IP, TCP and UDP.
const INTERNET_CHECKSUM: u32 = 1;
/// `NFT_REJECT_TCP_RST`.
const TCP_RESET: u32 = 1;
/// `NFPROTO_IPV4`.
const IPV4: u32 = 2;
/// `NF_NAT_RANGE_PROTO_SPECIFIED`.
const PORTS_GIVEN: u32 = 2;

/// What loads the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// A property of the packet, by the kernel's number.
    Meta(u32),
    /// Bytes of a header: 0 link, 1 network, 2 transport.
    Payload { base: u32, offset: u32, length: u32 },
    /// A property of its connection, by the kernel's number.
    Conntrack(u32),
    /// What routing has found, by the kernel's number.
    Routing(u32),
}

/// A verdict, or data of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Data {
    Value(Vec<u8>),
    Verdict(i32, Option<String>),
}

/// One expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    Load(Load),
    /// The same into another register.
    LoadInto(u32, Load),
    /// Goes on when the register compares so: 0 equal, 1 not equal, 3 at most, 4 more, 5 at least.
    Compare(u32, Vec<u8>),
    Mask(Vec<u8>),
    /// A number of four bytes into network order.
    NetworkOrder,
    /// Looks the register up in the set with this number; inverted, or else with a target: a verdict or a value.
    Lookup {
        set: u32,
        inverted: bool,
        target: Option<u32>,
    },
    /// The same in a set that has a name.
    LookupByName {
        set: String,
        inverted: bool,
    },
    /// Does with the flow in the register and the address behind it what the kernel has this number for: 1 remember, 2 forget.
    Remember {
        map: String,
        operation: u32,
    },
    /// Looks up the address of the flow in the register.
    LookupFlow(String),
    Reset,
    /// Sets the register, or the verdict.
    Immediate(Data),
    /// Sends the frame by the device whose index is in the register.
    Forward,
    SetMark,
    /// Writes the register into a header, and sets its checksum right, which is at that place of it. Whether that of the transport
    /// protocol has the field in it, too.
    Write {
        base: u32,
        offset: u32,
        length: u32,
        checksum: u32,
        is_pseudo: bool,
    },
    /// Translates the source, or else the destination, to the address, and the port to one from, to.
    Nat {
        is_source: bool,
        address: Vec<u8>,
        ports: Vec<u16>,
    },
    Counter(String),
    /// Counts by the map with this number.
    CounterBy(u32),
    Log {
        group: u16,
        prefix: String,
        snaplen: Option<u32>,
    },
}

/// A map with verdicts, and one with values.
pub(super) const TO_VERDICT: Option<u32> = Some(VERDICT_REGISTER);
pub(super) const TO_VALUE: Option<u32> = Some(REGISTER);

impl Load {
    /// Attributes of the expression.
    fn content(&self, bytes: &mut Vec<u8>, register: u32) {
        match self {
            Self::Meta(key) | Self::Conntrack(key) | Self::Routing(key) => {
                number(bytes, 1, register);
                number(bytes, 2, *key);
            }
            Self::Payload { base, offset, length } => {
                [register, *base, *offset, *length]
                    .iter()
                    .zip(1..)
                    .for_each(|(n, kind)| number(bytes, kind, *n));
            }
        }
    }
}

impl Data {
    pub(super) fn write(&self, bytes: &mut Vec<u8>, kind: u16) {
        nested(bytes, kind, |bytes| match self {
            Self::Value(value) => nlmsg::push_attribute(bytes, DATA_VALUE, value),
            Self::Verdict(code, chain) => nested(bytes, DATA_VERDICT, |bytes| {
                nlmsg::push_attribute(bytes, VERDICT_CODE, &code.to_be_bytes());
                if let Some(chain) = chain {
                    text(bytes, VERDICT_CHAIN, chain);
                }
            }),
        });
    }
}

impl Expression {
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        if let Self::Nat { address, ports, .. } = self {
            let ports = ports.iter().map(|port| port.to_be_bytes().to_vec());
            let values = [address.clone()].into_iter().chain(ports);
            values.zip(REGISTER..).for_each(|(value, register)| load(bytes, register, value));
        }
        nested(bytes, LIST_ELEMENT, |bytes| {
            text(bytes, NAME, self.name());
            nested(bytes, DATA, |bytes| self.content(bytes));
        });
    }

    fn name(&self) -> &'static str {
        match self {
            Self::LoadInto(_, load) => Self::Load(*load).name(),
            Self::Remember { .. } => "dynset",
            Self::LookupFlow(_) => "lookup",
            Self::Reset => "reject",
            Self::Load(Load::Meta(_)) | Self::SetMark => "meta",
            Self::Load(Load::Payload { .. }) | Self::Write { .. } => "payload",
            Self::Nat { .. } => "nat",
            Self::Load(Load::Conntrack(_)) => "ct",
            Self::Load(Load::Routing(_)) => "rt",
            Self::Compare(..) => "cmp",
            Self::Mask(_) => "bitwise",
            Self::NetworkOrder => "byteorder",
            Self::Lookup { .. } | Self::LookupByName { .. } => "lookup",
            Self::Forward => "fwd",
            Self::Immediate(_) => "immediate",
            Self::Counter(_) | Self::CounterBy(_) => "objref",
            Self::Log { .. } => "log",
        }
    }

    /// The attributes' numbers are those of linux/netfilter/nf_tables.h.
    fn content(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Load(load) => load.content(bytes, REGISTER),
            Self::LoadInto(register, load) => load.content(bytes, *register),
            Self::Remember { map, operation } => {
                text(bytes, 1, map);
                [*operation, REGISTER, VALUE_REGISTER]
                    .iter()
                    .zip(3..)
                    .for_each(|(n, kind)| number(bytes, kind, *n));
            }
            Self::LookupFlow(map) => {
                text(bytes, 1, map);
                number(bytes, 2, REGISTER);
                number(bytes, 3, REGISTER);
            }
            Self::Reset => {
                number(bytes, 1, TCP_RESET);
                nlmsg::push_attribute(bytes, 2, &[0]);
            }
            Self::Compare(operator, value) => {
                number(bytes, 1, REGISTER);
                number(bytes, 2, *operator);
                Data::Value(value.clone()).write(bytes, 3);
            }
            Self::Mask(mask) => {
                [REGISTER, REGISTER, mask.len() as u32]
                    .iter()
                    .zip(1..)
                    .for_each(|(n, kind)| number(bytes, kind, *n));
                Data::Value(mask.clone()).write(bytes, 4);
                Data::Value(vec![0; mask.len()]).write(bytes, 5);
            }
            // To network order, four bytes in words of four.
            Self::NetworkOrder => {
                [REGISTER, REGISTER, 1, 4, 4].iter().zip(1..).for_each(|(n, kind)| number(bytes, kind, *n));
            }
            Self::Lookup { set, inverted, target } => {
                text(bytes, 1, super::set::NAME);
                number(bytes, 2, REGISTER);
                if let Some(target) = target {
                    number(bytes, 3, *target);
                }
                number(bytes, 4, *set);
                number(bytes, 5, u32::from(*inverted));
            }
            Self::LookupByName { set, inverted } => {
                text(bytes, 1, set);
                number(bytes, 2, REGISTER);
                number(bytes, 5, u32::from(*inverted));
            }
            Self::Forward => number(bytes, 1, REGISTER),
            Self::Immediate(data) => {
                number(bytes, 1, if matches!(data, Data::Verdict(..)) { VERDICT_REGISTER } else { REGISTER });
                data.write(bytes, 2);
            }
            Self::SetMark => {
                number(bytes, 2, 3);
                number(bytes, 3, REGISTER);
            }
            Self::Write { base, offset, length, checksum, is_pseudo } => {
                let numbers = [*base, *offset, *length, REGISTER, INTERNET_CHECKSUM, *checksum];
                numbers.iter().zip(2..).for_each(|(n, kind)| number(bytes, kind, *n));
                number(bytes, 8, u32::from(*is_pseudo));
            }
            Self::Nat { is_source, ports, .. } => {
                number(bytes, 1, u32::from(!is_source));
                number(bytes, 2, IPV4);
                number(bytes, 3, REGISTER);
                (REGISTER + 1..).zip(5..).take(ports.len()).for_each(|(n, kind)| number(bytes, kind, n));
                if !ports.is_empty() {
                    number(bytes, 7, PORTS_GIVEN);
                }
            }
            Self::Counter(name) => {
                number(bytes, 1, 1);
                text(bytes, 2, name);
            }
            Self::CounterBy(set) => {
                number(bytes, 3, REGISTER);
                text(bytes, 4, super::set::NAME);
                number(bytes, 5, *set);
            }
            Self::Log { group, prefix, snaplen } => {
                nlmsg::push_attribute(bytes, 1, &group.to_be_bytes());
                text(bytes, 2, prefix);
                if let Some(snaplen) = snaplen {
                    number(bytes, 3, *snaplen);
                }
            }
        }
    }
}

/// Sets a register to a value.
fn load(bytes: &mut Vec<u8>, register: u32, value: Vec<u8>) {
    nested(bytes, LIST_ELEMENT, |bytes| {
        text(bytes, NAME, "immediate");
        nested(bytes, DATA, |bytes| {
            number(bytes, 1, register);
            Data::Value(value).write(bytes, 2);
        });
    });
}
