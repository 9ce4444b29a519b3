//! The contract between the controller and the agents.
//!
//! A [`HostGoalState`] is everything that one host must make true: complete, immutable, numbered by a
//! [`Generation`]. An agent refuses an older generation than the one it has, applies a new one idempotently and
//! answers with a [`Report`]. Nothing in this crate does I/O; [`framing`] turns messages into bytes and back.
//!
//! | module | idea |
//! |---|---|
//! | [`ids`] | names, numbers and addresses as types |
//! | [`host`] | the goal state of one host |
//! | [`vm`] | a VM: its guest, its NICs |
//! | [`port`] | a NIC's port: what the virtual switch enforces for it |
//! | [`nsg`] | a port's filter |
//! | [`route`] | a port's effective routes |
//! | [`overlay`] | where customer addresses live |
//! | [`encryption`] | virtual network encryption: who takes part, certificates, associations |
//! | [`translation`], [`edge`] | addresses that ports translate; routers, NAT gateways and load balancers between them |
//! | [`platform`] | Azure DNS, instance metadata, the guest agent's channel |
//! | [`data_path`] | which way a NIC's packets go: synthetic or VF; counters and unified flows |
//! | [`drop_reason`] | the one numbered list of reasons for a drop |
//! | [`drop_sentence`] | a drop as a sentence in Azure's words |
//! | [`event`] | what an agent tells without being asked |
//! | [`probe`] | a single packet sent to prove a verdict |
//! | [`load_balancing`] | how load balancers' backends are |
//! | [`message`], [`framing`], [`link`] | the link between controller and agent |

pub mod data_path;
pub mod drop_reason;
pub mod drop_sentence;
pub mod edge;
pub mod encryption;
pub mod event;
pub mod framing;
pub mod host;
pub mod ids;
pub mod link;
pub mod load_balancing;
pub mod message;
pub mod nsg;
pub mod overlay;
pub mod platform;
pub mod port;
pub mod probe;
pub mod route;
pub mod translation;
pub mod vm;

pub use data_path::DataPath;
pub use drop_reason::DropReason;
pub use host::HostGoalState;
pub use ids::{Generation, HostName, MacAddr, NicId, VmName, Vni};
pub use message::Report;
