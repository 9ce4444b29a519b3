//! Which variant holds where Azure's documents and observation disagree.

pub use crate::topology::{
    AllowForwardedTrafficBehavior, AllowVirtualNetworkAccessBehavior, DefaultOutboundAccessBehavior,
    EncryptionEnforcementBehavior, EncryptionSupportBehavior, LiveFlowsBehavior, NoneRoutesBehavior,
    ServiceEndpointRoutesBehavior, VirtualNetworkTagRoutesBehavior,
};

/// The switches of a lab, each with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Behavior {
    /// What `allowVirtualNetworkAccess: false` does.
    pub allow_virtual_network_access: AllowVirtualNetworkAccessBehavior,
    /// What `allowForwardedTraffic: false` does.
    pub allow_forwarded_traffic: AllowForwardedTrafficBehavior,
    /// When a service endpoint's route wins over a user's or BGP's.
    pub service_endpoint_routes: ServiceEndpointRoutesBehavior,
    /// Which user-defined routes count for the tag VirtualNetwork.
    pub virtual_network_tag_routes: VirtualNetworkTagRoutesBehavior,
    /// Whether a NAT gateway goes before an instance's public address.
    pub nat_gateway_over_public_ip: bool,
    /// Which system routes to None a subnet has.
    pub none_routes: NoneRoutesBehavior,
    /// What happens to live flows when rules change.
    pub live_flows_on_rule_change: LiveFlowsBehavior,
    /// The default of a subnet's `defaultOutboundAccess`.
    pub default_outbound_access: DefaultOutboundAccessBehavior,
    /// Which services may share a virtual network with encryption.
    pub encryption_support: EncryptionSupportBehavior,
    /// Whether an encrypted virtual network may drop what is in clear.
    pub encryption_enforcement: EncryptionEnforcementBehavior,
}

impl Default for Behavior {
    /// What is documented.
    fn default() -> Self {
        Self {
            allow_virtual_network_access: AllowVirtualNetworkAccessBehavior::Documented,
            allow_forwarded_traffic: AllowForwardedTrafficBehavior::Documented,
            service_endpoint_routes: ServiceEndpointRoutesBehavior::Documented,
            virtual_network_tag_routes: VirtualNetworkTagRoutesBehavior::ApplianceInside,
            nat_gateway_over_public_ip: true,
            none_routes: NoneRoutesBehavior::Classic,
            live_flows_on_rule_change: LiveFlowsBehavior::Keep,
            default_outbound_access: DefaultOutboundAccessBehavior::Implicit,
            encryption_support: EncryptionSupportBehavior::Current,
            encryption_enforcement: EncryptionEnforcementBehavior::Offered,
        }
    }
}
