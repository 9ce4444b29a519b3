//! Services that virtual networks reach without the internet, seen with private addresses: by service endpoints, and storage of the region from private
//! subnets.
//!
//! <https://learn.microsoft.com/azure/virtual-network/virtual-network-service-endpoints-overview>,
//! <https://learn.microsoft.com/azure/virtual-network/ip-services/default-outbound-access>

use crate::effective::{Hop, Policy, hop_from};
use crate::network::{Network, ServiceId, SubnetRef, VnetId};

/// How a subnet reaches a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::compile) enum Approach {
    /// By a service endpoint.
    ServiceEndpoint,
    /// It is storage of the region, behind a route to the internet: machines without a way out reach it all the same.
    StorageNearby,
}

/// How `subnet` reaches `service`; none when it does so by the internet or not at all.
pub(in crate::compile) fn approach(
    policy: &Policy<'_>,
    subnet: SubnetRef,
    service: ServiceId,
) -> Option<Approach> {
    let network = policy.network();
    let route = policy.routes(subnet).lookup(network.service(service).address)?;
    match hop_from(policy, subnet, None, route) {
        Hop::ServiceEndpoint(_) => Some(Approach::ServiceEndpoint),
        Hop::Internet if is_storage_nearby(network, subnet.vnet, service) => Some(Approach::StorageNearby),
        _ => None,
    }
}

/// Each service, and each virtual network with a subnet that reaches it so.
pub(super) fn service_legs(policy: &Policy<'_>) -> Vec<(ServiceId, VnetId)> {
    let network = policy.network();
    let mut found = Vec::new();
    for service in (0..network.services.len()).map(ServiceId) {
        for vnet in (0..network.virtual_networks.len()).map(VnetId) {
            let mut subnets = (0..network.vnet(vnet).subnets.len()).map(|index| SubnetRef { vnet, index });
            let reaches = |subnet: SubnetRef| match approach(policy, subnet, service) {
                Some(Approach::ServiceEndpoint) => true,
                Some(Approach::StorageNearby) => !network.subnet(subnet).default_outbound_access,
                None => false,
            };
            if subnets.any(reaches) {
                found.push((service, vnet));
            }
        }
    }
    found
}

fn is_storage_nearby(network: &Network, vnet: VnetId, service: ServiceId) -> bool {
    let service = network.service(service);
    service.service_type.eq_ignore_ascii_case("Microsoft.Storage")
        && service.location.eq_ignore_ascii_case(&network.vnet(vnet).location)
}
