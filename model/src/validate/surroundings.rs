//! Everything around virtual networks and machines: the public side, gateways, sites, private endpoints.

use std::net::Ipv4Addr;

use crate::network::public::PublicIpSku;
use crate::network::{
    Connection, ExpressRouteCircuit, InternetHost, LoadBalancer, LocalNetworkGateway, NatGateway,
    OnPremisesSite, PrivateEndpoint, PublicIpAddress, RouteServer, Service, VirtualMachine,
    VirtualNetworkGateway,
};
use crate::topology::Topology;

use super::connection::ConnectionCheck;
use super::directory::Directory;
use super::gateway::{DraftGateway, gateways};
use super::load_balancer::{self, DraftLoadBalancer};
use super::local_network_gateway::{self, circuits, local_network_gateways};
use super::nat_gateway::{self, BasicUse};
use super::private_address::AddressClaim;
use super::private_endpoint::{self, DraftPrivateEndpoint};
use super::public_ip_address::PublicIps;
use super::report::Report;
use super::route_server::{self, DraftRouteServer};
use super::virtual_machine::DraftVm;
use super::virtual_network::DraftVnet;
use super::{internet, on_premises, public_address, service};

/// What is around, some of which may be wrong or lack an address.
pub(super) struct DraftSurroundings<'t> {
    topology: &'t Topology,
    nat_gateways: Vec<NatGateway>,
    services: Vec<Service>,
    on_premises: Vec<OnPremisesSite>,
    gateways: Vec<DraftGateway>,
    local_network_gateways: Vec<Option<LocalNetworkGateway>>,
    circuits: Vec<Option<ExpressRouteCircuit>>,
    connections: Vec<Option<Connection>>,
    route_servers: Vec<DraftRouteServer<'t>>,
    private_endpoints: Vec<DraftPrivateEndpoint<'t>>,
    load_balancers: Vec<DraftLoadBalancer<'t>>,
}

/// What is around.
pub(super) struct Surroundings {
    pub(super) nat_gateways: Vec<NatGateway>,
    pub(super) services: Vec<Service>,
    pub(super) internet_hosts: Vec<InternetHost>,
    pub(super) on_premises: Vec<OnPremisesSite>,
    pub(super) virtual_network_gateways: Vec<VirtualNetworkGateway>,
    pub(super) local_network_gateways: Vec<LocalNetworkGateway>,
    pub(super) express_route_circuits: Vec<ExpressRouteCircuit>,
    pub(super) connections: Vec<Connection>,
    pub(super) route_servers: Vec<RouteServer>,
    pub(super) private_endpoints: Vec<PrivateEndpoint>,
    pub(super) load_balancers: Vec<LoadBalancer>,
}

