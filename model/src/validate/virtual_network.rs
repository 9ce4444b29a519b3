//! Virtual networks: the address space, the region, the VNI.
//!
//! <https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq>

use std::collections::BTreeMap;

use goal_state::Vni;
use ipnet::Ipv4Net;

use crate::network::{Behavior, NetworkSecurityGroup, Peering, RouteTable, ServiceTags, VirtualNetwork};
use crate::topology::{self, OneOrMany, Spanned, Topology};

use super::directory::Directory;
use super::limits;
use super::name::Names;
use super::overlap::{overlap, overlaps_within};
use super::report::Report;
use super::subnet::{DraftSubnet, subnets};
use super::virtual_network_property::{VnetProperties, properties};
use super::vni::Vnis;

/// Ranges that no virtual network may have, and why.
const FORBIDDEN: [(&str, &str); 5] = [
    ("224.0.0.0/4", "multicast"),
    ("255.255.255.255/32", "broadcast"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("168.63.129.16/32", "Azure's own services"),
];

/// A virtual network some of whose parts may be wrong.
#[derive(Debug)]
pub(super) struct DraftVnet {
    pub(super) name: String,
    pub(super) location: String,
    pub(super) vni: Option<Vni>,
    pub(super) space: Vec<Ipv4Net>,
    pub(super) subnets: Vec<DraftSubnet>,
    pub(super) subnet_names: Names,
    pub(super) properties: VnetProperties,
}

/// What virtual networks are read with.
#[derive(Clone, Copy)]
pub(super) struct VnetContext<'a> {
    pub(super) topology: &'a Topology,
    pub(super) directory: &'a Directory,
    pub(super) network_security_groups: &'a [NetworkSecurityGroup],
    pub(super) route_tables: &'a [RouteTable],
    pub(super) service_tags: &'a ServiceTags,
    pub(super) behavior: Behavior,
}

impl DraftVnet {
    /// The virtual network; none when a part of it is wrong.
    pub(super) fn finish(self, peerings: Vec<Peering>) -> Option<VirtualNetwork> {
        let properties = self.properties;
        Some(VirtualNetwork {
            name: self.name,
            location: self.location,
            vni: self.vni?,
            address_space: self.space,
            subnets: self.subnets.into_iter().map(DraftSubnet::finish).collect::<Option<_>>()?,
            peerings,
            encryption: properties.encryption,
            flow_timeout_in_minutes: properties.flow_timeout_in_minutes,
            dns_servers: properties.dns_servers,
            private_endpoint_vnet_policies: properties.private_endpoint_vnet_policies,
        })
    }
}

/// Every virtual network of the file, in its order.
pub(super) fn virtual_networks(context: &VnetContext<'_>, report: &mut Report) -> Vec<DraftVnet> {
    let mut vnis = Vnis::default();
    let mut drafts = Vec::new();
    for (name, raw) in &context.topology.virtual_networks {
        drafts.push(virtual_network(name, raw, context, vnis.assign(&name.value), report));
    }
    count_per_region(context.topology, &drafts, report);
    drafts
}

fn virtual_network(
    name: &Spanned<String>,
    raw: &topology::VirtualNetwork,
    context: &VnetContext<'_>,
    vni: Option<Vni>,
    report: &mut Report,
) -> DraftVnet {
    let location = context.directory.locations.of(raw.location.as_ref());
    let space = address_space(name, &raw.address_space, report);
    let subnet_names = report.names("subnet", limits::RESOURCE_NAME, raw.subnets.names());
    let what = format!("subnets of `{name}`");
    report.at_most(limits::SUBNETS_PER_VIRTUAL_NETWORK, raw.subnets.len(), name.span, &what);
    let properties = properties(name, raw, context.topology.behavior.as_ref(), report);
    let mut draft = DraftVnet {
        name: name.value.clone(),
        location,
        vni,
        space,
        subnets: Vec::new(),
        subnet_names,
        properties,
    };
    draft.subnets = subnets(&draft, raw, context, report);
    draft
}

/// The prefixes of a virtual network. Wrong ones are kept, so that what stands in them is not reported as well.
fn address_space(
    name: &Spanned<String>,
    raw: &OneOrMany<topology::Ipv4Prefix>,
    report: &mut Report,
) -> Vec<Ipv4Net> {
    if raw.is_empty() {
        let message = format!("virtual network `{name}` has no address prefix");
        report.empty(
            "AddressSpaceMissing",
            name.span,
            message,
            "give it one, such as `addressSpace: [10.0.0.0/16]`",
        );
    }
    let space: Vec<Ipv4Net> = raw.iter().map(|prefix| prefix.value.0).collect();
    for prefix in raw {
        check_allowed(prefix, report);
    }
    for (later, earlier) in overlaps_within(&space) {
        let message = format!("address prefix {} of `{name}` overlaps {}", space[later], space[earlier]);
        let help = "the prefixes of a virtual network may not overlap: leave one out";
        report.error("AddressSpaceOverlap", raw[later].span, message, help);
    }
    space
}

fn check_allowed(prefix: &Spanned<topology::Ipv4Prefix>, report: &mut Report) {
    let overlapped = FORBIDDEN
        .iter()
        .find(|(forbidden, _)| forbidden.parse().is_ok_and(|forbidden| overlap(prefix.value.0, forbidden)));
    if let Some((forbidden, purpose)) = overlapped {
        let message = format!("address prefix {} overlaps {forbidden}, which is for {purpose}", prefix.value);
        let help = "use a prefix inside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10";
        report.error("AddressSpaceForbidden", prefix.span, message, help);
    }
}

fn count_per_region(topology: &Topology, drafts: &[DraftVnet], report: &mut Report) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (draft, name) in drafts.iter().zip(topology.virtual_networks.names()) {
        let count = counts.entry(&draft.location).or_default();
        *count += 1;
        if *count == limits::VIRTUAL_NETWORKS_PER_REGION + 1 {
            let what = format!("virtual networks in {}", draft.location);
            report.at_most(limits::VIRTUAL_NETWORKS_PER_REGION, *count, name.span, &what);
        }
    }
}
