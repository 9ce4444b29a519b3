//! One change of a namespace's network, as a plain value.

use std::collections::HashMap;
use std::fmt;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::RouteNetlinkMessage;

use super::bridge_port::BridgePort;
use super::error::libc_errno::{ADDRNOTAVAIL, EXIST, NODEV, NOENT, SRCH};
use super::filter::{self, Filter, TcHook};
use super::link::{self, LinkChange, NewLink};
use super::next_hop;
use super::socket::Outgoing;
use super::{Address, FdbEntry, Neighbour, NextHop, ResilientGroup, Route, Rule};

/// One change. `Put` adds or replaces, `Delete` is content when the thing is not there; only [`Request::AddLink`]
/// insists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Request {
    /// Makes a link; refused with `EEXIST` when the name is taken.
    AddLink(NewLink),
    /// Changes a link.
    SetLink {
        /// The link's name.
        device: String,
        /// What changes.
        change: LinkChange,
    },
    /// Sets how a bridge treats its port.
    SetPort {
        /// The port's name.
        device: String,
        /// All its settings.
        port: BridgePort,
    },
    /// Removes a link, and a veth's other end with it.
    DeleteLink(String),
    /// Gives a device an address.
    PutAddress(Address),
    /// Takes an address from a device.
    DeleteAddress(Address),
    /// Adds a route, or replaces the one with the same table, destination and metric.
    PutRoute(Route),
    /// Removes a route.
    DeleteRoute(Route),
    /// Adds or replaces a next hop.
    PutNextHop(NextHop),
    /// Adds or replaces a group of next hops.
    PutGroup(ResilientGroup),
    /// Removes a next hop or a group of them, and the routes to it.
    DeleteNextHop(u32),
    /// Adds a rule unless the very same rule is there.
    PutRule(Rule),
    /// Removes a rule.
    DeleteRule(Rule),
    /// Adds or replaces a permanent neighbour.
    PutNeighbour(Neighbour),
    /// Removes a neighbour.
    DeleteNeighbour(Neighbour),
    /// Adds or replaces an FDB entry.
    PutFdb(FdbEntry),
    /// Removes an FDB entry.
    DeleteFdb(FdbEntry),
    /// Adds a filter, or replaces the one of that device and hook; at every moment there is one of the two. The device gets
    /// a clsact qdisc if it has none.
    PutFilter(Filter),
    /// Gives a device both hooks, with nothing on them, unless it has them. [`Request::PutFilter`] does so, too; but a device
    /// that is up loses what it sends at that moment. Content with a kernel that has no hooks.
    PutHooks(String),
    /// Removes a hook's filter.
    DeleteFilter {
        /// The device's name.
        device: String,
        /// Where.
        hook: TcHook,
    },
}

/// A request as it is sent.
pub(super) struct Encoded {
    pub(super) message: Outgoing,
    /// Without REQUEST and ACK.
    pub(super) flags: u16,
    /// Error numbers that mean "it is so already".
    pub(super) tolerated: &'static [i32],
}

const PUT: u16 = NLM_F_CREATE | NLM_F_REPLACE;
const ADD: u16 = NLM_F_CREATE | NLM_F_EXCL;

impl Request {
    /// `ip link set DEVICE up`.
    pub fn set_up(device: &str) -> Self {
        Self::set_link(device, LinkChange::Up)
    }

    /// `ip link set DEVICE ...`.
    pub fn set_link(device: &str, change: LinkChange) -> Self {
        Self::SetLink { device: device.to_owned(), change }
    }

    /// `ip link set DEVICE type bridge_slave ...`.
    pub fn set_port(device: &str, port: BridgePort) -> Self {
        Self::SetPort { device: device.to_owned(), port }
    }

    /// The devices whose indexes the request needs.
    pub(super) fn devices(&self) -> Vec<&str> {
        match self {
            Self::AddLink(_)
            | Self::DeleteLink(_)
            | Self::PutRule(_)
            | Self::DeleteRule(_)
            | Self::PutGroup(_)
            | Self::DeleteNextHop(_) => Vec::new(),
            Self::PutNextHop(next_hop) => vec![&next_hop.device],
            Self::SetLink { device, change: LinkChange::Master(master) } => vec![device, master],
            Self::SetLink { device, .. } | Self::SetPort { device, .. } => vec![device],
            Self::PutAddress(address) | Self::DeleteAddress(address) => vec![&address.device],
            Self::PutRoute(route) | Self::DeleteRoute(route) => route.device().into_iter().collect(),
            Self::PutNeighbour(neighbour) | Self::DeleteNeighbour(neighbour) => vec![&neighbour.device],
            Self::PutFdb(entry) | Self::DeleteFdb(entry) => vec![&entry.device],
            Self::PutFilter(filter) => filter.devices(),
            Self::DeleteFilter { device, .. } | Self::PutHooks(device) => vec![device],
        }
    }

    /// Whether the request may change which name has which index.
    pub(super) fn renumbers(&self) -> bool {
        match self {
            Self::AddLink(_) | Self::DeleteLink(_) => true,
            Self::SetLink { change, .. } => matches!(change, LinkChange::Name(_) | LinkChange::Namespace(_)),
            _ => false,
        }
    }

