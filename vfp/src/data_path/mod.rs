//! The two ways of an accelerated NIC: the synthetic device, which is always there, and the VF, which comes and goes.

pub mod machine;

pub use machine::{Action, Event, Line, Machine, Observation};
