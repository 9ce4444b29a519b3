//! NAT gateways.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{OneOrMany, Spanned};

/// A NAT gateway.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NatGateway {
    /// Its region. Default: the lab's.
    pub location: Option<Spanned<String>>,
    /// Its public addresses.
    #[serde(rename = "publicIPAddresses")]
    #[serde(default)]
    pub public_ip_addresses: OneOrMany<String>,
    /// Minutes after which an idle flow is forgotten, 4 to 120. Default: 4.
    pub idle_timeout_in_minutes: Option<Spanned<u32>>,
}
