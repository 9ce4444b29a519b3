//! Stand-ins for PaaS services, answering on their public address.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Ipv4Address, ListenPort, OneOrMany, Spanned};

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
}
