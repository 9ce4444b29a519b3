//! Regions: how they are written, and which one a resource is in.

use crate::topology::{Hosts, Spanned, Topology};

use super::report::Report;

/// Where everything is when the file says nothing.
const DEFAULT: &str = "koreacentral";
/// Characters of a region's name; Azure's longest has 18.
const LONGEST: usize = 40;

/// `text` as Azure compares it: `Korea Central` and `koreacentral` are one region.
pub(super) fn normalized(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect()
}

/// Reports every `location` of the file that cannot be a region.
pub(super) fn check_locations(topology: &Topology, report: &mut Report) {
    let mut written: Vec<&Spanned<String>> = topology.location.iter().collect();
    written.extend(topology.virtual_networks.iter().filter_map(|(_, vnet)| vnet.location.as_ref()));
    written.extend(topology.network_security_groups.iter().filter_map(|(_, group)| group.location.as_ref()));
    written.extend(topology.route_tables.iter().filter_map(|(_, table)| table.location.as_ref()));
    written.extend(topology.virtual_machines.iter().filter_map(|(_, machine)| machine.location.as_ref()));
    written.extend(of_resources(topology));
    if let Some(Hosts::Named(hosts)) = topology.hosts.as_ref().map(|hosts| &hosts.value) {
        written.extend(hosts.iter().filter_map(|(_, host)| host.location.as_ref()));
    }
    for location in written {
        let name = normalized(&location.value);
        let is_word =
            (1..=LONGEST).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_word {
            let message = format!("`{location}` is not a region");
            report.error("InvalidLocation", location.span, message, "write a region such as `koreacentral`");
        }
    }
}

/// The locations of everything around virtual networks.
fn of_resources(topology: &Topology) -> Vec<&Spanned<String>> {
    let mut written: Vec<&Spanned<String>> = Vec::new();
    written.extend(topology.public_ip_addresses.iter().filter_map(|(_, it)| it.location.as_ref()));
    written.extend(topology.nat_gateways.iter().filter_map(|(_, it)| it.location.as_ref()));
    written.extend(topology.load_balancers.iter().filter_map(|(_, it)| it.location.as_ref()));
    written.extend(topology.private_endpoints.iter().filter_map(|(_, it)| it.location.as_ref()));
    written.extend(topology.services.iter().filter_map(|(_, it)| it.location.as_ref()));
    written.extend(topology.virtual_network_gateways.iter().filter_map(|(_, it)| it.location.as_ref()));
    written.extend(topology.local_network_gateways.iter().filter_map(|(_, it)| it.location.as_ref()));
    written.extend(topology.express_route_circuits.iter().filter_map(|(_, it)| it.location.as_ref()));
    written.extend(topology.connections.iter().filter_map(|(_, it)| it.location.as_ref()));
    written.extend(topology.route_servers.iter().filter_map(|(_, it)| it.location.as_ref()));
    written.extend(topology.on_premises.iter().filter_map(|(_, it)| it.location.as_ref()));
    written
}

/// An error: `resource` is in `region`, and what it is used by in `other`.
pub(super) fn report_other_region(
    kind: &str,
    resource: &Spanned<String>,
    region: &str,
    user: &str,
    other: &str,
    report: &mut Report,
) {
    let message = format!("{kind} `{resource}` is in {region}, {user} in {other}");
    let help = format!("use one in {other}: give it `location: {other}`");
    report.error("ResourcesInDifferentRegions", resource.span, message, help);
}

/// The region of the resources of a lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Locations {
    default: String,
}

impl Locations {
    /// The lab's own `location`, or the format's default.
    pub(super) fn new(lab: Option<&Spanned<String>>) -> Self {
        Self { default: lab.map_or_else(|| DEFAULT.to_owned(), |text| normalized(&text.value)) }
    }

    /// The region of a resource that has this `location`.
    pub(super) fn of(&self, location: Option<&Spanned<String>>) -> String {
        location.map_or_else(|| self.default.clone(), |text| normalized(&text.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_display_name_of_a_region_is_the_region() {
        assert_eq!(normalized("Korea Central"), "koreacentral");
        assert_eq!(normalized("koreaCentral"), "koreacentral");
    }

    #[test]
    fn a_resource_is_in_its_own_region_or_the_labs_or_the_default() {
        let text = |text: &str| Spanned::new(text.to_owned(), Default::default());
        assert_eq!(Locations::new(None).of(None), "koreacentral");
        assert_eq!(Locations::new(Some(&text("Japan East"))).of(None), "japaneast");
        assert_eq!(Locations::new(Some(&text("japaneast"))).of(Some(&text("westus"))), "westus");
    }
}
