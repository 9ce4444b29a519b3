//! Local network gateways: VPN devices on premises.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{BgpSettings, Ipv4Address, Ipv4Prefix, OneOrMany, Spanned};

/// A VPN device on premises, as Azure knows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LocalNetworkGateway {
    /// Its region. Default: the lab's.
    pub location: Option<Spanned<String>>,
    /// The site that it stands for.
    pub site: Spanned<String>,
    /// Its public address. Default: the next free one.
    pub gateway_ip_address: Option<Spanned<Ipv4Address>>,
    /// Static routes; with BGP they may be left out.
    pub address_prefixes: Option<OneOrMany<Ipv4Prefix>>,
    /// Its side of BGP. Default: no BGP.
    pub bgp_settings: Option<BgpSettings>,
}
