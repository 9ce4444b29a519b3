//! The names of everything that something else may refer to, and the regions they default to.

use crate::topology::Topology;

use super::limits;
use super::location::Locations;
use super::name::Names;
use super::report::Report;

/// The names of the file; positions are those of the resources in it.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) locations: Locations,
    pub(super) virtual_networks: Names,
    pub(super) network_security_groups: Names,
    pub(super) application_security_groups: Names,
    pub(super) route_tables: Names,
    pub(super) virtual_machines: Names,
    pub(super) public_ip_addresses: Names,
    pub(super) nat_gateways: Names,
    pub(super) services: Names,
    pub(super) sites: Names,
    pub(super) virtual_network_gateways: Names,
    pub(super) local_network_gateways: Names,
    pub(super) express_route_circuits: Names,
}

impl Directory {
    /// Reads all names; names that may not be, or that are there twice, are errors.
    pub(super) fn new(topology: &Topology, report: &mut Report) -> Self {
        let name = limits::RESOURCE_NAME;
        check_other_names(topology, report);
        Self {
            locations: Locations::new(topology.location.as_ref()),
            virtual_networks: report.names(
                "virtual network",
                limits::VIRTUAL_NETWORK_NAME,
                topology.virtual_networks.names(),
            ),
            network_security_groups: report.names(
                "network security group",
                name,
                topology.network_security_groups.names(),
            ),
            application_security_groups: report.names(
                "application security group",
                name,
                &topology.application_security_groups,
            ),
            route_tables: report.names("route table", name, topology.route_tables.names()),
            virtual_machines: report.names(
                "virtual machine",
                limits::VIRTUAL_MACHINE_NAME,
                topology.virtual_machines.names(),
            ),
            public_ip_addresses: report.names("public address", name, topology.public_ip_addresses.names()),
            nat_gateways: report.names("NAT gateway", name, topology.nat_gateways.names()),
            services: report.names("service", limits::OUTSIDE_NAME, topology.services.names()),
            sites: report.names("site", name, topology.on_premises.names()),
            virtual_network_gateways: report.names(
                "virtual network gateway",
                name,
                topology.virtual_network_gateways.names(),
            ),
            local_network_gateways: report.names(
                "local network gateway",
                name,
                topology.local_network_gateways.names(),
            ),
            express_route_circuits: report.names(
                "ExpressRoute circuit",
                name,
                topology.express_route_circuits.names(),
            ),
        }
    }
}

/// Names that nothing else in the file refers to.
fn check_other_names(topology: &Topology, report: &mut Report) {
    let name = limits::RESOURCE_NAME;
    report.names("load balancer", name, topology.load_balancers.names());
    report.names("private endpoint", name, topology.private_endpoints.names());
    report.names("connection", name, topology.connections.names());
    report.names("route server", name, topology.route_servers.names());
    let hosts = topology.internet.iter().flat_map(|internet| internet.hosts.names());
    report.names("internet host", limits::OUTSIDE_NAME, hosts);
}
