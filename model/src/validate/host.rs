//! Emulated physical hosts: how many, in which region, under which address of the underlay.

use std::net::Ipv4Addr;

use goal_state::HostName;

use crate::network::{Host, HostId};
use crate::topology::{self, Map, Span, Topology};

use super::directory::Directory;
use super::limits;
use super::name::Names;
use super::report::Report;
use super::virtual_network::DraftVnet;

/// 198.18.0.0, the first address of the underlay 198.18.0.0/15 (RFC 2544). Hosts begin with the next one.
const UNDERLAY: u32 = 0xc612_0000;

/// The hosts of a lab and their names.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    pub(super) list: Vec<Host>,
    pub(super) names: Names,
}

impl Hosts {
    /// The hosts of a region, in order.
    pub(super) fn in_region(&self, region: &str) -> Vec<HostId> {
        let hosts = self.list.iter().enumerate();
        hosts.filter(|(_, host)| host.location == region).map(|(at, _)| HostId(at)).collect()
    }

    fn add(&mut self, name: &str, location: String) {
        let _ = self.names.add(name);
        let Ok(name) = HostName::new(name) else { return };
        let number = u32::try_from(self.list.len()).unwrap_or(u32::MAX).saturating_add(1);
        let provider_address = Ipv4Addr::from(UNDERLAY.saturating_add(number));
        self.list.push(Host { name, location, provider_address });
    }
}

/// The hosts that the file asks for: so many in every region that a virtual network is in, or those that it names.
pub(super) fn hosts(
    topology: &Topology,
    directory: &Directory,
    vnets: &[DraftVnet],
    report: &mut Report,
) -> Hosts {
    match topology.hosts.as_ref().map(|hosts| (&hosts.value, hosts.span)) {
        None => per_region(1, Span::default(), &regions(directory, vnets), report),
        Some((topology::Hosts::PerRegion(count), at)) => {
            per_region(*count, at, &regions(directory, vnets), report)
        }
        Some((topology::Hosts::Named(map), at)) => named(map, at, directory, report),
    }
}

/// The regions in use, in the order of the file.
fn regions(directory: &Directory, vnets: &[DraftVnet]) -> Vec<String> {
    let mut regions: Vec<String> = Vec::new();
    for vnet in vnets {
        if !regions.contains(&vnet.location) {
            regions.push(vnet.location.clone());
        }
    }
    if regions.is_empty() {
        regions.push(directory.locations.of(None));
    }
    regions
}

fn per_region(count: u32, at: Span, regions: &[String], report: &mut Report) -> Hosts {
    let mut hosts = Hosts::default();
    let total = usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(regions.len());
    if !check_count(total, at, report) {
        return hosts;
    }
    for region in regions {
        for number in 1..=count {
            let alone = regions.len() == 1;
            let name = if alone { format!("host{number}") } else { format!("{region}-host{number}") };
            hosts.add(&name, region.clone());
        }
    }
    hosts
}

fn named(map: &Map<topology::Host>, at: Span, directory: &Directory, report: &mut Report) -> Hosts {
    let mut hosts = Hosts::default();
    report.names("host", limits::RESOURCE_NAME, map.names());
    if check_count(map.len(), at, report) {
        for (name, host) in map {
            hosts.add(&name.value, directory.locations.of(host.location.as_ref()));
        }
    }
    hosts
}

fn check_count(count: usize, at: Span, report: &mut Report) -> bool {
    let right = (1..=limits::HOSTS).contains(&count);
    if !right {
        let message = format!("the lab has {count} hosts");
        report.error("HostCount", at, message, format!("a lab has 1 to {}", limits::HOSTS));
    }
    right
}
