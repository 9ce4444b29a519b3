//! Sites on premises.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Ipv4Address, Ipv4Prefix, Map, OneOrMany, Spanned};

/// A site on premises.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct OnPremisesSite {
    /// Its region. Default: the lab's.
    pub location: Option<Spanned<String>>,
    /// Its prefixes.
    pub address_prefixes: OneOrMany<Ipv4Prefix>,
    /// Addresses of machines by name; they answer on every port and to ping.
    #[serde(default)]
    pub machines: Map<Spanned<Ipv4Address>>,
}
