//! Route tables and user-defined routes.

use schemars::JsonSchema;
use serde::Deserialize;

use super::value::azure_enum;
use super::{Ipv4Address, Map, RouteDestination, Spanned};

/// A route table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RouteTable {
    /// Its region. Default: the lab's.
    pub location: Option<Spanned<String>>,
    /// Whether routes of gateways are kept from its subnets. Default: false.
    pub disable_bgp_route_propagation: Option<Spanned<bool>>,
    /// Whether routes of peerings are kept from its subnets. Default: None.
    pub disable_peering_route: Option<Spanned<DisablePeeringRoute>>,
    /// Its routes.
    #[serde(default)]
    pub routes: Map<Route>,
}

azure_enum! {
    /// Which routes of peerings are kept from a subnet.
    DisablePeeringRoute {
        /// None. The default.
        None = "None",
        /// All.
        All = "All",
    }
}

/// A user-defined route.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Route {
    /// The destinations that it covers: a prefix or a service tag.
    pub address_prefix: Spanned<RouteDestination>,
    /// Where they go.
    pub next_hop_type: Spanned<NextHopType>,
    /// The appliance's address; with VirtualAppliance only.
    pub next_hop_ip_address: Option<Spanned<Ipv4Address>>,
    /// The appliances' addresses; with VirtualApplianceEcmp only.
    #[serde(default)]
    pub next_hop_ip_addresses: Vec<Spanned<Ipv4Address>>,
}

azure_enum! {
    /// Where a user-defined route sends packets.
    NextHopType {
        /// To the network interface with this private address.
        VirtualAppliance = "VirtualAppliance",
        /// To several appliances.
        VirtualApplianceEcmp = "VirtualApplianceEcmp",
        /// To the virtual network's gateway.
        VirtualNetworkGateway = "VirtualNetworkGateway",
        /// Inside the virtual network.
        VnetLocal = "VnetLocal",
        /// To the internet.
        Internet = "Internet",
        /// Nowhere.
        None = "None",
    }
}
