//! The questions that Azure's Network Watcher and Resource Manager answer about a network, answered from the model.
//!
//! Each answer serializes as Azure's: ARM's field names and enum spellings, with plain names for resource ids. Azure refuses
//! some of these questions for subnets of gateways and for VMs that do not run; here they are answered all the same.
//!
//! | module | question |
//! |---|---|
//! | [`target`] | whom a question is about |
//! | [`ip_flow`] | may this packet in or out? which rule says so? (IP flow verify) |
//! | [`mod@next_hop`] | where does a packet go next? |
//! | [`effective_routes`] | every route of a NIC |
//! | [`effective_nsg`] | every rule of a NIC, with tags as addresses |
//! | [`nsg_diagnostics`] | every group that looks at some traffic, and what its rules say |
//! | [`peerings`] | links, their state, and whether they know the present address spaces |
//! | [`security_admin_rules`] | the rules of Virtual Network Manager that hold |
//! | [`bgp`] | what gateways and route servers learn and announce |
//! | [`rule_name`] | what each of these calls a rule |

pub mod bgp;
mod closed;
pub mod effective_nsg;
pub mod effective_routes;
pub mod ip_flow;
pub mod next_hop;
pub mod nsg_diagnostics;
pub mod peerings;
pub mod rule_name;
pub mod security_admin_rules;
pub mod target;
mod written;

#[cfg(test)]
mod tests;

pub use bgp::{
    BgpError, BgpPeerStatusList, GatewayRouteList, list_advertised_routes, list_bgp_peer_status,
    list_learned_routes,
};
pub use effective_nsg::{EffectiveNsgs, effective_nsg};
pub use effective_routes::{EffectiveRouteList, effective_routes};
pub use ip_flow::{IpFlow, VerificationIpFlow, ip_flow};
pub use next_hop::{NextHop, next_hop};
pub use nsg_diagnostics::{NsgDiagnostics, Profile, ProfileError, nsg_diagnostics};
pub use peerings::{PeeringList, list_peerings};
pub use security_admin_rules::{SecurityAdminRules, effective_security_admin_rules};
pub use target::{Target, TargetError};
