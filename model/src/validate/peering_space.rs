//! Addresses and peerings: what may overlap, and what a link last learnt of the other side.

use std::collections::HashSet;

use goal_state::nsg::AddressSet;
use ipnet::Ipv4Net;

use super::overlap::{first_overlap, overlaps_within};
use super::peering::Link;
use super::peering_scope::Scope;
use super::report::Report;

/// What takes part on both sides is disjoint. Of two links that say the same the first one is told.
pub(super) fn check_spaces(link: Link<'_>, scope: &Scope, same_as_back: bool, report: &mut Report) {
    if same_as_back && link.remote.0 < link.local.0 {
        return;
    }
    let (mine, theirs) = (&link.local.1.name, &link.remote.1.name);
    let at = link.typed.remote_virtual_network.span;
    if let Some((here, there)) = first_overlap(&scope.local_ranges(link), &scope.remote_ranges(link)) {
        let message = format!("`{mine}` and `{theirs}` cannot be peered: {here} overlaps {there}");
        let help = if scope.is_complete() {
            "give them address spaces that do not overlap"
        } else {
            "the subnets that take part have ranges of their own: leave one out"
        };
        report.error("VnetAddressSpacesOverlap", at, message, help);
    }
}

/// What takes part of all peers of a virtual network is disjoint, or routes to them would be ambiguous.
pub(super) fn check_spaces_of_peers(local: &str, peers: &[(Link<'_>, Vec<Ipv4Net>)], report: &mut Report) {
    let owned: Vec<_> =
        peers.iter().flat_map(|(link, ranges)| ranges.iter().map(move |range| (*range, link))).collect();
    let prefixes: Vec<_> = owned.iter().map(|(prefix, _)| *prefix).collect();
    let mut told = HashSet::new();
    for (later, earlier) in overlaps_within(&prefixes) {
        let ((two, theirs), (one, other)) = (owned[later], owned[earlier]);
        if theirs.remote.0 == other.remote.0 || !told.insert(theirs.remote.0) {
            continue;
        }
        let (other, name) = (&other.remote.1.name, &theirs.remote.1.name);
        let message =
            format!("`{local}` cannot be peered with both `{other}` and `{name}`: {one} overlaps {two}");
        let help =
            "the spaces of all peers of a virtual network are disjoint: renumber one, or leave one link out";
        let at = theirs.typed.remote_virtual_network.span;
        report.error("VnetAddressSpaceOverlapsWithAlreadyPeeredVnet", at, message, help);
    }
}

/// What the link's routes cover: what it last synced, or what takes part at present.
pub(super) fn remote_address_space(link: Link<'_>, scope: &Scope, report: &mut Report) -> Vec<Ipv4Net> {
    let present = scope.remote_ranges(link);
    let Some(typed) = &link.typed.remote_address_space else { return present };
    let Some(first) = typed.first() else {
        let message = format!("peering `{}` has an empty remoteAddressSpace", link.name);
        report.empty("PeeringRemoteAddressSpace", link.name.span, message, "leave it out: it is synced then");
        return present;
    };
    let synced: Vec<Ipv4Net> = typed.iter().map(|prefix| prefix.value.0).collect();
    for (later, earlier) in overlaps_within(&synced) {
        let message = format!("prefix {} of remoteAddressSpace overlaps {}", synced[later], synced[earlier]);
        report.error("AddressSpaceOverlap", typed[later].span, message, "leave one out");
    }
    let mine = scope.local_ranges(link);
    for prefix in typed.iter() {
        if let Some((here, there)) = first_overlap(&mine, &[prefix.value.0]) {
            let message = format!("remoteAddressSpace {there} overlaps {here} of `{}`", link.local.1.name);
            let help = "no link ever synced a prefix that overlaps its own side: leave it out";
            report.error("VnetAddressSpacesOverlap", prefix.span, message, help);
        }
    }
    if AddressSet::new(synced.iter().copied()) != AddressSet::new(present.iter().copied()) {
        let listed: Vec<_> = present.iter().map(ToString::to_string).collect();
        let message = format!(
            "peering `{}` is not in sync: `{}` has {} now",
            link.name,
            link.remote.1.name,
            listed.join(", ")
        );
        let help = "its routes cover what it last synced; leave `remoteAddressSpace` out to sync it";
        report.warning("PeeringNotInSync", first.span, message, help);
    }
    synced
}
