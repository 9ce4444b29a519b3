//! The design checklist: what Azure accepts, carries, and a reviewer asks about. Warnings about a network without errors.
//!
//! The rest of the list is where its rules are: next hops that do not forward (`next_hop`), peerings with one link
//! (`peering`), application security groups without members.

use std::collections::BTreeMap;

use crate::network::{Network, Nic, SubnetRef};
use crate::topology::Topology;

use super::overlap::overlaps_within;
use super::peering::peered_by_subnet;
use super::report::Report;
use super::special_subnet::special;

pub(super) fn check(topology: &Topology, network: &Network, report: &mut Report) {
    check_groups(topology, network, report);
    check_spaces(topology, network, report);
}

/// Every subnet should have a group, but those that may not.
///
/// <https://learn.microsoft.com/azure/security/fundamentals/network-best-practices>
fn check_groups(topology: &Topology, network: &Network, report: &mut Report) {
    let mut open = BTreeMap::new();
    for (at, nic) in network.nics() {
        if is_open(network, nic) {
            open.entry(nic.subnet).or_insert_with(|| format!("{}/{}", network.vm(at.vm).name, nic.name));
        }
    }
    for (SubnetRef { vnet, index }, nic) in open {
        let Some((vnet, raw)) = topology.virtual_networks.iter().nth(vnet.0) else { continue };
        let Some(subnet) = raw.subnets.names().nth(index) else { continue };
        let message = format!(
            "subnet `{vnet}/{subnet}` has no network security group, and `{nic}` in it has none either"
        );
        let help =
            "set `networkSecurityGroup` on the subnet: without one, whoever reaches it reaches every port";
        report.warning("SubnetWithoutNetworkSecurityGroup", subnet.span, message, help);
    }
}

fn is_open(network: &Network, nic: &Nic) -> bool {
    let subnet = network.subnet(nic.subnet);
    let may_have_one = special(&subnet.name).is_none_or(|special| special.network_security_group);
    nic.nsg.is_none() && subnet.nsg.is_none() && may_have_one
}

/// Networks that overlap work apart from each other, and can never be joined.
fn check_spaces(topology: &Topology, network: &Network, report: &mut Report) {
    let vnets = network.virtual_networks.iter().enumerate();
    let (owners, prefixes): (Vec<usize>, Vec<_>) =
        vnets.flat_map(|(vnet, it)| it.address_space.iter().map(move |prefix| (vnet, *prefix))).unzip();
    let by_subnet = peered_by_subnet(&network.virtual_networks);
    let mut told = None;
    for (later, earlier) in overlaps_within(&prefixes) {
        let (at, other) = (owners[later], &network.virtual_networks[owners[earlier]].name);
        if by_subnet.contains(&(owners[earlier], at)) {
            continue;
        }
        // The prefixes of one network stand together: one warning for each.
        if told.replace(at) == Some(at) {
            continue;
        }
        let Some((name, _)) = topology.virtual_networks.iter().nth(at) else { continue };
        let message = format!(
            "virtual networks `{other}` and `{name}` overlap ({} and {}), so they can never be peered",
            prefixes[earlier], prefixes[later]
        );
        report.warning(
            "VirtualNetworksOverlap",
            name.span,
            message,
            "give each a range of its own, if they may ever be joined",
        );
    }
}
