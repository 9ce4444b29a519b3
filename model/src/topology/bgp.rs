//! BGP: what a peer says of itself and announces.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::Deserializer;

use super::lab::TextOrMap;
use super::{Ipv4Prefix, Spanned};

/// One side of BGP.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BgpSettings {
    /// Its autonomous system number.
    pub asn: Option<Spanned<u32>>,
    /// What it announces. Default: the site's prefixes.
    pub routes: Option<Vec<Spanned<AnnouncedRoute>>>,
}

/// A route that a BGP peer announces: a prefix, or a prefix and a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnnouncedRoute {
    /// The peer's own ASN is the path.
    Prefix(Ipv4Prefix),
    /// With its path.
    WithPath(RouteWithPath),
}

/// A route with its path.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RouteWithPath {
    /// The prefix.
    pub network: Spanned<Ipv4Prefix>,
    /// Autonomous system numbers, the nearest first. Default: the peer's own.
    #[serde(default)]
    pub as_path: Vec<Spanned<u32>>,
}

impl<'de> Deserialize<'de> for AnnouncedRoute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let prefix = |text: &str| text.parse().map(Self::Prefix);
        TextOrMap::deserialize(deserializer, "a prefix, or `{network, asPath}`", prefix, Self::WithPath)
    }
}

impl JsonSchema for AnnouncedRoute {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AnnouncedRoute".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A prefix, or a prefix and its path.",
            "anyOf": [generator.subschema_for::<Ipv4Prefix>(), generator.subschema_for::<RouteWithPath>()],
        })
    }
}
