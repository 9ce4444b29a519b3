//! What a virtual network is besides its space: encryption, the flow timeout, DNS servers.
//!
//! <https://learn.microsoft.com/azure/virtual-network/virtual-network-encryption-overview>,
//! <https://learn.microsoft.com/azure/network-watcher/nsg-flow-logs-overview>

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use crate::network::behavior::EncryptionEnforcementBehavior;
use crate::network::vnet::{EncryptionEnforcement, PrivateEndpointVnetPolicies};
use crate::topology::{self, Spanned};

use super::limits;
use super::report::Report;

/// Minutes after which an idle flow may be judged anew.
const FLOW_TIMEOUT: RangeInclusive<u32> = 4..=30;

/// Properties of a virtual network that stand alone.
#[derive(Debug)]
pub(super) struct VnetProperties {
    pub(super) encryption: Option<EncryptionEnforcement>,
    pub(super) flow_timeout_in_minutes: Option<u32>,
    pub(super) dns_servers: Vec<Ipv4Addr>,
    pub(super) private_endpoint_vnet_policies: PrivateEndpointVnetPolicies,
}

/// The properties of the virtual network `name`.
pub(super) fn properties(
    name: &Spanned<String>,
    raw: &topology::VirtualNetwork,
    behavior: Option<&topology::Behavior>,
    report: &mut Report,
) -> VnetProperties {
    if let Some(timeout) = &raw.flow_timeout_in_minutes {
        report.within(FLOW_TIMEOUT, timeout, &format!("flowTimeoutInMinutes of virtual network `{name}`"));
    }
    VnetProperties {
        encryption: raw.encryption.as_ref().and_then(|raw| encryption(name, raw, behavior, report)),
        flow_timeout_in_minutes: raw.flow_timeout_in_minutes.as_ref().map(|timeout| timeout.value),
        dns_servers: dns_servers(name, raw.dhcp_options.as_ref(), report),
        private_endpoint_vnet_policies: raw
            .private_endpoint_vnet_policies
            .as_ref()
            .map_or(PrivateEndpointVnetPolicies::Disabled, |policies| policies.value),
    }
}

/// None when it is off; what is enforced then does not matter, but must be offered.
fn encryption(
    name: &Spanned<String>,
    raw: &topology::Encryption,
    behavior: Option<&topology::Behavior>,
    report: &mut Report,
) -> Option<EncryptionEnforcement> {
    let enabled = raw.enabled.as_ref().is_some_and(|enabled| enabled.value);
    let Some(enforcement) = &raw.enforcement else {
        return enabled.then_some(EncryptionEnforcement::AllowUnencrypted);
    };
    let switch = behavior.and_then(|behavior| behavior.encryption_enforcement.as_ref());
    let announced = switch.is_some_and(|switch| switch.value == EncryptionEnforcementBehavior::Announced);
    if enforcement.value == EncryptionEnforcement::DropUnencrypted && !announced {
        let message = format!(
            "virtual network `{name}` asks for DropUnencrypted, which Azure has announced and does not offer yet"
        );
        let help = "write `enforcement: AllowUnencrypted`, or try what is announced with `behavior: {encryptionEnforcement: announced}`";
        report.error("DropUnencryptedNotOffered", enforcement.span, message, help);
    }
    enabled.then_some(enforcement.value)
}

fn dns_servers(
    name: &Spanned<String>,
    options: Option<&topology::DhcpOptions>,
    report: &mut Report,
) -> Vec<Ipv4Addr> {
    let Some(servers) = options.map(|options| &options.dns_servers) else { return Vec::new() };
    let what = format!("DNS servers of virtual network `{name}`");
    report.at_most(limits::DNS_SERVERS_PER_VIRTUAL_NETWORK, servers.len(), name.span, &what);
    let mut all = Vec::new();
    for server in servers {
        if all.contains(&server.value.0) {
            let message = format!("virtual network `{name}` has the DNS server {} twice", server.value.0);
            report.error("DuplicateDnsServer", server.span, message, "leave one out");
        }
        all.push(server.value.0);
    }
    all
}
