//! A rule: which routing table a packet is looked up in.

use std::fmt;
use std::net::IpAddr;

use ipnet::Ipv4Net;
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleHeader, RuleMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::NetlinkError;
use super::route::MAIN_TABLE;
use super::socket::RouteSocket;

/// The table of the namespace's own addresses.
pub const LOCAL_TABLE: u32 = 255;

/// `ip rule add pref PRIORITY [iif IIF] [from FROM] [to TO] [fwmark MARK] lookup TABLE`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// Rules are tried from the smallest number up.
    pub priority: u32,
    /// Only packets that came in by this device (`lo` = sent by a local socket).
    pub iif: Option<String>,
    /// Only packets with this source.
    pub from: Option<Ipv4Net>,
    /// Only packets with this destination.
    pub to: Option<Ipv4Net>,
    /// Only packets with this mark.
    pub fwmark: Option<FwMark>,
    /// The table.
    pub table: u32,
}

/// `mark & mask == value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FwMark {
    /// The wanted value.
    pub value: u32,
    /// The bits that count; with 0 every packet matches.
    pub mask: u32,
}

impl FwMark {
    /// Exactly this mark. (`ip rule ... fwmark 0` sends no mask and thereby matches every packet; this does not.)
    pub fn exactly(value: u32) -> Self {
        Self { value, mask: u32::MAX }
    }
}

impl Rule {
    /// A rule for all packets.
    pub fn new(priority: u32, table: u32) -> Self {
        Self { priority, iif: None, from: None, to: None, fwmark: None, table }
    }

    /// Only packets that came in by `device`.
    pub fn iif(self, device: &str) -> Self {
        Self { iif: Some(device.to_owned()), ..self }
    }

    /// Only packets with a source in `prefix`.
    pub fn from(self, prefix: Ipv4Net) -> Self {
        Self { from: Some(prefix.trunc()), ..self }
    }

    /// Only packets with exactly this mark.
    pub fn fwmark(self, value: u32) -> Self {
        Self { fwmark: Some(FwMark::exactly(value)), ..self }
    }

    /// The rule with which every namespace begins: priority 0, table `local`.
    pub fn initial_local() -> Self {
        Self::new(0, LOCAL_TABLE)
    }

    pub(super) fn encode(&self) -> RuleMessage {
        let mut message = RuleMessage::default();
        message.header = RuleHeader {
            family: AddressFamily::Inet,
            src_len: self.from.map_or(0, |prefix| prefix.prefix_len()),
            dst_len: self.to.map_or(0, |prefix| prefix.prefix_len()),
            table: u8::try_from(self.table).unwrap_or(0),
            action: RuleAction::ToTable,
            ..RuleHeader::default()
        };
        let mut attributes = vec![RuleAttribute::Priority(self.priority), RuleAttribute::Table(self.table)];
        if let Some(device) = &self.iif {
            attributes.push(RuleAttribute::Iifname(device.clone()));
        }
        if let Some(prefix) = self.from {
            attributes.push(RuleAttribute::Source(IpAddr::V4(prefix.network())));
        }
        if let Some(prefix) = self.to {
            attributes.push(RuleAttribute::Destination(IpAddr::V4(prefix.network())));
        }
        if let Some(FwMark { value, mask }) = self.fwmark {
            attributes.push(RuleAttribute::FwMark(value));
            attributes.push(RuleAttribute::FwMask(mask));
        }
        message.attributes = attributes;
        message
    }

    /// `None` for a rule that does something else than to look up a table.
    fn decode(message: &RuleMessage) -> Option<Self> {
        if message.header.action != RuleAction::ToTable {
            return None;
        }
        let mut rule = Self::new(0, u32::from(message.header.table));
        for attribute in &message.attributes {
            match attribute {
                RuleAttribute::Priority(priority) => rule.priority = *priority,
                RuleAttribute::Table(table) => rule.table = *table,
                RuleAttribute::Iifname(device) => rule.iif = Some(device.clone()),
                RuleAttribute::Source(IpAddr::V4(address)) => {
                    rule.from = Ipv4Net::new(*address, message.header.src_len).ok();
                }
                RuleAttribute::Destination(IpAddr::V4(address)) => {
                    rule.to = Ipv4Net::new(*address, message.header.dst_len).ok();
                }
                // The kernel leaves out a value of 0, and names the mask whenever there is one.
                RuleAttribute::FwMark(value) => rule.mark_mut().value = *value,
                RuleAttribute::FwMask(mask) => rule.mark_mut().mask = *mask,
                _ => {}
            }
        }
        Some(rule)
    }

    fn mark_mut(&mut self) -> &mut FwMark {
        self.fwmark.get_or_insert(FwMark { value: 0, mask: 0 })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pref {}", self.priority)?;
        if let Some(device) = &self.iif {
            write!(f, " iif {device}")?;
        }
        if let Some(prefix) = self.from {
            write!(f, " from {prefix}")?;
        }
        if let Some(prefix) = self.to {
            write!(f, " to {prefix}")?;
        }
        if let Some(FwMark { value, mask }) = self.fwmark {
            write!(f, " fwmark {value:#x}/{mask:#x}")?;
        }
        match self.table {
            MAIN_TABLE => write!(f, " lookup main"),
            LOCAL_TABLE => write!(f, " lookup local"),
            table => write!(f, " lookup {table}"),
        }
    }
}

pub(super) fn list(socket: &mut RouteSocket) -> Result<Vec<Rule>, NetlinkError> {
    let mut question = RuleMessage::default();
    question.header.family = AddressFamily::Inet;
    let answers = socket.dump("rules", &RouteNetlinkMessage::GetRule(question))?;
    let mut rules: Vec<Rule> = answers
        .iter()
        .filter_map(|answer| match answer {
            RouteNetlinkMessage::NewRule(message) => Rule::decode(message),
            _ => None,
        })
        .collect();
    rules.sort();
    Ok(rules)
}
