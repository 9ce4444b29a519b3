//! Hosts in the internet.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::Deserializer;

use super::lab::TextOrMap;
use super::{Ipv4Address, ListenPort, Map, OneOrMany, Spanned};

/// The internet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Internet {
    /// Hosts by name.
    #[serde(default)]
    pub hosts: Map<Spanned<InternetHost>>,
}

/// A host in the internet: its address alone, or with what runs there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InternetHost {
    /// It answers on every port and to ping.
    Address(Ipv4Address),
    /// With what runs there.
    Described(DescribedInternetHost),
}

/// A host in the internet, and what runs there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DescribedInternetHost {
    /// Its public address.
    pub ip_address: Spanned<Ipv4Address>,
    /// What it answers on, such as 80/tcp. Default: everything, and ping.
    pub listen: Option<OneOrMany<ListenPort>>,
    /// Shell commands that are started with it and run as long as it does. Default: none.
    #[serde(default)]
    pub commands: Vec<Spanned<String>>,
}

impl Spanned<InternetHost> {
    /// Its address, and where that is written.
    pub fn address(&self) -> Spanned<Ipv4Address> {
        match &self.value {
            InternetHost::Address(address) => Spanned::new(*address, self.span),
            InternetHost::Described(host) => host.ip_address,
        }
    }

    /// What runs there, where that is written.
    pub fn described(&self) -> Option<&DescribedInternetHost> {
        match &self.value {
            InternetHost::Address(_) => None,
            InternetHost::Described(host) => Some(host),
        }
    }
}

impl<'de> Deserialize<'de> for InternetHost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        TextOrMap::deserialize(
            deserializer,
            "an address, or a map with `ipAddress`",
            |text: &str| text.parse().map(Self::Address),
            Self::Described,
        )
    }
}

impl JsonSchema for InternetHost {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "InternetHost".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A host in the internet: its address, or a map that also says what runs there.",
            "anyOf": [generator.subschema_for::<Ipv4Address>(), generator.subschema_for::<DescribedInternetHost>()],
        })
    }
}
