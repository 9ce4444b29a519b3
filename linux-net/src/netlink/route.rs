//! An IPv4 route.

use std::fmt;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteNextHop, RouteNextHopFlags,
    RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::rule::LOCAL_TABLE;
use super::socket::RouteSocket;
use super::{DeviceNames, NetlinkError};

/// The table that is looked up by default.
pub const MAIN_TABLE: u32 = 254;

/// A route of one table. Table, destination and metric are its identity; the rest is replaced by a newer route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// The table's number; [`MAIN_TABLE`] in most cases.
    pub table: u32,
    /// The destination; `0.0.0.0/0` is the default route. Host bits are ignored by [`Route::new`].
    pub destination: Ipv4Net,
    /// Smaller wins among routes to the same destination; 0 is the default.
    pub metric: u32,
    /// Where packets go.
    pub target: RouteTarget,
    /// The source address that local sockets prefer with this route.
    pub source: Option<Ipv4Addr>,
}

/// Where the packets of a route go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteTarget {
    /// `dev DEVICE scope link`: destinations are neighbours on that device.
    Device(String),
    /// `via GATEWAY dev DEVICE`.
    Gateway {
        /// The gateway's address.
        gateway: Ipv4Addr,
        /// The device on which it is.
        device: String,
        /// Take the gateway for a neighbour although no prefix of the device has it.
        onlink: bool,
    },
    /// `nexthop via GATEWAY dev DEVICE`, several times: each flow goes to one of them.
    Gateways {
        /// The gateways' addresses, in this order.
        gateways: Vec<Ipv4Addr>,
        /// The device on which they all are.
        device: String,
        /// Take the gateways for neighbours although no prefix of the device has them.
        onlink: bool,
    },
    /// `nhid NUMBER`: a next hop that is an object of its own, or a group of them; see
    /// [`ResilientGroup`](super::ResilientGroup).
    NextHop(u32),
    /// Dropped in silence.
    Blackhole,
}

impl Route {
    /// A route of the main table with metric 0.
    pub fn new(destination: Ipv4Net, target: RouteTarget) -> Self {
        Self { table: MAIN_TABLE, destination: destination.trunc(), metric: 0, target, source: None }
    }

    /// The same route in another table.
    pub fn in_table(self, table: u32) -> Self {
        Self { table, ..self }
    }

    pub(super) fn device(&self) -> Option<&str> {
        match &self.target {
            RouteTarget::Device(device)
            | RouteTarget::Gateway { device, .. }
            | RouteTarget::Gateways { device, .. } => Some(device),
            RouteTarget::NextHop(_) | RouteTarget::Blackhole => None,
        }
    }

    /// `index` is that of [`Self::device`]; without a device it is not used.
    pub(super) fn encode(&self, index: u32) -> RouteMessage {
        let (kind, scope, flags) = match &self.target {
            RouteTarget::Device(_) => (RouteType::Unicast, RouteScope::Link, RouteFlags::empty()),
            RouteTarget::Gateway { onlink: true, .. } => {
                (RouteType::Unicast, RouteScope::Universe, RouteFlags::Onlink)
            }
            // With several next hops, each has flags of its own.
            RouteTarget::Gateway { .. } | RouteTarget::Gateways { .. } | RouteTarget::NextHop(_) => {
                (RouteType::Unicast, RouteScope::Universe, RouteFlags::empty())
            }
            RouteTarget::Blackhole => (RouteType::BlackHole, RouteScope::Universe, RouteFlags::empty()),
        };
        let mut message = RouteMessage::default();
        message.header = RouteHeader {
            address_family: AddressFamily::Inet,
            destination_prefix_length: self.destination.prefix_len(),
            // The number may not fit here; the attribute below has it all.
            table: u8::try_from(self.table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC),
            protocol: RouteProtocol::Static,
            scope,
            kind,
            flags,
            ..RouteHeader::default()
        };
        message.attributes = vec![
            RouteAttribute::Table(self.table),
            RouteAttribute::Destination(RouteAddress::Inet(self.destination.network())),
        ];
        if self.metric != 0 {
            message.attributes.push(RouteAttribute::Priority(self.metric));
        }
        match &self.target {
            RouteTarget::Device(_) => message.attributes.push(RouteAttribute::Oif(index)),
            RouteTarget::Gateway { gateway, .. } => {
                message.attributes.push(RouteAttribute::Gateway(RouteAddress::Inet(*gateway)));
                message.attributes.push(RouteAttribute::Oif(index));
            }
            RouteTarget::Gateways { gateways, onlink, .. } => {
                let hops = gateways.iter().map(|gateway| next_hop(*gateway, index, *onlink)).collect();
                message.attributes.push(RouteAttribute::MultiPath(hops));
            }
            RouteTarget::NextHop(id) => {
                message.attributes.push(RouteAttribute::NhId(*id));
            }
            RouteTarget::Blackhole => {}
        }
        if let Some(source) = self.source {
            message.attributes.push(RouteAttribute::PrefSource(RouteAddress::Inet(source)));
        }
        message
    }

