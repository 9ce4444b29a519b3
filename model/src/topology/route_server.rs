//! Route servers.

use schemars::JsonSchema;
use serde::Deserialize;

use super::value::azure_enum;
use super::{AnnouncedRoute, Map, Spanned};

/// A route server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RouteServer {
    /// Its region. Default: the lab's.
    pub location: Option<Spanned<String>>,
    /// The virtual network; its RouteServerSubnet holds it.
    pub virtual_network: Spanned<String>,
    /// Whether gateways and appliances learn each other's routes. Default: false.
    pub allow_branch_to_branch_traffic: Option<Spanned<bool>>,
    /// Which of equal routes wins. Default: ExpressRoute.
    pub hub_routing_preference: Option<Spanned<HubRoutingPreference>>,
    /// Appliances that speak BGP with it, by virtual machine.
    #[serde(default)]
    pub peers: Map<RouteServerPeer>,
}

azure_enum! {
    /// Which of equal routes a route server takes.
    HubRoutingPreference {
        /// That of ExpressRoute. The default.
        ExpressRoute = "ExpressRoute",
        /// That of VPN.
        VpnGateway = "VpnGateway",
        /// That with the shortest path.
        AsPath = "ASPath",
    }
}

/// An appliance that speaks BGP with a route server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RouteServerPeer {
    /// Its ASN.
    pub peer_asn: Spanned<u32>,
    /// What it announces. Default: nothing.
    #[serde(default)]
    pub routes: Vec<Spanned<AnnouncedRoute>>,
}
