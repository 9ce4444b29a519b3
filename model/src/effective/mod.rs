//! What is in force for a NIC: its effective routes and its effective security rules.
//!
//! Both the verdicts and the goal states are made from these values, and Azure's "effective" pages show them.
//!
//! | module | idea |
//! |---|---|
//! | [`reach`] | peers, who has a private address, and who of them a subnet can send to |
//! | [`private_endpoint`] | private endpoints in routing |
//! | [`routes`] | the effective routes of a subnet |
//! | `system_routes`, `none_routes` | the platform's: own ranges, peers, services, private endpoints, the internet, what is reserved |
//! | `gateway_routes` | those of gateways and route servers |
//! | `user_routes` | those of route tables, tags as prefixes |
//! | `selection` | which of them is in force |
//! | [`mod@hop`] | where an active route leads a packet, or why it drops it |
//! | [`encryption`] | which NICs encrypt, and what becomes of what one hands to another |
//! | [`egress`] | who gives a flow to the internet its source address |
//! | `default_outbound` | addresses of NICs to which nothing else gives one |
//! | [`leases`] | source ports of frontends that are a machine's |
//! | [`owners`] | who has which name and which address |
//! | [`bgp`] | what gateways and route servers learn and announce |
//! | [`security_admin`] | which security admin configurations hold where |
//! | [`tags`] | service tags as addresses; they differ per subnet |
//! | [`rules`] | security admin configurations and network security groups with default rules, tags and ASGs resolved |
//! | [`difference`] | one address set without another |
//! | [`classifier`] | the first rule of a group that matches, at a cost that hardly grows with the rules |
//! | [`policy`] | all of these of one network, each computed once |

pub mod bgp;
pub mod classifier;
mod default_outbound;
pub mod difference;
pub mod egress;
pub mod encryption;
mod gateway_routes;
pub mod hop;
pub mod leases;
mod none_routes;
pub mod owners;
pub mod policy;
pub mod private_endpoint;
pub mod reach;
pub mod routes;
pub mod rules;
pub mod security_admin;
mod selection;
mod system_routes;
pub mod tags;
mod user_routes;

pub use classifier::Classifier;
pub use encryption::{Encryption, FlowEncryption};
pub use hop::{Appliance, Hop, Taker, hop, hop_from};
pub use leases::Leases;
pub use owners::{FrontendRef, MachineRef, Owners, PublicOwner};
pub use policy::Policy;
pub use reach::{Owner, deliver};
pub use routes::{EffectiveNextHop, EffectiveRoute, EffectiveRoutes, RouteState};
pub use rules::{filter, subnet_filter};
