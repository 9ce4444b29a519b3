//! Links: veth pairs, bridges, VXLAN devices; their settings; ports of a bridge.

use std::fmt;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoPortData, InfoPortKind, InfoVeth, InfoVxlan, LinkAttribute, LinkExtentMask,
    LinkFlags, LinkInfo, LinkLayerType, LinkMessage,
};

use super::NetlinkError;
use super::bridge_port::BridgePort;
use super::socket::{Answer, RouteSocket};
use crate::mac::MacAddr;
use crate::netns::NetNs;

/// A link as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// Its number in the namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: LinkKind,
    /// Its MAC address; `None` for devices that are not Ethernet.
    pub mac: Option<MacAddr>,
    /// Bytes.
    pub mtu: u32,
    /// Packets that may wait to be sent.
    pub queue_length: u32,
    /// Administratively up.
    pub up: bool,
    /// Neighbours are asked for by ARP, and questions answered.
    pub arp: bool,
    /// The bridge that it is a port of.
    pub master: Option<String>,
    /// How it behaves as a port of that bridge.
    pub port: Option<BridgePort>,
    /// For a veth, the number of the other end in the other end's namespace.
    pub peer_index: Option<u32>,
}

/// What a link is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkKind {
    /// `lo`.
    Loopback,
    /// One end of a pair.
    Veth,
    /// A bridge.
    Bridge,
    /// A VXLAN device.
    Vxlan(Vxlan),
    /// Anything else, by the kernel's word; empty for hardware.
    Other(String),
}

/// The settings of a VXLAN device that cannot change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vxlan {
    /// 24 bits.
    pub vni: u32,
    /// The source of the outer packets.
    pub local: Option<Ipv4Addr>,
    /// UDP, usually 4789 (RFC 7348).
    pub port: u16,
    /// Whether sources of received frames are learnt.
    pub learning: bool,
}

/// A link to make. It is made complete: name, MAC address, MTU and state in one request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NewLink {
    /// A veth pair; each end is made straight in its namespace, whichever namespace the socket is in.
    Veth(VethEnd, VethEnd),
    /// A bridge without spanning tree, in the socket's namespace.
    Bridge {
        /// The name.
        name: String,
        /// `None` = the kernel chooses; then it changes with the ports.
        mac: Option<MacAddr>,
        /// Bytes.
        mtu: u32,
        /// Administratively up.
        up: bool,
    },
    /// A VXLAN device in the socket's namespace.
    Vxlan {
        /// The name.
        name: String,
        /// What it sends and receives.
        vxlan: Vxlan,
        /// `None` = the kernel chooses.
        mac: Option<MacAddr>,
        /// Bytes.
        mtu: u32,
        /// Administratively up.
        up: bool,
    },
}

/// One end of a veth pair.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VethEnd {
    /// Where it is made; `None` = the socket's namespace.
    pub namespace: Option<NetNs>,
    /// The name there.
    pub name: String,
    /// `None` = the kernel chooses.
    pub mac: Option<MacAddr>,
    /// Bytes.
    pub mtu: u32,
    /// Administratively up.
    pub up: bool,
    /// Neighbours are asked for by ARP, and questions answered.
    pub arp: bool,
}

/// A change of one link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkChange {
    /// Administratively up.
    Up,
    /// Administratively down. Routes by the link go away.
    Down,
    /// Whether neighbours are asked for by ARP, and questions answered.
    Arp(bool),
    /// Bytes.
    Mtu(u32),
    /// Packets that may wait to be sent; for a TUN or TAP device, to be read.
    QueueLength(u32),
    /// The MAC address.
    Mac(MacAddr),
    /// Becomes a port of that bridge.
    Master(String),
    /// Leaves its bridge.
    NoMaster,
    /// Another name.
    Name(String),
    /// Goes to another namespace, down.
    Namespace(NetNs),
}

impl NewLink {
    pub(super) fn encode(&self) -> LinkMessage {
        match self {
            Self::Veth(one, other) => {
                let mut message = one.encode();
                let peer = InfoData::Veth(InfoVeth::Peer(VethEnd { up: false, ..other.clone() }.encode()));
                let info = vec![LinkInfo::Kind(InfoKind::Veth), LinkInfo::Data(peer)];
                message.attributes.push(LinkAttribute::LinkInfo(info));
                message
            }
            Self::Bridge { name, mac, mtu, up } => {
                let mut message = new_message(name, *mac, *mtu, *up);
                message.attributes.push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]));
                message
            }
            Self::Vxlan { name, vxlan, mac, mtu, up } => {
                let mut message = new_message(name, *mac, *mtu, *up);
                let info =
                    vec![LinkInfo::Kind(InfoKind::Vxlan), LinkInfo::Data(InfoData::Vxlan(vxlan.encode()))];
                message.attributes.push(LinkAttribute::LinkInfo(info));
                message
            }
        }
    }
}

