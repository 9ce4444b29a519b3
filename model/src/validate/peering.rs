//! Peerings: one link per side, its state, and the addresses that its routes cover.
//!
//! <https://learn.microsoft.com/azure/virtual-network/virtual-network-peering-overview>

use std::collections::{HashMap, HashSet};

use crate::network::{Peering, PeeringState, VnetId};
use crate::topology::{self, Spanned, Topology};

use super::directory::Directory;
use super::limits;
use super::peering_gateway::Gateways;
use super::peering_scope::{Scope, check_same_scope, scope};
use super::peering_space::{check_spaces, check_spaces_of_peers, remote_address_space};
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
    let links = Links {
        all: &all,
        to: all.iter().map(|raw| first_links(raw, directory)).collect(),
        directory,
        vnets,
        gateways: Gateways::new(topology, directory),
    };
    (0..vnets.len()).map(|local| links.of(local, report)).collect()
}

/// The links of a virtual network by where they lead; of several to one place the first.
fn first_links<'t>(
    raw: &'t topology::VirtualNetwork,
    directory: &Directory,
) -> HashMap<usize, &'t topology::Peering> {
    let mut links = HashMap::new();
    for (_, link) in &raw.peerings {
        if let Some(remote) = directory.virtual_networks.find(&link.remote_virtual_network.value) {
            links.entry(remote).or_insert(link);
        }
    }
    links
}

/// What the links of all virtual networks are checked against.
struct Links<'a> {
    all: &'a [&'a topology::VirtualNetwork],
    /// The links of each virtual network, by where they lead.
    to: Vec<HashMap<usize, &'a topology::Peering>>,
    directory: &'a Directory,
    vnets: &'a [DraftVnet],
    gateways: Gateways,
}

/// One link, and the virtual networks on its sides.
#[derive(Clone, Copy)]
pub(super) struct Link<'a> {
    pub(super) name: &'a Spanned<String>,
    pub(super) typed: &'a topology::Peering,
    pub(super) local: (usize, &'a DraftVnet),
    pub(super) remote: (usize, &'a DraftVnet),
    /// The other side's link back.
    pub(super) back: Option<&'a topology::Peering>,
}

impl<'a> Links<'a> {
    fn of(&self, local: usize, report: &mut Report) -> Vec<Peering> {
        let raw = &self.all[local].peerings;
        report.names("peering", limits::RESOURCE_NAME, raw.names());
        if let Some(last) = raw.names().last() {
            let what = format!("peerings of `{}`", self.vnets[local].name);
            report.at_most(limits::PEERINGS_PER_VIRTUAL_NETWORK, raw.len(), last.span, &what);
        }
        let mut earlier: HashMap<usize, &str> = HashMap::new();
        let mut ranges = Vec::new();
        let mut peerings = Vec::new();
        for (name, typed) in raw {
            let Some(link) = self.link(local, name, typed, report) else { continue };
            let scope = scope(link, report);
            match earlier.get(&link.remote.0) {
                Some(first) => report_second_link(link, first, report),
                None => {
                    earlier.insert(link.remote.0, &name.value);
                    ranges.push((link, scope.remote_ranges(link)));
                    let same_as_back = check_same_scope(link, &scope, report);
                    check_spaces(link, &scope, same_as_back, report);
                }
            }
            peerings.push(peering(link, scope, report));
        }
        check_spaces_of_peers(&self.vnets[local].name, &ranges, report);
        self.gateways.check(local, &ranges, report);
        peerings
    }

    fn link(
        &self,
        local: usize,
        name: &'a Spanned<String>,
        typed: &'a topology::Peering,
        report: &mut Report,
    ) -> Option<Link<'a>> {
        let to = &typed.remote_virtual_network;
        let remote = report.resolve("virtual network", &self.directory.virtual_networks, to)?;
        if remote == local {
            let message = format!("peering `{name}` leads from `{to}` to itself");
            report.error("PeeringToItself", to.span, message, "name the other virtual network");
            return None;
        }
        Some(Link {
            name,
            typed,
            local: (local, &self.vnets[local]),
            remote: (remote, &self.vnets[remote]),
            back: self.to[remote].get(&local).copied(),
        })
    }
}

