//! Effective routes of a subnet: system, peering and user-defined routes, and which of them is in force.
//!
//! <https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview>

use std::net::Ipv4Addr;

use goal_state::route::RouteSource;
use ipnet::Ipv4Net;
use prefix_trie::PrefixMap;
use serde::Serialize;

use super::reach::connected_peers;
use crate::network::{Network, SubnetRef, UserNextHop, VnetId};

/// Whether a route is in force or out-ranked by another one of the same prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum RouteState {
    /// In force.
    Active,
    /// Listed, and of no effect.
    Invalid,
}

/// Where a route leads, in the words of Azure's effective routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EffectiveNextHop {
    /// The destination itself, in the virtual network.
    VnetLocal,
    /// The destination itself, in this peer.
    VnetPeering(VnetId),
    /// The NIC with this address.
    VirtualAppliance(Ipv4Addr),
    /// A virtual network gateway.
    VirtualNetworkGateway,
    /// The internet.
    Internet,
    /// Nowhere.
    None,
}

impl EffectiveNextHop {
    /// Azure's spelling of the type.
    #[must_use]
    pub fn type_name(self) -> &'static str {
        match self {
            Self::VnetLocal => "VnetLocal",
            Self::VnetPeering(_) => "VNetPeering",
            Self::VirtualAppliance(_) => "VirtualAppliance",
            Self::VirtualNetworkGateway => "VirtualNetworkGateway",
            Self::Internet => "Internet",
            Self::None => "None",
        }
    }

    /// The appliance's address, for that type only.
    #[must_use]
    pub fn address(self) -> Option<Ipv4Addr> {
        match self {
            Self::VirtualAppliance(address) => Some(address),
            Self::VnetLocal
            | Self::VnetPeering(_)
            | Self::VirtualNetworkGateway
            | Self::Internet
            | Self::None => None,
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
    pub user: Option<UserRouteName>,
}

/// The name of a user-defined route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRouteName {
    /// The route table.
    pub table: String,
    /// The route in it.
    pub route: String,
}

impl EffectiveRoute {
    /// `10.0.0.0/8 → None` or `0.0.0.0/0 → VirtualAppliance 10.0.100.4`.
    #[must_use]
    pub fn describe(&self) -> String {
        let address = self.next_hop.address().map(|address| format!(" {address}")).unwrap_or_default();
        format!("{} → {}{address}", self.prefix, self.next_hop.type_name())
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
    pub fn of(network: &Network, subnet: SubnetRef) -> Self {
        let mut routes = user_routes(network, subnet);
        routes.extend(system_routes(network, subnet.vnet, &routes));
        Self::select(routes)
    }

    /// Ranks routes of one prefix: User over gateway over Default. A user-defined route stays in force when its
    /// appliance cannot be reached; it then drops.
    fn select(mut routes: Vec<EffectiveRoute>) -> Self {
        let rank = |source| match source {
            RouteSource::User => 0,
            RouteSource::VirtualNetworkGateway => 1,
            RouteSource::Default => 2,
        };
        routes.sort_by_key(|route| (route.prefix, rank(route.source)));
        let mut active = PrefixMap::new();
        for (position, route) in routes.iter_mut().enumerate() {
            let first = !active.contains_key(&route.prefix);
            if first {
                active.insert(route.prefix, position);
            }
            route.state = if first { RouteState::Active } else { RouteState::Invalid };
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
}

fn user_routes(network: &Network, subnet: SubnetRef) -> Vec<EffectiveRoute> {
    let Some(table) = network.subnet(subnet).route_table else { return Vec::new() };
    let table = network.route_table(table);
    let routes = table.routes.iter().map(|route| EffectiveRoute {
        source: RouteSource::User,
        state: RouteState::Active,
        prefix: route.prefix.trunc(),
        next_hop: match route.next_hop {
            UserNextHop::VirtualAppliance(address) => EffectiveNextHop::VirtualAppliance(address),
            UserNextHop::VnetLocal => EffectiveNextHop::VnetLocal,
            UserNextHop::Internet => EffectiveNextHop::Internet,
            UserNextHop::VirtualNetworkGateway => EffectiveNextHop::VirtualNetworkGateway,
            UserNextHop::None => EffectiveNextHop::None,
        },
        user: Some(UserRouteName { table: table.name.clone(), route: route.name.clone() }),
    });
    routes.collect()
}

/// The platform's routes: one per range of the virtual network and of each connected peer, the internet, and what is
/// private and elsewhere.
fn system_routes(network: &Network, vnet: VnetId, user: &[EffectiveRoute]) -> Vec<EffectiveRoute> {
    let system = |prefix: Ipv4Net, next_hop| EffectiveRoute {
        source: RouteSource::Default,
        state: RouteState::Active,
        prefix: prefix.trunc(),
        next_hop,
        user: None,
    };
    let own = network.vnet(vnet).address_space.iter();
    let mut routes: Vec<_> = own.map(|&range| system(range, EffectiveNextHop::VnetLocal)).collect();
    for (link, peer) in connected_peers(network, vnet) {
        let next_hop = EffectiveNextHop::VnetPeering(link.remote);
        routes.extend(peer.address_space.iter().map(|&range| system(range, next_hop)));
    }
    // A user-defined default route takes the None routes out of the effective set.
    if !user.iter().any(|route| route.prefix.prefix_len() == 0) {
        let elsewhere = private_ranges().filter(|private| !routes.iter().any(|r| r.prefix.contains(private)));
        routes.extend(elsewhere.map(|range| system(range, EffectiveNextHop::None)).collect::<Vec<_>>());
    }
    routes.push(system(Ipv4Net::default(), EffectiveNextHop::Internet));
    routes
}

/// What Azure takes as private and routes to None, unless a virtual network's or peer's range covers it:
/// RFC 1918 and RFC 6598.
pub(super) fn private_ranges() -> impl Iterator<Item = Ipv4Net> {
    let ranges = [([10, 0, 0, 0], 8), ([100, 64, 0, 0], 10), ([172, 16, 0, 0], 12), ([192, 168, 0, 0], 16)];
    ranges.into_iter().map(|(address, length)| Ipv4Net::new_assert(address.into(), length))
}
