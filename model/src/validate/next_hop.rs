//! Routes that Azure accepts and that then carry nothing, because nobody at the next hop forwards. Warnings only.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use crate::network::{Network, NicRef, RouteTableId, SubnetRef, UserNextHop, UserRoute, VnetId};

/// Something that is wrong with a route of a table: the position of the table and of its route, and what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DeadRoute {
    /// The table.
    pub(super) table: usize,
    /// The position of the route in it.
    pub(super) route: usize,
    /// A short stable word for programs.
    pub(super) code: &'static str,
    /// What is wrong.
    pub(super) message: String,
    /// What would be right.
    pub(super) help: String,
}

/// Everything that is wrong with the routes of the tables that are attached to a subnet.
pub(super) fn dead_routes(network: &Network) -> BTreeSet<DeadRoute> {
    attached_tables(network)
        .flat_map(|(subnet, table)| {
            let routes = network.route_table(table).routes.iter().enumerate();
            routes.filter_map(move |(route, user_route)| {
                let (code, message, help) = problem(network, subnet, user_route)?;
                Some(DeadRoute { table: table.0, route, code, message, help })
            })
        })
        .collect()
}

fn attached_tables(network: &Network) -> impl Iterator<Item = (SubnetRef, RouteTableId)> {
    network.virtual_networks.iter().enumerate().flat_map(|(vnet, virtual_network)| {
        virtual_network.subnets.iter().enumerate().filter_map(move |(index, subnet)| {
            Some((SubnetRef { vnet: VnetId(vnet), index }, subnet.route_table?))
        })
    })
}

type Problem = (&'static str, String, String);

fn problem(network: &Network, subnet: SubnetRef, route: &UserRoute) -> Option<Problem> {
    match route.next_hop {
        UserNextHop::VirtualAppliance(address) => appliance_problem(network, subnet, route, address),
        UserNextHop::VirtualNetworkGateway => Some((
            "NextHopGatewayMissing",
            format!(
                "route `{}` leads to a virtual network gateway, and there is none: it drops its packets",
                route.name
            ),
            "use another next hop".to_owned(),
        )),
        UserNextHop::VnetLocal | UserNextHop::Internet | UserNextHop::None => None,
    }
}

fn appliance_problem(
    network: &Network,
    subnet: SubnetRef,
    route: &UserRoute,
    address: Ipv4Addr,
) -> Option<Problem> {
    let vnet_name = &network.vnet(subnet.vnet).name;
    let Some(nic) = reachable_nic(network, subnet.vnet, address) else {
        return Some((
            "NextHopUnreachable",
            format!(
                "route `{}` leads to {address}, which no NIC in `{vnet_name}` or a virtual network peered with it has",
                route.name
            ),
            elsewhere(network, address),
        ));
    };
    let vm = network.vm(nic.vm);
    let nic_name = format!("{}/{}", vm.name, network.nic(nic).name);
    if !network.nic(nic).enable_ip_forwarding {
        return Some((
            "NextHopWithoutIPForwarding",
            format!(
                "route `{}` leads to `{nic_name}`, which may not receive the packets of others",
                route.name
            ),
            format!("set `enableIPForwarding: true` on `{nic_name}`"),
        ));
    }
    if !vm.guest_ip_forwarding {
        return Some((
            "NextHopGuestDoesNotForward",
            format!(
                "route `{}` leads to `{}`, whose operating system does not forward packets",
                route.name, vm.name
            ),
            format!("set `guest: {{ipForwarding: true}}` on `{}`", vm.name),
        ));
    }
    (network.nic(nic).subnet == subnet).then(|| loop_problem(network, subnet, route, &nic_name))
}

fn loop_problem(network: &Network, subnet: SubnetRef, route: &UserRoute, nic_name: &str) -> Problem {
    let subnet_name = format!("{}/{}", network.vnet(subnet.vnet).name, network.subnet(subnet).name);
    (
        "NextHopInSameSubnet",
        format!(
            "route `{}` leads to `{nic_name}`, and the table also steers that NIC's own subnet `{subnet_name}`: \
             what it forwards comes back to it",
            route.name
        ),
        "give the appliance a subnet of its own, without this route table".to_owned(),
    )
}

/// The NIC that has `address` and is in `vnet` or in a virtual network that `vnet` is connected to.
fn reachable_nic(network: &Network, vnet: VnetId, address: Ipv4Addr) -> Option<NicRef> {
    let reaches = |other: VnetId| {
        other == vnet || network.vnet(vnet).peering_to(other).is_some_and(|peering| peering.connected)
    };
    nics_with(network, address).find(|nic| reaches(network.nic(*nic).subnet.vnet))
}

fn nics_with(network: &Network, address: Ipv4Addr) -> impl Iterator<Item = NicRef> {
    network.nics().filter(move |(_, nic)| nic.addresses.contains(&address)).map(|(nic, _)| nic)
}

fn elsewhere(network: &Network, address: Ipv4Addr) -> String {
    match nics_with(network, address).next() {
        Some(nic) => format!(
            "`{}` has it, in `{}`: peer the two virtual networks, with a link on each side",
            network.vm(nic.vm).name,
            network.vnet(network.nic(nic).subnet.vnet).name
        ),
        None => "name the private address of a NIC that forwards".to_owned(),
    }
}
