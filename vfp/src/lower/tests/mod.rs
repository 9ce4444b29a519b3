//! Lowering, looked at from outside: what it writes, and what that means for packets.

mod fixture;
mod meaning;
mod snapshots;
