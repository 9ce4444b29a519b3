//! Effective routes of a subnet: those of the platform, of gateways and of route tables, and which of them is in force.
//!
//! <https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview>

use std::net::Ipv4Addr;
use std::sync::Arc;

use goal_state::route::RouteSource;
use ipnet::Ipv4Net;
use prefix_trie::PrefixMap;
use serde::Serialize;

use super::Policy;
use super::selection::select;
use super::system_routes::system_routes;
use super::user_routes::user_routes;
use crate::network::{GatewayId, PrivateEndpointId, SubnetRef, TagId, VnetId};

/// Whether a route is in force or out-ranked by another one of the same prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum RouteState {
    /// In force.
    Active,
    /// Listed, and of no effect.
    Invalid,
}

/// Where a route leads, in the words of Azure's effective routes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EffectiveNextHop {
    /// The destination itself, in the virtual network.
    VnetLocal,
    /// The destination itself, in this peer.
    VnetPeering {
        /// The peer.
        remote: VnetId,
        /// Whether it is in another region.
        global: bool,
    },
    /// The NICs with these addresses; each flow goes to one of them. Never empty.
    VirtualAppliance(Arc<[Ipv4Addr]>),
    /// Virtual network gateways; each flow goes to one of them. Empty when there is none, so that nothing gets through.
    VirtualNetworkGateway(Arc<[GatewayId]>),
    /// A service by its service endpoint, `Microsoft.Storage`.
    VirtualNetworkServiceEndpoint(Arc<str>),
    /// A private endpoint.
    InterfaceEndpoint(PrivateEndpointId),
    /// The internet.
    Internet,
    /// Nowhere.
    None,
}

impl EffectiveNextHop {
    /// Azure's spelling of the type.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::VnetLocal => "VnetLocal",
            Self::VnetPeering { global: false, .. } => "VNetPeering",
            Self::VnetPeering { global: true, .. } => "VNetGlobalPeering",
            Self::VirtualAppliance(_) => "VirtualAppliance",
            Self::VirtualNetworkGateway(_) => "VirtualNetworkGateway",
            Self::VirtualNetworkServiceEndpoint(_) => "VirtualNetworkServiceEndpoint",
            Self::InterfaceEndpoint(_) => "InterfaceEndpoint",
            Self::Internet => "Internet",
            Self::None => "None",
        }
    }

    /// The appliances' addresses, for that type only.
    #[must_use]
    pub fn addresses(&self) -> &[Ipv4Addr] {
        match self {
            Self::VirtualAppliance(addresses) => addresses,
            _ => &[],
        }
    }
}

/// One route of a subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveRoute {
    /// Who made it.
    pub source: RouteSource,
    /// Whether it is in force.
    pub state: RouteState,
    /// The destinations that it covers.
    pub prefix: Ipv4Net,
    /// Where they go.
    pub next_hop: EffectiveNextHop,
    /// The route table and the route's name in it; none for what the platform made.
    pub user: Option<Arc<UserRouteName>>,
}

/// The name of a user-defined route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRouteName {
    /// The route table.
    pub table: String,
    /// The route in it.
    pub route: String,
    /// The service tag that it is for, when it is for one: the prefix is one of the tag's.
    pub tag: Option<TagId>,
}

impl EffectiveRoute {
    /// The next hop's type as Azure lists it: what an appliance announced to a route server is listed as of a gateway, with
    /// the appliance's address.
    #[must_use]
    pub fn next_hop_type(&self) -> &'static str {
        match self.source {
            RouteSource::VirtualNetworkGateway => "VirtualNetworkGateway",
            RouteSource::Default | RouteSource::User => self.next_hop.type_name(),
        }
    }

    /// `10.0.0.0/8 → None` or `0.0.0.0/0 → VirtualAppliance 10.0.100.4`.
    #[must_use]
    pub fn describe(&self) -> String {
        let addresses = self.next_hop.addresses().iter();
        let address: String = addresses.map(|address| format!(" {address}")).collect();
        format!("{} → {}{address}", self.prefix, self.next_hop_type())
    }
}

/// All routes of a subnet, losing ones included, and the choice among them.
#[derive(Debug, Clone)]
pub struct EffectiveRoutes {
    routes: Vec<EffectiveRoute>,
    /// Positions in `routes`.
    active: PrefixMap<Ipv4Net, usize>,
}

impl EffectiveRoutes {
    /// The effective routes of every NIC in `subnet`.
    #[must_use]
    pub fn of(policy: &Policy<'_>, subnet: SubnetRef) -> Self {
        let network = policy.network();
        let user = user_routes(policy, subnet);
        let table = network.subnet(subnet).route_table.map(|table| network.route_table(table));
        let gateway = if table.is_some_and(|table| table.disable_bgp_route_propagation) {
            Vec::new()
        } else {
            policy.gateway_routes(subnet.vnet).to_vec()
        };
        let default =
            |route: &EffectiveRoute| route.prefix.prefix_len() == 0 && route.state == RouteState::Active;
        let other_default = user.iter().any(|user| default(&user.route)) || gateway.iter().any(default);
        let system = system_routes(policy, subnet, other_default);
        Self::new(select(network, user, gateway, system))
    }

    /// Routes sorted by prefix, the state of each decided.
    pub(super) fn new(routes: Vec<EffectiveRoute>) -> Self {
        let mut active = PrefixMap::new();
        for (position, route) in routes.iter().enumerate() {
            if route.state == RouteState::Active {
                active.insert(route.prefix, position);
            }
        }
        Self { routes, active }
    }

    /// Every route, sorted by prefix, the active one of a prefix first.
    #[must_use]
    pub fn all(&self) -> &[EffectiveRoute] {
        &self.routes
    }

    /// The routes in force, one per prefix, sorted by prefix.
    pub fn active(&self) -> impl Iterator<Item = &EffectiveRoute> {
        self.routes.iter().filter(|route| route.state == RouteState::Active)
    }

    /// The route that a packet to `destination` takes: the active one with the longest prefix. The platform's
    /// 0.0.0.0/0 covers everything, so there is always one for a subnet's own table.
    #[must_use]
    pub fn lookup(&self, destination: Ipv4Addr) -> Option<&EffectiveRoute> {
        let (_, &position) = self.active.get_lpm(&Ipv4Net::from(destination))?;
        self.routes.get(position)
    }

    /// The active route of the longest prefix that holds all of `prefix`.
    #[must_use]
    pub fn covering(&self, prefix: Ipv4Net) -> Option<&EffectiveRoute> {
        let (_, &position) = self.active.get_lpm(&prefix)?;
        self.routes.get(position)
    }
}

#[cfg(test)]
mod tests;
