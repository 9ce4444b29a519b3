//! Subnet peering: which subnets take part in a link.
//!
//! <https://learn.microsoft.com/azure/virtual-network/how-to-configure-subnet-peering>

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use crate::network::PeeringScope;
use crate::topology::Spanned;

use super::limits;
use super::peering::Link;
use super::report::Report;
use super::virtual_network::DraftVnet;

/// What takes part in a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope(pub(super) PeeringScope);

impl Scope {
    /// What takes part on this side.
    pub(super) fn local_ranges(&self, link: Link<'_>) -> Vec<Ipv4Net> {
        match &self.0 {
            PeeringScope::CompleteVnets => link.local.1.space.clone(),
            PeeringScope::Subnets { local, .. } => prefixes(link.local.1, local),
        }
    }

    /// What takes part on the other side.
    pub(super) fn remote_ranges(&self, link: Link<'_>) -> Vec<Ipv4Net> {
        match &self.0 {
            PeeringScope::CompleteVnets => link.remote.1.space.clone(),
            PeeringScope::Subnets { remote, .. } => prefixes(link.remote.1, remote),
        }
    }

    /// Whether both virtual networks take part as a whole.
    pub(super) fn is_complete(&self) -> bool {
        self.0 == PeeringScope::CompleteVnets
    }
}

fn prefixes(vnet: &DraftVnet, subnets: &[usize]) -> Vec<Ipv4Net> {
    subnets.iter().filter_map(|&at| vnet.subnets.get(at)?.prefix).collect()
}

/// What takes part in `link`, by its own words.
pub(super) fn scope(link: Link<'_>, report: &mut Report) -> Scope {
    let typed = link.typed;
    let complete = typed.peer_complete_vnets.as_ref().is_none_or(|flag| flag.value);
    if complete {
        refuse_names("localSubnetNames", link, &typed.local_subnet_names, report);
        refuse_names("remoteSubnetNames", link, &typed.remote_subnet_names, report);
        return Scope(PeeringScope::CompleteVnets);
    }
    let local = subnets("localSubnetNames", link, link.local.1, &typed.local_subnet_names, report);
    let remote = subnets("remoteSubnetNames", link, link.remote.1, &typed.remote_subnet_names, report);
    Scope(PeeringScope::Subnets { local, remote })
}

fn refuse_names(field: &str, link: Link<'_>, names: &[Spanned<String>], report: &mut Report) {
    let Some(first) = names.first() else { return };
    let message = format!("peering `{}` has {field}, and peers complete virtual networks", link.name);
    let help = format!("set `peerCompleteVnets: false`, or leave {field} out");
    report.error("PeeringSubnetNames", first.span, message, help);
}

/// The positions of the named subnets, sorted.
fn subnets(
    field: &str,
    link: Link<'_>,
    vnet: &DraftVnet,
    names: &[Spanned<String>],
    report: &mut Report,
) -> Vec<usize> {
    let Some(first) = names.first() else {
        let message =
            format!("peering `{}` does not peer complete virtual networks and has no {field}", link.name);
        let help = format!("name the subnets of `{}` that take part", vnet.name);
        let at = link.typed.peer_complete_vnets.as_ref().map_or(link.name.span, |flag| flag.span);
        report.empty("PeeringSubnetNames", at, message, help);
        return Vec::new();
    };
    let what = format!("{field} of peering `{}`", link.name);
    report.at_most(limits::SUBNETS_PER_SUBNET_PEERING, names.len(), first.span, &what);
    let parent = format!("{}/", vnet.name);
    let mut found = BTreeSet::new();
    for name in names {
        let at = report.resolve_in(&parent, "subnet", &vnet.subnet_names, &name.value, name.span);
        if at.is_some_and(|at| !found.insert(at)) {
            let message = format!("peering `{}` names subnet `{name}` twice in {field}", link.name);
            report.error("PeeringSubnetNames", name.span, message, "name each subnet once");
        }
    }
    found.into_iter().collect()
}

/// Whether the other side's link names the same subnets. What only one of them names carries nothing, which is worth a look.
pub(super) fn check_same_scope(link: Link<'_>, scope: &Scope, report: &mut Report) -> bool {
    let Some(back) = link.back else { return false };
    let names = |names: &[Spanned<String>]| -> BTreeSet<String> {
        names.iter().map(|name| name.to_ascii_lowercase()).collect()
    };
    let mine = link.typed;
    let same = if back.peer_complete_vnets.as_ref().is_none_or(|flag| flag.value) {
        scope.is_complete()
    } else {
        !scope.is_complete()
            && names(&back.local_subnet_names) == names(&mine.remote_subnet_names)
            && names(&back.remote_subnet_names) == names(&mine.local_subnet_names)
    };
    if !same && link.local.0 > link.remote.0 {
        let message = format!(
            "peering `{}` and the link of `{}` back to `{}` name different subnets",
            link.name, link.remote.1.name, link.local.1.name
        );
        let help = "only subnets that both links name exchange packets: name the same ones on both sides";
        report.warning("PeeringSubnetsDiffer", mine.remote_virtual_network.span, message, help);
    }
    same
}
