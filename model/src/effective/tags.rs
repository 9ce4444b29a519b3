//! Service tags as addresses, as one subnet sees them.
//!
//! <https://learn.microsoft.com/azure/virtual-network/service-tags-overview>

use std::net::Ipv4Addr;

use goal_state::nsg::AddressSet;
use ipnet::Ipv4Net;

use super::difference::difference;
use super::none_routes::private_ranges;
use super::reach::connected_peers;
use crate::network::{Network, RouteDestination, ServiceTag, ServiceTags, SubnetRef, UserNextHop};

/// The platform's virtual public address: DHCP, DNS, WireServer, and the source of health probes.
/// <https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16>
pub const WIRE_SERVER: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// The instance metadata service.
pub const INSTANCE_METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// Windows licensing (KMS), TCP 1688: kms.core.windows.net and azkms.core.windows.net.
/// <https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/custom-routes-enable-kms-activation>
pub const LICENSING: [Ipv4Addr; 3] =
    [Ipv4Addr::new(23, 102, 135, 246), Ipv4Addr::new(20, 118, 99, 224), Ipv4Addr::new(40, 83, 235, 53)];

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
    pub fn of(network: &Network, subnet: SubnetRef) -> Self {
        let virtual_network = virtual_network(network, subnet);
        let internet = difference(&public_addresses(), &virtual_network);
        Self {
            virtual_network,
            internet,
            platform: AddressSet::new([WIRE_SERVER.into()]),
            instance_metadata: AddressSet::new([INSTANCE_METADATA.into()]),
            licensing: LICENSING.into_iter().map(Ipv4Net::from).collect(),
            named: network.service_tags.clone(),
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

/// The space of the virtual network and of the peers that it has access to, the platform's address, and the prefixes of
/// user-defined routes whose appliance lies in that space. Routes of other types do not count.
fn virtual_network(network: &Network, subnet: SubnetRef) -> AddressSet {
    let own = network.vnet(subnet.vnet).address_space.iter().copied();
    let peers = connected_peers(network, subnet.vnet)
        .filter(|(link, _)| link.allow_virtual_network_access)
        .flat_map(|(_, peer)| peer.address_space.iter().copied());
    let space = AddressSet::new(own.chain(peers).chain([WIRE_SERVER.into()]));
    let Some(table) = network.subnet(subnet).route_table else { return space };
    let steered = network.route_table(table).routes.iter().filter_map(|route| {
        match (&route.next_hop, route.destination) {
            (UserNextHop::VirtualAppliance(addresses), RouteDestination::Prefix(prefix)) => {
                space.contains(addresses[0]).then_some(prefix)
            }
            _ => None,
        }
    });
    AddressSet::new(space.prefixes().iter().copied().chain(steered))
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
    use crate::network::VnetId;
    use crate::network::build::NetworkBuilder;

    fn expand(network: &Network, tag: ServiceTag) -> Vec<String> {
        let tags = Tags::of(network, SubnetRef { vnet: VnetId(0), index: 0 });
        tags.expand(tag).prefixes().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn virtual_network_is_its_own_space_and_that_of_peers_with_access() {
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
    fn internet_is_what_is_public_and_not_virtual_network() {
        let network = NetworkBuilder::new().vnet("a", "10.0.0.0/16").build();
        let internet = expand(&network, ServiceTag::Internet);
        let begins = ["1.0.0.0/8", "2.0.0.0/7", "4.0.0.0/6", "8.0.0.0/7", "11.0.0.0/8", "12.0.0.0/6"];
        assert_eq!(internet[..6], begins);
        let tags = Tags::of(&network, SubnetRef { vnet: VnetId(0), index: 0 });
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
    fn azure_load_balancer_is_where_health_probes_come_from() {
        let network = NetworkBuilder::new().vnet("a", "10.0.0.0/16").build();
        assert_eq!(expand(&network, ServiceTag::AzureLoadBalancer), ["168.63.129.16/32"]);
    }

    /// A default route to an appliance inside makes everything VirtualNetwork and nothing Internet; one to an appliance
    /// outside, or to None, changes nothing.
    #[test]
    fn routes_to_an_appliance_inside_belong_to_virtual_network() {
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
}
