//! What a host's network namespaces hold, as values: the language between lowering and reconciling.
//!
//! Nothing here is Azure and nothing here is I/O. Two equal values mean the same packets. What a single entry is,
//! `linux_net::netlink` says.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use goal_state::{HostName, MacAddr, NicId, VmName};
use linux_net::netlink::{Address, FdbEntry, Neighbour, Route, Rule};

use crate::ruleset::Ruleset;

/// Everything that one host holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostNetwork {
    /// Whose it is.
    pub host: HostName,
    /// Bridges, VXLAN devices and the host's ends of its ports.
    pub switch: Namespace,
    /// The port of every NIC, sorted by NIC.
    pub ports: Vec<PortNetwork>,
    /// The platform's stations.
    pub stations: Vec<StationNetwork>,
    /// The namespace of every VM, sorted by name.
    pub machines: Vec<MachineNetwork>,
}

/// A NIC's port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortNetwork {
    /// Whose it is.
    pub nic: NicId,
    /// Its namespace's name under /run/netns.
    pub name: String,
    /// What is in it.
    pub namespace: Namespace,
    /// Addresses whose owners the host does not tell it. It may remember them from a time when it was told.
    pub untold: Vec<Ipv4Addr>,
    /// From the guest to the port.
    pub guest_cable: Cable,
    /// From the port to the host's bridge.
    pub uplink_cable: Cable,
}

/// A station of the platform between virtual networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StationNetwork {
    /// Its namespace's name under /run/netns.
    pub name: String,
    /// What is in it. All of it is ours, as in a port's.
    pub namespace: Namespace,
    /// From each of its legs to the host's bridges.
    pub cables: Vec<Cable>,
    /// Whether it takes nothing from the time to live of what it forwards.
    pub keeps_ttl: bool,
}

/// A VM's namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineNetwork {
    /// Whose it is.
    pub vm: VmName,
    /// Its namespace's name under /run/netns.
    pub name: String,
    /// What is in it.
    pub namespace: Namespace,
}

/// The content of one network namespace, as far as it is ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Namespace {
    /// Settings of the namespace as a whole, and of devices: path below /proc/sys and value.
    pub sysctls: Vec<Sysctl>,
    /// Devices by name.
    pub devices: BTreeMap<String, Device>,
    /// Addresses of devices.
    pub addresses: Vec<Address>,
    /// Routes of every table, but for those that the kernel makes from addresses.
    pub routes: Vec<Route>,
    /// Policy rules.
    pub rules: Vec<Rule>,
    /// Permanent neighbours.
    pub neighbours: Vec<Neighbour>,
    /// Forwarding entries of bridges and VXLAN devices.
    pub forwarding: Vec<FdbEntry>,
    /// The nftables tables, of different families. They are replaced together.
    pub rulesets: Vec<Ruleset>,
}

/// A kernel setting.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sysctl {
    /// The path below /proc/sys: `net/ipv4/ip_forward`.
    pub path: String,
    /// The value.
    pub value: String,
    /// Whether a kernel without this setting is as good.
    pub optional: bool,
}

impl Sysctl {
    /// A setting that every kernel has.
    #[must_use]
    pub fn new(path: impl Into<String>, value: impl Into<String>) -> Self {
        Self { path: path.into(), value: value.into(), optional: false }
    }

    /// A setting of a part that a kernel may lack.
    #[must_use]
    pub fn optional(path: impl Into<String>, value: impl Into<String>) -> Self {
        Self { optional: true, ..Self::new(path, value) }
    }
}

/// A device.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Device {
    /// What it is.
    pub kind: DeviceKind,
    /// Its Ethernet address, where it matters.
    pub mac: Option<MacAddr>,
    /// The longest packet, in bytes without Ethernet header.
    pub mtu: u32,
    /// The bridge that it is a port of.
    pub bridge: Option<BridgePort>,
}

/// The kinds of devices.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// A bridge.
    Bridge,
    /// A VXLAN tunnel end (RFC 7348).
    Vxlan {
        /// The network identifier of what it sends by default and of what it accepts.
        vni: u32,
        /// The outer source address.
        local: Ipv4Addr,
        /// The outer UDP destination port.
        port: u16,
    },
    /// A TAP device: its other side is the agent. Without one, what is sent by it is lost.
    Tap,
    /// One end of a [`Cable`].
    CableEnd,
}

/// How a device is a port of a bridge. No port learns or floods: what a bridge knows, it was told.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BridgePort {
    /// The bridge.
    pub bridge: String,
    /// Whether the bridge answers ARP requests that come in here, for neighbours that it knows.
    pub answers_arp: bool,
}

/// A pair of virtual Ethernet devices.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cable {
    /// One end.
    pub ends: [CableEnd; 2],
    /// Whether packets meet filters at its ends some time. There is place for them from the beginning: to make it later
    /// would cost packets.
    pub hooks: bool,
}

/// An end of a cable: the device is described in its namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CableEnd {
    /// The namespace's name under /run/netns; none for the host's own.
    pub namespace: Option<String>,
    /// The device's name there.
    pub device: String,
}
