//! Hosts in the internet, and the services that answer there.

use crate::network::{InternetHost, Service};
use crate::topology::{self, Map, Spanned, Topology};

use super::directory::Directory;
use super::guest::check_listen;
use super::public_address::Owner;
use super::report::Report;

/// Every host of the internet, in the order of the file.
pub(super) fn internet_hosts(topology: &Topology) -> Vec<InternetHost> {
    let hosts = typed_hosts(topology);
    hosts.map(|(name, address)| InternetHost { name: name.value.clone(), address: address.value.0 }).collect()
}

fn typed_hosts(
    topology: &Topology,
) -> impl Iterator<Item = &(Spanned<String>, Spanned<topology::Ipv4Address>)> {
    topology.internet.iter().flat_map(|internet| internet.hosts.iter())
}

/// Every service, in the order of the file.
pub(super) fn services(topology: &Topology, directory: &Directory, report: &mut Report) -> Vec<Service> {
    check_names(&topology.services, report);
    let services = topology.services.iter();
    services.map(|(name, raw)| service(name, raw, directory, report)).collect()
}

/// No two services have one domain name.
fn check_names(services: &Map<topology::Service>, report: &mut Report) {
    let mut taken = std::collections::HashMap::new();
    for (name, raw) in services {
        let Some(fqdn) = &raw.fqdn else { continue };
        if let Some(other) = taken.insert(fqdn.value.to_ascii_lowercase(), name) {
            let message = format!("services `{other}` and `{name}` are both called {fqdn}");
            report.error("DuplicateDomainName", fqdn.span, message, "give each its own `fqdn`");
        }
    }
}

fn service(
    name: &Spanned<String>,
    raw: &topology::Service,
    directory: &Directory,
    report: &mut Report,
) -> Service {
    let provider = &raw.service_type;
    if !is_provider(&provider.value) {
        let message = format!("`{provider}` of service `{name}` is no resource provider");
        report.error("InvalidServiceType", provider.span, message, "write one such as `Microsoft.Sql`");
    }
    if let Some(listen) = &raw.listen {
        check_listen(&format!("service `{name}`"), name.span, listen, report);
    }
    Service {
        name: name.value.clone(),
        service_type: provider.value.clone(),
        location: directory.locations.of(raw.location.as_ref()),
        address: raw.ip_address.value.0,
        listen: raw.listen.as_ref().map(|listen| listen.iter().map(|port| port.value.0).collect()),
    }
}

/// Whether it reads like `Microsoft.Sql`.
pub(super) fn is_provider(text: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.contains('.') && text.split('.').all(is_word)
}

/// The public numbers of hosts and services.
pub(super) fn numbers(topology: &Topology) -> impl Iterator<Item = Owner> {
    let services = topology
        .services
        .iter()
        .map(|(name, raw)| (raw.ip_address.value.0, raw.ip_address.span, format!("service `{name}`")));
    let hosts = typed_hosts(topology)
        .map(|(name, address)| (address.value.0, address.span, format!("internet host `{name}`")));
    services.chain(hosts)
}
