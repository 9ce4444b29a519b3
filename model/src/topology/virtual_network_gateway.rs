//! Gateways of virtual networks: VPN and ExpressRoute.

use schemars::JsonSchema;
use serde::Deserialize;

use super::value::azure_enum;
use super::{BgpSettings, OneOrMany, Spanned};

/// A gateway of a virtual network.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = super::schema::plural)]
pub struct VirtualNetworkGateway {
    /// Its region. Default: the lab's.
    pub location: Option<Spanned<String>>,
    /// The virtual network; its GatewaySubnet holds the gateway.
    pub virtual_network: Spanned<String>,
    /// Vpn or ExpressRoute.
    pub gateway_type: Spanned<GatewayType>,
    /// Its public addresses. Default: one of its own.
    #[serde(rename = "publicIPAddress", alias = "publicIPAddresses")]
    pub public_ip_address: Option<OneOrMany<String>>,
    /// Its SKU. Default: VpnGw1AZ or ErGw1AZ.
    pub sku: Option<Spanned<String>>,
    /// Whether both instances work. Default: false.
    pub active_active: Option<Spanned<bool>>,
    /// Whether it speaks BGP. Default: false.
    pub enable_bgp: Option<Spanned<bool>>,
    /// Its side of BGP. Default: ASN 65515.
    pub bgp_settings: Option<BgpSettings>,
}

azure_enum! {
    /// The kind of a gateway.
    GatewayType {
        /// Site-to-site VPN.
        Vpn = "Vpn",
        /// ExpressRoute.
        ExpressRoute = "ExpressRoute",
    }
}
