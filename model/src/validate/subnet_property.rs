//! What a subnet is besides its prefix, filter and route table: its way out, its endpoints, whom it is delegated to.
//!
//! <https://learn.microsoft.com/azure/virtual-network/ip-services/default-outbound-access>,
//! <https://learn.microsoft.com/azure/virtual-network/subnet-delegation-overview>

use crate::network::behavior::DefaultOutboundAccessBehavior;
use crate::network::vnet::PrivateEndpointNetworkPolicies;
use crate::network::{NatGatewayId, ServiceEndpoint};
use crate::topology::{self, Spanned};

use super::location::report_other_region;
use super::report::Report;
use super::service::is_provider;
use super::service_endpoint::service_endpoints;
use super::special_subnet::{SpecialSubnet, special};
use super::virtual_network::VnetContext;

/// Properties of a subnet that stand alone.
#[derive(Debug, Clone)]
pub(super) struct SubnetProperties {
    pub(super) service_endpoints: Vec<ServiceEndpoint>,
    pub(super) nat_gateway: Option<NatGatewayId>,
    pub(super) default_outbound_access: bool,
    pub(super) private_endpoint_network_policies: PrivateEndpointNetworkPolicies,
    pub(super) delegation: Option<String>,
}

/// A subnet whose properties are read.
pub(super) struct PropertyCheck<'a> {
    pub(super) context: &'a VnetContext<'a>,
    pub(super) vnet: &'a str,
    pub(super) region: &'a str,
    pub(super) name: &'a str,
}

impl PropertyCheck<'_> {
    pub(super) fn properties(&self, raw: &topology::Subnet, report: &mut Report) -> SubnetProperties {
        let delegation = raw.delegation.as_ref();
        if let Some(delegation) = delegation {
            self.check_delegation(delegation, report);
        }
        let tags = self.context.service_tags;
        SubnetProperties {
            service_endpoints: service_endpoints(&raw.service_endpoints, self.region, tags, report),
            nat_gateway: raw.nat_gateway.as_ref().and_then(|gateway| self.nat_gateway(gateway, report)),
            default_outbound_access: self.default_outbound_access(raw, report),
            private_endpoint_network_policies: raw
                .private_endpoint_network_policies
                .as_ref()
                .map_or(PrivateEndpointNetworkPolicies::Disabled, |policies| policies.value),
            delegation: delegation.map(|delegation| delegation.value.clone()),
        }
    }

    fn special(&self) -> Option<&'static SpecialSubnet> {
        special(self.name)
    }

    fn check_delegation(&self, delegation: &Spanned<String>, report: &mut Report) {
        if let Some(special) = self.special() {
            let message = format!("{} cannot be delegated to {delegation}", special.name);
            let help = format!(
                "its name makes it the subnet of a service: delegate another one than {}",
                special.name
            );
            report.error("SpecialSubnetDelegation", delegation.span, message, help);
        }
        let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_service =
            |(provider, resources): (&str, &str)| is_provider(provider) && resources.split('/').all(is_word);
        if !delegation.value.split_once('/').is_some_and(is_service) {
            let message = format!("`{delegation}` is no service that a subnet can be delegated to");
            let help = "write a provider and its resource, such as `Microsoft.Web/serverFarms`";
            report.error("InvalidDelegation", delegation.span, message, help);
        }
    }

    fn nat_gateway(&self, gateway: &Spanned<String>, report: &mut Report) -> Option<NatGatewayId> {
        let directory = self.context.directory;
        let at = report.resolve("NAT gateway", &directory.nat_gateways, gateway)?;
        if self.name == "GatewaySubnet" {
            let message = "GatewaySubnet takes no NAT gateway";
            report.error("SpecialSubnetNatGateway", gateway.span, message, "leave it out");
        }
        let raw = self.context.topology.nat_gateways.iter().nth(at).map(|(_, raw)| raw)?;
        let region = directory.locations.of(raw.location.as_ref());
        if region != self.region {
            let vnet = format!("virtual network `{}`", self.vnet);
            report_other_region("NAT gateway", gateway, &region, &vnet, self.region, report);
        }
        Some(NatGatewayId(at))
    }

    /// Services of delegated subnets and of the special ones arrange their way out themselves.
    fn default_outbound_access(&self, raw: &topology::Subnet, report: &mut Report) -> bool {
        let owner = match (&raw.delegation, self.special()) {
            (Some(delegation), _) => Some(delegation.value.as_str()),
            (None, Some(special)) => Some(special.name),
            (None, None) => None,
        };
        let implicit =
            self.context.behavior.default_outbound_access == DefaultOutboundAccessBehavior::Implicit;
        let Some(typed) = &raw.default_outbound_access else { return implicit || owner.is_some() };
        if let Some(owner) = owner.filter(|_| !typed.value) {
            let message =
                format!("subnet `{}/{}` cannot be private: it belongs to {owner}", self.vnet, self.name);
            let help = "leave `defaultOutboundAccess` out: a delegated or managed subnet does not take it";
            report.error("DefaultOutboundAccessNotSupported", typed.span, message, help);
        }
        typed.value
    }
}
