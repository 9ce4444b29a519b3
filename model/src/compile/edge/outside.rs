//! Hosts of the internet and services: virtual machines of the host at the edge.
//!
//! Each has a NIC in the internet. A service has one more in each virtual network that reaches it by service endpoints, and one for each of its private
//! endpoints. Nothing of Azure filters or translates for them, but for private endpoints.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use goal_state::edge::Leg;
use goal_state::ids::NicName;
use goal_state::nsg::{AddressSet, Association, Filter, PortRange, Protocol, RuleGroup};
use goal_state::port::{Port, PrivateEndpoint};
use goal_state::route::{NextHop, Route, RouteSource};
use goal_state::translation::{InboundTranslation, Translation};
use goal_state::vm::{Guest, NetworkInterface, VirtualMachine};
use goal_state::{DropReason, MacAddr, VmName, Vni};
use ipnet::Ipv4Net;

use super::EdgePlan;
use crate::effective::Policy;
use crate::effective::reach::{gives_access, routed_space, takes_part};
use crate::effective::tags::WIRE_SERVER;
use crate::network::vnet::PrivateEndpointNetworkPolicies;
use crate::network::{
    Outside, PrivateEndpointId, PrivateLinkServiceConnectionState, ServiceId, SubnetRef, VnetId,
};

/// Everybody outside, as virtual machines.
pub(in crate::compile) fn machines(policy: &Policy<'_>, plan: &EdgePlan) -> Vec<VirtualMachine> {
    let network = policy.network();
    let machine = |(it, name, mac): &(Outside, VmName, MacAddr)| {
        let region = match *it {
            Outside::InternetHost(_) => None,
            Outside::Service(service) => Some(network.service(service).location.as_str()),
        };
        let router = region.and_then(|region| plan.router(region));
        let (_, first) = plan.routers.first()?;
        let router = router.unwrap_or(first.address);
        let address = it.address(network);
        let mut nics = match *it {
            Outside::InternetHost(_) => Vec::new(),
            Outside::Service(service) => nics_of_service(policy, plan, service),
        };
        let name_in_internet = free_name("nic0", &nics);
        let in_internet = Leg { vni: first.vni, mac: *mac, address };
        nics.insert(0, nic(name_in_internet?, &in_internet, vec![to_router(router)]));
        let admits = match *it {
            Outside::InternetHost(_) => Vec::new(),
            Outside::Service(service) => admitted(policy, plan, service),
        };
        let guest = Guest { admits, ..guest(policy, *it) };
        Some(VirtualMachine { name: name.clone(), network_interfaces: nics, guest })
    };
    plan.outside.iter().filter_map(machine).collect()
}

/// It answers whatever it is asked, unless the file says on which ports.
fn guest(policy: &Policy<'_>, it: Outside) -> Guest {
    let network = policy.network();
    let (listen, commands) = match it {
        Outside::InternetHost(host) => {
            let host = network.internet_host(host);
            (&host.listen, &host.commands)
        }
        Outside::Service(service) => {
            let service = network.service(service);
            (&service.listen, &service.commands)
        }
    };
    let answers_everything = listen.is_none();
    let mut listen = listen.clone().unwrap_or_default();
    listen.sort();
    // There, the public DNS answers.
    let dns_servers = vec![WIRE_SERVER];
    Guest { listen, answers_everything, commands: commands.clone(), dns_servers, ..Guest::default() }
}

/// Whom the service's firewall lets in, by the address that they come to. Private endpoints are not asked.
/// <https://learn.microsoft.com/azure/storage/common/storage-network-security>
fn admitted(policy: &Policy<'_>, plan: &EdgePlan, id: ServiceId) -> Vec<(Ipv4Addr, AddressSet)> {
    let network = policy.network();
    let service = network.service(id);
    let Some(firewall) = &service.firewall else { return Vec::new() };
    let subnets = |vnet: VnetId| {
        let subnets = firewall.virtual_network_rules.iter().filter(move |subnet| subnet.vnet == vnet);
        AddressSet::new(subnets.map(|subnet| network.subnet(*subnet).prefix))
    };
    let legs = plan.service_legs.iter().filter(|((of, _), _)| *of == id);
    let mut admitted: Vec<_> = legs.map(|((_, vnet), leg)| (leg.address, subnets(*vnet))).collect();
    admitted.push((service.address, AddressSet::new(firewall.ip_rules.iter().copied())));
    admitted.sort();
    admitted
}

/// NICs in virtual networks: first those of private endpoints.
fn nics_of_service(policy: &Policy<'_>, plan: &EdgePlan, service: ServiceId) -> Vec<NetworkInterface> {
    let network = policy.network();
    let endpoints = network.private_endpoints.iter().enumerate().map(|(at, it)| (PrivateEndpointId(at), it));
    let endpoints = endpoints.filter(|(_, endpoint)| endpoint.service == service);
    let mut nics: Vec<_> =
        endpoints.filter_map(|(id, _)| private_endpoint(policy, id, plan.private_endpoints[id.0])).collect();
    let legs = plan.service_legs.iter().filter(|((of, _), _)| *of == service);
    for (&(_, vnet), leg) in legs {
        let name = free_name(&network.vnet(vnet).name, &nics);
        nics.extend(name.map(|name| service_leg(policy, service, vnet, name, leg)));
    }
    nics
}

