//! Private endpoints: private addresses of services.
//!
//! <https://learn.microsoft.com/azure/private-link/private-endpoint-overview>

use std::collections::HashMap;
use std::net::Ipv4Addr;

use crate::network::public::PrivateLinkServiceConnectionState;
use crate::network::{PrivateEndpoint, ServiceId, SubnetRef, VnetId};
use crate::topology::{self, Spanned, Topology};

use super::directory::Directory;
use super::limits;
use super::location::report_other_region;
use super::network_interface::AddressRequest;
use super::private_address::AddressClaim;
use super::report::Report;
use super::subnet_reference::{check_ordinary, resolve_subnet};
use super::virtual_network::DraftVnet;

/// A private endpoint that has no address yet.
#[derive(Debug)]
pub(super) struct DraftPrivateEndpoint<'t> {
    name: &'t Spanned<String>,
    raw: &'t topology::PrivateEndpoint,
    subnet: Option<SubnetRef>,
    service: Option<ServiceId>,
}

/// Every private endpoint of the file, in its order.
pub(super) fn drafts<'t>(
    topology: &'t Topology,
    directory: &Directory,
    vnets: &[DraftVnet],
    report: &mut Report,
) -> Vec<DraftPrivateEndpoint<'t>> {
    let mut counts: HashMap<VnetId, usize> = HashMap::new();
    let mut drafts = Vec::new();
    for (name, raw) in &topology.private_endpoints {
        let what = format!("private endpoint `{name}`");
        let subnet = resolve_subnet(&raw.subnet, directory, vnets, report);
        if let Some(subnet) = subnet {
            check_ordinary(&what, "private endpoints", subnet, vnets, raw.subnet.span, report);
            check_region(name, raw, &vnets[subnet.vnet.0], directory, report);
            let count = counts.entry(subnet.vnet).or_default();
            *count += 1;
            if *count == limits::PRIVATE_ENDPOINTS_PER_VIRTUAL_NETWORK + 1 {
                let what = format!("private endpoints in virtual network `{}`", vnets[subnet.vnet.0].name);
                report.at_most(limits::PRIVATE_ENDPOINTS_PER_VIRTUAL_NETWORK, *count, name.span, &what);
            }
        }
        let service = report.resolve("service", &directory.services, &raw.service).map(ServiceId);
        drafts.push(DraftPrivateEndpoint { name, raw, subnet, service });
    }
    drafts
}

fn check_region(
    name: &Spanned<String>,
    raw: &topology::PrivateEndpoint,
    vnet: &DraftVnet,
    directory: &Directory,
    report: &mut Report,
) {
    let Some(location) = &raw.location else { return };
    let region = directory.locations.of(Some(location));
    if region != vnet.location {
        let name = Spanned::new(name.value.clone(), location.span);
        let user = format!("virtual network `{}`", vnet.name);
        report_other_region("private endpoint", &name, &region, &user, &vnet.location, report);
    }
}

impl DraftPrivateEndpoint<'_> {
    /// The address that it asks for.
    pub(super) fn claim(&self) -> AddressClaim {
        let typed = self.raw.private_ip_address.as_ref();
        let request = AddressRequest {
            address: typed.map(|address| address.value.0),
            at: typed.map_or(self.name.span, |address| address.span),
            public_ip: None,
        };
        AddressClaim { subnet: self.subnet, at: self.name.span, requests: vec![request] }
    }

    /// The private endpoint; none when a part of it is wrong.
    pub(super) fn finish(&self, address: Option<Ipv4Addr>) -> Option<PrivateEndpoint> {
        let state = self.raw.private_link_service_connection_state.as_ref();
        Some(PrivateEndpoint {
            name: self.name.value.clone(),
            subnet: self.subnet?,
            address: address?,
            service: self.service?,
            state: state.map_or(PrivateLinkServiceConnectionState::Approved, |state| state.value),
        })
    }
}