    /// Whether the thing being gone already is success.
    pub(super) fn tolerates_missing_device(&self) -> bool {
        matches!(
            self,
            Self::DeleteAddress(_)
                | Self::DeleteRoute(_)
                | Self::DeleteNeighbour(_)
                | Self::DeleteFdb(_)
                | Self::DeleteFilter { .. }
        )
    }

    /// The messages in order; more than one only for filters. `indexes` has all of [`Self::devices`].
    pub(super) fn encode(&self, indexes: &HashMap<String, u32>) -> Vec<Encoded> {
        use RouteNetlinkMessage as Message;
        let index = |device: &str| indexes.get(device).copied().unwrap_or_default();
        let raw = |message, flags, tolerated| vec![Encoded { message, flags, tolerated }];
        let (message, flags, tolerated): (Message, u16, &'static [i32]) = match self {
            Self::AddLink(link) => (Message::NewLink(link.encode()), ADD, &[]),
            Self::SetLink { device, change } => {
                let master = if let LinkChange::Master(master) = change { index(master) } else { 0 };
                (Message::SetLink(link::encode_change(index(device), change, master)), 0, &[])
            }
            // Settings of a port are a "new link" for the kernel, as `ip link set ... type bridge_slave` does it.
            Self::SetPort { device, port } => {
                (Message::NewLink(link::encode_port(index(device), *port)), 0, &[])
            }
            Self::DeleteLink(name) => (Message::DelLink(link::encode_delete(name)), 0, &[NODEV]),
            Self::PutAddress(address) => {
                (Message::NewAddress(address.encode(index(&address.device))), PUT, &[])
            }
            Self::DeleteAddress(address) => {
                (Message::DelAddress(address.encode(index(&address.device))), 0, &[ADDRNOTAVAIL])
            }
            Self::PutRoute(route) => {
                (Message::NewRoute(route.encode(route.device().map_or(0, index))), PUT, &[])
            }
            Self::DeleteRoute(route) => {
                (Message::DelRoute(route.encode(route.device().map_or(0, index))), 0, &[SRCH])
            }
            Self::PutRule(rule) => (Message::NewRule(rule.encode()), ADD, &[EXIST]),
            Self::DeleteRule(rule) => (Message::DelRule(rule.encode()), 0, &[NOENT]),
            Self::PutNeighbour(neighbour) => {
                (Message::NewNeighbour(neighbour.encode(index(&neighbour.device))), PUT, &[])
            }
            Self::DeleteNeighbour(neighbour) => {
                (Message::DelNeighbour(neighbour.encode(index(&neighbour.device))), 0, &[NOENT])
            }
            Self::PutFdb(entry) => (Message::NewNeighbour(entry.encode(index(&entry.device))), PUT, &[]),
            Self::DeleteFdb(entry) => {
                (Message::DelNeighbour(entry.encode(index(&entry.device))), 0, &[NOENT])
            }
            Self::PutNextHop(next_hop) => return raw(next_hop.encode(index(&next_hop.device)), PUT, &[]),
            Self::PutGroup(group) => return raw(group.encode(), PUT, &[]),
            Self::DeleteNextHop(id) => return raw(next_hop::encode_delete(*id), 0, &[NOENT]),
            Self::PutFilter(filter) => return filter.encode_put(index),
            Self::PutHooks(device) => return vec![filter::encode_hooks_if_any(index(device))],
            Self::DeleteFilter { device, hook } => return filter::encode_delete(index(device), *hook),
        };
        vec![Encoded { message: message.into(), flags, tolerated }]
    }
}

/// `ip link set NAME up` without knowing its index.
pub(super) fn set_up_by_name(name: &str) -> Encoded {
    Encoded { message: RouteNetlinkMessage::SetLink(link::encode_up(name)).into(), flags: 0, tolerated: &[] }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddLink(link) => write!(f, "add {link}"),
            Self::SetLink { device, change } => write!(f, "set link {device} {change}"),
            Self::SetPort { device, .. } => write!(f, "set bridge port {device}"),
            Self::DeleteLink(name) => write!(f, "delete link {name}"),
            Self::PutAddress(address) => write!(f, "add address {address}"),
            Self::DeleteAddress(address) => write!(f, "delete address {address}"),
            Self::PutRoute(route) => write!(f, "add route {route}"),
            Self::DeleteRoute(route) => write!(f, "delete route {route}"),
            Self::PutNextHop(next_hop) => write!(f, "add next hop {next_hop}"),
            Self::PutGroup(group) => write!(f, "add next hop {group}"),
            Self::DeleteNextHop(id) => write!(f, "delete next hop id {id}"),
            Self::PutRule(rule) => write!(f, "add rule {rule}"),
            Self::DeleteRule(rule) => write!(f, "delete rule {rule}"),
            Self::PutNeighbour(neighbour) => write!(f, "add neighbour {neighbour}"),
            Self::DeleteNeighbour(neighbour) => write!(f, "delete neighbour {neighbour}"),
            Self::PutFdb(entry) => write!(f, "add FDB entry {entry}"),
            Self::DeleteFdb(entry) => write!(f, "delete FDB entry {entry}"),
            Self::PutFilter(filter) => write!(f, "put filter {filter}"),
            Self::PutHooks(device) => write!(f, "put hooks dev {device}"),
            Self::DeleteFilter { device, hook } => write!(f, "delete filter dev {device} {hook}"),
        }
    }
}
