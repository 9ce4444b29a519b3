//! Are a gateway's routes kept from a subnet that needs them?
//!
//! <https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview#border-gateway-protocol>

use super::Review;
use super::place::subnet_name;
use crate::network::{Network, RouteDestination, SubnetRef, UserNextHop, VnetId};

pub(super) fn ask(review: &mut Review<'_>) {
    let network = review.network;
    for (at, vnet) in network.virtual_networks.iter().enumerate() {
        let Some(gateway) = gateway_of(network, VnetId(at)) else { continue };
        for (index, subnet) in vnet.subnets.iter().enumerate() {
            let Some(table) = subnet.route_table.map(|table| network.route_table(table)) else { continue };
            // A default route of its own says where such packets go instead.
            let leads_elsewhere = table.routes.iter().any(|route| {
                let everything =
                    matches!(route.destination, RouteDestination::Prefix(prefix) if prefix.prefix_len() == 0);
                everything || route.next_hop == UserNextHop::VirtualNetworkGateway
            });
            if !table.disable_bgp_route_propagation || leads_elsewhere {
                continue;
            }
            let place = SubnetRef { vnet: VnetId(at), index };
            let message = format!(
                "subnet `{}` does not learn the routes of `{gateway}`: route table `{}` disables BGP route propagation",
                subnet_name(network, place),
                table.name
            );
            let help = "set `disableBgpRoutePropagation: false`, or add routes for what is on premises";
            review.warn("PropagationOffBesideGateway", review.places.subnet(place), message, help);
        }
    }
}

/// A gateway or route server whose routes the virtual network would learn: its own, or a peer's that it uses.
fn gateway_of(network: &Network, vnet: VnetId) -> Option<&str> {
    let of = |vnet: VnetId| {
        let gateways = network.virtual_network_gateways.iter().filter(move |it| it.vnet == vnet);
        let servers = network.route_servers.iter().filter(move |it| it.vnet == vnet);
        gateways.map(|it| it.name.as_str()).chain(servers.map(|it| it.name.as_str())).next()
    };
    let links = &network.vnet(vnet).peerings;
    let remote = links.iter().find(|link| link.use_remote_gateways && link.is_connected());
    of(vnet).or_else(|| of(remote?.remote))
}