impl<'t> DraftSurroundings<'t> {
    /// Reads what is around `vnets` and `machines`.
    pub(super) fn new(
        topology: &'t Topology,
        directory: &Directory,
        vnets: &[DraftVnet],
        machines: &[DraftVm<'_>],
        public_ips: &mut PublicIps<'_>,
        report: &mut Report,
    ) -> Self {
        let nat_gateways = nat_gateway::nat_gateways(topology, directory, public_ips, report);
        nat_gateway::check_subnets(topology, vnets, report);
        internet::check(topology, report);
        let on_premises = on_premises::sites(topology, report);
        let gateways = gateways(topology, directory, vnets, public_ips, report);
        let local_network_gateways = local_network_gateways(topology, directory, &on_premises, report);
        let check = ConnectionCheck {
            topology,
            directory,
            vnets,
            gateways: &gateways,
            local_network_gateways: &local_network_gateways,
        };
        let connections = check.connections(report);
        let load_balancers = load_balancer::drafts(topology, directory, vnets, machines, public_ips, report);
        let mut basic = basic_uses(machines, public_ips);
        basic.extend(load_balancers.iter().flat_map(|balancer| balancer.basic_uses(machines)));
        nat_gateway::check_basic(topology, vnets, &basic, report);
        Self {
            topology,
            nat_gateways,
            services: service::services(topology, directory, vnets, report),
            circuits: circuits(topology, directory, &on_premises, report),
            on_premises,
            gateways,
            local_network_gateways,
            connections,
            route_servers: route_server::drafts(topology, directory, vnets, report),
            private_endpoints: private_endpoint::drafts(topology, directory, vnets, report),
            load_balancers,
        }
    }

    /// The private addresses that are asked for.
    pub(super) fn claims(&self) -> impl Iterator<Item = AddressClaim> {
        let frontends = self.load_balancers.iter().flat_map(DraftLoadBalancer::claims);
        self.private_endpoints.iter().map(DraftPrivateEndpoint::claim).chain(frontends)
    }

    /// All of it, with the addresses of [`Self::claims`]. None when something is wrong.
    pub(super) fn finish(
        self,
        mut addresses: impl Iterator<Item = Option<Vec<Ipv4Addr>>>,
        machines: &[VirtualMachine],
    ) -> Option<Surroundings> {
        let mut next = || addresses.next().flatten().and_then(|addresses| addresses.first().copied());
        let private_endpoints = self.private_endpoints.iter().map(|draft| draft.finish(next()));
        let private_endpoints = private_endpoints.collect::<Option<_>>()?;
        let load_balancers = self.load_balancers.into_iter().map(|draft| draft.finish(&mut next));
        let load_balancers = load_balancers.collect::<Option<_>>()?;
        let route_servers = self.route_servers.into_iter().map(|draft| draft.finish(machines));
        Some(Surroundings {
            nat_gateways: self.nat_gateways,
            services: self.services,
            internet_hosts: internet::internet_hosts(self.topology),
            on_premises: self.on_premises,
            virtual_network_gateways: self
                .gateways
                .into_iter()
                .map(|draft| draft.gateway)
                .collect::<Option<_>>()?,
            local_network_gateways: self.local_network_gateways.into_iter().collect::<Option<_>>()?,
            express_route_circuits: self.circuits.into_iter().collect::<Option<_>>()?,
            connections: self.connections.into_iter().collect::<Option<_>>()?,
            route_servers: route_servers.collect::<Option<_>>()?,
            private_endpoints,
            load_balancers,
        })
    }
}

/// Network interfaces with a public address that is Basic.
fn basic_uses(machines: &[DraftVm<'_>], public_ips: &PublicIps<'_>) -> Vec<BasicUse> {
    let nics = machines.iter().flat_map(|draft| draft.nics.iter().map(move |nic| (draft, nic)));
    let basic = nics.filter(|(_, nic)| {
        let mut used = nic.requests.iter().filter_map(|request| request.public_ip);
        used.any(|id| public_ips.sku(id) == PublicIpSku::Basic)
    });
    basic
        .filter_map(|(draft, nic)| {
            let what = format!("the public address of virtual machine `{}`", draft.name());
            Some(BasicUse { subnet: nic.subnet?, what })
        })
        .collect()
}

/// The public addresses with their numbers, all different from each other and from whatever else is public.
pub(super) fn public_ip_addresses(
    topology: &Topology,
    public_ips: PublicIps<'_>,
    vnets: &[DraftVnet],
    report: &mut Report,
) -> Option<Vec<PublicIpAddress>> {
    let spaces = vnets.iter().flat_map(|vnet| vnet.space.iter().map(|space| (*space, vnet.name.as_str())));
    let spaces: Vec<_> = spaces.collect();
    let outside = service::numbers(topology).chain(internet::numbers(topology));
    let numbers = public_ips.typed().chain(outside).chain(local_network_gateway::numbers(topology)).collect();
    let taken = public_address::check(numbers, &spaces, report);
    let spaces: Vec<_> = spaces.into_iter().map(|(space, _)| space).collect();
    public_ips.finish(&taken, &spaces, report)
}
