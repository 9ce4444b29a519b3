//! Peerings: one link per side, and spaces that do not overlap.
//!
//! <https://learn.microsoft.com/azure/virtual-network/virtual-network-peering-overview>

use std::collections::{HashMap, HashSet};

use ipnet::Ipv4Net;

use crate::network::{Peering, PeeringScope, PeeringState, VnetId};
use crate::topology::{self, Span, Spanned, Topology};

use super::directory::Directory;
use super::limits;
use super::overlap::{first_overlap, overlaps_within};
use super::report::Report;
use super::virtual_network::DraftVnet;

/// The peering links of every virtual network, in the order of the file.
pub(super) fn peerings(
    topology: &Topology,
    directory: &Directory,
    vnets: &[DraftVnet],
    report: &mut Report,
) -> Vec<Vec<Peering>> {
    let all: Vec<_> = topology.virtual_networks.iter().map(|(_, raw)| raw).collect();
    let find = |link: &topology::Peering| directory.virtual_networks.find(&link.remote_virtual_network.value);
    let remotes =
        all.iter().map(|raw| raw.peerings.iter().filter_map(|(_, link)| find(link)).collect()).collect();
    let links = Links { all: &all, remotes, directory, vnets };
    (0..vnets.len()).map(|local| links.of(local, report)).collect()
}

/// What the links of all virtual networks are checked against.
struct Links<'a> {
    all: &'a [&'a topology::VirtualNetwork],
    /// Where the links of each virtual network lead.
    remotes: Vec<HashSet<usize>>,
    directory: &'a Directory,
    vnets: &'a [DraftVnet],
}

impl Links<'_> {
    fn of(&self, local: usize, report: &mut Report) -> Vec<Peering> {
        let raw = &self.all[local].peerings;
        report.names("peering", limits::RESOURCE_NAME, raw.names());
        if let Some(last) = raw.names().last() {
            let what = format!("peerings of `{}`", self.vnets[local].name);
            report.at_most(limits::PEERINGS_PER_VIRTUAL_NETWORK, raw.len(), last.span, &what);
        }
        let mut earlier: HashMap<usize, &str> = HashMap::new();
        let mut peers = Vec::new();
        let mut peerings = Vec::new();
        for (name, link) in raw {
            let Some(remote) = self.remote(local, name, link, report) else { continue };
            match earlier.get(&remote) {
                Some(first) => self.report_second_link(local, remote, first, link, report),
                None => {
                    earlier.insert(remote, &name.value);
                    peers.push((remote, link.remote_virtual_network.span));
                    self.check_spaces(local, remote, link, report);
                }
            }
            let connected = self.connected(local, remote, name, link, report);
            peerings.push(peering(name, link, remote, connected, &self.vnets[remote].space));
        }
        self.check_spaces_of_peers(local, &peers, report);
        peerings
    }

    fn remote(
        &self,
        local: usize,
        name: &Spanned<String>,
        link: &topology::Peering,
        report: &mut Report,
    ) -> Option<usize> {
        let to = &link.remote_virtual_network;
        let remote = report.resolve("virtual network", &self.directory.virtual_networks, to)?;
        if remote == local {
            let message = format!("peering `{name}` leads from `{to}` to itself");
            report.error("PeeringToItself", to.span, message, "name the other virtual network");
            return None;
        }
        Some(remote)
    }

    fn check_spaces(&self, local: usize, remote: usize, link: &topology::Peering, report: &mut Report) {
        let told_there = remote < local && self.remotes[remote].contains(&local);
        if told_there {
            return;
        }
        let (mine, theirs) = (&self.vnets[local], &self.vnets[remote]);
        if let Some((here, there)) = first_overlap(&mine.space, &theirs.space) {
            let message =
                format!("`{}` and `{}` cannot be peered: {here} overlaps {there}", mine.name, theirs.name);
            let help = "give them address spaces that do not overlap";
            report.error("VnetAddressSpacesOverlap", link.remote_virtual_network.span, message, help);
        }
    }

    /// The spaces of all `peers` of a virtual network are disjoint, or routes to them would be ambiguous.
    fn check_spaces_of_peers(&self, local: usize, peers: &[(usize, Span)], report: &mut Report) {
        let owned = |(peer, at): &(usize, Span)| {
            let (peer, at) = (*peer, *at);
            self.vnets[peer].space.iter().map(move |prefix| (*prefix, peer, at))
        };
        let owned: Vec<_> = peers.iter().flat_map(owned).collect();
        let prefixes: Vec<_> = owned.iter().map(|(prefix, ..)| *prefix).collect();
        let mut told = HashSet::new();
        for (later, earlier) in overlaps_within(&prefixes) {
            let ((two, theirs, at), (one, other, _)) = (owned[later], owned[earlier]);
            if theirs == other || !told.insert(theirs) {
                continue;
            }
            let name = |vnet: usize| &self.vnets[vnet].name;
            let message = format!(
                "`{}` cannot be peered with both `{}` and `{}`: {one} overlaps {two}",
                name(local),
                name(other),
                name(theirs)
            );
            let help = "the spaces of all peers of a virtual network are disjoint: renumber one, or leave one link out";
            report.error("VnetAddressSpaceOverlapsWithAlreadyPeeredVnet", at, message, help);
        }
    }

    fn report_second_link(
        &self,
        local: usize,
        remote: usize,
        first: &str,
        link: &topology::Peering,
        report: &mut Report,
    ) {
        let (mine, theirs) = (&self.vnets[local].name, &self.vnets[remote].name);
        let message = format!("`{mine}` has two peerings with `{theirs}`; the first is `{first}`");
        let help = "a virtual network has one link to each of its peers: leave one out";
        report.error("PeeringDuplicate", link.remote_virtual_network.span, message, help);
    }

    fn connected(
        &self,
        local: usize,
        remote: usize,
        name: &Spanned<String>,
        link: &topology::Peering,
        report: &mut Report,
    ) -> bool {
        let connected = self.remotes[remote].contains(&local);
        if !connected {
            let (mine, theirs) = (&self.vnets[local].name, &self.vnets[remote].name);
            let message =
                format!("peering `{name}` carries nothing: `{theirs}` has no link back to `{mine}`");
            let help = format!("add a peering with `remoteVirtualNetwork: {mine}` to `{theirs}`");
            report.warning("PeeringInitiated", link.remote_virtual_network.span, message, help);
        }
        connected
    }
}

fn peering(
    name: &Spanned<String>,
    link: &topology::Peering,
    remote: usize,
    connected: bool,
    remote_space: &[Ipv4Net],
) -> Peering {
    Peering {
        name: name.value.clone(),
        remote: VnetId(remote),
        state: if connected { PeeringState::Connected } else { PeeringState::Initiated },
        allow_virtual_network_access: link
            .allow_virtual_network_access
            .as_ref()
            .is_none_or(|flag| flag.value),
        allow_forwarded_traffic: is_true(link.allow_forwarded_traffic.as_ref()),
        allow_gateway_transit: is_true(link.allow_gateway_transit.as_ref()),
        use_remote_gateways: is_true(link.use_remote_gateways.as_ref()),
        scope: PeeringScope::CompleteVnets,
        remote_address_space: remote_space.to_vec(),
    }
}

fn is_true(flag: Option<&Spanned<bool>>) -> bool {
    flag.is_some_and(|flag| flag.value)
}
