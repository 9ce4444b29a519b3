//! Real packets through whole labs: what every test in `tests/` stands on.
//!
//! A test takes a [`Workbench`] (a folder of its own, a user to be), brings up a [`Lab`] with the `vnetlab` that was built,
//! and asks it things through the command line, as a person would. When the lab goes out of scope it is taken down, and the
//! test fails if anything of it is left. Nothing here waits for a time to pass: [`wait::until`] waits for a condition.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test harness fails by panicking, with a message"
)]
#![allow(clippy::print_stderr, reason = "what a failed test prints is its report")]

pub mod data_path;
pub mod encryption;
pub mod figures;
pub mod followed;
pub mod forgery;
pub mod lab;
pub mod large;
pub mod leftovers;
pub mod output;
pub mod proc;
pub mod random;
pub mod topologies;
pub mod traffic;
pub mod user;
pub mod verdict;
pub mod wait;
pub mod wire;
pub mod workbench;

pub use lab::Lab;
pub use output::Finished;
pub use user::User;
pub use workbench::Workbench;
