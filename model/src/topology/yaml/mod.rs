//! From text to typed values: YAML events → a tree whose nodes know their place → serde, with every problem noted.

mod load;
mod node;
mod read;
mod read_error;
mod read_value;
mod required;

pub(super) use load::load;
pub(super) use node::{Kind, Node, path_at};
pub(super) use read::{Reading, read};

/// So many problems of a kind are told at once.
pub(super) const MAX_PROBLEMS: usize = 100;
