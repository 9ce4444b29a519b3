//! Stand-ins for PaaS services, answering on their public address.

use std::fmt;
use std::str::FromStr;

use ipnet::Ipv4Net;
use schemars::JsonSchema;
use serde::Deserialize;

use super::value::{ValueError, text_value};
use super::{Ipv4Address, Ipv4Prefix, ListenPort, OneOrMany, Spanned, SubnetReference};

/// A stand-in for a PaaS service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Service {
    /// Its region. Default: the lab's.
    pub location: Option<Spanned<String>>,
    /// Its resource provider, such as Microsoft.Sql.
    #[serde(rename = "type")]
    pub service_type: Spanned<String>,
    /// Its domain name. Default: none.
    pub fqdn: Option<Spanned<String>>,
    /// Its public address.
    pub ip_address: Spanned<Ipv4Address>,
    /// What it answers on, such as 1433/tcp. Default: everything, and ping.
    pub listen: Option<OneOrMany<ListenPort>>,
    /// Shell commands that are started with it and run as long as it does. Default: none.
    #[serde(default)]
    pub commands: Vec<Spanned<String>>,
    /// Subnets that its firewall lets in, by their service endpoints. Default: everybody, unless there are `ipRules`.
    pub virtual_network_rules: Option<OneOrMany<SubnetReference>>,
    /// Public addresses and prefixes that its firewall lets in. Default: everybody, unless there are `virtualNetworkRules`.
    pub ip_rules: Option<OneOrMany<IpRule>>,
}

/// Whom a service's firewall lets in: an address, or a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpRule(pub Ipv4Net);

impl FromStr for IpRule {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.contains('/') {
            text.parse().map(|Ipv4Prefix(prefix)| Self(prefix))
        } else {
            text.parse().map(|Ipv4Address(address)| Self(Ipv4Net::from(address)))
        }
    }
}

impl fmt::Display for IpRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

text_value!(IpRule, "an address or a prefix", {
    "type": "string", "pattern": r"^[0-9]+(\.[0-9]+){3}(/[0-9]+)?$",
    "description": "An IPv4 address such as `203.0.113.9`, or a prefix such as `203.0.113.0/24`, without host bits."
});
