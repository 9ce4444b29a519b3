//! The per-host process: receives goal states, applies them through vfp, reports, and answers questions.
//!
//! It runs inside its host's network namespace. Goal states, probes and questions come over a Unix socket; what rulesets
//! log goes back over it. The last goal state is kept in a file and applied again at start, so that an agent may die
//! at any time: packets flow on without it, and so do the VMs' processes.
//!
//! | module | idea |
//! |---|---|
//! | [`service`] | one agent per host |
//! | [`door`] | where controllers come in: a Unix socket, or TLS |
//! | [`connection`] | one controller's questions and answers |
//! | [`host`] | the goal state in force, and how the next one comes into force |
//! | [`starter`] | saying to whoever started this process that it is ready |
//! | [`state`] | the files that survive the agent |
//! | [`machines`] | the VMs' processes |
//! | [`data_paths`] | the NICs' VFs: given, taken and looked after |
//! | [`encryption`] | what its NICs send to other hosts' in DTLS |
//! | [`load_balancing`] | load balancers: who is healthy, and gets flows |
//! | [`platform`] | Azure DNS, instance metadata and WireServer, in every port |
//! | [`log_reader`] | what rulesets log, as events |
//! | [`probe`] | one packet sent from a VM |
//! | [`answer`] | somebody who answers it |
//! | [`vm_init`] | the first process of a VM |

pub mod answer;
mod clock;
pub mod connection;
pub mod data_paths;
pub mod door;
pub mod encryption;
pub mod host;
pub mod load_balancing;
pub mod log_reader;
pub mod machines;
pub mod platform;
pub mod probe;
pub mod service;
pub mod starter;
pub mod state;
pub mod vm_init;
