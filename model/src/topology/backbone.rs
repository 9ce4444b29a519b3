//! The network between regions.

use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::Deserializer;

use super::lab::TextOrMap;
use super::value::{ValueError, text_value};
use super::{Map, Spanned};

/// The network between regions.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Backbone {
    /// How long a packet takes between regions. Default: published.
    pub latency: Option<Spanned<Latency>>,
}

/// How long a packet takes there and back between regions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Latency {
    /// As Microsoft publishes it.
    Published,
    /// Nothing.
    Off,
    /// By pair of regions, such as `koreacentral-japaneast`.
    Pairs(Map<Spanned<Milliseconds>>),
}

/// A duration such as `30ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Milliseconds(pub Duration);

impl FromStr for Milliseconds {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let number = text.strip_suffix("ms").and_then(|number| number.trim().parse::<u32>().ok());
        number.map(|number| Self(Duration::from_millis(number.into()))).ok_or_else(|| {
            ValueError::new(format!("`{text}` is not a duration")).help("milliseconds, such as `30ms`")
        })
    }
}

text_value!(Milliseconds, "milliseconds such as `30ms`", {
    "type": "string", "pattern": "^[0-9]+ *ms$", "description": "Milliseconds, such as `30ms`."
});

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "`published`, `off`, or a map of pairs of regions to milliseconds";
        let word = |text: &str| match text.to_ascii_lowercase().as_str() {
            "published" => Ok(Self::Published),
            "off" => Ok(Self::Off),
            _ => Err(ValueError::new(format!("`{text}` is not a latency")).help(expected)),
        };
        TextOrMap::deserialize(deserializer, expected, word, Self::Pairs)
    }
}

impl JsonSchema for Latency {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Latency".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Round trips between regions: published, off, or milliseconds by pair of regions.",
            "anyOf": [{ "enum": ["published", "off"] }, generator.subschema_for::<Map<Milliseconds>>()],
        })
    }
}