    /// `None` for a route that the kernel made, that is of the table `local`, or of a kind that [`RouteTarget`] lacks.
    fn decode(message: &RouteMessage, names: &DeviceNames) -> Option<Self> {
        if message.header.protocol == RouteProtocol::Kernel {
            return None;
        }
        let mut fields = Fields { table: u32::from(message.header.table), ..Fields::default() };
        for attribute in &message.attributes {
            fields.take(attribute);
        }
        if fields.table == LOCAL_TABLE {
            return None;
        }
        let length = message.header.destination_prefix_length;
        let destination = Ipv4Net::new(fields.destination.unwrap_or(Ipv4Addr::UNSPECIFIED), length).ok()?;
        let target = match message.header.kind {
            RouteType::BlackHole => RouteTarget::Blackhole,
            RouteType::Unicast if fields.next_hop.is_some() => RouteTarget::NextHop(fields.next_hop?),
            RouteType::Unicast if !fields.hops.is_empty() => gateways(&fields.hops, names)?,
            RouteType::Unicast => {
                let device = names.get(fields.device?);
                match fields.gateway {
                    Some(gateway) => {
                        let onlink = message.header.flags.contains(RouteFlags::Onlink);
                        RouteTarget::Gateway { gateway, device, onlink }
                    }
                    None => RouteTarget::Device(device),
                }
            }
            _ => return None,
        };
        Some(Self { table: fields.table, destination, metric: fields.metric, target, source: fields.source })
    }
}

fn next_hop(gateway: Ipv4Addr, index: u32, onlink: bool) -> RouteNextHop {
    let mut hop = RouteNextHop::default();
    hop.interface_index = index;
    hop.flags = if onlink { RouteNextHopFlags::Onlink } else { RouteNextHopFlags::empty() };
    hop.attributes = vec![RouteAttribute::Gateway(RouteAddress::Inet(gateway))];
    hop
}

/// `None` unless all are gateways on one device.
fn gateways(hops: &[RouteNextHop], names: &DeviceNames) -> Option<RouteTarget> {
    let first = hops.first()?;
    let gateway = |hop: &RouteNextHop| {
        hop.attributes.iter().find_map(|attribute| match attribute {
            RouteAttribute::Gateway(RouteAddress::Inet(gateway)) => Some(*gateway),
            _ => None,
        })
    };
    let gateways = hops.iter().map(gateway).collect::<Option<Vec<_>>>()?;
    let together = hops.iter().all(|hop| hop.interface_index == first.interface_index);
    let onlink = hops.iter().all(|hop| hop.flags.contains(RouteNextHopFlags::Onlink));
    together.then(|| RouteTarget::Gateways { gateways, device: names.get(first.interface_index), onlink })
}

/// The attributes of a route that matter here.
#[derive(Default)]
struct Fields {
    table: u32,
    destination: Option<Ipv4Addr>,
    gateway: Option<Ipv4Addr>,
    source: Option<Ipv4Addr>,
    device: Option<u32>,
    metric: u32,
    hops: Vec<RouteNextHop>,
    next_hop: Option<u32>,
}

impl Fields {
    fn take(&mut self, attribute: &RouteAttribute) {
        match attribute {
            RouteAttribute::Table(table) => self.table = *table,
            RouteAttribute::Destination(RouteAddress::Inet(address)) => self.destination = Some(*address),
            RouteAttribute::Gateway(RouteAddress::Inet(address)) => self.gateway = Some(*address),
            RouteAttribute::PrefSource(RouteAddress::Inet(address)) => self.source = Some(*address),
            RouteAttribute::Oif(index) => self.device = Some(*index),
            RouteAttribute::Priority(metric) => self.metric = *metric,
            RouteAttribute::MultiPath(hops) => self.hops.clone_from(hops),
            RouteAttribute::NhId(id) => self.next_hop = Some(*id),
            _ => {}
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            RouteTarget::Device(device) => write!(f, "{} dev {device} scope link", self.destination)?,
            RouteTarget::Gateway { gateway, device, onlink } => {
                let onlink = if *onlink { " onlink" } else { "" };
                write!(f, "{} via {gateway} dev {device}{onlink}", self.destination)?;
            }
            RouteTarget::Gateways { gateways, device, onlink } => {
                write!(f, "{}", self.destination)?;
                let onlink = if *onlink { " onlink" } else { "" };
                for gateway in gateways {
                    write!(f, " nexthop via {gateway} dev {device}{onlink}")?;
                }
            }
            RouteTarget::NextHop(id) => write!(f, "{} nhid {id}", self.destination)?,
            RouteTarget::Blackhole => write!(f, "blackhole {}", self.destination)?,
        }
        if let Some(source) = self.source {
            write!(f, " src {source}")?;
        }
        if self.metric != 0 {
            write!(f, " metric {}", self.metric)?;
        }
        if self.table != MAIN_TABLE {
            write!(f, " table {}", self.table)?;
        }
        Ok(())
    }
}

pub(super) fn list(socket: &mut RouteSocket, names: &DeviceNames) -> Result<Vec<Route>, NetlinkError> {
    let mut question = RouteMessage::default();
    question.header.address_family = AddressFamily::Inet;
    let answers = socket.dump("routes", &RouteNetlinkMessage::GetRoute(question))?;
    let mut routes: Vec<Route> = answers
        .iter()
        .filter_map(|answer| match answer {
            RouteNetlinkMessage::NewRoute(message) => Route::decode(message, names),
            _ => None,
        })
        .collect();
    routes.sort();
    Ok(routes)
}
