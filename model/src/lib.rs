//! Azure networking as the customer sees it. Pure: no I/O, no async, no clock, no randomness.
//!
//! topology text → [`topology`] (what was typed, with positions) → [`validate`] → [`network`] (what it means; cannot
//! be wrong) → [`effective`] routes and rules → [`verdict`] and [`network_watcher`] for a question, [`compile`] for the hosts,
//! `review` for what a colleague would ask about the design.

pub mod compile;
pub mod diagnostic;
pub mod effective;
pub mod network;
pub mod network_watcher;
mod parallel;
mod review;
pub mod topology;
pub mod validate;
pub mod verdict;
