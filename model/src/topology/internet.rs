//! Hosts in the internet.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Ipv4Address, Map, Spanned};

/// The internet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Internet {
    /// Addresses by name; they answer on every port and to ping.
    #[serde(default)]
    pub hosts: Map<Spanned<Ipv4Address>>,
}
