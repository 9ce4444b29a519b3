//! Effective routes of a subnet: system, peering and user-defined routes, and which of them is in force.
//!
//! <https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview>

use std::net::Ipv4Addr;
use std::sync::Arc;

use goal_state::route::RouteSource;
use ipnet::Ipv4Net;
use prefix_trie::PrefixMap;
use serde::Serialize;

use super::reach::connected_peers;
use crate::network::{
    GatewayId, Network, PrivateEndpointId, RouteDestination, SubnetRef, UserNextHop, VnetId,
};

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
        let addresses = self.next_hop.addresses().iter();
        let address: String = addresses.map(|address| format!(" {address}")).collect();
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
    let routes = table.routes.iter().filter_map(|route| {
        let RouteDestination::Prefix(prefix) = route.destination else { return None };
        Some(EffectiveRoute {
            source: RouteSource::User,
            state: RouteState::Active,
            prefix: prefix.trunc(),
            next_hop: match &route.next_hop {
                UserNextHop::VirtualAppliance(addresses) => {
                    EffectiveNextHop::VirtualAppliance(addresses.as_slice().into())
                }
                UserNextHop::VnetLocal => EffectiveNextHop::VnetLocal,
                UserNextHop::Internet => EffectiveNextHop::Internet,
                UserNextHop::VirtualNetworkGateway => EffectiveNextHop::VirtualNetworkGateway([].into()),
                UserNextHop::None => EffectiveNextHop::None,
            },
            user: Some(UserRouteName { table: table.name.clone(), route: route.name.clone() }),
        })
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
        let global = peer.location != network.vnet(vnet).location;
        let next_hop = EffectiveNextHop::VnetPeering { remote: link.remote, global };
        let ranges = link.remote_address_space.iter();
        routes.extend(ranges.map(|&range| system(range, next_hop.clone())));
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::network::build::NetworkBuilder;

    /// One line per route, as Azure's page lists them.
    fn listing(network: &Network, subnet: usize) -> String {
        let routes = EffectiveRoutes::of(network, SubnetRef { vnet: VnetId(0), index: subnet });
        let line = |route: &EffectiveRoute| {
            let name = route.user.as_ref().map(|name| name.route.as_str()).unwrap_or_default();
            format!("{:?} {:?} {} {name}", route.source, route.state, route.describe()).trim_end().to_owned()
        };
        routes.all().iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// The worked example of the routing overview, as far as gateways and service endpoints allow: Subnet1 has the route
    /// table, Subnet2 has none.
    /// <https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview#routing-example>
    #[test]
    fn the_worked_example_of_the_routing_overview() {
        let network = NetworkBuilder::new()
            .vnet_with("VNet1", &["10.0.0.0/16"])
            .subnet("VNet1", "Subnet1", "10.0.0.0/24")
            .subnet("VNet1", "Subnet2", "10.0.1.0/24")
            .vnet_with("VNet2", &["10.1.0.0/16", "10.2.0.0/16"])
            .peer("VNet1", "VNet2")
            .route_table(
                "rt",
                &[
                    "Within-VNet1 10.0.0.0/16 10.0.100.4",
                    "Within-Subnet1 10.0.0.0/24 VnetLocal",
                    "ToVNet2-1-Drop 10.1.0.0/16 None",
                    "ToVNet2-2-Drop 10.2.0.0/16 None",
                    "To-On-Prem 10.10.0.0/16 10.0.100.4",
                    "Default-NVA 0.0.0.0/0 10.0.100.4",
                ],
            )
            .subnet_routes("VNet1/Subnet1", "rt")
            .build();
        insta::assert_snapshot!("subnet1", listing(&network, 0));
        insta::assert_snapshot!("subnet2", listing(&network, 1));
    }

    /// A range that is or holds a private range takes its None route away; a part of one does not.
    #[test]
    fn none_routes_make_way_for_ranges_that_cover_them() {
        let none_routes = |ranges: &[&str], peer: &[&str]| {
            let network = NetworkBuilder::new().vnet_with("a", ranges).subnet("a", "default", ranges[0]);
            let network = network.vnet_with("b", peer).peer("a", "b").build();
            let routes = EffectiveRoutes::of(&network, SubnetRef { vnet: VnetId(0), index: 0 });
            let none = routes.all().iter().filter(|route| route.next_hop == EffectiveNextHop::None);
            none.map(|route| route.prefix.to_string()).collect::<Vec<_>>()
        };
        let all = ["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"];
        assert_eq!(none_routes(&["10.0.0.0/16"], &["10.1.0.0/16"]), all);
        assert_eq!(none_routes(&["10.0.0.0/8"], &["172.20.0.0/16"]), all[1..]);
        assert_eq!(none_routes(&["192.0.0.0/8"], &["10.0.0.0/8"]), all[1..3]);
    }

    /// Only the peering route that a user-defined one equals is out-ranked; a shorter one takes the rest.
    #[test]
    fn the_longest_prefix_decides_and_then_the_source() {
        let network = NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .vnet("b", "10.1.0.0/16")
            .peer("a", "b")
            .route_table("rt", &["wide 10.0.0.0/8 10.0.0.4", "part 10.1.7.0/24 None"])
            .subnet_routes("a/default", "rt")
            .build();
        let routes = EffectiveRoutes::of(&network, SubnetRef { vnet: VnetId(0), index: 0 });
        let taken = |to: &str| routes.lookup(to.parse().unwrap()).unwrap().describe();
        assert_eq!(taken("10.0.0.9"), "10.0.0.0/16 → VnetLocal");
        assert_eq!(taken("10.1.0.9"), "10.1.0.0/16 → VNetPeering");
        assert_eq!(taken("10.1.7.9"), "10.1.7.0/24 → None");
        assert_eq!(taken("10.9.0.9"), "10.0.0.0/8 → VirtualAppliance 10.0.0.4");
        assert_eq!(taken("8.8.8.8"), "0.0.0.0/0 → Internet");
    }

    fn any_route() -> impl Strategy<Value = EffectiveRoute> {
        // Few distinct bits, so that prefixes nest and collide.
        let prefix = (0..=5_u8, any::<u32>())
            .prop_map(|(length, bits)| Ipv4Net::new((bits & 0xf800_0000).into(), length).unwrap().trunc());
        let source = prop_oneof![Just(RouteSource::User), Just(RouteSource::Default)];
        (prefix, source).prop_map(|(prefix, source)| EffectiveRoute {
            source,
            state: RouteState::Active,
            prefix,
            next_hop: EffectiveNextHop::None,
            user: None,
        })
    }

    proptest! {
        #[test]
        fn a_lookup_finds_what_a_linear_scan_finds(
            routes in proptest::collection::vec(any_route(), 0..20), to in any::<u32>(),
        ) {
            let to = to.into();
            let is_user = |route: &EffectiveRoute| route.source == RouteSource::User;
            let covering = routes.iter().filter(|route| route.prefix.contains(&to));
            let best = covering.map(|route| (route.prefix.prefix_len(), is_user(route))).max();
            let selected = EffectiveRoutes::select(routes);
            let found = selected.lookup(to);
            prop_assert_eq!(found.map(|route| (route.prefix.prefix_len(), is_user(route))), best);
            prop_assert!(found.is_none_or(|route| route.state == RouteState::Active));
        }
    }
}
