//! Who is outside of the virtual networks and runs like a virtual machine: hosts of the internet, and services.
//!
//! People call them `internet/client` and `sql1`. On the host at the edge they are virtual machines, whose names have no slash and are nobody
//! else's: `internet.client` and `service.sql1`.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use goal_state::VmName;
use goal_state::ids::is_resource_name;

use super::{InternetHostId, Network, ServiceId};

/// The longest name of a Linux host.
const LONGEST: usize = 64;

/// Somebody outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outside {
    /// A host in the internet.
    InternetHost(InternetHostId),
    /// A stand-in for a PaaS service.
    Service(ServiceId),
}

impl Outside {
    /// What people call it, `internet/client` or `sql1`.
    #[must_use]
    pub fn name(self, network: &Network) -> String {
        match self {
            Self::InternetHost(host) => format!("internet/{}", network.internet_host(host).name),
            Self::Service(service) => network.service(service).name.clone(),
        }
    }

    /// Its public address.
    #[must_use]
    pub fn address(self, network: &Network) -> Ipv4Addr {
        match self {
            Self::InternetHost(host) => network.internet_host(host).address,
            Self::Service(service) => network.service(service).address,
        }
    }

    /// What it is called as a virtual machine of the host at the edge.
    #[must_use]
    pub fn vm_name(self, network: &Network) -> Option<VmName> {
        outside(network).into_iter().find(|(it, _)| *it == self).map(|(_, name)| name)
    }

    fn plain_name(self, network: &Network) -> String {
        match self {
            Self::InternetHost(host) => format!("internet.{}", network.internet_host(host).name),
            Self::Service(service) => format!("service.{}", network.service(service).name),
        }
    }
}

/// Everybody outside, in the order of the file, with the name as a virtual machine.
#[must_use]
pub fn outside(network: &Network) -> Vec<(Outside, VmName)> {
    let hosts = (0..network.internet_hosts.len()).map(|at| Outside::InternetHost(InternetHostId(at)));
    let services = (0..network.services.len()).map(|at| Outside::Service(ServiceId(at)));
    let mut taken: HashSet<String> =
        network.virtual_machines.iter().map(|vm| vm.name.as_str().to_ascii_lowercase()).collect();
    let named = hosts.chain(services).filter_map(|it| {
        let name = free_name(&it.plain_name(network), &taken);
        taken.insert(name.to_ascii_lowercase());
        Some((it, VmName::new(name).ok()?))
    });
    named.collect()
}

/// Who has this name as a virtual machine of the host at the edge.
#[must_use]
pub fn find_outside(network: &Network, name: &VmName) -> Option<Outside> {
    outside(network).into_iter().find(|(_, known)| known == name).map(|(it, _)| it)
}

/// `plain` in the letters of names, with so many underscores behind it that nobody has it.
fn free_name(plain: &str, taken: &HashSet<String>) -> String {
    let allowed = |c: char| if is_resource_name(&format!("a{c}")) { c } else { '-' };
    let plain: String = plain.chars().map(allowed).collect();
    let mut marks = String::new();
    loop {
        let stem = plain.len().min(LONGEST.saturating_sub(marks.len()));
        let name = format!("{}{marks}", &plain[..stem]);
        if !taken.contains(&name.to_ascii_lowercase()) {
            return name;
        }
        marks.push('_');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::build::NetworkBuilder;

    fn names(network: &Network) -> Vec<String> {
        let all = outside(network).into_iter();
        all.map(|(it, name)| {
            assert_eq!(find_outside(network, &name), Some(it));
            format!("{} {name}", it.name(network))
        })
        .collect()
    }

    #[test]
    fn they_have_names_without_a_slash() {
        let network = NetworkBuilder::new()
            .internet_host("example.com", "93.184.216.34")
            .service("sql1", "Microsoft.Sql", "20.60.0.9")
            .build();
        assert_eq!(names(&network), ["internet/example.com internet.example.com", "sql1 service.sql1"]);
        assert_eq!(Outside::Service(ServiceId(0)).address(&network), Ipv4Addr::new(20, 60, 0, 9));
        assert_eq!(find_outside(&network, &"sql1".parse().unwrap()), None);
    }

    #[test]
    fn their_names_are_nobody_elses_and_short_enough_for_linux() {
        let long = "x".repeat(80);
        let network = NetworkBuilder::new()
            .vnet("hub", "10.0.0.0/16")
            .vm("Internet.client", "10.0.0.4")
            .internet_host("client", "203.0.113.9")
            .internet_host("client_", "203.0.113.10")
            .internet_host("a b", "203.0.113.11")
            .internet_host(&format!("{long}1"), "203.0.113.12")
            .internet_host(&format!("{long}2"), "203.0.113.13")
            .build();
        let found: Vec<_> = outside(&network).into_iter().map(|(_, name)| name.to_string()).collect();
        assert_eq!(found[..3], ["internet.client_", "internet.client__", "internet.a-b"]);
        assert_eq!((found[3].len(), found[4].len(), found[3] == found[4]), (64, 64, false));
    }
}
