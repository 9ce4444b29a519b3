//! An nftables ruleset as values: one table with its counters, sets and chains.
//!
//! Only the questions and actions that ports, hosts and guests need exist here. `nft` says them in the words of
//! `linux_net::nft`; the tests evaluate the very same values, so that what is written and what is proven is one thing.

mod nft;

#[cfg(test)]
pub(crate) mod evaluate;

use std::net::Ipv4Addr;

use goal_state::MacAddr;
use goal_state::nsg::{AddressSet, PortRange};

pub use nft::as_nft;

/// The name of every table that this crate makes. It is the mark by which it is known as ours.
pub const TABLE: &str = "vfp";

/// The packets that a table sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4 packets.
    Ip,
    /// Frames on a bridge.
    Bridge,
    /// Frames as devices receive them.
    Netdev,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ruleset {
    /// What it sees.
    pub family: Family,
    /// Named counters.
    pub counters: Vec<Counter>,
    /// Named sets.
    pub sets: Vec<NamedSet>,
    /// Sets in which connections are counted.
    pub connection_sets: Vec<ConnectionSet>,
    /// Maps in which flows are remembered.
    pub flow_maps: Vec<FlowMap>,
    /// Chains; a chain stands before those that jump to it.
    pub chains: Vec<Chain>,
}

/// A set in which [`Match::FewConnections`] counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ConnectionSet {
    /// Its name: letters, digits and `_`.
    pub name: String,
    /// What connections that count together have in common.
    pub keys: Vec<Key>,
    /// How many different ones there may be at a time.
    pub size: u32,
}

/// A named counter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Counter {
    /// Its name: letters, digits and `_`.
    pub name: String,
    /// Whose packets it counts, in Azure's words: `nsg-web/allow-http`.
    pub comment: String,
}

/// A named set.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NamedSet {
    /// Its name: letters, digits and `_`.
    pub name: String,
    /// What is in it.
    pub elements: Elements,
}

/// The elements of a set, sorted and unique.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Elements {
    /// IPv4 addresses.
    Addresses(Vec<Ipv4Addr>),
    /// Ethernet addresses.
    Macs(Vec<MacAddr>),
}

/// A map in which [`Action::Flow`] remembers flows of one protocol: by addresses and ports, each with an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FlowMap {
    /// Its name: letters, digits and `_`.
    pub name: String,
    /// Seconds after which a flow is forgotten that is not remembered anew.
    pub timeout_s: u32,
}

/// A chain of rules.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Chain {
    /// Its name: letters, digits and `_`, and not a word of nft's language.
    pub name: String,
    /// Where the kernel enters it; none for a chain that others jump to.
    pub hook: Option<Hook>,
    /// Its rules, in order.
    pub rules: Vec<Rule>,
}

/// Where the kernel enters a chain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Hook {
    /// Filter before routing, after connection tracking. What falls off the end has this fate.
    Prerouting {
        /// Drop, or else accept.
        drop: bool,
    },
    /// Filter of what the namespace itself sends. What falls off the end is dropped.
    Output,
    /// Filter of what is forwarded, after routing. What falls off the end goes on.
    Forward,
    /// Destination address translation, before the filter before routing. Only the first packet of a connection comes here.
    DestinationNat,
    /// Source address translation after routing. Only the first packet of a connection comes here.
    SourceNat,
    /// Filter of what leaves, after all translation. What falls off the end goes on.
    Postrouting,
    /// What these devices receive, before anything else sees it. What falls off the end goes on.
    Ingress(Vec<String>),
}

/// One rule: when everything in `matches` is so, `actions` happen in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rule {
    /// All must hold. Empty: always.
    pub matches: Vec<Match>,
    /// What happens.
    pub actions: Vec<Action>,
}

impl Rule {
    /// A rule.
    #[must_use]
    pub fn new(matches: Vec<Match>, actions: Vec<Action>) -> Self {
        Self { matches, actions }
    }
}

