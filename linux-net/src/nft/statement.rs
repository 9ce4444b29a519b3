//! What a rule is made of.

use std::fmt;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::flow_map::{self, print_element};
use super::text::{LogPrefix, Name};
use crate::mac::MacAddr;

/// One step of a rule: a match that a packet must pass to get to the next, or something that happens to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Statement {
    /// `FIELD OPERATOR VALUE`.
    Match(Field, Operator, Value),
    /// Several fields at once, against one named set with the same types: `ip saddr . tcp dport @set`.
    MatchAll(Vec<Field>, Operator, Name),
    /// Counts with the table's counter of that name.
    Counter(Name),
    /// Counts with the counter that the map has: `counter name FIELD map { VALUE : NAME, ... }`.
    CounterBy(Field, Vec<(Value, Name)>),
    /// Hands a copy to NFLOG.
    Log {
        /// The NFLOG group.
        group: u16,
        /// What the receiver reads.
        prefix: LogPrefix,
        /// How many bytes of the packet; `None` = all.
        snaplen: Option<u32>,
    },
    /// `meta mark set`.
    SetMark(u32),
    /// `meta mark set FIELD map { VALUE : MARK, ... }`. What the map does not have, the rule does not match.
    SetMarkBy(Field, Vec<(Value, u32)>),
    /// `meta mark set FLOW map @MAP`: the mark becomes what a [`FlowMap`](super::FlowMap) has for the packet's flow, as the bytes of the
    /// address are in memory. What the map does not have, the rule does not match. Only for TCP and UDP.
    SetMarkByFlow(Name),
    /// `update @MAP { FLOW : rt ip nexthop }`: remembers the next hop that routing has chosen. Where the flow is remembered, only its time
    /// begins anew.
    RememberNextHop(Name),
    /// `update @MAP { FLOW : meta mark }`: the same with the address that is in the mark.
    RememberMark(Name),
    /// `delete @MAP { FLOW : meta mark }`: as if it had not been remembered, whatever the mark is.
    Forget(Name),
    /// `reject with tcp reset`: tells the sender, and drops. Only for TCP.
    Reset,
    /// `ct mark set`.
    SetConntrackMark(u32),
    /// Goes on when a socket of the namespace is there for the packet: its connection's, or one that listens.
    HasSocket,
    /// `ip dscp set`; 0 to 63.
    SetDscp(u8),
    /// `FIELD set VALUE`, in the packet itself, with its checksums. Only addresses of IP and ports of TCP and UDP, whose protocol has been matched before.
    Write(Field, Value),
    /// Goes on while the connections of which the packet's fields say the same are so many or fewer, this one among them:
    /// `add @SET { FIELD . ... ct count MOST }`. The set is one of [`super::Table::connection_sets`], of the same fields.
    CountConnections {
        /// What counts.
        set: Name,
        /// What connections that count together have in common.
        fields: Vec<Field>,
        /// The highest number with which a packet goes on.
        most: u32,
    },
    /// `meta pkttype set host`.
    SetPacketTypeHost,
    /// `notrack`.
    NoTrack,
    /// Ends the hook's chain: goes on.
    Accept,
    /// Ends everything: dropped in silence.
    Drop,
    /// Back to the calling chain.
    Return,
    /// To a chain, and back after it.
    Jump(Name),
    /// To a chain, and not back.
    Goto(Name),
    /// What to do, by a value: `FIELD vmap { VALUE : VERDICT, ... }`. Verdicts are Accept, Drop, Return, Jump, Goto.
    VerdictMap(Field, Vec<(Value, Statement)>),
    /// Any of these, by chance: `numgen random mod COUNT vmap { 0 : VERDICT, ... }`. Verdicts as in [`Self::VerdictMap`].
    VerdictByChance(Vec<Statement>),
    /// Address translation.
    Nat(Nat),
    /// Sends the frame by a device, past everything that is left here (family netdev, hook ingress): `fwd to DEVICE`. The
    /// kernel keeps the device's index, so the device must be there, and one of the same name that is made later is another.
    Forward(Name),
}

/// Address translation, in chains of the kind `nat`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Nat {
    /// The source becomes the outgoing device's address.
    Masquerade,
    /// The source becomes this address, and a port of the range if one is given.
    Source(Ipv4Addr, Option<(u16, u16)>),
    /// The destination becomes this address, and this port if one is given.
    Destination(Ipv4Addr, Option<u16>),
}

