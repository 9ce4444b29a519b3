//! Virtual networks, their subnets and their peering links.

use std::net::Ipv4Addr;

use goal_state::Vni;
use ipnet::Ipv4Net;

pub use crate::topology::{
    EncryptionEnforcement, PeeringState, PrivateEndpointNetworkPolicies, PrivateEndpointVnetPolicies,
};

use super::{NatGatewayId, NsgId, RouteTableId, TagId, VnetId};

/// A virtual network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualNetwork {
    /// Its name.
    pub name: String,
    /// Its region.
    pub location: String,
    /// Its identifier on the underlay, stable for its name.
    pub vni: Vni,
    /// Its prefixes, in the order of the file; disjoint.
    pub address_space: Vec<Ipv4Net>,
    /// Its subnets, in the order of the file; disjoint, each inside one prefix of the space.
    pub subnets: Vec<Subnet>,
    /// Its peering links, in the order of the file.
    pub peerings: Vec<Peering>,
    /// Encryption, where it is on.
    pub encryption: Option<EncryptionEnforcement>,
    /// Minutes after which an idle flow is judged anew, 4 to 30; none when not set.
    pub flow_timeout_in_minutes: Option<u32>,
    /// DNS servers of its own; empty for Azure's.
    pub dns_servers: Vec<Ipv4Addr>,
    /// Whether private endpoints share a route.
    pub private_endpoint_vnet_policies: PrivateEndpointVnetPolicies,
}

impl VirtualNetwork {
    /// Its link to `remote`, if it has one. Azure allows one per pair.
    #[must_use]
    pub fn peering_to(&self, remote: VnetId) -> Option<&Peering> {
        self.peerings.iter().find(|peering| peering.remote == remote)
    }

    /// The position of the subnet of exactly this name, as Azure's services look for theirs.
    #[must_use]
    pub fn find_subnet(&self, name: &str) -> Option<usize> {
        self.subnets.iter().position(|subnet| subnet.name == name)
    }

    /// Whether it holds a service that works by network intent policies, which not every security admin rule reaches:
    /// Azure SQL Managed Instance or Azure Databricks. A subnet is delegated to such a service.
    #[must_use]
    pub fn holds_network_intent_policy_service(&self) -> bool {
        const SERVICES: [&str; 2] = ["Microsoft.Sql/managedInstances", "Microsoft.Databricks/workspaces"];
        let mut delegations = self.subnets.iter().filter_map(|subnet| subnet.delegation.as_deref());
        delegations.any(|to| SERVICES.iter().any(|service| service.eq_ignore_ascii_case(to)))
    }

    /// Whether `address` is in its space.
    #[must_use]
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        self.address_space.iter().any(|range| range.contains(&address))
    }
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its name.
    pub name: String,
    /// Its prefix.
    pub prefix: Ipv4Net,
    /// The group that filters it.
    pub nsg: Option<NsgId>,
    /// The table that steers it.
    pub route_table: Option<RouteTableId>,
    /// Services that it reaches by a service endpoint.
    pub service_endpoints: Vec<ServiceEndpoint>,
    /// The NAT gateway of its outbound traffic.
    pub nat_gateway: Option<NatGatewayId>,
    /// Whether machines without any other way out reach the internet; false makes it a private subnet.
    pub default_outbound_access: bool,
    /// Which policies hold for its private endpoints.
    pub private_endpoint_network_policies: PrivateEndpointNetworkPolicies,
    /// The service that it is delegated to, `Microsoft.Web/serverFarms`.
    pub delegation: Option<String>,
}

/// A service endpoint of a subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEndpoint {
    /// `Microsoft.Storage`.
    pub service: String,
    /// The tags whose prefixes are routed to it: those of the subnet's region and its pair, or all.
    pub tags: Vec<TagId>,
}

/// One link of a peering: what this side declares, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peering {
    /// Its name.
    pub name: String,
    /// The other virtual network.
    pub remote: VnetId,
    /// No traffic unless Connected.
    pub state: PeeringState,
    /// Off: no traffic to the peer (or only the tag shrinks: [`super::Behavior`]), and the peer's space is not part of the
    /// tag VirtualNetwork.
    pub allow_virtual_network_access: bool,
    /// Off: packets that the peer only forwarded are refused here, unless [`super::Behavior`] says otherwise.
    pub allow_forwarded_traffic: bool,
    /// Whether the peer may use this side's gateways and route server.
    pub allow_gateway_transit: bool,
    /// Whether this side uses the peer's gateways and route server.
    pub use_remote_gateways: bool,
    /// What takes part.
    pub scope: PeeringScope,
    /// The peer's space as this link last synced it: what its routes cover.
    pub remote_address_space: Vec<Ipv4Net>,
}

impl Peering {
    /// Whether it carries traffic at all.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.state == PeeringState::Connected
    }
}

/// What takes part in a peering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeeringScope {
    /// Both virtual networks as a whole.
    CompleteVnets,
    /// Only these subnets (subnet peering).
    /// <https://learn.microsoft.com/azure/virtual-network/how-to-configure-subnet-peering>
    Subnets {
        /// Positions of this side's subnets.
        local: Vec<usize>,
        /// Positions of the other side's subnets.
        remote: Vec<usize>,
    },
}
