//! Service tags as addresses, as one subnet sees them.
//!
//! <https://learn.microsoft.com/azure/virtual-network/service-tags-overview>

use goal_state::nsg::AddressSet;
pub use goal_state::platform::{INSTANCE_METADATA, LICENSING, WIRE_SERVER};
use ipnet::Ipv4Net;

use super::Policy;
use super::difference::difference;
use super::none_routes::private_ranges;
use super::reach::{connected_peers, routed_space, takes_part};
use crate::network::behavior::VirtualNetworkTagRoutesBehavior;
use crate::network::{
    Network, RouteDestination, RouteTable, ServiceTag, ServiceTags, SubnetRef, UserNextHop, UserRoute,
};

/// The tags of one subnet. They differ per subnet, because user-defined routes count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tags {
    virtual_network: AddressSet,
    internet: AddressSet,
    platform: AddressSet,
    instance_metadata: AddressSet,
    licensing: AddressSet,
    named: ServiceTags,
}

impl Tags {
    /// The tags as NICs of `subnet` see them.
    #[must_use]
    pub fn of(policy: &Policy<'_>, subnet: SubnetRef) -> Self {
        let virtual_network = virtual_network(policy, subnet);
        let internet = difference(&public_addresses(), &virtual_network);
        Self {
            virtual_network,
            internet,
            platform: AddressSet::new([WIRE_SERVER.into()]),
            instance_metadata: AddressSet::new([INSTANCE_METADATA.into()]),
            licensing: LICENSING.into_iter().map(Ipv4Net::from).collect(),
            named: policy.network().service_tags.clone(),
        }
    }

    /// The addresses of a tag. Those of AzurePlatformDNS, AzurePlatformIMDS and AzurePlatformLKM are the
    /// platform's: rules about these tags are for its traffic only.
    #[must_use]
    pub fn expand(&self, tag: ServiceTag) -> &AddressSet {
        match tag {
            ServiceTag::VirtualNetwork => &self.virtual_network,
            ServiceTag::Internet => &self.internet,
            ServiceTag::AzureLoadBalancer | ServiceTag::AzurePlatformDns => &self.platform,
            ServiceTag::AzurePlatformImds => &self.instance_metadata,
            ServiceTag::AzurePlatformLkm => &self.licensing,
            ServiceTag::Named(id) => &self.named.get(id).addresses,
        }
    }
}

/// The virtual network's own space, that of peers with access, what gateways and route servers lead to, the platform's address,
/// and prefixes of the subnet's route table.
fn virtual_network(policy: &Policy<'_>, subnet: SubnetRef) -> AddressSet {
    let network = policy.network();
    let own = network.vnet(subnet.vnet).address_space.iter().copied();
    let peers = connected_peers(network, subnet.vnet)
        .filter(|(link, _)| link.allow_virtual_network_access && takes_part(link, subnet))
        .flat_map(|(link, _)| routed_space(network, link));
    let space = AddressSet::new(own.chain(peers));
    let table = network.subnet(subnet).route_table.map(|table| network.route_table(table));
    let steered = table.map_or_else(Vec::new, |table| steered(network, &space, table));
    let propagates = table.is_none_or(|table| !table.disable_bgp_route_propagation);
    let gateways = if propagates { policy.gateway_routes(subnet.vnet) } else { &[] };
    let beyond = gateways.iter().map(|route| route.prefix).chain([WIRE_SERVER.into()]).chain(steered);
    AddressSet::new(space.prefixes().iter().copied().chain(beyond))
}

/// The prefixes of the routes that count: those to an appliance inside `space` (of several appliances one is enough), or all.
/// <https://github.com/MicrosoftDocs/azure-docs/issues/22178>
fn steered(network: &Network, space: &AddressSet, table: &RouteTable) -> Vec<Ipv4Net> {
    let counts = |route: &&UserRoute| match network.behavior.virtual_network_tag_routes {
        VirtualNetworkTagRoutesBehavior::All => true,
        VirtualNetworkTagRoutesBehavior::ApplianceInside => match &route.next_hop {
            UserNextHop::VirtualAppliance(addresses) => {
                addresses.iter().any(|&address| space.contains(address))
            }
            _ => false,
        },
    };
    let routes = table.routes.iter().filter(counts);
    routes
        .flat_map(|route| match &route.destination {
            RouteDestination::Prefix(prefix) => std::slice::from_ref(prefix),
            RouteDestination::Tag(ServiceTag::Named(tag)) => {
                network.service_tags.get(*tag).addresses.prefixes()
            }
            // No route can name the others.
            RouteDestination::Tag(_) => &[],
        })
        .copied()
        .collect()
}

