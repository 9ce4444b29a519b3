//! Load balancers.

use schemars::JsonSchema;
use serde::Deserialize;

use super::value::azure_enum;
use super::{Ipv4Address, Map, OneOrMany, Spanned, SubnetReference};

/// A load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LoadBalancer {
    /// Its region. Default: the lab's.
    pub location: Option<Spanned<String>>,
    /// Its SKU. Default: Standard.
    pub sku: Option<Spanned<LoadBalancerSku>>,
    /// Where it listens.
    #[serde(rename = "frontendIPConfigurations")]
    #[serde(default)]
    pub frontend_ip_configurations: Map<FrontendIpConfiguration>,
    /// Virtual machines, or VM/NIC, by pool.
    #[serde(default)]
    pub backend_address_pools: Map<OneOrMany<String>>,
    /// Health probes.
    #[serde(default)]
    pub probes: Map<Probe>,
    /// Rules that spread flows over a pool.
    #[serde(default)]
    pub load_balancing_rules: Map<LoadBalancingRule>,
    /// Rules that lead a port to one machine.
    #[serde(default)]
    pub inbound_nat_rules: Map<InboundNatRule>,
    /// Rules for flows that machines of a pool begin.
    #[serde(default)]
    pub outbound_rules: Map<OutboundRule>,
}

azure_enum! {
    /// The SKU of a load balancer.
    LoadBalancerSku {
        /// Retired.
        Basic = "Basic",
        /// Standard. The default.
        Standard = "Standard",
        /// Gateway.
        Gateway = "Gateway",
    }
}

/// A frontend: a public address, or a private one in a subnet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FrontendIpConfiguration {
    /// Its public address.
    #[serde(rename = "publicIPAddress")]
    pub public_ip_address: Option<Spanned<String>>,
    /// Its subnet, as VIRTUALNETWORK/SUBNET.
    pub subnet: Option<Spanned<SubnetReference>>,
    /// Its private address. Default: the first free one of the subnet.
    #[serde(rename = "privateIPAddress")]
    pub private_ip_address: Option<Spanned<Ipv4Address>>,
}

/// A health probe.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Probe {
    /// Tcp, Http or Https.
    pub protocol: Spanned<ProbeProtocol>,
    /// The port that is asked.
    pub port: Spanned<u16>,
    /// The path that is asked by Http and Https.
    pub request_path: Option<Spanned<String>>,
    /// Seconds from one question to the next, 5 or more. Default: 5.
    pub interval_in_seconds: Option<Spanned<u32>>,
    /// Answers in a row, or missing ones, that change a machine's health. Default: 2.
    pub number_of_probes: Option<Spanned<u32>>,
}

azure_enum! {
    /// How a health probe asks.
    ProbeProtocol {
        /// A TCP connection.
        Tcp = "Tcp",
        /// An HTTP request.
        Http = "Http",
        /// An HTTPS request.
        Https = "Https",
    }
}

/// A rule that spreads flows over a pool.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LoadBalancingRule {
    /// The frontend.
    #[serde(rename = "frontendIPConfiguration")]
    pub frontend_ip_configuration: Spanned<String>,
    /// The pool.
    pub backend_address_pool: Spanned<String>,
    /// The health probe. Default: none.
    pub probe: Option<Spanned<String>>,
    /// Tcp, Udp or All.
    pub protocol: Spanned<LoadBalancerProtocol>,
    /// The port in front; 0 is all.
    pub frontend_port: Spanned<u16>,
    /// The port behind; 0 is all.
    pub backend_port: Spanned<u16>,
    /// What keeps a client on a machine. Default: Default.
    pub load_distribution: Option<Spanned<LoadDistribution>>,
    /// Whether machines see the frontend's address. Default: false.
    #[serde(rename = "enableFloatingIP")]
    pub enable_floating_ip: Option<Spanned<bool>>,
    /// Whether the frontend is no way out for the pool. Default: false.
    pub disable_outbound_snat: Option<Spanned<bool>>,
    /// Minutes after which an idle flow is forgotten, 4 to 100. Default: 4.
    pub idle_timeout_in_minutes: Option<Spanned<u32>>,
    /// Whether an idle TCP flow is reset. Default: false.
    pub enable_tcp_reset: Option<Spanned<bool>>,
}

azure_enum! {
    /// The protocol of a load balancer's rule.
    LoadBalancerProtocol {
        /// TCP.
        Tcp = "Tcp",
        /// UDP.
        Udp = "Udp",
        /// All.
        All = "All",
    }
}

azure_enum! {
    /// What keeps a client on a machine.
    LoadDistribution {
        /// Addresses, ports and protocol. The default.
        Default = "Default",
        /// Addresses.
        SourceIp = "SourceIP",
        /// Addresses and protocol.
        SourceIpProtocol = "SourceIPProtocol",
    }
}

/// A rule that leads a port to one machine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct InboundNatRule {
    /// The frontend.
    #[serde(rename = "frontendIPConfiguration")]
    pub frontend_ip_configuration: Spanned<String>,
    /// The machine, or VM/NIC.
    pub backend: Option<Spanned<String>>,
    /// The pool; instead of one machine.
    pub backend_address_pool: Option<Spanned<String>>,
    /// Tcp, Udp or All.
    pub protocol: Spanned<LoadBalancerProtocol>,
    /// The port in front.
    pub frontend_port: Option<Spanned<u16>>,
    /// The first port in front, for a pool.
    pub frontend_port_range_start: Option<Spanned<u16>>,
    /// The last port in front, for a pool.
    pub frontend_port_range_end: Option<Spanned<u16>>,
    /// The port behind.
    pub backend_port: Spanned<u16>,
    /// Whether the machine sees the frontend's address. Default: false.
    #[serde(rename = "enableFloatingIP")]
    pub enable_floating_ip: Option<Spanned<bool>>,
    /// Minutes after which an idle flow is forgotten, 4 to 100. Default: 4.
    pub idle_timeout_in_minutes: Option<Spanned<u32>>,
    /// Whether an idle TCP flow is reset. Default: false.
    pub enable_tcp_reset: Option<Spanned<bool>>,
}

/// A rule for flows that machines of a pool begin.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = super::schema::plural)]
pub struct OutboundRule {
    /// The frontends.
    #[serde(rename = "frontendIPConfiguration", alias = "frontendIPConfigurations")]
    pub frontend_ip_configuration: OneOrMany<String>,
    /// The pool.
    pub backend_address_pool: Spanned<String>,
    /// Tcp, Udp or All.
    pub protocol: Spanned<LoadBalancerProtocol>,
    /// Ports for each machine; 0: by the size of the pool. Default: 0.
    pub allocated_outbound_ports: Option<Spanned<u32>>,
    /// Minutes after which an idle flow is forgotten, 4 to 100. Default: 4.
    pub idle_timeout_in_minutes: Option<Spanned<u32>>,
    /// Whether an idle TCP flow is reset. Default: false.
    pub enable_tcp_reset: Option<Spanned<bool>>,
}