/// What of a packet is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The device by which it came in.
    IifName,
    /// The device by which it leaves.
    OifName,
    /// The packet's mark.
    Mark,
    /// host, broadcast, multicast, other.
    PacketType,
    /// The transport protocol, IP options and extension headers skipped.
    L4Protocol,
    /// Bytes.
    Length,
    /// Ethernet source.
    EtherSource,
    /// Ethernet destination.
    EtherDestination,
    /// Ethernet type.
    EtherType,
    /// The protocol that a frame carries, as the kernel has understood it: `ip`, `arp`.
    Protocol,
    /// IPv4 source.
    IpSource,
    /// IPv4 destination.
    IpDestination,
    /// IPv4 protocol.
    IpProtocol,
    /// Differentiated services code point, 0 to 63.
    IpDscp,
    /// Time to live.
    IpTtl,
    /// Fragment offset and flags.
    IpFragment,
    /// TCP source port.
    TcpSource,
    /// TCP destination port.
    TcpDestination,
    /// TCP flags.
    TcpFlags,
    /// Of TCP's flags those that begin and end connections: fin, syn, rst and ack. Only the value `syn`, where none of the others
    /// is set.
    TcpHandshake,
    /// UDP source port.
    UdpSource,
    /// UDP destination port.
    UdpDestination,
    /// Source port, whichever transport protocol.
    TransportSource,
    /// Destination port, whichever transport protocol.
    TransportDestination,
    /// ICMP type.
    IcmpType,
    /// ICMP code.
    IcmpCode,
    /// Conntrack: new, established, related, invalid, untracked.
    ConntrackState,
    /// Conntrack: original, reply.
    ConntrackDirection,
    /// Conntrack: snat, dnat, confirmed...
    ConntrackStatus,
    /// Conntrack's mark.
    ConntrackMark,
    /// Conntrack: the destination before translation.
    ConntrackOriginalDestination,
    /// request, reply.
    ArpOperation,
    /// The asking address.
    ArpSource,
    /// The address that is asked for.
    ArpDestination,
    /// What routing makes of the destination: local, unicast, broadcast, multicast, blackhole...
    FibDestinationType,
    /// The next hop that routing has chosen; the destination itself where it is on link. Only after routing.
    NextHop,
}

/// How field and value are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// Equal, in the range, in the set; for flags and states: any of them.
    Is,
    /// The opposite.
    IsNot,
    /// Less.
    Below,
    /// Greater.
    Above,
}

