//! Effective routes, statement by statement.

mod gateways;
mod private_endpoints;
mod selection;
mod system;
mod user;
mod worked_example;

use super::*;
use crate::network::Network;
use crate::network::build::NetworkBuilder;

fn subnet(vnet: usize, index: usize) -> SubnetRef {
    SubnetRef { vnet: VnetId(vnet), index }
}

/// One line per route of a subnet, as Azure's page lists them.
fn listing(network: &Network, at: SubnetRef) -> Vec<String> {
    let line = |route: &EffectiveRoute| {
        let name = route.user.as_ref().map(|name| name.route.as_str()).unwrap_or_default();
        format!("{:?} {:?} {} {name}", route.source, route.state, route.describe()).trim_end().to_owned()
    };
    EffectiveRoutes::of(&Policy::new(network), at).all().iter().map(line).collect()
}

/// The routes for one prefix, the active one first.
fn routes_for(network: &Network, at: SubnetRef, prefix: &str) -> Vec<String> {
    let is_wanted = |line: &String| line.split(' ').nth(2) == Some(prefix);
    listing(network, at).into_iter().filter(is_wanted).collect()
}

/// The route that a packet takes.
fn taken(network: &Network, at: SubnetRef, to: &str) -> String {
    let policy = Policy::new(network);
    policy.routes(at).lookup(to.parse().unwrap()).unwrap().describe()
}
