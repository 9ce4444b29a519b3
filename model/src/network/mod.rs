//! A validated network: every reference resolved, every address assigned, every rule of Azure kept.
//!
//! Only [`crate::validate`] makes one, so the rest of the crate trusts it. Resources refer to each other by index.

pub mod behavior;
#[cfg(test)]
pub(crate) mod build;
pub(crate) mod edge;
pub mod gateway;
pub mod id;
pub mod not_carried;
pub mod nsg;
pub mod outside;
pub mod private_dns_zone;
pub mod public;
pub mod route_table;
pub mod security_admin;
pub mod service_tag;
pub mod vm;
pub mod vnet;

use std::net::Ipv4Addr;

use goal_state::HostName;

pub use crate::topology::Subscription;
pub use behavior::Behavior;
pub use gateway::{
    Announcement, BgpSpeaker, Connection, ConnectionTarget, ExpressRouteCircuit, LocalNetworkGateway,
    OnPremisesSite, RouteServer, RouteServerPeer, VirtualNetworkGateway,
};
pub use id::{
    AsgId, CircuitId, ConnectionId, GatewayId, HostId, InternetHostId, LoadBalancerId, LocalNetworkGatewayId,
    NatGatewayId, NicIndex, NicRef, NsgId, PrivateEndpointId, PublicIpId, RouteServerId, RouteTableId,
    ServiceId, SiteId, SubnetRef, TagId, VmId, VnetId,
};
pub use not_carried::not_carried;
pub use nsg::{AddressPrefix, ApplicationSecurityGroup, NetworkSecurityGroup, RulePeer, SecurityRule};
pub use outside::Outside;
pub use private_dns_zone::PrivateDnsZone;
pub use public::{
    Frontend, FrontendAddress, IdleFlows, InboundNatRule, InternetHost, LoadBalancer, LoadBalancingRule,
    NatGateway, OutboundRule, PrivateEndpoint, PrivateLinkServiceConnectionState, Probe, PublicIpAddress,
    Service, ServiceFirewall,
};
pub use route_table::{RouteDestination, RouteTable, UserNextHop, UserRoute};
pub use security_admin::{SecurityAdminConfiguration, SecurityAdminRule};
pub use service_tag::{ServiceTag, ServiceTags, TagPrefixes};
pub use vm::{Nic, PowerState, TestCase, VirtualMachine};
pub use vnet::{Peering, PeeringScope, PeeringState, ServiceEndpoint, Subnet, VirtualNetwork};

/// A lab's network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The lab's name.
    pub name: String,
    /// Emulated physical hosts, in the order of the file.
    pub hosts: Vec<Host>,
    /// Which of the hosts does what lies at the edge of the virtual networks: routers, NAT gateways, load balancers, and the hosts of the internet
    /// and services. The last one; no virtual machine is placed there. None where the network has none of these.
    pub edge: Option<HostId>,
    /// Virtual networks, in the order of the file.
    pub virtual_networks: Vec<VirtualNetwork>,
    /// Network security groups, in the order of the file.
    pub network_security_groups: Vec<NetworkSecurityGroup>,
    /// Application security groups, in the order of the file.
    pub application_security_groups: Vec<ApplicationSecurityGroup>,
    /// Route tables, in the order of the file.
    pub route_tables: Vec<RouteTable>,
    /// Virtual machines, in the order of the file.
    pub virtual_machines: Vec<VirtualMachine>,
    /// The kind of subscription.
    pub subscription: Subscription,
    /// Which variants hold where sources disagree.
    pub behavior: Behavior,
    /// Service tags whose addresses are data.
    pub service_tags: ServiceTags,
    /// Security admin configurations, the highest scope first.
    pub security_admin_configurations: Vec<SecurityAdminConfiguration>,
    /// Public addresses, in the order of the file.
    pub public_ip_addresses: Vec<PublicIpAddress>,
    /// NAT gateways, in the order of the file.
    pub nat_gateways: Vec<NatGateway>,
    /// Load balancers, in the order of the file.
    pub load_balancers: Vec<LoadBalancer>,
    /// Private endpoints, in the order of the file.
    pub private_endpoints: Vec<PrivateEndpoint>,
    /// Private DNS zones, in the order of the file.
    pub private_dns_zones: Vec<PrivateDnsZone>,
    /// Stand-ins for PaaS services, in the order of the file.
    pub services: Vec<Service>,
    /// Hosts in the internet, in the order of the file.
    pub internet_hosts: Vec<InternetHost>,
    /// Virtual network gateways, in the order of the file.
    pub virtual_network_gateways: Vec<VirtualNetworkGateway>,
    /// Local network gateways, in the order of the file.
    pub local_network_gateways: Vec<LocalNetworkGateway>,
    /// ExpressRoute circuits, in the order of the file.
    pub express_route_circuits: Vec<ExpressRouteCircuit>,
    /// Connections of gateways, in the order of the file.
    pub connections: Vec<Connection>,
    /// Route servers, in the order of the file.
    pub route_servers: Vec<RouteServer>,
    /// Sites on premises, in the order of the file.
    pub on_premises: Vec<OnPremisesSite>,
    /// What `vnetlab test` asks, in the order of the file.
    pub tests: Vec<TestCase>,
}

