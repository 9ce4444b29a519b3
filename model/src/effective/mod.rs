//! What is in force for a NIC: its effective routes and its effective security rules.
//!
//! Both the verdicts and the goal states are made from these values, and Azure's "effective" pages show them.
//!
//! | module | idea |
//! |---|---|
//! | [`reach`] | peers, who has a private address, and who of them a subnet can send to |
//! | `private_endpoint` | private endpoints in routing |
//! | [`routes`] | system, peering and user-defined routes; which one is active |
//! | [`mod@hop`] | where an active route leads a packet, or why it drops it |
//! | [`egress`] | who gives a flow to the internet its source address |
//! | [`owners`] | who has which name and which address |
//! | [`tags`] | service tags as addresses; they differ per subnet |
//! | [`rules`] | network security groups with default rules, tags and ASGs resolved |
//! | [`difference`] | one address set without another |
//! | [`classifier`] | the first rule of a group that matches, at a cost that hardly grows with the rules |
//! | [`policy`] | all of these of one network, each computed once |

pub mod classifier;
pub mod difference;
pub mod egress;
pub mod hop;
pub mod owners;
pub mod policy;
mod private_endpoint;
pub mod reach;
pub mod routes;
pub mod rules;
pub mod tags;

pub use classifier::Classifier;
pub use hop::{Appliance, Hop, Taker, hop};
pub use owners::{FrontendRef, MachineRef, Owners, PublicOwner};
pub use policy::Policy;
pub use reach::{Owner, deliver};
pub use routes::{EffectiveNextHop, EffectiveRoute, EffectiveRoutes, RouteState};
pub use rules::{filter, subnet_filter};
