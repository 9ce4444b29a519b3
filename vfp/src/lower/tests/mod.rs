//! Lowering, looked at from outside: what it writes, and what that means for packets.

pub(crate) mod fixture;
mod meaning;
mod snapshots;