impl VethEnd {
    fn encode(&self) -> LinkMessage {
        let mut message = new_message(&self.name, self.mac, self.mtu, self.up);
        if !self.arp {
            set_arp(&mut message, false);
        }
        if let Some(namespace) = &self.namespace {
            message.attributes.push(LinkAttribute::NetNsFd(namespace.as_raw_fd()));
        }
        message
    }
}

impl Vxlan {
    fn encode(&self) -> Vec<InfoVxlan> {
        let mut info =
            vec![InfoVxlan::Id(self.vni), InfoVxlan::Port(self.port), InfoVxlan::Learning(self.learning)];
        info.extend(self.local.map(InfoVxlan::Local));
        info
    }

    fn decode(attributes: &[InfoVxlan]) -> Self {
        let mut vxlan = Self { vni: 0, local: None, port: 0, learning: false };
        for attribute in attributes {
            match attribute {
                InfoVxlan::Id(vni) => vxlan.vni = *vni,
                InfoVxlan::Local(address) => vxlan.local = Some(*address),
                InfoVxlan::Port(port) => vxlan.port = *port,
                InfoVxlan::Learning(on) => vxlan.learning = *on,
                _ => {}
            }
        }
        vxlan
    }
}

fn new_message(name: &str, mac: Option<MacAddr>, mtu: u32, up: bool) -> LinkMessage {
    let mut message = named(name);
    message.attributes.push(LinkAttribute::Mtu(mtu));
    message.attributes.extend(mac.map(|mac| LinkAttribute::Address(mac.0.to_vec())));
    if up {
        set_up(&mut message, true);
    }
    message
}

/// The kernel finds a link by name when the index is 0.
pub(super) fn named(name: &str) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::IfName(name.to_owned()));
    message
}

fn set_up(message: &mut LinkMessage, up: bool) {
    set_flag(message, LinkFlags::Up, up);
}

fn set_arp(message: &mut LinkMessage, arp: bool) {
    set_flag(message, LinkFlags::Noarp, !arp);
}

fn set_flag(message: &mut LinkMessage, flag: LinkFlags, on: bool) {
    message.header.flags.set(flag, on);
    message.header.change_mask |= flag;
}

/// `index` and `master` are those of the device and of [`LinkChange::Master`]'s bridge.
pub(super) fn encode_change(index: u32, change: &LinkChange, master: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    match change {
        LinkChange::Up => set_up(&mut message, true),
        LinkChange::Down => set_up(&mut message, false),
        LinkChange::Arp(arp) => set_arp(&mut message, *arp),
        LinkChange::Mtu(mtu) => message.attributes.push(LinkAttribute::Mtu(*mtu)),
        LinkChange::QueueLength(packets) => message.attributes.push(LinkAttribute::TxQueueLen(*packets)),
        LinkChange::Mac(mac) => message.attributes.push(LinkAttribute::Address(mac.0.to_vec())),
        LinkChange::Master(_) => message.attributes.push(LinkAttribute::Controller(master)),
        LinkChange::NoMaster => message.attributes.push(LinkAttribute::Controller(0)),
        LinkChange::Name(name) => message.attributes.push(LinkAttribute::IfName(name.clone())),
        LinkChange::Namespace(namespace) => {
            message.attributes.push(LinkAttribute::NetNsFd(namespace.as_raw_fd()));
        }
    }
    message
}

pub(super) fn encode_port(index: u32, port: BridgePort) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::PortKind(InfoPortKind::Bridge),
        LinkInfo::PortData(InfoPortData::BridgePort(port.encode())),
    ]));
    message
}

pub(super) fn encode_up(name: &str) -> LinkMessage {
    let mut message = named(name);
    set_up(&mut message, true);
    message
}

pub(super) fn encode_delete(name: &str) -> LinkMessage {
    named(name)
}

