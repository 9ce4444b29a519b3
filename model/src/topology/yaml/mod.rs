//! From text to typed values: YAML → a tree whose nodes know their place → serde, with every problem noted.
//!
//! A file may be big, deep or full of aliases only so far. Plain YAML, as nearly all files are, is cut at the entries of its large
//! sections, and those are read one by one on all processors; everything else is read by a parser of the whole language, as one.

mod document;
mod keys;
mod load;
mod node;
mod plain;
mod read;
mod read_error;
mod read_sections;
mod read_value;
mod required;
#[cfg(test)]
mod tests;

pub(super) use document::Document;
pub(super) use keys::Duplicate;
pub(super) use node::{Entry, Kind, Node};
pub(super) use plain::Unusual;
pub(super) use read::{Reading, read};
pub(super) use read_sections::read_section;

/// So many problems of a kind are told at once.
pub(super) const MAX_PROBLEMS: usize = 100;

/// Sections that may be large: maps of resources, which have nothing to do with each other until they are validated.
pub(super) const SECTIONS: [&str; 4] =
    ["virtualNetworks", "networkSecurityGroups", "routeTables", "virtualMachines"];

/// Bytes of a file. All of Azure's limits at once (1,000 virtual networks, 5,000 groups of 200 rules each, 500 route tables of 400
/// routes) are two thirds of it.
pub const MAX_BYTES: usize = 256 << 20;
/// Bytes of a file that is not plain YAML, and so has to be read as one.
const MAX_UNUSUAL_BYTES: usize = 4 << 20;
/// Values that are read as one, aliases expanded: a file, or an entry of a section.
const MAX_VALUES: usize = 200_000;
/// Entries of a section.
const MAX_PIECES: usize = 1 << 20;
/// Levels of a file, aliases expanded. The format has nine.
const MAX_DEPTH: usize = 32;