/// Everything but what is private, this machine's own, link-local, multicast or reserved.
fn public_addresses() -> AddressSet {
    let special = [([0, 0, 0, 0], 8), ([127, 0, 0, 0], 8), ([169, 254, 0, 0], 16), ([224, 0, 0, 0], 3)];
    let special = special.into_iter().map(|(address, length)| Ipv4Net::new_assert(address.into(), length));
    difference(&AddressSet::all(), &AddressSet::new(special.chain(private_ranges())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::build::NetworkBuilder;
    use crate::network::gateway::GatewayType;
    use crate::network::{PeeringScope, VnetId};

    fn expand(network: &Network, tag: ServiceTag) -> Vec<String> {
        let tags = Tags::of(&Policy::new(network), SubnetRef { vnet: VnetId(0), index: 0 });
        tags.expand(tag).prefixes().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn s5_1_virtual_network_is_its_own_space_and_that_of_peers_with_access() {
        let network = NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .vnet("b", "10.2.0.0/16")
            .vnet("c", "10.4.0.0/16")
            .vnet("d", "10.6.0.0/16")
            .peer("a", "b")
            .link("a", "c", |link| link.allow_virtual_network_access = false)
            .link("c", "a", |_| {})
            .link("a", "d", |_| {})
            .build();
        assert_eq!(
            expand(&network, ServiceTag::VirtualNetwork),
            ["10.0.0.0/16", "10.2.0.0/16", "168.63.129.16/32"]
        );
    }

    /// The list that Azure's effective rules show begins like this.
    #[test]
    fn s5_1_internet_is_what_is_public_and_not_virtual_network() {
        let network = NetworkBuilder::new().vnet("a", "10.0.0.0/16").build();
        let internet = expand(&network, ServiceTag::Internet);
        let begins = ["1.0.0.0/8", "2.0.0.0/7", "4.0.0.0/6", "8.0.0.0/7", "11.0.0.0/8", "12.0.0.0/6"];
        assert_eq!(internet[..6], begins);
        let tags = Tags::of(&Policy::new(&network), SubnetRef { vnet: VnetId(0), index: 0 });
        let internet = tags.expand(ServiceTag::Internet);
        for private in
            ["10.9.0.1", "172.31.0.1", "192.168.0.1", "100.64.0.1", "127.0.0.1", "169.254.0.1", "224.0.0.1"]
        {
            assert!(!internet.contains(private.parse().unwrap()), "{private}");
        }
        assert!(!internet.contains(WIRE_SERVER));
        assert!(internet.contains("8.8.8.8".parse().unwrap()));
    }

    #[test]
    fn s5_1_azure_load_balancer_is_where_health_probes_come_from() {
        let network = NetworkBuilder::new().vnet("a", "10.0.0.0/16").build();
        assert_eq!(expand(&network, ServiceTag::AzureLoadBalancer), ["168.63.129.16/32"]);
    }

    /// A default route to an appliance inside makes everything VirtualNetwork and nothing Internet; one to an appliance
    /// outside, or to None, changes nothing.
    #[test]
    fn s5_1_routes_to_an_appliance_inside_belong_to_virtual_network() {
        let with = |routes: &[&str]| {
            let network = NetworkBuilder::new()
                .vnet("a", "10.0.0.0/16")
                .vnet("hub", "10.1.0.0/16")
                .peer("a", "hub")
                .route_table("rt", routes)
                .subnet_routes("a/default", "rt")
                .build();
            (expand(&network, ServiceTag::VirtualNetwork), expand(&network, ServiceTag::Internet))
        };
        let space = ["10.0.0.0/15", "168.63.129.16/32"];
        assert_eq!(with(&["all 0.0.0.0/0 10.1.0.4"]), (vec!["0.0.0.0/0".to_owned()], vec![]));
        assert_eq!(with(&["far 192.168.0.0/16 172.16.0.4", "cut 172.16.0.0/16 None"]).0, space);
        assert_eq!(with(&["site 192.168.0.0/16 10.1.0.4"]).0, [space[0], space[1], "192.168.0.0/16"]);
    }

    fn gatewayed(route_table: &[&str]) -> NetworkBuilder {
        NetworkBuilder::new()
            .vnet("spoke", "10.1.0.0/16")
            .vnet_with("hub", &["10.0.0.0/16"])
            .subnet("hub", "GatewaySubnet", "10.0.0.0/27")
            .link("spoke", "hub", |link| link.use_remote_gateways = true)
            .link("hub", "spoke", |link| link.allow_gateway_transit = true)
            .site("seoul", &["10.50.0.0/16"], &[])
            .gateway("vpn", "hub", GatewayType::Vpn)
            .local_network_gateway("dc", "seoul", &["10.50.0.0/16"])
            .connect("vpn", "dc")
            .route_table("rt", route_table)
            .subnet_routes("spoke/default", "rt")
    }

    /// On-premises prefixes count, also those that the hub's gateway knows, unless the subnet does not learn them.
    #[test]
    fn s5_1_virtual_network_holds_what_gateways_lead_to() {
        let network = gatewayed(&[]).build();
        let with = expand(&network, ServiceTag::VirtualNetwork);
        assert_eq!(with, ["10.0.0.0/15", "10.50.0.0/16", "168.63.129.16/32"]);
        let mut network = gatewayed(&[]).build();
        network.route_tables[0].disable_bgp_route_propagation = true;
        let without = expand(&network, ServiceTag::VirtualNetwork);
        assert_eq!(without, ["10.0.0.0/15", "168.63.129.16/32"]);
    }

    /// azure-docs#124192: the subnet of the appliance has no such route, so its tag lacks the prefix.
    #[test]
    fn s5_1_the_tag_differs_per_subnet() {
        let network = NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .subnet("a", "nva", "10.0.100.0/24")
            .route_table("rt", &["site 172.20.0.0/16 10.0.100.4"])
            .subnet_routes("a/default", "rt")
            .build();
        let policy = Policy::new(&network);
        let has = |index| {
            let tags = policy.tags(SubnetRef { vnet: VnetId(0), index });
            tags.expand(ServiceTag::VirtualNetwork).contains([172, 20, 0, 1].into())
        };
        assert!(has(0) && !has(1));
    }

    #[test]
    fn s16_every_route_counts_for_the_tag_when_switched_so() {
        let routes =
            ["cut 172.16.0.0/16 None", "out 198.51.100.0/24 Internet", "far 192.168.0.0/16 172.31.0.4"];
        let of = |which| {
            let mut network = NetworkBuilder::new()
                .vnet("a", "10.0.0.0/16")
                .route_table("rt", &routes)
                .subnet_routes("a/default", "rt")
                .build();
            network.behavior.virtual_network_tag_routes = which;
            (expand(&network, ServiceTag::VirtualNetwork), expand(&network, ServiceTag::Internet))
        };
        let (tag, internet) = of(VirtualNetworkTagRoutesBehavior::ApplianceInside);
        assert_eq!(tag, ["10.0.0.0/16", "168.63.129.16/32"]);
        let (all, less) = of(VirtualNetworkTagRoutesBehavior::All);
        assert_eq!(
            all,
            ["10.0.0.0/16", "168.63.129.16/32", "172.16.0.0/16", "192.168.0.0/16", "198.51.100.0/24"]
        );
        assert!(less.len() > internet.len(), "198.51.100.0/24 is no longer Internet");
    }

    /// azure-docs#94454: a route for a service tag to an appliance moves its prefixes from Internet to VirtualNetwork. One of
    /// several appliances inside is enough.
    #[test]
    fn s5_1_a_route_for_a_tag_moves_its_prefixes() {
        let mut network = NetworkBuilder::new()
            .tags(&[("Storage", &["20.60.0.0/24"])])
            .vnet("a", "10.0.0.0/16")
            .route_table("rt", &["storage 0.0.0.0/0 192.168.0.4,10.0.0.4"])
            .subnet_routes("a/default", "rt")
            .build();
        let storage = network.service_tags.find("Storage").unwrap();
        network.route_tables[0].routes[0].destination = RouteDestination::Tag(ServiceTag::Named(storage));
        let policy = Policy::new(&network);
        let tags = policy.tags(SubnetRef { vnet: VnetId(0), index: 0 });
        let address = [20, 60, 0, 9].into();
        assert!(tags.expand(ServiceTag::VirtualNetwork).contains(address));
        assert!(!tags.expand(ServiceTag::Internet).contains(address));
        assert!(tags.expand(ServiceTag::Named(storage)).contains(address));
    }

    /// Of a subnet peering only the subnets that take part count, for the subnets that do.
    #[test]
    fn s5_1_s7_4_a_subnet_peering_counts_for_who_takes_part() {
        let scope =
            |local: usize, remote: usize| PeeringScope::Subnets { local: vec![local], remote: vec![remote] };
        let network = NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .subnet("a", "other", "10.0.9.0/24")
            .vnet("b", "10.1.0.0/16")
            .subnet("b", "far", "10.1.9.0/24")
            .link("a", "b", |link| link.scope = scope(0, 1))
            .link("b", "a", |link| link.scope = scope(1, 0))
            .build();
        let policy = Policy::new(&network);
        let of = |index| {
            let tags = policy.tags(SubnetRef { vnet: VnetId(0), index });
            tags.expand(ServiceTag::VirtualNetwork)
                .prefixes()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(of(0), ["10.0.0.0/16", "10.1.9.0/24", "168.63.129.16/32"]);
        assert_eq!(of(1), ["10.0.0.0/16", "168.63.129.16/32"]);
    }

    #[test]
    fn s3_8_platform_tags_are_the_platforms_addresses() {
        let network = NetworkBuilder::new().vnet("a", "10.0.0.0/16").build();
        assert_eq!(expand(&network, ServiceTag::AzurePlatformDns), ["168.63.129.16/32"]);
        assert_eq!(expand(&network, ServiceTag::AzurePlatformImds), ["169.254.169.254/32"]);
        assert_eq!(expand(&network, ServiceTag::AzurePlatformLkm).len(), 3);
    }
}
