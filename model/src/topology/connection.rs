//! Connections of gateways.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Spanned;

/// A connection: one gateway, and what is on its other side.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Connection {
    /// Its region. Default: the lab's.
    pub location: Option<Spanned<String>>,
    /// The gateway.
    pub virtual_network_gateway1: Spanned<String>,
    /// Another gateway.
    pub virtual_network_gateway2: Option<Spanned<String>>,
    /// A local network gateway.
    pub local_network_gateway2: Option<Spanned<String>>,
    /// An ExpressRoute circuit.
    pub express_route_circuit: Option<Spanned<String>>,
    /// Whether BGP runs over it. Default: false.
    pub enable_bgp: Option<Spanned<bool>>,
}