/// Where what service endpoints lead to comes in: for the public address, and with private sources.
fn service_leg(
    policy: &Policy<'_>,
    service: ServiceId,
    vnet: VnetId,
    name: NicName,
    leg: &Leg,
) -> NetworkInterface {
    let network = policy.network();
    let every_subnet = (0..network.vnet(vnet).subnets.len()).map(|index| SubnetRef { vnet, index });
    let routes = every_subnet.flat_map(|subnet| on_link(policy, subnet)).collect();
    let service = network.service(service);
    let mut nic = nic(name, leg, with_default(routes, DropReason::NoDestination));
    nic.port.translation.inbound.push(InboundTranslation {
        resource: service.name.clone(),
        rule: String::new(),
        address: service.address,
        protocol: Protocol::Any,
        port: None,
        to_address: leg.address,
        to_port: None,
        floating: false,
        closed: false,
        balanced: false,
    });
    nic
}

/// A private endpoint answers whoever can be reached directly.
fn private_endpoint(policy: &Policy<'_>, id: PrivateEndpointId, mac: MacAddr) -> Option<NetworkInterface> {
    let network = policy.network();
    let endpoint = network.private_endpoint(id);
    let vni = network.vnet(endpoint.subnet.vnet).vni;
    let leg = Leg { vni, mac, address: endpoint.address };
    let routes = with_default(on_link(policy, endpoint.subnet), DropReason::NoDestination);
    let mut nic = nic(NicName::new(endpoint.name.clone()).ok()?, &leg, routes);
    nic.port.filter = filter(policy, endpoint.subnet);
    nic.port.private_endpoint = Some(PrivateEndpoint {
        name: endpoint.name.clone(),
        approved: endpoint.state == PrivateLinkServiceConnectionState::Approved,
    });
    Some(nic)
}

/// The inbound network security group of the subnet where its policies say so, whatever source port rules ask for. Security admin rules never
/// count.
/// <https://learn.microsoft.com/azure/private-link/disable-private-endpoint-network-policy>
fn filter(policy: &Policy<'_>, subnet: SubnetRef) -> Filter {
    use PrivateEndpointNetworkPolicies::{Enabled, NetworkSecurityGroupEnabled};
    let policies = policy.network().subnet(subnet).private_endpoint_network_policies;
    if !matches!(policies, Enabled | NetworkSecurityGroupEnabled) {
        return Filter::default();
    }
    let groups = policy.subnet_filter(subnet).inbound.iter();
    let groups = groups.filter(|group| group.association != Association::NetworkManager);
    Filter { inbound: groups.map(|group| Arc::new(from_any_port(group))).collect(), ..Filter::default() }
}

fn from_any_port(group: &RuleGroup) -> RuleGroup {
    let mut group = group.clone();
    for rule in &mut group.rules {
        rule.source_ports = vec![PortRange::ALL];
    }
    group
}

/// Routes to whom `subnet` can send directly.
fn on_link(policy: &Policy<'_>, subnet: SubnetRef) -> Vec<Route> {
    let network = policy.network();
    let vnet = network.vnet(subnet.vnet);
    let own = vnet.address_space.iter().map(|&range| route(range, NextHop::VnetLocal, "System Route"));
    let links = vnet.peerings.iter().filter(|link| gives_access(network, link) && takes_part(link, subnet));
    let peers = links.flat_map(|link| {
        let name = format!("{}/{}", vnet.name, link.name);
        routed_space(network, link).map(move |range| route(range, NextHop::VnetPeering, &name))
    });
    own.chain(peers).collect()
}

/// `routes` sorted, each prefix once, and whatever they do not cover dropped.
fn with_default(mut routes: Vec<Route>, reason: DropReason) -> Vec<Route> {
    routes.push(route(Ipv4Net::default(), NextHop::Drop { reason }, "System Route"));
    routes.sort_by_key(|route| route.prefix);
    routes.dedup_by_key(|route| route.prefix);
    routes
}

fn to_router(router: Ipv4Addr) -> Route {
    let next_hop = NextHop::VirtualAppliance { addresses: vec![router], unreachable: Vec::new() };
    route(Ipv4Net::default(), next_hop, "System Route")
}

fn route(prefix: Ipv4Net, next_hop: NextHop, name: &str) -> Route {
    Route { prefix: prefix.trunc(), next_hop, source: RouteSource::Default, name: name.to_owned() }
}

/// A NIC that is alone in its subnet.
fn nic(name: NicName, leg: &Leg, routes: Vec<Route>) -> NetworkInterface {
    NetworkInterface {
        name,
        mac: leg.mac,
        addresses: vec![leg.address],
        subnet: leg.address.into(),
        accelerated: false,
        encryption_port: None,
        port: port(leg.vni, routes),
    }
}

fn port(vni: Vni, routes: Vec<Route>) -> Port {
    Port {
        vni,
        enable_ip_forwarding: false,
        filter: Filter::default(),
        routes: Arc::new(routes),
        forwarded_traffic_refused: Vec::new(),
        unencrypted_refused: AddressSet::default(),
        translation: Translation::default(),
        private_endpoint: None,
    }
}

/// `wanted`, or the same with underscores behind it, that none of `nics` has.
fn free_name(wanted: &str, nics: &[NetworkInterface]) -> Option<NicName> {
    let taken: HashSet<_> = nics.iter().map(|nic| nic.name.as_str().to_ascii_lowercase()).collect();
    let mut name = wanted.to_owned();
    while taken.contains(&name.to_ascii_lowercase()) {
        name.push('_');
    }
    NicName::new(name).ok()
}