/// What a field is compared with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// A number: port, protocol, mark...
    Number(u32),
    /// From, to; both included.
    Range(u32, u32),
    /// An IPv4 address.
    Address(Ipv4Addr),
    /// From, to; both included.
    AddressRange(Ipv4Addr, Ipv4Addr),
    /// An IPv4 prefix.
    Prefix(Ipv4Net),
    /// An Ethernet address.
    Mac(MacAddr),
    /// The name of a device.
    Device(Name),
    /// A word of nft's own: `established`, `request`, `unicast`. Only texts of the program itself can stand here.
    Word(&'static str),
    /// Any of these: an anonymous set. Never empty, because nft knows no empty anonymous set.
    AnyOf(Vec<Value>),
    /// Several flags or states at once: `established,related`.
    Words(Vec<&'static str>),
    /// The table's set of that name.
    Set(Name),
    /// A tuple, as an element of a set of several types.
    Tuple(Vec<Value>),
}

impl Statement {
    /// `FIELD VALUE`.
    pub fn is(field: Field, value: Value) -> Self {
        Self::Match(field, Operator::Is, value)
    }

    /// `FIELD != VALUE`.
    pub fn is_not(field: Field, value: Value) -> Self {
        Self::Match(field, Operator::IsNot, value)
    }

    /// `iifname DEVICE`.
    pub fn iif(device: &Name) -> Self {
        Self::is(Field::IifName, Value::Device(device.clone()))
    }

    /// `oifname DEVICE`.
    pub fn oif(device: &Name) -> Self {
        Self::is(Field::OifName, Value::Device(device.clone()))
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Match(field, operator, value) => write!(f, "{field}{operator} {value}"),
            Self::MatchAll(fields, operator, set) => {
                join(f, fields, " . ")?;
                write!(f, "{operator} @{set}")
            }
            Self::Counter(name) => write!(f, "counter name {name}"),
            Self::Log { group, prefix, snaplen } => {
                write!(f, "log prefix {prefix} group {group}")?;
                snaplen.map_or(Ok(()), |bytes| write!(f, " snaplen {bytes}"))
            }
            Self::SetMark(mark) => write!(f, "meta mark set {mark:#x}"),
            Self::SetMarkBy(field, cases) => {
                write!(f, "meta mark set {field} map ")?;
                map(f, cases, |f, mark| write!(f, "{mark:#x}"))
            }
            Self::CounterBy(field, cases) => {
                write!(f, "counter name {field} map ")?;
                map(f, cases, |f, name| write!(f, "\"{name}\""))
            }
            Self::SetMarkByFlow(map) => {
                f.write_str("meta mark set ")?;
                join(f, &flow_map::KEY, " . ")?;
                write!(f, " map @{map}")
            }
            Self::RememberNextHop(map) => {
                write!(f, "update @{map} ")?;
                print_element(f, Field::NextHop)
            }
            Self::RememberMark(map) => {
                write!(f, "update @{map} ")?;
                print_element(f, Field::Mark)
            }
            Self::Forget(map) => {
                write!(f, "delete @{map} ")?;
                print_element(f, Field::Mark)
            }
            Self::Reset => f.write_str("reject with tcp reset"),
            Self::SetConntrackMark(mark) => write!(f, "ct mark set {mark:#x}"),
            // Whether it is bound to one address or to all: either.
            Self::HasSocket => f.write_str("socket wildcard { 0, 1 }"),
            Self::SetDscp(dscp) => write!(f, "ip dscp set {dscp}"),
            Self::Write(field, value) => write!(f, "{field} set {value}"),
            Self::CountConnections { set, fields, most } => {
                write!(f, "add @{set} {{ ")?;
                join(f, fields, " . ")?;
                write!(f, " ct count {most} }}")
            }
            Self::SetPacketTypeHost => f.write_str("meta pkttype set host"),
            Self::NoTrack => f.write_str("notrack"),
            Self::Accept => f.write_str("accept"),
            Self::Drop => f.write_str("drop"),
            Self::Return => f.write_str("return"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
            Self::Goto(chain) => write!(f, "goto {chain}"),
            Self::VerdictMap(field, cases) => {
                write!(f, "{field} vmap ")?;
                map(f, cases, |f, verdict| verdict.fmt(f))
            }
            Self::VerdictByChance(verdicts) => {
                write!(f, "numgen random mod {} vmap ", verdicts.len())?;
                let cases = (0..).map(Value::Number).zip(verdicts).collect::<Vec<_>>();
                map(f, &cases, |f, verdict| verdict.fmt(f))
            }
            Self::Nat(nat) => nat.fmt(f),
            Self::Forward(device) => write!(f, "fwd to \"{device}\""),
        }
    }
}

impl fmt::Display for Nat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Masquerade => f.write_str("masquerade"),
            Self::Source(address, None) => write!(f, "snat to {address}"),
            Self::Source(address, Some((first, last))) => write!(f, "snat to {address}:{first}-{last}"),
            Self::Destination(address, None) => write!(f, "dnat to {address}"),
            Self::Destination(address, Some(port)) => write!(f, "dnat to {address}:{port}"),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IifName => "iifname",
            Self::OifName => "oifname",
            Self::Mark => "meta mark",
            Self::PacketType => "meta pkttype",
            Self::L4Protocol => "meta l4proto",
            Self::Length => "meta length",
            Self::EtherSource => "ether saddr",
            Self::EtherDestination => "ether daddr",
            Self::EtherType => "ether type",
            Self::Protocol => "meta protocol",
            Self::IpSource => "ip saddr",
            Self::IpDestination => "ip daddr",
            Self::IpProtocol => "ip protocol",
            Self::IpDscp => "ip dscp",
            Self::IpTtl => "ip ttl",
            Self::IpFragment => "ip frag-off",
            Self::TcpSource => "tcp sport",
            Self::TcpDestination => "tcp dport",
            Self::TcpFlags => "tcp flags",
            Self::TcpHandshake => "tcp flags & (fin | syn | rst | ack)",
            Self::UdpSource => "udp sport",
            Self::UdpDestination => "udp dport",
            Self::TransportSource => "th sport",
            Self::TransportDestination => "th dport",
            Self::IcmpType => "icmp type",
            Self::IcmpCode => "icmp code",
            Self::ConntrackState => "ct state",
            Self::ConntrackDirection => "ct direction",
            Self::ConntrackStatus => "ct status",
            Self::ConntrackMark => "ct mark",
            Self::ConntrackOriginalDestination => "ct original ip daddr",
            Self::ArpOperation => "arp operation",
            Self::ArpSource => "arp saddr ip",
            Self::ArpDestination => "arp daddr ip",
            Self::FibDestinationType => "fib daddr type",
            Self::NextHop => "rt ip nexthop",
        })
    }
}

/// With a leading space, except for equality, which nft does not write.
impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Is => "",
            Self::IsNot => " !=",
            Self::Below => " <",
            Self::Above => " >",
        })
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Range(first, last) => write!(f, "{first}-{last}"),
            Self::Address(address) => write!(f, "{address}"),
            Self::AddressRange(first, last) => write!(f, "{first}-{last}"),
            Self::Prefix(prefix) => write!(f, "{}", prefix.trunc()),
            Self::Mac(mac) => write!(f, "{mac}"),
            // Quoted: a device may be called like a keyword.
            Self::Device(name) => write!(f, "\"{name}\""),
            Self::Word(word) => f.write_str(word),
            Self::AnyOf(values) => {
                f.write_str("{ ")?;
                join(f, values, ", ")?;
                f.write_str(" }")
            }
            Self::Words(words) => join(f, words, ","),
            Self::Set(name) => write!(f, "@{name}"),
            Self::Tuple(values) => join(f, values, " . "),
        }
    }
}

/// `{ VALUE : ..., VALUE : ... }`
fn map<T>(
    f: &mut fmt::Formatter<'_>,
    cases: &[(Value, T)],
    print: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    f.write_str("{ ")?;
    for (index, (value, result)) in cases.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(f, "{separator}{value} : ")?;
        print(f, result)?;
    }
    f.write_str(" }")
}

pub(super) fn join<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T], separator: &str) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        let separator = if index == 0 { "" } else { separator };
        write!(f, "{separator}{item}")?;
    }
    Ok(())
}
