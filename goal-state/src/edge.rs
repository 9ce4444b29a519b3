//! What one host does at the edge of the virtual networks: routers to the internet, NAT gateways, load balancers, health probes.
//!
//! All of them are stations of the platform between ports. Each has *legs*: devices on the bridges of virtual networks, with an Ethernet
//! address by which every host's mappings know them. The internet is a virtual network, too: the routers, the hosts of the internet and
//! services are in it, and whatever has a public address is mapped in it.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::nsg::Protocol;
use crate::translation::PortLease;
use crate::{MacAddr, NicId, Vni};

/// The identifier on the underlay of the internet. No virtual network has it.
pub const INTERNET_VNI: u32 = 0xff_ffff;

/// The platform's stations on one host. Each list is sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Edge {
    /// The regions' ways into the internet.
    pub routers: Vec<Router>,
    /// NAT gateways.
    pub nat_gateways: Vec<NatGateway>,
    /// Frontends of load balancers.
    pub frontends: Vec<Frontend>,
    /// Who probes backends, one for each virtual network that has some. Sorted by VNI.
    pub probers: Vec<Prober>,
}

impl Edge {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.routers.is_empty()
            && self.nat_gateways.is_empty()
            && self.frontends.is_empty()
            && self.probers.is_empty()
    }
}

/// A device of a station on the bridge of a virtual network.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Leg {
    /// The virtual network, or the internet.
    pub vni: Vni,
    /// Its Ethernet address; its serial number is nobody else's.
    pub mac: MacAddr,
    /// Its address there.
    pub address: Ipv4Addr,
}

/// A region's router. It forwards between public addresses, and nothing else; what nobody has is unreachable, which it says by ICMP and by a
/// drop event ([`crate::DropReason::NoDestination`] at `internet`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Router {
    /// The region.
    pub name: String,
    /// Its device in the internet, where all its neighbours are.
    pub leg: Leg,
    /// Addresses whose owners are asked for there by ARP: this region's, and those of no region. Sorted.
    pub on_link: Vec<Ipv4Net>,
    /// Other regions' addresses, and their routers. Sorted.
    pub via: Vec<(Ipv4Net, Ipv4Addr)>,
}

/// A NAT gateway. Flows that come in by the virtual network leave with one of its addresses; from outside it lets in replies only
/// ([`crate::DropReason::PublicAddress`]). TCP and UDP only ([`crate::DropReason::OutboundAccess`]).
/// <https://learn.microsoft.com/azure/nat-gateway/nat-gateway-resource>
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NatGateway {
    /// Its name.
    pub name: String,
    /// In the virtual network: the next hop of ports.
    pub inside: Leg,
    /// In the internet. All its public addresses are mapped to this device; the leg's address is the first.
    pub outside: Leg,
    /// Its public addresses, sorted; each has 64,512 ports (1,024 to 65,535) for each destination.
    pub addresses: Vec<Ipv4Addr>,
    /// The router of its region: its default route.
    pub router: Ipv4Addr,
    /// The address space of the virtual network, which is on-link inside.
    pub space: Vec<Ipv4Net>,
    /// Seconds after which an idle TCP flow is forgotten: 240 to 7,200. UDP flows: 240.
    pub tcp_idle_timeout_s: u32,
}

/// A frontend of a load balancer: it chooses a backend for each flow, and hands the packet to the backend's port as it is. That port translates.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Frontend {
    /// The load balancer's name.
    pub balancer: String,
    /// Its own name.
    pub name: String,
    /// Its address, public or private.
    pub address: Ipv4Addr,
    /// In the virtual network of the backends. Of an internal load balancer, what is sent to `address` comes in here.
    pub inside: Leg,
    /// In the internet; what is sent to a public `address` comes in here.
    pub outside: Option<Leg>,
    /// Its rules: inbound NAT rules first, then load balancing rules, each in the order of the file. The first that matches counts; what none
    /// matches is dropped ([`crate::DropReason::LoadBalancer`]).
    pub rules: Vec<BalancingRule>,
    /// Ports of `address` that backends use for flows that they begin. Sorted. They count before the rules.
    pub leases: Vec<BackendLease>,
}

/// Source ports of a frontend that are a backend's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackendLease {
    /// The ports.
    pub ports: PortLease,
    /// Whose they are: its private address.
    pub backend: Ipv4Addr,
}

/// A rule of a frontend.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BalancingRule {
    /// Its name.
    pub name: String,
    /// Tcp or Udp; Any for both (HA ports).
    pub protocol: Protocol,
    /// The port in front; none for all (HA ports). A rule for all ports also takes what is not for the frontend's address but was routed to it.
    pub port: Option<u16>,
    /// What keeps a client on a backend.
    pub distribution: Distribution,
    /// Who may get a flow, sorted by NIC.
    pub backends: Vec<Backend>,
    /// The name of the probe that says which backends are healthy; none: all are.
    pub probe: Option<String>,
    /// Seconds after which an idle flow is forgotten: 240 to 6,000.
    pub idle_timeout_s: u32,
    /// Whether both sides are told of that by a TCP reset.
    pub tcp_reset: bool,
}

/// What keeps a client on a backend.
/// <https://learn.microsoft.com/azure/load-balancer/distribution-mode-concepts>
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Distribution {
    /// Addresses, protocol and ports.
    #[default]
    Default,
    /// The addresses.
    #[serde(rename = "SourceIP")]
    SourceIp,
    /// The addresses and the protocol.
    #[serde(rename = "SourceIPProtocol")]
    SourceIpProtocol,
}

/// A machine behind a load balancer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Backend {
    /// Its NIC.
    pub nic: NicId,
    /// That NIC's private address.
    pub address: Ipv4Addr,
}

/// Probes backends of one virtual network from 168.63.129.16, which is mapped to its leg there.
/// <https://learn.microsoft.com/azure/load-balancer/load-balancer-custom-probe-overview>
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prober {
    /// Where it is; the address is 168.63.129.16.
    pub leg: Leg,
    /// What it asks, sorted by load balancer and name.
    pub probes: Vec<HealthProbe>,
}

/// A health probe of a load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HealthProbe {
    /// The load balancer's name.
    pub balancer: String,
    /// Its own name, unique in the load balancer.
    pub name: String,
    /// What is asked.
    pub question: ProbeQuestion,
    /// The port of the backend.
    pub port: u16,
    /// Seconds from one question to the next; an answer must come before the next, and within 30.
    pub interval_s: u32,
    /// How many answers in a row change a backend's health.
    pub threshold: u32,
    /// Whom it asks, sorted.
    pub backends: Vec<Backend>,
}

/// What a health probe asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "type", deny_unknown_fields)]
pub enum ProbeQuestion {
    /// Whether a connection opens.
    Tcp,
    /// Whether `GET path` gives 200.
    Http {
        /// The path, with its first slash.
        path: String,
    },
}
