//! Does a stateful appliance see both directions of a flow?
//!
//! A user-defined route leads a subnet's packets to an appliance; the answers take the routes of the other subnet. Where those
//! go straight back, or to another appliance, a firewall sees half of every connection and drops it.
//! <https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview>

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::Review;
use super::place::subnet_name;
use crate::effective::routes::UserRouteName;
use crate::effective::{EffectiveNextHop, Owner, deliver};
use crate::network::{Network, NicRef, RouteTableId, SubnetRef, VnetId};

pub(super) fn ask(review: &mut Review<'_>) {
    let network = review.network;
    let used = used_subnets(network);
    let mut told = BTreeSet::new();
    for (&from, &sender) in &used {
        let Some(table) = network.subnet(from).route_table else { continue };
        for (&to, &receiver) in used.iter().filter(|(to, _)| **to != from && meet(network, from, **to)) {
            let Some((route, appliances)) = by_appliance(review, from, receiver) else { continue };
            if !told.contains(&(table, route.clone()))
                && is_asymmetric(review, &appliances, (from, sender), (to, receiver))
            {
                told.insert((table, route.clone()));
                warn(review, table, &route, appliances[0], from, to);
            }
        }
    }
}

/// Subnets with machines, each with the first address of one.
fn used_subnets(network: &Network) -> BTreeMap<SubnetRef, Ipv4Addr> {
    let mut used = BTreeMap::new();
    for (_, nic) in network.nics() {
        used.entry(nic.subnet).or_insert(nic.addresses[0]);
    }
    used
}

/// Whether packets between the two pass no third virtual network but by an appliance's: the same one, direct peers, or two
/// spokes of one hub.
fn meet(network: &Network, one: SubnetRef, other: SubnetRef) -> bool {
    let peers = |vnet: VnetId| {
        let links = network.vnet(vnet).peerings.iter();
        links.filter(|link| link.is_connected()).map(|link| link.remote)
    };
    one.vnet == other.vnet
        || peers(one.vnet).any(|peer| peer == other.vnet || peers(other.vnet).any(|hub| hub == peer))
}

/// The user-defined route by which `from` reaches `destination`, when it leads to appliances.
fn by_appliance(
    review: &Review<'_>,
    from: SubnetRef,
    destination: Ipv4Addr,
) -> Option<(String, Vec<Ipv4Addr>)> {
    let route = review.policy.routes(from).lookup(destination)?;
    let EffectiveNextHop::VirtualAppliance(appliances) = &route.next_hop else { return None };
    let UserRouteName { route, .. } = route.user.as_deref()?;
    Some((route.clone(), appliances.to_vec()))
}

fn is_asymmetric(
    review: &Review<'_>,
    appliances: &[Ipv4Addr],
    (from, sender): (SubnetRef, Ipv4Addr),
    (to, _): (SubnetRef, Ipv4Addr),
) -> bool {
    // What stands in the appliance's own subnet is beside it, and one that masquerades inside, too, gets every answer.
    let owners: Vec<_> = appliances.iter().filter_map(|address| owner(review, from, *address)).collect();
    let beside = owners.iter().any(|nic| [from, to].contains(&review.network.nic(*nic).subnet));
    let masquerades = owners.iter().any(|nic| {
        let vm = review.network.vm(nic.vm);
        vm.guest_masquerade && vm.guest_masquerade_except.is_empty()
    });
    if owners.is_empty() || beside || masquerades {
        return false;
    }
    let back = by_appliance(review, to, sender).map(|(_, appliances)| appliances).unwrap_or_default();
    let vms = |addresses: &[Ipv4Addr], subnet| -> BTreeSet<_> {
        addresses.iter().filter_map(|address| owner(review, subnet, *address)).map(|nic| nic.vm).collect()
    };
    vms(&back, to).is_disjoint(&vms(appliances, from))
}

/// The NIC that has an appliance's address, as `subnet` sees it.
fn owner(review: &Review<'_>, subnet: SubnetRef, address: Ipv4Addr) -> Option<NicRef> {
    match deliver(review.policy, subnet, address) {
        Ok(Owner::Nic(nic)) => Some(nic),
        _ => None,
    }
}

fn warn(
    review: &mut Review<'_>,
    table: RouteTableId,
    route: &str,
    appliance: Ipv4Addr,
    from: SubnetRef,
    to: SubnetRef,
) {
    let network = review.network;
    let (from, to) = (subnet_name(network, from), subnet_name(network, to));
    let message = format!(
        "route `{route}` leads packets of `{from}` for `{to}` to {appliance}, and their answers do not come back that way: \
         a stateful appliance sees half of each connection"
    );
    let help = format!("steer `{to}` to {appliance} for the prefix of `{from}`, too");
    review.warn("AsymmetricPath", review.places.route(table, route), message, help);
}
