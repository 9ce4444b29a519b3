//! A ruleset as a typed value, put into a namespace in one transaction.
//!
//! [`Ruleset`] owns whole tables: it prints as nft's language ([`std::fmt::Display`]), and [`apply`] replaces its tables in
//! a namespace atomically, or changes nothing. Each table carries the ruleset's digest, so that a reconciler sees without
//! comparing rules whether what it wants is there ([`current_digest`]). Tables of others are left alone.
//!
//! What a name, a comment or a log prefix may contain is decided by its type: no text from outside can become a rule.

mod apply;
mod counter;
mod device;
mod flow_map;
mod kernel;
mod statement;
mod table;
mod text;
pub mod ttl;
mod write;

pub use apply::{NftError, apply, current_digest, delete};
pub use counter::{CounterValue, counters};
pub use device::digest_in;
pub use flow_map::{FlowMap, flow_counts};
pub use statement::{Field, Nat, Operator, Statement, Value};
pub use table::{
    Chain, ChainKind, ConnectionSet, Counter, Family, Hook, HookPoint, Policy, Rule, Ruleset, Set, Table,
};
pub use text::{Comment, InvalidText, LogPrefix, Name};
