//! What concerns the lab as a whole: its name, hosts, subscription, tags, switches of behaviour.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::value::{ValueError, azure_enum, text_value};
use super::{Ipv4Prefix, Map, Spanned};

/// The lab's name: 1 to 32 of `a-z 0-9 -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabName(pub String);

impl FromStr for LabName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=32).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ValueError::new(format!("`{text}` cannot be the name of a lab"))
                .code("InvalidLabName")
                .help("1 to 32 characters out of `a-z`, `0-9` and `-`"))
        }
    }
}

impl fmt::Display for LabName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

text_value!(LabName, "the name of the lab", {
    "type": "string", "pattern": "^[a-z0-9-]{1,32}$",
    "description": "The lab's name: 1 to 32 of `a-z`, `0-9` and `-`."
});

/// The emulated physical hosts: how many per region, or each by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hosts {
    /// So many in every region.
    PerRegion(u32),
    /// These.
    Named(Map<Host>),
}

/// An emulated physical host.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Host {
    /// Its region. Default: the lab's.
    pub location: Option<Spanned<String>>,
}

impl<'de> Deserialize<'de> for Hosts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        TextOrMap::deserialize(
            deserializer,
            "a number of hosts, or a map of hosts",
            |text: &str| {
                text.parse().map(Self::PerRegion).map_err(|_| {
                    ValueError::new(format!("`{text}` is not a number of hosts"))
                        .help("a number such as `3`, or a map such as `{host1: {location: koreacentral}}`")
                })
            },
            Self::Named,
        )
    }
}

impl JsonSchema for Hosts {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Hosts".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "How many emulated physical hosts each region has, or a map of hosts.",
            "anyOf": [{ "type": "integer", "minimum": 1 }, generator.subschema_for::<Map<Host>>()],
        })
    }
}

/// Where the prefixes of service tags come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceTags {
    /// Microsoft's weekly file `ServiceTags_Public.json`.
    File(String),
    /// These tags, added to the built-in ones or in place of them.
    Tags(Map<Vec<Spanned<Ipv4Prefix>>>),
}

impl<'de> Deserialize<'de> for ServiceTags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let file = |text: &str| Ok(Self::File(text.to_owned()));
        TextOrMap::deserialize(deserializer, "a file, or a map of tags to prefixes", file, Self::Tags)
    }
}

impl JsonSchema for ServiceTags {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ServiceTags".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Microsoft's file, or a map of tags to prefixes that adds or replaces just those tags.",
            "anyOf": [{ "type": "string" }, generator.subschema_for::<Map<Vec<Ipv4Prefix>>>()],
        })
    }
}

azure_enum! {
    /// The kind of subscription; it decides whether TCP port 25 may leave for the internet.
    Subscription {
        /// Enterprise Agreement: port 25 is open. The default.
        EnterpriseAgreement = "EnterpriseAgreement",
        /// Enterprise Dev/Test.
        EnterpriseDevTest = "EnterpriseDevTest",
        /// Visual Studio.
        Msdn = "MSDN",
        /// Pay-as-you-go.
        PayAsYouGo = "PayAsYouGo",
        /// Free trial.
        FreeTrial = "FreeTrial",
        /// Cloud solution provider.
        Csp = "CSP",
    }
}

/// Switches for where Azure's documents and observation disagree. The first value of each is the default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Behavior {
    /// What `allowVirtualNetworkAccess: false` does. Default: documented.
    pub allow_virtual_network_access: Option<Spanned<AllowVirtualNetworkAccessBehavior>>,
    /// What `allowForwardedTraffic: false` does. Default: documented.
    pub allow_forwarded_traffic: Option<Spanned<AllowForwardedTrafficBehavior>>,
    /// When a service endpoint's route wins. Default: documented.
    pub service_endpoint_routes: Option<Spanned<ServiceEndpointRoutesBehavior>>,
    /// Which user routes count for the tag VirtualNetwork. Default: applianceInside.
    pub virtual_network_tag_routes: Option<Spanned<VirtualNetworkTagRoutesBehavior>>,
    /// Whether a NAT gateway goes before a NIC's public address. Default: true.
    #[serde(rename = "natGatewayOverPublicIP")]
    pub nat_gateway_over_public_ip: Option<Spanned<bool>>,
    /// Which system routes to None a subnet has. Default: classic.
    pub none_routes: Option<Spanned<NoneRoutesBehavior>>,
    /// What happens to live flows when rules change. Default: keep.
    pub live_flows_on_rule_change: Option<Spanned<LiveFlowsBehavior>>,
    /// The default of a subnet's `defaultOutboundAccess`. Default: implicit.
    pub default_outbound_access: Option<Spanned<DefaultOutboundAccessBehavior>>,
    /// Which services may share a virtual network with encryption. Default: current.
    pub encryption_support: Option<Spanned<EncryptionSupportBehavior>>,
    /// Which values `enforcement` of an encrypted virtual network may have. Default: offered.
    pub encryption_enforcement: Option<Spanned<EncryptionEnforcementBehavior>>,
}

