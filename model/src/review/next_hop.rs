//! Routes that Azure accepts and that then carry nothing, because nobody at the next hop forwards. Warnings only.

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;

use super::Review;
use crate::network::gateway::GatewayType;
use crate::network::{
    FrontendAddress, Network, NicRef, RouteTableId, SubnetRef, UserNextHop, UserRoute, VnetId,
};

/// Asks about the routes of the tables that are attached to a subnet.
pub(super) fn ask(review: &mut Review<'_>) {
    let network = review.network;
    let check = NextHops::new(network);
    // A table may be attached in several virtual networks, with the same problem in each.
    let mut told = BTreeSet::new();
    for (vnet, table) in attached_tables(network) {
        for route in &network.route_table(table).routes {
            let Some((code, message, help)) = check.problem(vnet, table, route) else { continue };
            if told.insert((table, message.clone())) {
                review.warn(code, review.places.route(table, &route.name), message, help);
            }
        }
    }
}

/// The tables that steer a subnet, with the virtual network of it.
fn attached_tables(network: &Network) -> BTreeSet<(VnetId, RouteTableId)> {
    let vnets = network.virtual_networks.iter().enumerate();
    vnets
        .flat_map(|(at, vnet)| {
            vnet.subnets.iter().filter_map(move |subnet| Some((VnetId(at), subnet.route_table?)))
        })
        .collect()
}

type Problem = (&'static str, String, String);

/// Who is at the next hops.
struct NextHops<'a> {
    network: &'a Network,
    /// The NICs that have an address; several when unrelated virtual networks overlap.
    owners: HashMap<Ipv4Addr, Vec<NicRef>>,
}

impl<'a> NextHops<'a> {
    fn new(network: &'a Network) -> Self {
        let mut owners: HashMap<Ipv4Addr, Vec<NicRef>> = HashMap::new();
        for (at, nic) in network.nics() {
            nic.addresses.iter().for_each(|address| owners.entry(*address).or_default().push(at));
        }
        Self { network, owners }
    }

    fn problem(&self, vnet: VnetId, table: RouteTableId, route: &UserRoute) -> Option<Problem> {
        match &route.next_hop {
            UserNextHop::VirtualAppliance(addresses) => {
                addresses.iter().find_map(|&address| self.appliance_problem(vnet, table, route, address))
            }
            UserNextHop::VirtualNetworkGateway => self.gateway_problem(vnet, route),
            UserNextHop::VnetLocal | UserNextHop::Internet | UserNextHop::None => None,
        }
    }

    /// A route may lead to a VPN gateway, of the virtual network itself or of the peer whose gateways it uses, and only when
    /// no ExpressRoute gateway stands beside it.
    fn gateway_problem(&self, vnet: VnetId, route: &UserRoute) -> Option<Problem> {
        let remote = self.network.vnet(vnet).peerings.iter().find(|link| link.use_remote_gateways);
        let home = remote.filter(|link| link.is_connected()).map_or(vnet, |link| link.remote);
        let gateways = self.network.virtual_network_gateways.iter().filter(|gateway| gateway.vnet == home);
        let types: Vec<_> = gateways.map(|gateway| gateway.gateway_type).collect();
        let name = &route.name;
        if types.is_empty() {
            return Some((
                "NextHopGatewayMissing",
                format!("route `{name}` leads to a virtual network gateway, and there is none"),
                "use another next hop: it drops its packets".to_owned(),
            ));
        }
        let message = match (types.contains(&GatewayType::Vpn), types.contains(&GatewayType::ExpressRoute)) {
            (true, false) => return None,
            (false, _) => format!("route `{name}` leads to an ExpressRoute gateway"),
            (true, true) => {
                format!("route `{name}` leads to a VPN gateway beside an ExpressRoute gateway")
            }
        };
        let help = "use another next hop: Azure takes a VPN gateway alone for it, so it drops its packets";
        Some(("NextHopGatewayType", message, help.to_owned()))
    }

    fn appliance_problem(
        &self,
        vnet: VnetId,
        table: RouteTableId,
        route: &UserRoute,
        address: Ipv4Addr,
    ) -> Option<Problem> {
        let network = self.network;
        let vnet_name = &network.vnet(vnet).name;
        if self.is_frontend(vnet, address) {
            return None;
        }
        let Some(nic) = self.reachable(vnet, address) else {
            return Some((
                "NextHopUnreachable",
                format!(
                    "route `{}` leads to {address}, which no NIC in `{vnet_name}` or a virtual network peered with it has",
                    route.name
                ),
                self.elsewhere(address),
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
        let own = network.nic(nic).subnet;
        (network.subnet(own).route_table == Some(table)).then(|| loop_problem(network, own, route, &nic_name))
    }

    /// The NIC that has `address` and is in `vnet` or in a virtual network that `vnet` is connected to.
    fn reachable(&self, vnet: VnetId, address: Ipv4Addr) -> Option<NicRef> {
        let reaches = |nic: &NicRef| self.reaches(vnet, self.network.nic(*nic).subnet.vnet);
        self.with(address).iter().copied().find(reaches)
    }

    fn reaches(&self, vnet: VnetId, other: VnetId) -> bool {
        other == vnet
            || self.network.vnet(vnet).peering_to(other).is_some_and(|peering| peering.is_connected())
    }

    /// Whether an internal load balancer within reach has `address`; appliances stand behind it.
    fn is_frontend(&self, vnet: VnetId, address: Ipv4Addr) -> bool {
        let mut frontends = self.network.load_balancers.iter().flat_map(|balancer| &balancer.frontends);
        frontends.any(|frontend| match frontend.address {
            FrontendAddress::Private { subnet, address: own } => {
                own == address && self.reaches(vnet, subnet.vnet)
            }
            FrontendAddress::Public(_) => false,
        })
    }

    fn with(&self, address: Ipv4Addr) -> &[NicRef] {
        self.owners.get(&address).map_or(&[], Vec::as_slice)
    }

    fn elsewhere(&self, address: Ipv4Addr) -> String {
        match self.with(address).first() {
            Some(nic) => format!(
                "`{}` has it, in `{}`: peer the two virtual networks, with a link on each side",
                self.network.vm(nic.vm).name,
                self.network.vnet(self.network.nic(*nic).subnet.vnet).name
            ),
            None => "name the private address of a NIC that forwards".to_owned(),
        }
    }
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
