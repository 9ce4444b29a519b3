//! A host's data plane: lowers a goal state to per-port namespaces, routes, nftables rulesets and overlay entries, and
//! reconciles the kernel with them.
//!
//! Deciding and acting are apart. [`lower()`] turns a goal state into values ([`network`], [`ruleset`]) without asking
//! anyone; [`reconcile()`] makes the kernel hold them; [`events`] puts what the kernel logs into Azure's words.

pub mod balancing;
pub mod counters;
pub mod data_path;
pub mod events;
pub mod lower;
pub mod names;
pub mod network;
pub mod offload;
pub mod reconcile;
pub mod ruleset;
pub mod station;

pub use counters::counters;
pub use lower::lower;
pub use offload::Offload;
pub use reconcile::reconcile;

/// An error with everything that caused it, in one line.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