azure_enum! {
    /// What `allowVirtualNetworkAccess: false` does.
    AllowVirtualNetworkAccessBehavior {
        /// No traffic, as documented. The default.
        Documented = "documented",
        /// Only the tag VirtualNetwork changes.
        TagOnly = "tagOnly",
    }
}

azure_enum! {
    /// What `allowForwardedTraffic: false` does.
    AllowForwardedTrafficBehavior {
        /// Forwarded packets are refused, as documented. The default.
        Documented = "documented",
        /// Nothing.
        Ignored = "ignored",
    }
}

azure_enum! {
    /// When a service endpoint's route wins over a user route.
    ServiceEndpointRoutesBehavior {
        /// As documented. The default.
        Documented = "documented",
        /// Only over the very same prefix.
        ExactTie = "exactTie",
        /// As observed.
        Observed = "observed",
    }
}

azure_enum! {
    /// Which user routes count for the tag VirtualNetwork.
    VirtualNetworkTagRoutesBehavior {
        /// Those to an appliance inside. The default.
        ApplianceInside = "applianceInside",
        /// All.
        All = "all",
    }
}

azure_enum! {
    /// Which system routes to None a subnet has.
    NoneRoutesBehavior {
        /// The long-standing list. The default.
        Classic = "classic",
        /// The list documented in December 2025.
        Documented202512 = "2025-12",
        /// As observed.
        Observed = "observed",
    }
}

azure_enum! {
    /// What happens to live flows when rules change.
    LiveFlowsBehavior {
        /// They go on. The default.
        Keep = "keep",
        /// They end at the flow timeout.
        FlowTimeout = "flowTimeout",
    }
}

azure_enum! {
    /// The default of a subnet's `defaultOutboundAccess`.
    DefaultOutboundAccessBehavior {
        /// true. The default.
        Implicit = "implicit",
        /// false.
        Private = "private",
    }
}

azure_enum! {
    /// Which services may share a virtual network with encryption.
    EncryptionSupportBehavior {
        /// Today's list. The default.
        Current = "current",
        /// The list at general availability.
        Original = "original",
    }
}

azure_enum! {
    /// Which values `enforcement` of an encrypted virtual network may have.
    EncryptionEnforcementBehavior {
        /// AllowUnencrypted, which is all that Azure offers. The default.
        Offered = "offered",
        /// Also DropUnencrypted, which Azure has announced.
        Announced = "announced",
    }
}

/// A value that is either a text or a map, made by one of two functions.
pub(super) struct TextOrMap<Text, Wrap, M, T> {
    expected: &'static str,
    text: Text,
    map: Wrap,
    types: PhantomData<(M, T)>,
}

impl<'de, Text, Wrap, M, T> TextOrMap<Text, Wrap, M, T>
where
    Text: FnOnce(&str) -> Result<T, ValueError>,
    Wrap: FnOnce(M) -> T,
    M: Deserialize<'de>,
{
    pub(super) fn deserialize<D: Deserializer<'de>>(
        deserializer: D,
        expected: &'static str,
        text: Text,
        map: Wrap,
    ) -> Result<T, D::Error> {
        deserializer.deserialize_any(Self { expected, text, map, types: PhantomData })
    }
}

impl<'de, Text, Wrap, M, T> Visitor<'de> for TextOrMap<Text, Wrap, M, T>
where
    Text: FnOnce(&str) -> Result<T, ValueError>,
    Wrap: FnOnce(M) -> T,
    M: Deserialize<'de>,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        (self.text)(text).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        M::deserialize(MapAccessDeserializer::new(map)).map(self.map)
    }
}
