//! Speakers, statement by statement.

mod express_route;
mod route_server;
mod vpn;

use std::net::Ipv4Addr;

use super::*;
use crate::effective::{EffectiveNextHop, Policy};
use crate::network::build::NetworkBuilder;
use crate::network::gateway::GatewayType;
use crate::network::{RouteServerId, SubnetRef, VnetId};

const fn gateway(index: usize) -> Speaker {
    Speaker::Gateway(GatewayId(index))
}

const SERVER: Speaker = Speaker::RouteServer(RouteServerId(0));

/// A hub and its gateway, and a spoke that uses it.
fn hub_and_spoke(kind: GatewayType) -> NetworkBuilder {
    hub().gateway("gw", "hub", kind)
}

fn hub() -> NetworkBuilder {
    NetworkBuilder::new()
        .vnet("hub", "10.0.0.0/16")
        .subnet("hub", "GatewaySubnet", "10.0.254.0/27")
        .subnet("hub", "RouteServerSubnet", "10.0.253.0/27")
        .vnet("spoke", "10.1.0.0/16")
        .link("hub", "spoke", |link| link.allow_gateway_transit = true)
        .link("spoke", "hub", |link| link.use_remote_gateways = true)
        .site("dc", &["10.50.0.0/16"], &["erp 10.50.1.10"])
}

fn path(path: &[u32]) -> String {
    path.iter().map(ToString::to_string).collect::<Vec<_>>().join("-")
}

/// `10.50.0.0/16 65010 EBgp`, one for each route.
fn learned(network: &Network, speaker: Speaker) -> Vec<String> {
    let bgp = Bgp::of(network);
    let routes = bgp.learned_routes(network, speaker).into_iter();
    routes
        .map(|route| format!("{} {} {}", route.network, path(&route.as_path), route.origin.as_str()))
        .map(|line| line.replace("  ", " "))
        .collect()
}

/// `10.0.0.0/16 65515`, one for each route that a speaker announces to a neighbor.
fn told(network: &Network, speaker: Speaker, neighbor: &str) -> Vec<String> {
    let bgp = Bgp::of(network);
    let session = bgp.session(speaker, neighbor).unwrap();
    let routes = bgp.advertised_routes(network, session).into_iter();
    routes.map(|route| format!("{} {}", route.prefix, path(&route.as_path))).collect()
}

fn state(network: &Network, speaker: Speaker, neighbor: &str) -> SessionState {
    Bgp::of(network).session(speaker, neighbor).unwrap().state
}

/// The routes of gateways in a virtual network.
fn programmed(network: &Network, vnet: usize) -> Vec<String> {
    let policy = Policy::new(network);
    policy.gateway_routes(VnetId(vnet)).iter().map(|route| route.describe()).collect()
}

/// Who takes a packet from the first subnet of a virtual network: gateways by name, appliances by address.
fn via(network: &Network, vnet: usize, to: &str) -> Vec<String> {
    let policy = Policy::new(network);
    let routes = policy.routes(SubnetRef { vnet: VnetId(vnet), index: 0 });
    match &routes.lookup(to.parse().unwrap()).unwrap().next_hop {
        EffectiveNextHop::VirtualNetworkGateway(gateways) => {
            gateways.iter().map(|&id| network.gateway(id).name.clone()).collect()
        }
        EffectiveNextHop::VirtualAppliance(addresses) => addresses.iter().map(Ipv4Addr::to_string).collect(),
        other => vec![other.type_name().to_owned()],
    }
}

/// So many distinct /24 outside of every virtual network.
fn many(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("100.{}.{}.0/24", 64 + number / 256, number % 256)).collect()
}

fn texts(routes: &[String]) -> Vec<&str> {
    routes.iter().map(String::as_str).collect()
}
