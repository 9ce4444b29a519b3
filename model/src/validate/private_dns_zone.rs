//! Private DNS zones, and the virtual networks that they are linked to.
//!
//! <https://learn.microsoft.com/azure/dns/private-dns-privatednszone>,
//! <https://learn.microsoft.com/azure/dns/private-dns-virtual-network-links>

use std::collections::HashMap;

use crate::network::{PrivateDnsZone, VnetId};
use crate::topology::{self, Spanned, Topology};

use super::directory::Directory;
use super::limits;
use super::report::Report;

/// Domains that Azure keeps for itself. What lies below them may be taken.
const RESERVED: [&str; 8] = [
    "azclient.ms",
    "azure.com",
    "cloudapp.net",
    "core.windows.net",
    "microsoft.com",
    "msidentity.com",
    "trafficmanager.net",
    "windows.net",
];

/// Every private DNS zone of the file, in its order.
pub(super) fn private_dns_zones(
    topology: &Topology,
    directory: &Directory,
    report: &mut Report,
) -> Vec<PrivateDnsZone> {
    let mut names = HashMap::new();
    let mut registered = HashMap::new();
    let mut zones = Vec::new();
    for (name, raw) in &topology.private_dns_zones {
        check_name(name, report);
        let domain = name.value.to_ascii_lowercase();
        if names.insert(domain.clone(), ()).is_some() {
            let message = format!("private DNS zone `{name}` is there twice");
            report.error("DuplicatePrivateDnsZone", name.span, message, "leave one out");
        }
        let links = links(name, raw, directory, &mut registered, report);
        zones.push(PrivateDnsZone { name: domain, links });
    }
    zones
}

fn check_name(name: &Spanned<String>, report: &mut Report) {
    let is_label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len())
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let labels = name.value.split('.').count();
    if !(2..=34).contains(&labels) || name.value.len() > 253 || !name.value.split('.').all(is_label) {
        let message = format!("`{name}` is no name for a private DNS zone");
        let help = "write a domain of 2 to 34 labels, such as `corp.internal`";
        report.error("InvalidPrivateDnsZoneName", name.span, message, help);
    } else if RESERVED.contains(&name.value.to_ascii_lowercase().as_str()) {
        let message = format!("Azure keeps the domain `{name}` for itself");
        let help = "take another one; a domain below it is possible, such as those of private links";
        report.error("ReservedPrivateDnsZoneName", name.span, message, help);
    }
}

/// The links of one zone. `registered` knows where each virtual network's machines are registered already.
fn links(
    name: &Spanned<String>,
    raw: &topology::PrivateDnsZone,
    directory: &Directory,
    registered: &mut HashMap<VnetId, String>,
    report: &mut Report,
) -> Vec<(VnetId, bool)> {
    let registers = |link: &topology::VirtualNetworkLink| {
        link.registration_enabled.as_ref().is_some_and(|enabled| enabled.value)
    };
    let linked = &raw.virtual_network_links;
    let what = format!("virtual networks that private DNS zone `{name}` is linked to");
    report.at_most(limits::LINKS_PER_PRIVATE_DNS_ZONE, linked.iter().count(), name.span, &what);
    let registering = linked.iter().filter(|(_, link)| registers(link)).count();
    let what = format!("virtual networks whose machines private DNS zone `{name}` registers");
    report.at_most(limits::REGISTRATIONS_PER_PRIVATE_DNS_ZONE, registering, name.span, &what);
    let mut links: Vec<(VnetId, bool)> = Vec::new();
    for (vnet, link) in linked {
        let Some(id) = report.resolve("virtual network", &directory.virtual_networks, vnet).map(VnetId)
        else {
            continue;
        };
        if links.iter().any(|(known, _)| *known == id) {
            let message = format!("private DNS zone `{name}` is linked to virtual network `{vnet}` twice");
            report.error("DuplicateVirtualNetworkLink", vnet.span, message, "leave one out");
            continue;
        }
        let registers = registers(link);
        if registers && let Some(other) = registered.insert(id, name.value.clone()) {
            let message = format!("machines of virtual network `{vnet}` are registered in `{other}` already");
            let help = "set `registrationEnabled` for one zone only";
            report.error("VirtualNetworkLinkedToAnotherRegistrationZone", vnet.span, message, help);
        }
        links.push((id, registers));
    }
    links
}
