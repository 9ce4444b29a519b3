//! Public addresses.

use schemars::JsonSchema;
use serde::Deserialize;

use super::value::azure_enum;
use super::{Ipv4Address, Map, Spanned};

/// A public address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PublicIpAddress {
    /// Its region. Default: the lab's.
    pub location: Option<Spanned<String>>,
    /// Its SKU. Default: Standard.
    pub sku: Option<Spanned<PublicIpSku>>,
    /// The address. Default: the next free one of the region.
    pub ip_address: Option<Spanned<Ipv4Address>>,
    /// Tags such as RoutingPreference: Internet.
    #[serde(default)]
    pub ip_tags: Map<Spanned<String>>,
}

azure_enum! {
    /// The SKU of a public address or load balancer.
    PublicIpSku {
        /// Retired.
        Basic = "Basic",
        /// Standard. The default.
        Standard = "Standard",
        /// Standard v2, for NAT gateways v2.
        StandardV2 = "StandardV2",
    }
}
