//! How the load balancers of a host are: which backends are healthy, and how many connections they have.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::NicId;

/// What health probes say of a backend.
/// <https://learn.microsoft.com/azure/load-balancer/load-balancer-custom-probe-overview>
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Health {
    /// It has not been asked often enough. It gets no new flows, unless it had some before the agent began to ask.
    #[default]
    Unknown,
    /// It answers, or nobody asks.
    Up,
    /// It does not answer as it should. It gets no new flows.
    Down,
}

impl Health {
    /// The word in tables and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// A backend of a load balancer's rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackendStatus {
    /// The load balancer.
    pub balancer: String,
    /// The frontend.
    pub frontend: String,
    /// The frontend's address.
    pub frontend_address: Ipv4Addr,
    /// The rule.
    pub rule: String,
    /// The rule's probe; none: nobody asks.
    pub probe: Option<String>,
    /// The backend.
    pub backend: NicId,
    /// Its private address.
    pub address: Ipv4Addr,
    /// How it is.
    pub health: Health,
    /// Why the last answer was none, as a sentence; none when it was one.
    pub last_failure: Option<String>,
    /// Open TCP connections that the rule has given it: those whose client has not ended them, and that were not idle for too long. None where the rule
    /// is for UDP only, whose flows are not counted, and where they could not be.
    pub flows: Option<u64>,
}
