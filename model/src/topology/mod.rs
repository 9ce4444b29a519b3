//! The topology file as it was typed: ARM's words, every value with its position.
//!
//! Everything that the format names is read into these types, also what is not built yet. Whether names exist and
//! Azure's rules are kept is [`crate::validate`]'s to say. Fields are `Option`s where Azure has a default, so that
//! what was written can be told from what was left out.

mod address;
mod backbone;
mod bgp;
mod collection;
mod connection;
mod express_route_circuit;
mod internet;
mod lab;
mod load_balancer;
mod local_network_gateway;
mod nat_gateway;
mod network_security_group;
mod not_built;
mod on_premises;
mod parse;
mod port;
mod private_dns_zone;
mod private_endpoint;
mod public_ip_address;
mod route_server;
mod route_table;
mod schema;
mod security_admin_configuration;
mod service;
mod spanned;
mod test;
#[cfg(test)]
mod tests;
mod value;
mod virtual_machine;
mod virtual_network;
mod virtual_network_gateway;
mod yaml;

use schemars::JsonSchema;
use serde::Deserialize;

pub use address::*;
pub use backbone::*;
pub use bgp::*;
pub use collection::{Map, OneOrMany};
pub use connection::*;
pub use express_route_circuit::*;
pub use internet::*;
pub use lab::{
    AllowForwardedTrafficBehavior, AllowVirtualNetworkAccessBehavior, Behavior,
    DefaultOutboundAccessBehavior, EncryptionEnforcementBehavior, EncryptionSupportBehavior, Host, Hosts,
    LabName, LiveFlowsBehavior, NoneRoutesBehavior, ServiceEndpointRoutesBehavior, ServiceTags, Subscription,
    VirtualNetworkTagRoutesBehavior,
};
pub use load_balancer::*;
pub use local_network_gateway::*;
pub use nat_gateway::*;
pub use network_security_group::*;
pub use on_premises::*;
pub use parse::{Parsed, parse};
pub use port::*;
pub use private_dns_zone::*;
pub use private_endpoint::*;
pub use public_ip_address::*;
pub use route_server::*;
pub use route_table::*;
pub use schema::json_schema;
pub use security_admin_configuration::*;
pub use service::*;
pub use spanned::{Span, Spanned};
pub use test::*;
pub use value::ValueError;
pub use virtual_machine::*;
pub use virtual_network::*;
pub use virtual_network_gateway::*;
pub use yaml::MAX_BYTES;

/// A vnetlab topology file: one lab. A property that exists in Azure's ARM schema has that name and those values here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Topology {
    /// The lab's name.
    pub name: Spanned<LabName>,
    /// The region of everything that does not name its own. Default: koreacentral.
    pub location: Option<Spanned<String>>,
    /// Emulated physical hosts: how many per region, or a map of hosts. Default: 1.
    pub hosts: Option<Spanned<Hosts>>,
    /// The kind of subscription; it decides whether TCP port 25 may leave. Default: EnterpriseAgreement.
    pub subscription: Option<Spanned<Subscription>>,
    /// Prefixes of service tags. Default: built in.
    pub service_tags: Option<Spanned<ServiceTags>>,
    /// Switches for where Azure's documents and observation disagree.
    pub behavior: Option<Behavior>,
    /// Virtual networks.
    #[serde(default)]
    pub virtual_networks: Map<VirtualNetwork>,
    /// Network security groups.
    #[serde(default)]
    pub network_security_groups: Map<NetworkSecurityGroup>,
    /// Names of application security groups.
    #[serde(default)]
    pub application_security_groups: Vec<Spanned<String>>,
    /// Security admin configurations of Azure Virtual Network Manager.
    #[serde(default)]
    pub security_admin_configurations: Map<SecurityAdminConfiguration>,
    /// Route tables.
    #[serde(default)]
    pub route_tables: Map<RouteTable>,
    /// Virtual machines.
    #[serde(default)]
    pub virtual_machines: Map<VirtualMachine>,
    /// Public addresses.
    #[serde(default, rename = "publicIPAddresses")]
    pub public_ip_addresses: Map<PublicIpAddress>,
    /// NAT gateways.
    #[serde(default)]
    pub nat_gateways: Map<NatGateway>,
    /// Load balancers.
    #[serde(default)]
    pub load_balancers: Map<LoadBalancer>,
    /// Private DNS zones, by domain.
    #[serde(default)]
    pub private_dns_zones: Map<PrivateDnsZone>,
    /// Private endpoints.
    #[serde(default)]
    pub private_endpoints: Map<PrivateEndpoint>,
    /// Stand-ins for PaaS services.
    #[serde(default)]
    pub services: Map<Service>,
    /// The internet.
    pub internet: Option<Internet>,
    /// Gateways of virtual networks.
    #[serde(default)]
    pub virtual_network_gateways: Map<VirtualNetworkGateway>,
    /// VPN devices on premises.
    #[serde(default)]
    pub local_network_gateways: Map<LocalNetworkGateway>,
    /// ExpressRoute circuits.
    #[serde(default)]
    pub express_route_circuits: Map<ExpressRouteCircuit>,
    /// Connections of gateways.
    #[serde(default)]
    pub connections: Map<Connection>,
    /// Route servers.
    #[serde(default)]
    pub route_servers: Map<RouteServer>,
    /// Sites on premises.
    #[serde(default)]
    pub on_premises: Map<OnPremisesSite>,
    /// The network between regions.
    pub backbone: Option<Backbone>,
    /// What `vnetlab test` asks.
    #[serde(default)]
    pub tests: Vec<Spanned<Test>>,
    /// Keys that were left out because something in them could not be read. A name in here is no dangling reference.
    #[serde(skip)]
    pub omitted: Vec<String>,
}
