//! ExpressRoute circuits.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{AnnouncedRoute, Spanned};

/// An ExpressRoute circuit with private peering.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ExpressRouteCircuit {
    /// Its region. Default: the lab's.
    pub location: Option<Spanned<String>>,
    /// The site that it leads to.
    pub site: Spanned<String>,
    /// The ASN of the site's edge.
    #[serde(rename = "peerASN")]
    pub peer_asn: Spanned<u32>,
    /// What the site announces. Default: the site's prefixes.
    pub routes: Option<Vec<Spanned<AnnouncedRoute>>>,
}
