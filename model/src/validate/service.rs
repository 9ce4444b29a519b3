//! Services that answer at public addresses: what each is, and whom its firewall lets in.
//!
//! <https://learn.microsoft.com/azure/storage/common/storage-network-security>,
//! <https://learn.microsoft.com/azure/azure-sql/database/firewall-configure>

use std::collections::HashMap;

use crate::network::{Service, ServiceFirewall, SubnetRef};
use crate::topology::{self, Map, Spanned, SubnetReference, Topology};

use super::directory::Directory;
use super::guest::check_guest;
use super::internet::{listens, texts};
use super::public_address::{Owner, not_public};
use super::report::Report;
use super::subnet_reference::resolve_subnet;
use super::virtual_network::DraftVnet;

/// Every service, in the order of the file.
pub(super) fn services(
    topology: &Topology,
    directory: &Directory,
    vnets: &[DraftVnet],
    report: &mut Report,
) -> Vec<Service> {
    check_names(&topology.services, report);
    let services = topology.services.iter();
    services.map(|(name, raw)| service(name, raw, directory, vnets, report)).collect()
}

/// No two services have one domain name.
fn check_names(services: &Map<topology::Service>, report: &mut Report) {
    let mut taken = HashMap::new();
    for (name, raw) in services {
        let Some(fqdn) = &raw.fqdn else { continue };
        if !is_domain_name(domain_name(&fqdn.value)) {
            let message = format!("`{fqdn}` of service `{name}` is no domain name");
            let help = "write one such as `sql1.database.windows.net`";
            report.error("InvalidDomainName", fqdn.span, message, help);
        }
        if let Some(other) = taken.insert(domain_name(&fqdn.value).to_ascii_lowercase(), name) {
            let message = format!("services `{other}` and `{name}` are both called {fqdn}");
            report.error("DuplicateDomainName", fqdn.span, message, "give each its own `fqdn`");
        }
    }
}

fn service(
    name: &Spanned<String>,
    raw: &topology::Service,
    directory: &Directory,
    vnets: &[DraftVnet],
    report: &mut Report,
) -> Service {
    let provider = &raw.service_type;
    if !is_provider(&provider.value) {
        let message = format!("`{provider}` of service `{name}` is no resource provider");
        report.error("InvalidServiceType", provider.span, message, "write one such as `Microsoft.Sql`");
    }
    let what = format!("service `{name}`");
    check_guest(&what, name.span, raw.listen.as_ref(), &raw.commands, report);
    Service {
        name: name.value.clone(),
        service_type: provider.value.clone(),
        location: directory.locations.of(raw.location.as_ref()),
        address: raw.ip_address.value.0,
        fqdn: raw.fqdn.as_ref().map(|fqdn| domain_name(&fqdn.value).to_owned()),
        listen: listens(raw.listen.as_ref()),
        commands: texts(&raw.commands),
        firewall: firewall(&what, raw, directory, vnets, report),
    }
}

/// Its firewall; none where neither list is written.
fn firewall(
    what: &str,
    raw: &topology::Service,
    directory: &Directory,
    vnets: &[DraftVnet],
    report: &mut Report,
) -> Option<ServiceFirewall> {
    if raw.virtual_network_rules.is_none() && raw.ip_rules.is_none() {
        return None;
    }
    let mut firewall = ServiceFirewall::default();
    for reference in raw.virtual_network_rules.iter().flatten() {
        let Some(subnet) = resolve_subnet(reference, directory, vnets, report) else { continue };
        check_endpoint(what, &raw.service_type.value, reference, subnet, vnets, report);
        if firewall.virtual_network_rules.contains(&subnet) {
            let message = format!("{what} has two rules for subnet `{reference}`");
            report.error("DuplicateServiceRule", reference.span, message, "leave one out");
        }
        firewall.virtual_network_rules.push(subnet);
    }
    for prefix in raw.ip_rules.iter().flatten() {
        check_public(what, prefix, report);
        firewall.ip_rules.push(prefix.value.0);
    }
    Some(firewall)
}

/// A service knows a subnet by its endpoint only, so Azure refuses a rule for one that has none.
fn check_endpoint(
    what: &str,
    provider: &str,
    reference: &Spanned<SubnetReference>,
    subnet: SubnetRef,
    vnets: &[DraftVnet],
    report: &mut Report,
) {
    let Some(draft) = vnets.get(subnet.vnet.0).and_then(|vnet| vnet.subnets.get(subnet.index)) else {
        return;
    };
    let serves = |endpoint: &str| {
        let start = endpoint.get(..provider.len());
        let rest = endpoint.get(provider.len()..);
        start.is_some_and(|start| start.eq_ignore_ascii_case(provider))
            && rest.is_some_and(|rest| rest.is_empty() || rest.eq_ignore_ascii_case(".Global"))
    };
    let endpoints = &draft.properties.service_endpoints;
    if report.is_readable() && !endpoints.iter().any(|endpoint| serves(&endpoint.service)) {
        let message = format!(
            "{what} has a rule for subnet `{reference}`, which has no service endpoint for {provider}"
        );
        let help = format!("give the subnet `serviceEndpoints: [{provider}]`");
        report.error("SubnetsHaveNoServiceEndpointsConfigured", reference.span, message, help);
    }
}

/// Rules are for addresses of the internet.
fn check_public(what: &str, prefix: &Spanned<topology::IpRule>, report: &mut Report) {
    let net = prefix.value.0;
    if let Some(purpose) = not_public(net.network()).or_else(|| not_public(net.broadcast())) {
        let message = format!("{what} has an ipRule for {prefix}, which is for {purpose}");
        let help = "a service sees private addresses by service endpoints only: write `virtualNetworkRules`";
        report.error("AddressNotPublic", prefix.span, message, help);
    }
}

/// The public numbers of services.
pub(super) fn numbers(topology: &Topology) -> impl Iterator<Item = Owner> {
    let services = topology.services.iter();
    services.map(|(name, raw)| (raw.ip_address.value.0, raw.ip_address.span, format!("service `{name}`")))
}

/// Whether it reads like `Microsoft.Sql`.
pub(super) fn is_provider(text: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.contains('.') && text.split('.').all(is_word)
}

/// A domain name without its last dot.
fn domain_name(text: &str) -> &str {
    text.strip_suffix('.').unwrap_or(text)
}

/// Whether it is labels of letters, digits, `-` and `_`, and not too long (RFC 1035).
fn is_domain_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(is_label)
}
