//! The subnets in which services of Azure put their own instances, and the addresses that these take there.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use crate::network::VnetId;
use crate::topology::{Span, Spanned};

use super::address_allocation::AddressAllocation;
use super::directory::Directory;
use super::location::report_other_region;
use super::report::Report;
use super::virtual_network::DraftVnet;

/// Hands out the addresses of service subnets, from the first usable one on. Nobody else may stand in them.
pub(super) struct ServiceSubnets<'a> {
    directory: &'a Directory,
    vnets: &'a [DraftVnet],
    taken: HashMap<VnetId, AddressAllocation>,
}

/// An instance of a service.
pub(super) struct Instance<'a> {
    /// What a message calls it, without its name: `route server`.
    pub(super) kind: &'a str,
    pub(super) name: &'a Spanned<String>,
    /// The exact name of its subnet, and the size that Azure advises.
    pub(super) subnet: (&'a str, &'a str),
}

impl<'a> ServiceSubnets<'a> {
    pub(super) fn new(directory: &'a Directory, vnets: &'a [DraftVnet]) -> Self {
        Self { directory, vnets, taken: HashMap::new() }
    }

    /// The virtual network of an instance; a `location` of its own, if it has one, is that network's.
    pub(super) fn vnet(
        &self,
        instance: &Instance<'_>,
        reference: &Spanned<String>,
        location: Option<&Spanned<String>>,
        report: &mut Report,
    ) -> Option<VnetId> {
        let at = report.resolve("virtual network", &self.directory.virtual_networks, reference)?;
        let vnet = self.vnets.get(at)?;
        if let Some(location) = location {
            let region = self.directory.locations.of(Some(location));
            if region != vnet.location {
                let name = Spanned::new(instance.name.value.clone(), location.span);
                let user = format!("virtual network `{}`", vnet.name);
                report_other_region(instance.kind, &name, &region, &user, &vnet.location, report);
            }
        }
        Some(VnetId(at))
    }

    /// `count` addresses for an instance in its subnet of `vnet`.
    pub(super) fn addresses(
        &mut self,
        instance: &Instance<'_>,
        vnet: VnetId,
        count: usize,
        at: Span,
        report: &mut Report,
    ) -> Option<Vec<Ipv4Addr>> {
        let Instance { kind, name, subnet: (subnet, size) } = instance;
        let draft = self.vnets.get(vnet.0)?;
        let Some(found) = draft.subnets.iter().find(|known| known.name == *subnet) else {
            if !report.is_omitted(subnet) {
                let message =
                    format!("virtual network `{}` has no {subnet}, where {kind} `{name}` stands", draft.name);
                let help =
                    format!("add a subnet of exactly that name, a {size} or larger, to `{}`", draft.name);
                report.error("ServiceSubnetMissing", at, message, help);
            }
            return None;
        };
        let prefix = found.prefix?;
        let allocation = self.taken.entry(vnet).or_default();
        let addresses: Vec<_> = (0..count).map_while(|_| allocation.take_first_free(prefix)).collect();
        if addresses.len() < count {
            let message =
                format!("{subnet} of `{}` ({prefix}) has no address left for {kind} `{name}`", draft.name);
            report.error("SubnetIsFull", at, message, format!("make it a {size} or larger"));
            return None;
        }
        Some(addresses)
    }
}
