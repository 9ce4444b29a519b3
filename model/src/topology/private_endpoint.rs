//! Private endpoints.

use schemars::JsonSchema;
use serde::Deserialize;

use super::value::azure_enum;
use super::{Ipv4Address, Spanned, SubnetReference};

/// A private endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PrivateEndpoint {
    /// Its region. Default: the lab's.
    pub location: Option<Spanned<String>>,
    /// Its subnet, as VIRTUALNETWORK/SUBNET.
    pub subnet: Spanned<SubnetReference>,
    /// The service behind it.
    pub service: Spanned<String>,
    /// Its private address. Default: the first free one of the subnet.
    #[serde(rename = "privateIPAddress")]
    pub private_ip_address: Option<Spanned<Ipv4Address>>,
    /// Whether the service's owner agreed. Default: Approved.
    pub private_link_service_connection_state: Option<Spanned<PrivateLinkServiceConnectionState>>,
}

azure_enum! {
    /// Whether the service's owner agreed to a private endpoint.
    PrivateLinkServiceConnectionState {
        /// Not asked yet.
        Pending = "Pending",
        /// Yes. The default.
        Approved = "Approved",
        /// No.
        Rejected = "Rejected",
        /// No longer.
        Disconnected = "Disconnected",
    }
}