/// An emulated physical host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its name.
    pub name: HostName,
    /// Its region.
    pub location: String,
    /// Its address on the underlay: 198.18.0.0/15 (RFC 2544), one lab, one numbering.
    pub provider_address: Ipv4Addr,
}

impl Network {
    /// A virtual network by its id.
    #[must_use]
    pub fn vnet(&self, id: VnetId) -> &VirtualNetwork {
        &self.virtual_networks[id.0]
    }

    /// A subnet by its reference.
    #[must_use]
    pub fn subnet(&self, subnet: SubnetRef) -> &Subnet {
        &self.vnet(subnet.vnet).subnets[subnet.index]
    }

    /// A VM by its id.
    #[must_use]
    pub fn vm(&self, id: VmId) -> &VirtualMachine {
        &self.virtual_machines[id.0]
    }

    /// A network interface by its reference.
    #[must_use]
    pub fn nic(&self, nic: NicRef) -> &Nic {
        &self.vm(nic.vm).nics[nic.index.0]
    }

    /// A network security group by its id.
    #[must_use]
    pub fn nsg(&self, id: NsgId) -> &NetworkSecurityGroup {
        &self.network_security_groups[id.0]
    }

    /// A public address by its id.
    #[must_use]
    pub fn public_ip(&self, id: PublicIpId) -> &PublicIpAddress {
        &self.public_ip_addresses[id.0]
    }

    /// A NAT gateway by its id.
    #[must_use]
    pub fn nat_gateway(&self, id: NatGatewayId) -> &NatGateway {
        &self.nat_gateways[id.0]
    }

    /// A load balancer by its id.
    #[must_use]
    pub fn load_balancer(&self, id: LoadBalancerId) -> &LoadBalancer {
        &self.load_balancers[id.0]
    }

    /// The address that a frontend of a load balancer has, public or private.
    #[must_use]
    pub fn frontend_address(&self, frontend: FrontendAddress) -> Ipv4Addr {
        match frontend {
            FrontendAddress::Public(id) => self.public_ip(id).address,
            FrontendAddress::Private { address, .. } => address,
        }
    }

    /// A private endpoint by its id.
    #[must_use]
    pub fn private_endpoint(&self, id: PrivateEndpointId) -> &PrivateEndpoint {
        &self.private_endpoints[id.0]
    }

    /// A service by its id.
    #[must_use]
    pub fn service(&self, id: ServiceId) -> &Service {
        &self.services[id.0]
    }

    /// An internet host by its id.
    #[must_use]
    pub fn internet_host(&self, id: InternetHostId) -> &InternetHost {
        &self.internet_hosts[id.0]
    }

    /// A virtual network gateway by its id.
    #[must_use]
    pub fn gateway(&self, id: GatewayId) -> &VirtualNetworkGateway {
        &self.virtual_network_gateways[id.0]
    }

    /// A local network gateway by its id.
    #[must_use]
    pub fn local_network_gateway(&self, id: LocalNetworkGatewayId) -> &LocalNetworkGateway {
        &self.local_network_gateways[id.0]
    }

    /// An ExpressRoute circuit by its id.
    #[must_use]
    pub fn circuit(&self, id: CircuitId) -> &ExpressRouteCircuit {
        &self.express_route_circuits[id.0]
    }

    /// A connection by its id.
    #[must_use]
    pub fn connection(&self, id: ConnectionId) -> &Connection {
        &self.connections[id.0]
    }

    /// A route server by its id.
    #[must_use]
    pub fn route_server(&self, id: RouteServerId) -> &RouteServer {
        &self.route_servers[id.0]
    }

    /// A site on premises by its id.
    #[must_use]
    pub fn site(&self, id: SiteId) -> &OnPremisesSite {
        &self.on_premises[id.0]
    }

    /// A route table by its id.
    #[must_use]
    pub fn route_table(&self, id: RouteTableId) -> &RouteTable {
        &self.route_tables[id.0]
    }

    /// Every network interface, VM by VM.
    pub fn nics(&self) -> impl Iterator<Item = (NicRef, &Nic)> {
        self.virtual_machines.iter().enumerate().flat_map(|(vm, machine)| {
            let nics = machine.nics.iter().enumerate();
            nics.map(move |(index, nic)| (NicRef { vm: VmId(vm), index: NicIndex(index) }, nic))
        })
    }

    /// The VM of this name, compared without case as Azure does.
    #[must_use]
    pub fn find_vm(&self, name: &str) -> Option<VmId> {
        self.virtual_machines.iter().position(|vm| vm.name.as_str().eq_ignore_ascii_case(name)).map(VmId)
    }
}