/// The index of `name`, or the kernel's refusal.
pub(super) fn index_of(socket: &mut RouteSocket, name: &str) -> Result<Result<u32, Answer>, NetlinkError> {
    let mut question = named(name);
    question.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    Ok(socket.get(RouteNetlinkMessage::GetLink(question))?.map(|answer| match answer {
        RouteNetlinkMessage::NewLink(message) => message.header.index,
        _ => 0,
    }))
}

pub(super) fn list(socket: &mut RouteSocket) -> Result<Vec<Link>, NetlinkError> {
    let mut question = LinkMessage::default();
    question.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    let answers = socket.dump("links", &RouteNetlinkMessage::GetLink(question))?;
    let mut links: Vec<(Link, Option<u32>)> = answers
        .iter()
        .filter_map(|answer| match answer {
            RouteNetlinkMessage::NewLink(message) => Some(decode(message)),
            _ => None,
        })
        .collect();
    let names: Vec<(u32, String)> = links.iter().map(|(link, _)| (link.index, link.name.clone())).collect();
    for (link, master) in &mut links {
        link.master = names.iter().find(|(index, _)| Some(*index) == *master).map(|(_, name)| name.clone());
    }
    let mut links: Vec<Link> = links.into_iter().map(|(link, _)| link).collect();
    links.sort();
    Ok(links)
}

/// The link without its master's name, and its master's index.
fn decode(message: &LinkMessage) -> (Link, Option<u32>) {
    let loopback = message.header.link_layer_type == LinkLayerType::Loopback;
    let mut link = Link {
        index: message.header.index,
        name: String::new(),
        kind: if loopback { LinkKind::Loopback } else { LinkKind::Other(String::new()) },
        mac: None,
        mtu: 0,
        queue_length: 0,
        up: message.header.flags.contains(LinkFlags::Up),
        arp: !message.header.flags.contains(LinkFlags::Noarp),
        master: None,
        port: None,
        peer_index: None,
    };
    let mut master = None;
    let mut lower = None;
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name.clone(),
            LinkAttribute::Address(bytes) => link.mac = MacAddr::from_slice(bytes),
            LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
            LinkAttribute::TxQueueLen(packets) => link.queue_length = *packets,
            LinkAttribute::Controller(index) => master = Some(*index),
            LinkAttribute::Link(index) => lower = Some(*index),
            LinkAttribute::LinkInfo(infos) => infos.iter().for_each(|info| decode_info(info, &mut link)),
            _ => {}
        }
    }
    if link.kind == LinkKind::Veth {
        link.peer_index = lower;
    }
    (link, master)
}

fn decode_info(info: &LinkInfo, link: &mut Link) {
    match info {
        LinkInfo::Kind(InfoKind::Veth) => link.kind = LinkKind::Veth,
        LinkInfo::Kind(InfoKind::Bridge) => link.kind = LinkKind::Bridge,
        LinkInfo::Kind(InfoKind::Vxlan) => {}
        LinkInfo::Kind(kind) => link.kind = LinkKind::Other(kind.to_string()),
        LinkInfo::Data(InfoData::Vxlan(attributes)) => link.kind = LinkKind::Vxlan(Vxlan::decode(attributes)),
        LinkInfo::PortData(InfoPortData::BridgePort(attributes)) => {
            link.port = Some(BridgePort::decode(attributes));
        }
        _ => {}
    }
}

impl fmt::Display for NewLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Veth(one, other) => write!(f, "veth {one} with {other}"),
            Self::Bridge { name, .. } => write!(f, "bridge {name}"),
            Self::Vxlan { name, vxlan, .. } => write!(f, "vxlan {name} (vni {})", vxlan.vni),
        }
    }
}

impl fmt::Display for VethEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} in {namespace}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl fmt::Display for LinkChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up => f.write_str("up"),
            Self::Down => f.write_str("down"),
            Self::Arp(arp) => f.write_str(if *arp { "arp on" } else { "arp off" }),
            Self::Mtu(mtu) => write!(f, "mtu {mtu}"),
            Self::QueueLength(packets) => write!(f, "txqueuelen {packets}"),
            Self::Mac(mac) => write!(f, "address {mac}"),
            Self::Master(master) => write!(f, "master {master}"),
            Self::NoMaster => f.write_str("nomaster"),
            Self::Name(name) => write!(f, "name {name}"),
            Self::Namespace(namespace) => write!(f, "netns {namespace}"),
        }
    }
}