fn report_second_link(link: Link<'_>, first: &str, report: &mut Report) {
    let (mine, theirs) = (&link.local.1.name, &link.remote.1.name);
    let message = format!("`{mine}` has two peerings with `{theirs}`; the first is `{first}`");
    let help = "a virtual network has one link to each of its peers: leave one out";
    report.error("PeeringDuplicate", link.typed.remote_virtual_network.span, message, help);
}

/// Both links make a peering; a link whose other side was deleted stays Disconnected, and no new one connects to it.
fn state(link: Link<'_>, report: &mut Report) -> PeeringState {
    let (mine, theirs) = (&link.local.1.name, &link.remote.1.name);
    let is_disconnected = |link: &topology::Peering| {
        link.peering_state.as_ref().is_some_and(|state| state.value == PeeringState::Disconnected)
    };
    let at = link.typed.remote_virtual_network.span;
    let message = format!("peering `{}` carries nothing: ", link.name);
    if is_disconnected(link.typed) {
        let message = format!("{message}the link of `{theirs}` was deleted");
        let help = "delete it, and make both links anew: leave `peeringState` out";
        report.warning("PeeringDisconnected", at, message, help);
        return PeeringState::Disconnected;
    }
    let derived = match link.back {
        Some(back) if is_disconnected(back) => {
            let message = format!("{message}the link of `{theirs}` back to `{mine}` is Disconnected");
            report.warning("PeeringInitiated", at, message, format!("make the link of `{theirs}` anew"));
            PeeringState::Initiated
        }
        Some(_) => PeeringState::Connected,
        None => {
            let message = format!("{message}`{theirs}` has no link back to `{mine}`");
            let help = format!("add a peering with `remoteVirtualNetwork: {mine}` to `{theirs}`");
            report.warning("PeeringInitiated", at, message, help);
            PeeringState::Initiated
        }
    };
    check_state(link, derived, report);
    derived
}

/// A state other than Disconnected follows from both links, so that another one cannot be.
fn check_state(link: Link<'_>, derived: PeeringState, report: &mut Report) {
    if let Some(written) = link.typed.peering_state.as_ref().filter(|state| state.value != derived) {
        let message = format!("peering `{}` is {derived}, not {written}", link.name);
        let help = "leave `peeringState` out: both links decide it; write `Disconnected` if the other one was deleted";
        report.error("PeeringState", written.span, message, help);
    }
}

fn peering(link: Link<'_>, scope: Scope, report: &mut Report) -> Peering {
    let typed = link.typed;
    Peering {
        name: link.name.value.clone(),
        remote: VnetId(link.remote.0),
        state: state(link, report),
        allow_virtual_network_access: typed
            .allow_virtual_network_access
            .as_ref()
            .is_none_or(|flag| flag.value),
        allow_forwarded_traffic: is_true(typed.allow_forwarded_traffic.as_ref()),
        allow_gateway_transit: is_true(typed.allow_gateway_transit.as_ref()),
        use_remote_gateways: is_true(typed.use_remote_gateways.as_ref()),
        remote_address_space: remote_address_space(link, &scope, report),
        scope: scope.0,
    }
}

/// Whether a flag is on that is off when left out.
pub(super) fn is_true(flag: Option<&Spanned<bool>>) -> bool {
    flag.is_some_and(|flag| flag.value)
}

/// Pairs of virtual networks that only some subnets of are peered: they may overlap.
pub(crate) fn peered_by_subnet(peerings: &[crate::network::VirtualNetwork]) -> HashSet<(usize, usize)> {
    let links = peerings
        .iter()
        .enumerate()
        .flat_map(|(local, vnet)| vnet.peerings.iter().map(move |link| (local, link)).collect::<Vec<_>>());
    let partial = links.filter(|(_, link)| link.scope != crate::network::PeeringScope::CompleteVnets);
    partial.flat_map(|(local, link)| [(local, link.remote.0), (link.remote.0, local)]).collect()
}
