//! Sites on premises: their prefixes and machines.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::network::OnPremisesSite;
use crate::topology::{self, Spanned, Topology};

use super::overlap::overlaps_within;
use super::report::Report;

/// Every site of the file, in its order.
pub(super) fn sites(topology: &Topology, report: &mut Report) -> Vec<OnPremisesSite> {
    topology.on_premises.iter().map(|(name, raw)| site(name, raw, report)).collect()
}

fn site(name: &Spanned<String>, raw: &topology::OnPremisesSite, report: &mut Report) -> OnPremisesSite {
    let prefixes: Vec<Ipv4Net> = raw.address_prefixes.iter().map(|prefix| prefix.value.0).collect();
    if prefixes.is_empty() {
        let message = format!("site `{name}` has no address prefix");
        let help = "give it one, such as `addressPrefixes: [10.50.0.0/16]`";
        report.empty("SiteWithoutAddressPrefix", name.span, message, help);
    }
    for (later, earlier) in overlaps_within(&prefixes) {
        let message =
            format!("address prefix {} of site `{name}` overlaps {}", prefixes[later], prefixes[earlier]);
        report.error(
            "SiteAddressPrefixesOverlap",
            raw.address_prefixes[later].span,
            message,
            "leave one out",
        );
    }
    check_machines(name, raw, &prefixes, report);
    let machines = raw.machines.iter().map(|(machine, address)| (machine.value.clone(), address.value.0));
    OnPremisesSite { name: name.value.clone(), machines: machines.collect(), address_prefixes: prefixes }
}

fn check_machines(
    name: &Spanned<String>,
    raw: &topology::OnPremisesSite,
    prefixes: &[Ipv4Net],
    report: &mut Report,
) {
    report.names("on-premises machine", super::limits::RESOURCE_NAME, raw.machines.names());
    let mut taken: HashMap<Ipv4Addr, &Spanned<String>> = HashMap::new();
    for (machine, address) in &raw.machines {
        let number = address.value.0;
        if !prefixes.is_empty() && !prefixes.iter().any(|prefix| prefix.contains(&number)) {
            let message =
                format!("{number} of machine `{name}/{machine}` is in no address prefix of site `{name}`");
            report.error("MachineOutsideSite", address.span, message, "add its prefix to `addressPrefixes`");
        }
        if let Some(other) = taken.insert(number, machine) {
            let message = format!("machines `{name}/{other}` and `{name}/{machine}` both have {number}");
            report.error("DuplicateMachineAddress", address.span, message, "give each its own address");
        }
    }
}
