//! The public side: public addresses, what translates to them, the internet, and services behind public addresses.
//!
//! <https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses>,
//! <https://learn.microsoft.com/azure/nat-gateway/nat-gateway-resource>,
//! <https://learn.microsoft.com/azure/load-balancer/load-balancer-outbound-connections>,
//! <https://learn.microsoft.com/azure/private-link/private-endpoint-overview>

use std::net::Ipv4Addr;

use goal_state::edge::ProbeQuestion;
use goal_state::vm::Listen;
use ipnet::Ipv4Net;

pub use crate::topology::{
    LoadBalancerProtocol, LoadBalancerSku, LoadDistribution, PrivateLinkServiceConnectionState, PublicIpSku,
};

use super::{NicRef, PublicIpId, ServiceId, SubnetRef};

/// A public address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicIpAddress {
    /// Its name.
    pub name: String,
    /// Its region.
    pub location: String,
    /// Its SKU.
    pub sku: PublicIpSku,
    /// The address.
    pub address: Ipv4Addr,
}

/// A NAT gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatGateway {
    /// Its name.
    pub name: String,
    /// Its public addresses; 1 to 16.
    pub public_ips: Vec<PublicIpId>,
    /// Minutes after which an idle TCP flow is forgotten, 4 to 120.
    pub idle_timeout_in_minutes: u32,
}

/// A load balancer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadBalancer {
    /// Its name.
    pub name: String,
    /// Its SKU.
    pub sku: LoadBalancerSku,
    /// Where it listens; the others refer to it by position.
    pub frontends: Vec<Frontend>,
    /// Pools by name; the others refer to them by position.
    pub backend_pools: Vec<(String, Vec<NicRef>)>,
    /// Health probes; rules refer to them by position.
    pub probes: Vec<Probe>,
    /// Rules that spread flows over a pool.
    pub load_balancing_rules: Vec<LoadBalancingRule>,
    /// Rules that lead a port to one machine.
    pub inbound_nat_rules: Vec<InboundNatRule>,
    /// Rules for flows that machines of a pool begin.
    pub outbound_rules: Vec<OutboundRule>,
}

/// A frontend of a load balancer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frontend {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: FrontendAddress,
}

/// The address of a frontend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrontendAddress {
    /// A public one.
    Public(PublicIpId),
    /// A private one.
    Private {
        /// Its subnet.
        subnet: SubnetRef,
        /// The address.
        address: Ipv4Addr,
    },
}

/// A health probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Its name.
    pub name: String,
    /// What it asks.
    pub question: ProbeQuestion,
    /// The port that is asked.
    pub port: u16,
    /// Seconds from one question to the next, 5 or more.
    pub interval_in_seconds: u32,
    /// How many answers in a row, or missing ones, change a machine's health; 1 or more.
    pub number_of_probes: u32,
}

/// What becomes of an idle flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdleFlows {
    /// Minutes after which it is forgotten, 4 to 100.
    pub timeout_in_minutes: u32,
    /// Whether both sides are told of that by a TCP reset.
    pub tcp_reset: bool,
}

impl Default for IdleFlows {
    /// Azure's: 4 minutes, and nobody is told.
    fn default() -> Self {
        Self { timeout_in_minutes: 4, tcp_reset: false }
    }
}

/// A rule that spreads flows over a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadBalancingRule {
    /// Its name.
    pub name: String,
    /// The frontend's position.
    pub frontend: usize,
    /// The pool's position.
    pub backend_pool: usize,
    /// Tcp, Udp or All.
    pub protocol: LoadBalancerProtocol,
    /// The port in front; 0 is all (HA ports).
    pub frontend_port: u16,
    /// The port behind; 0 is all (HA ports).
    pub backend_port: u16,
    /// The probe's position; none: every machine counts as healthy.
    pub probe: Option<usize>,
    /// What keeps a client on a machine.
    pub load_distribution: LoadDistribution,
    /// Whether machines see the frontend's address.
    pub enable_floating_ip: bool,
    /// Whether the frontend is no way out for the pool.
    pub disable_outbound_snat: bool,
    /// What becomes of an idle flow.
    pub idle: IdleFlows,
}

/// A rule that leads a port to one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundNatRule {
    /// Its name.
    pub name: String,
    /// The frontend's position.
    pub frontend: usize,
    /// Machines and the port in front that leads to each.
    pub backends: Vec<(NicRef, u16)>,
    /// Tcp, Udp or All.
    pub protocol: LoadBalancerProtocol,
    /// The port behind.
    pub backend_port: u16,
    /// Whether the machine sees the frontend's address.
    pub enable_floating_ip: bool,
    /// What becomes of an idle flow.
    pub idle: IdleFlows,
}

/// A rule for flows that machines of a pool begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundRule {
    /// Its name.
    pub name: String,
    /// The frontends' positions; never empty, all public.
    pub frontends: Vec<usize>,
    /// The pool's position.
    pub backend_pool: usize,
    /// Tcp, Udp or All.
    pub protocol: LoadBalancerProtocol,
    /// Ports for each machine; 0: by the size of the pool.
    pub allocated_outbound_ports: u32,
    /// What becomes of an idle flow.
    pub idle: IdleFlows,
}

/// A private endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateEndpoint {
    /// Its name.
    pub name: String,
    /// Its subnet.
    pub subnet: SubnetRef,
    /// Its private address.
    pub address: Ipv4Addr,
    /// The service behind it.
    pub service: ServiceId,
    /// Only an approved one carries traffic.
    pub state: PrivateLinkServiceConnectionState,
}

/// A stand-in for a PaaS service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its resource provider, `Microsoft.Sql`.
    pub service_type: String,
    /// Its region.
    pub location: String,
    /// Its public address.
    pub address: Ipv4Addr,
    /// Its domain name, without a last dot; none where the file gives none.
    pub fqdn: Option<String>,
    /// What it answers on. None: everything, and ping.
    pub listen: Option<Vec<Listen>>,
    /// Shell commands that run as long as it does.
    pub commands: Vec<String>,
    /// Whom its public address lets in. None: everybody. Private endpoints are not asked.
    pub firewall: Option<ServiceFirewall>,
}

/// The firewall of a service: it lets in what one of these lists names, and nothing else.
/// <https://learn.microsoft.com/azure/storage/common/storage-network-security>
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceFirewall {
    /// Subnets, which are known as such only by a service endpoint.
    pub virtual_network_rules: Vec<SubnetRef>,
    /// Public addresses.
    pub ip_rules: Vec<Ipv4Net>,
}

/// A host in the internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InternetHost {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// What it answers on. None: everything, and ping.
    pub listen: Option<Vec<Listen>>,
    /// Shell commands that run as long as it does.
    pub commands: Vec<String>,
}
