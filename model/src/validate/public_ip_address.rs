//! Public addresses: which there are, what uses each, and which number each gets.
//!
//! <https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses>

use std::collections::HashSet;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::network::public::PublicIpSku;
use crate::network::{PublicIpAddress, PublicIpId};
use crate::topology::{self, Span, Spanned, Topology};

use super::directory::Directory;
use super::fnv::hash_of_names;
use super::location::report_other_region;
use super::report::Report;
use super::{public_address, region};

/// The public addresses of a lab, while the file is read.
#[derive(Debug)]
pub(super) struct PublicIps<'t> {
    drafts: Vec<Draft<'t>>,
}

#[derive(Debug)]
struct Draft<'t> {
    name: &'t Spanned<String>,
    location: String,
    sku: PublicIpSku,
    typed: Option<&'t Spanned<topology::Ipv4Address>>,
    /// What it is for, as a message says it.
    user: Option<String>,
}

/// What wants to use a public address.
#[derive(Debug, Clone, Copy)]
pub(super) struct PublicIpUser<'a> {
    /// As a message says it, `NAT gateway `egress``.
    pub(super) name: &'a str,
    /// Its region; none when that is not known for something is wrong.
    pub(super) region: Option<&'a str>,
}

impl<'t> PublicIps<'t> {
    pub(super) fn new(topology: &'t Topology, directory: &Directory, report: &mut Report) -> Self {
        let drafts = topology.public_ip_addresses.iter().map(|(name, raw)| {
            let sku = raw.sku.as_ref().map_or(PublicIpSku::Standard, |sku| sku.value);
            if let Some(at) = raw.sku.as_ref().filter(|_| sku == PublicIpSku::Basic) {
                let message =
                    format!("public address `{name}` is Basic, which was retired on 30 September 2025");
                report.warning("RetiredSku", at.span, message, "use `sku: Standard`");
            }
            let location = directory.locations.of(raw.location.as_ref());
            Draft { name, location, sku, typed: raw.ip_address.as_ref(), user: None }
        });
        Self { drafts: drafts.collect() }
    }

    /// The public address that `reference` names, for `user`. One serves a single thing, and in its own region.
    pub(super) fn claim(
        &mut self,
        reference: &Spanned<String>,
        user: PublicIpUser<'_>,
        directory: &Directory,
        report: &mut Report,
    ) -> Option<PublicIpId> {
        let at = report.resolve("public address", &directory.public_ip_addresses, reference)?;
        let draft = self.drafts.get_mut(at)?;
        match &draft.user {
            Some(other) => {
                let message = format!("public address `{reference}` is for {other} already");
                let help = format!("a public address serves one thing: give {} its own", user.name);
                report.error("PublicIPAddressInUse", reference.span, message, help);
            }
            None => draft.user = Some(user.name.to_owned()),
        }
        if let Some(region) = user.region.filter(|region| *region != draft.location) {
            report_other_region("public address", reference, &draft.location, user.name, region, report);
        }
        Some(PublicIpId(at))
    }

    /// The SKU of an address.
    pub(super) fn sku(&self, id: PublicIpId) -> PublicIpSku {
        self.drafts.get(id.0).map_or(PublicIpSku::Standard, |draft| draft.sku)
    }

    /// The addresses that the file gives, with their places and what they are called in a message.
    pub(super) fn typed(&self) -> impl Iterator<Item = (Ipv4Addr, Span, String)> {
        let typed = self.drafts.iter().filter_map(|draft| Some((draft, draft.typed?)));
        typed.map(|(draft, typed)| (typed.value.0, typed.span, format!("public address `{}`", draft.name)))
    }

    /// Gives every address its number: the one of the file, or one of its region that is neither `taken` nor in one of
    /// the `spaces` of virtual networks. It stays the same for a name as long as nobody else takes it.
    pub(super) fn finish(
        self,
        taken: &HashSet<Ipv4Addr>,
        spaces: &[Ipv4Net],
        report: &mut Report,
    ) -> Option<Vec<PublicIpAddress>> {
        let mut taken = taken.clone();
        let spaces = public_address::spaces_inside_ranges(spaces);
        let drafts = self.drafts.into_iter();
        let finished: Vec<_> = drafts
            .map(|Draft { name, location, sku, typed, .. }| {
                let address = typed.map(|typed| typed.value.0);
                let address = address.or_else(|| free_address(&name.value, &location, &mut taken, &spaces));
                if address.is_none() {
                    let message = format!("there is no address left for public address `{name}`");
                    let help = "give it one, such as `ipAddress: 20.200.0.4`";
                    report.error("PublicIPAddressesExhausted", name.span, message, help);
                }
                Some(PublicIpAddress { name: name.value.clone(), location, sku, address: address? })
            })
            .collect();
        finished.into_iter().collect()
    }
}

/// The address that the hash of `name` leads to, or the next free one after it, in the range of the region first.
fn free_address(
    name: &str,
    location: &str,
    taken: &mut HashSet<Ipv4Addr>,
    spaces: &[Ipv4Net],
) -> Option<Ipv4Addr> {
    let first = region::public_range_number(location);
    let ranges = (first..region::PUBLIC_RANGES).chain(0..first).map(region::public_range);
    let usable = ranges.filter(|range| !spaces.iter().any(|space| space.contains(range)));
    let hash = hash_of_names(&[name]);
    let found = usable
        .flat_map(|range| public_address::addresses_from(range, hash))
        .find(|address| !taken.contains(address) && !spaces.iter().any(|space| space.contains(address)))?;
    taken.insert(found);
    Some(found)
}
