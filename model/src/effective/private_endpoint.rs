//! Private endpoints in routing.
//!
//! <https://learn.microsoft.com/azure/private-link/disable-private-endpoint-network-policy>

use crate::network::vnet::PrivateEndpointVnetPolicies;
use crate::network::{Network, VnetId};

/// Whether the private endpoints of `vnet` share a route (`privateEndpointVNetPolicies: Basic`): only then is a user-defined
/// route of type VnetLocal a way to them.
pub(super) fn shares_route(network: &Network, vnet: VnetId) -> bool {
    network.vnet(vnet).private_endpoint_vnet_policies == PrivateEndpointVnetPolicies::Basic
}
