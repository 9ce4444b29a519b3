//! Machines in AzureFirewallSubnet, which act as the firewall unless the file says otherwise: they forward, and what goes to the internet
//! leaves with their own address.
//!
//! <https://learn.microsoft.com/azure/firewall/snat-private-range>

use goal_state::nsg::AddressSet;
use ipnet::Ipv4Net;

use crate::network::SubnetRef;
use crate::topology;

use super::virtual_network::DraftVnet;

/// Towards these Azure Firewall keeps the source: IANAPrivateRanges, its default.
const PRIVATE_RANGES: [&str; 4] = ["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"];

/// Whether `subnet` is the one that Azure Firewall stands in.
pub(super) fn is_firewalls(subnet: Option<SubnetRef>, vnets: &[DraftVnet]) -> bool {
    let draft = subnet.and_then(|subnet| vnets.get(subnet.vnet.0)?.subnets.get(subnet.index));
    draft.is_some_and(|draft| draft.name == "AzureFirewallSubnet")
}

/// What a guest does with packets of others.
pub(super) struct Forwarding {
    /// Whether it forwards them.
    pub(super) ip_forwarding: bool,
    /// Whether it replaces their source.
    pub(super) masquerade: bool,
    /// Towards whom it does not.
    pub(super) masquerade_except: AddressSet,
}

impl Forwarding {
    /// As the file says, or as is usual for a machine that is the firewall or none.
    pub(super) fn of(typed: Option<&topology::Guest>, is_firewall: bool) -> Self {
        let forwards = typed.and_then(|guest| guest.ip_forwarding.as_ref()).map(|flag| flag.value);
        let masquerades = typed.and_then(|guest| guest.masquerade.as_ref()).map(|flag| flag.value);
        let ip_forwarding = forwards.unwrap_or(is_firewall);
        let by_default = is_firewall && ip_forwarding && masquerades.is_none();
        Self {
            ip_forwarding,
            masquerade: masquerades.unwrap_or(by_default),
            masquerade_except: if by_default { private_ranges() } else { AddressSet::default() },
        }
    }
}

fn private_ranges() -> AddressSet {
    AddressSet::new(PRIVATE_RANGES.iter().filter_map(|range| range.parse::<Ipv4Net>().ok()))
}