/// A question about a packet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Match {
    /// It came in through one of these devices.
    InDevice(Vec<String>),
    /// It belongs to a connection that has been answered, or to an error about one.
    Established,
    /// It goes from the one that was asked to the one who began. Only after [`Match::Established`].
    Reply,
    /// Connection tracking cannot make anything of it: it is in the middle of a connection that is not known, for one.
    Invalid,
    /// It is not the first one of its connection.
    NotTheFirst,
    /// With the connection that it begins, there are so many or fewer in the named set that have the set's keys in common with it. Only for the
    /// first packet of each connection, as in [`Hook::SourceNat`].
    FewConnections {
        /// One of the table's.
        set: String,
        /// The highest number that is few.
        most: u32,
    },
    /// A socket of this namespace is there for it: its connection's, or one that listens.
    HasSocket,
    /// Its sender ends a connection: it has FIN or RST. Only after a match of TCP.
    EndsConnection,
    /// Its connection is translated here.
    Translated(Translated),
    /// It does not ask for a new connection: it is no SYN alone. Only after a match of TCP.
    NoNewConnection,
    /// Its source address is in the set.
    Source(AddressSet),
    /// Its source address is not in the set.
    SourceNot(AddressSet),
    /// Its destination address is in the set.
    Destination(AddressSet),
    /// Its destination address is not in the set.
    DestinationNot(AddressSet),
    /// Its frame was sent by one of these.
    SourceMac(Vec<MacAddr>),
    /// Its protocol number is one of these.
    Protocol(Vec<u8>),
    /// Its protocol number is none of these.
    ProtocolNot(Vec<u8>),
    /// Its source port is in one of these ranges. Only after a match of TCP or UDP.
    SourcePort(Vec<PortRange>),
    /// Its destination port is in one of these ranges. Only after a match of TCP or UDP.
    DestinationPort(Vec<PortRange>),
    /// Its DSCP is this.
    Dscp(u8),
    /// Its frame is a broadcast or a multicast.
    NotUnicastFrame,
    /// It is an ARP request for an address that is not in the named set.
    ArpRequestNotIn(String),
    /// It is an ARP request for one of these addresses.
    ArpRequestFor(Vec<Ipv4Addr>),
    /// It is an IPv4 packet whose frame is for one of the named set.
    Ipv4ForMac(String),
    /// The next hop that routing has found for it is in the set. Only after routing.
    NextHop(AddressSet),
    /// Its mark is in one of these.
    Mark(Vec<Span>),
    /// Its mark is higher.
    MarkAbove(u32),
}

/// What of a connection is translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Translated {
    /// The destination of who has opened it.
    Destination,
    /// The source, or the destination, of who has opened it.
    Either,
}

/// Numbers from, to; both inside. Addresses are numbers in host order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The lowest.
    pub first: u32,
    /// The highest.
    pub last: u32,
}

impl From<u32> for Span {
    fn from(number: u32) -> Self {
        Self { first: number, last: number }
    }
}

/// What of a packet is looked up in a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The protocol number.
    Protocol,
    /// The source address.
    Source,
    /// The destination address.
    Destination,
    /// The source port. Only where the protocol is known to be TCP or UDP.
    SourcePort,
    /// The destination port. Only where the protocol is known to be TCP or UDP.
    DestinationPort,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// Sets the packet's mark.
    SetMark(u32),
    /// Sets the packet's mark to what the map has for it. What the map does not have, the rule does not match.
    MarkBy(Key, Vec<(Span, u32)>),
    /// Counts it in the named counter.
    Count(String),
    /// Counts it in the counter that the map has for its mark.
    CountByMark(Vec<(u32, String)>),
    /// Sends its headers to an NFLOG group under a prefix.
    Log {
        /// The NFLOG group.
        group: u16,
        /// The text that comes with it.
        prefix: String,
    },
    /// Rewrites the source address to the one of the device that it leaves by.
    Masquerade,
    /// Rewrites the source address, and the source port to one of these; that one stays if it is one of them and free. Only in
    /// [`Hook::SourceNat`]; with ports only after a match of TCP or UDP.
    SourceNat(Ipv4Addr, Option<PortRange>),
    /// Rewrites the destination address, and the destination port if one is given. Only in [`Hook::DestinationNat`]; with a port only after a
    /// match of TCP or UDP.
    DestinationNat(Ipv4Addr, Option<u16>),
    /// Writes the source address, in this packet only.
    WriteSource(Ipv4Addr),
    /// Writes the source port of TCP or UDP, by number, in this packet only. Only after a match of that protocol.
    WriteSourcePort(u8, u16),
    /// By this device, past everything else.
    Forward(String),
    /// With the packet's flow, in the named map. Only after a match of TCP or UDP.
    Flow(FlowAction, String),
    /// Through the hook.
    Accept,
    /// Away.
    Drop,
    /// Away, and its sender's connection is reset. Only after a match of TCP.
    Reset,
    /// Back to the chain that jumped here.
    Return,
    /// Into a chain, and on with the next rule when that one returns.
    Jump(String),
    /// Into a chain, for good.
    Goto(String),
    /// Into one of these chains, by chance, for good.
    GotoByChance(Vec<String>),
    /// What the map has for it: Goto or Return. The spans are disjoint; outside of them, on with the next rule.
    Branch(Key, Vec<(Span, Action)>),
}

/// What is done with a flow and a map. A mark is the bytes of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FlowAction {
    /// Sets the packet's mark to what the map has for the flow. What the map does not have, the rule does not match.
    Find,
    /// Remembers the next hop that routing has found. Only after routing. Where the flow is remembered already, only its time begins anew.
    RememberNextHop,
    /// Remembers the mark; likewise.
    RememberMark,
    /// As if it had not been remembered.
    Forget,
}

impl Ruleset {
    /// A table without content.
    #[must_use]
    pub fn new(family: Family) -> Self {
        let (counters, sets, connection_sets) = (Vec::new(), Vec::new(), Vec::new());
        let (flow_maps, chains) = (Vec::new(), Vec::new());
        Self { family, counters, sets, connection_sets, flow_maps, chains }
    }

    /// The chain of this name.
    #[must_use]
    pub fn chain(&self, name: &str) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.name == name)
    }
}
