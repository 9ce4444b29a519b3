//! Is every subnet with machines filtered? Do virtual networks overlap each other, or what is on premises?

use std::collections::BTreeMap;

use ipnet::Ipv4Net;

use super::Review;
use super::place::subnet_name;
use crate::network::{Network, Nic, VnetId};
use crate::validate::{overlaps_within, peered_by_subnet, takes_network_security_group};

pub(super) fn ask(review: &mut Review<'_>) {
    ask_about_groups(review);
    ask_about_spaces(review);
    ask_about_sites(review);
}

/// Every subnet should have a group, but those that may not.
///
/// <https://learn.microsoft.com/azure/security/fundamentals/network-best-practices>
fn ask_about_groups(review: &mut Review<'_>) {
    let network = review.network;
    let mut open = BTreeMap::new();
    for (at, nic) in network.nics() {
        if is_open(network, nic) {
            open.entry(nic.subnet).or_insert_with(|| format!("{}/{}", network.vm(at.vm).name, nic.name));
        }
    }
    for (subnet, nic) in open {
        let name = subnet_name(network, subnet);
        review.warn(
            "SubnetWithoutNetworkSecurityGroup",
            review.places.subnet(subnet),
            format!("subnet `{name}` has no network security group, and `{nic}` in it has none either"),
            "set `networkSecurityGroup` on the subnet: without one, whoever reaches it reaches every port",
        );
    }
}

fn is_open(network: &Network, nic: &Nic) -> bool {
    let subnet = network.subnet(nic.subnet);
    nic.nsg.is_none() && subnet.nsg.is_none() && takes_network_security_group(&subnet.name)
}

/// Networks that overlap work apart from each other, and can never be joined as a whole.
fn ask_about_spaces(review: &mut Review<'_>) {
    let network = review.network;
    let vnets = network.virtual_networks.iter().enumerate();
    let (owners, prefixes): (Vec<usize>, Vec<Ipv4Net>) =
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
        let name = &network.virtual_networks[at].name;
        let message = format!(
            "virtual networks `{other}` and `{name}` overlap ({} and {}), so they can never be peered",
            prefixes[earlier], prefixes[later]
        );
        let help = "give each a range of its own, if they may ever be joined";
        review.warn("VirtualNetworksOverlap", review.places.vnet(VnetId(at)), message, help);
    }
}

/// What a site announces inside a virtual network's space is ignored, so the site's machines there cannot be reached.
///
/// <https://learn.microsoft.com/azure/vpn-gateway/vpn-gateway-vpn-faq>
fn ask_about_sites(review: &mut Review<'_>) {
    let network = review.network;
    for (at, vnet) in network.virtual_networks.iter().enumerate() {
        let overlapping = network.on_premises.iter().find_map(|site| {
            let prefixes = site.address_prefixes.iter();
            let mut pairs =
                prefixes.flat_map(|there| vnet.address_space.iter().map(move |here| (here, there)));
            let (here, there) = pairs.find(|(here, there)| here.contains(*there) || there.contains(*here))?;
            Some((&site.name, *here, *there))
        });
        let Some((site, here, there)) = overlapping else { continue };
        let message =
            format!("virtual network `{}` ({here}) overlaps site `{site}` ({there}) on premises", vnet.name);
        let help =
            "give the virtual network a range that no site uses: what overlaps cannot be reached from it";
        review.warn("OverlapsOnPremises", review.places.vnet(VnetId(at)), message, help);
    }
}
