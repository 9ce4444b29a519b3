//! What the host at the edge does, and how everybody else knows it.
//!
//! | module | idea |
//! |---|---|
//! | [`plan`] | who stands where |
//! | `macs` | Ethernet addresses of legs |
//! | [`service_legs`] | services reached without the internet |
//! | [`internet`] | public addresses, who has them, and the routers between them |
//! | [`stations`] | NAT gateways and frontends |
//! | [`probers`] | health probes |
//! | [`outside`] | hosts of the internet and services, as virtual machines |

pub(super) mod internet;
mod macs;
pub(super) mod outside;
mod plan;
mod probers;
mod service_legs;
mod stations;

#[cfg(test)]
mod tests;

use goal_state::edge::Edge;

pub(super) use plan::EdgePlan;
pub(super) use service_legs::{Approach, approach};
pub(super) use stations::protocol;

use crate::effective::Policy;

/// The stations of the host at the edge.
pub(super) fn edge(policy: &Policy<'_>, plan: &EdgePlan) -> Edge {
    Edge {
        routers: internet::routers(policy, plan),
        nat_gateways: stations::nat_gateways(policy.network(), plan),
        frontends: stations::frontends(policy, plan),
        probers: probers::probers(policy.network(), plan),
    }
}
