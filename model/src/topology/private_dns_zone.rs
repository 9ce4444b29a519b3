//! Private DNS zones.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Map, Spanned};

/// A private DNS zone; its name is the domain.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PrivateDnsZone {
    /// Its region. Default: the lab's.
    pub location: Option<Spanned<String>>,
    /// The virtual networks that resolve it, by name.
    #[serde(default)]
    pub virtual_network_links: Map<VirtualNetworkLink>,
}

/// A virtual network that resolves a zone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct VirtualNetworkLink {
    /// Whether its virtual machines are registered. Default: false.
    pub registration_enabled: Option<Spanned<bool>>,
}
