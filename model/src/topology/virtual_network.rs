//! Virtual networks, their subnets and their peering links.

use schemars::JsonSchema;
use serde::Deserialize;

use super::schema::plural;
use super::value::azure_enum;
use super::{Ipv4Address, Ipv4Prefix, Map, OneOrMany, Spanned};

/// A virtual network.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct VirtualNetwork {
    /// Its prefixes.
    pub address_space: OneOrMany<Ipv4Prefix>,
    /// Its region. Default: the lab's.
    pub location: Option<Spanned<String>>,
    /// Encryption between its virtual machines. Default: off.
    pub encryption: Option<Encryption>,
    /// Minutes after which an idle flow is forgotten, 4 to 30. Default: 4.
    pub flow_timeout_in_minutes: Option<Spanned<u32>>,
    /// What DHCP hands out. Default: Azure's DNS.
    pub dhcp_options: Option<DhcpOptions>,
    /// Whether private endpoints share a route. Default: Disabled.
    #[serde(rename = "privateEndpointVNetPolicies")]
    pub private_endpoint_vnet_policies: Option<Spanned<PrivateEndpointVnetPolicies>>,
    /// Its subnets.
    #[serde(default)]
    pub subnets: Map<Subnet>,
    /// Its links to other virtual networks; each of them declares its own link back.
    #[serde(default)]
    pub peerings: Map<Peering>,
}

/// Encryption of the traffic inside a virtual network and to its peers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Encryption {
    /// Whether it is on. Default: false.
    pub enabled: Option<Spanned<bool>>,
    /// What happens to traffic that cannot be encrypted. Default: AllowUnencrypted.
    pub enforcement: Option<Spanned<EncryptionEnforcement>>,
}

azure_enum! {
    /// What happens to traffic that cannot be encrypted.
    EncryptionEnforcement {
        /// It passes. The default.
        AllowUnencrypted = "AllowUnencrypted",
        /// It is dropped.
        DropUnencrypted = "DropUnencrypted",
    }
}

/// What DHCP hands out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DhcpOptions {
    /// DNS servers. Default: 168.63.129.16, Azure's.
    #[serde(default)]
    pub dns_servers: OneOrMany<Ipv4Address>,
}

azure_enum! {
    /// Whether private endpoints of a virtual network share a route.
    PrivateEndpointVnetPolicies {
        /// Each has its own. The default.
        Disabled = "Disabled",
        /// They share one.
        Basic = "Basic",
    }
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = plural)]
pub struct Subnet {
    /// Its prefix; `addressPrefixes` with a single one is the same.
    #[serde(alias = "addressPrefixes")]
    pub address_prefix: OneOrMany<Ipv4Prefix>,
    /// The group that filters it. Default: none, no filter.
    pub network_security_group: Option<Spanned<String>>,
    /// The table that steers it. Default: none, system routes only.
    pub route_table: Option<Spanned<String>>,
    /// Services reached by a service endpoint, such as Microsoft.Storage. Default: none.
    #[serde(default)]
    pub service_endpoints: Vec<Spanned<String>>,
    /// The NAT gateway of its outbound traffic. Default: none.
    pub nat_gateway: Option<Spanned<String>>,
    /// Whether machines without any other way out reach the internet. Default: true.
    pub default_outbound_access: Option<Spanned<bool>>,
    /// Which policies hold for its private endpoints. Default: Disabled.
    pub private_endpoint_network_policies: Option<Spanned<PrivateEndpointNetworkPolicies>>,
    /// The service that it is delegated to, such as Microsoft.Web/serverFarms. Default: none.
    pub delegation: Option<Spanned<String>>,
}

azure_enum! {
    /// Which policies hold for the private endpoints of a subnet.
    PrivateEndpointNetworkPolicies {
        /// None. The default.
        Disabled = "Disabled",
        /// Network security groups.
        NetworkSecurityGroupEnabled = "NetworkSecurityGroupEnabled",
        /// Route tables.
        RouteTableEnabled = "RouteTableEnabled",
        /// Both.
        Enabled = "Enabled",
    }
}

/// One link of a peering. It carries traffic only when the other side has a link back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Peering {
    /// The virtual network on the other side.
    pub remote_virtual_network: Spanned<String>,
    /// Whether machines here and there reach each other. Default: true.
    pub allow_virtual_network_access: Option<Spanned<bool>>,
    /// Whether packets that the other side only forwards are let in. Default: false.
    pub allow_forwarded_traffic: Option<Spanned<bool>>,
    /// Whether the other side may use this one's gateway. Default: false.
    pub allow_gateway_transit: Option<Spanned<bool>>,
    /// Whether this side uses the other one's gateway. Default: false.
    pub use_remote_gateways: Option<Spanned<bool>>,
    /// false: only the subnets named below are peered. Default: true.
    pub peer_complete_vnets: Option<Spanned<bool>>,
    /// Subnets of this side, when not all are peered.
    #[serde(default)]
    pub local_subnet_names: Vec<Spanned<String>>,
    /// Subnets of the other side, when not all are peered.
    #[serde(default)]
    pub remote_subnet_names: Vec<Spanned<String>>,
    /// The other side's space as this link last synced it. Default: its present space.
    pub remote_address_space: Option<OneOrMany<Ipv4Prefix>>,
    /// Only for a link whose other side was once deleted. Default: derived from both links.
    pub peering_state: Option<Spanned<PeeringState>>,
}

azure_enum! {
    /// The state of a peering link.
    PeeringState {
        /// The other side has no link back.
        Initiated = "Initiated",
        /// Both links are there.
        Connected = "Connected",
        /// The other side was deleted.
        Disconnected = "Disconnected",
    }
}
