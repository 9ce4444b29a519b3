//! The named counters of a namespace.

use super::apply::NftError;
use super::kernel;
use crate::netns::NetNs;

/// A named counter and what it has counted since its table was made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CounterValue {
    /// The table's family, in nft's word.
    pub family: String,
    /// The table's name.
    pub table: String,
    /// The counter's name.
    pub name: String,
    /// The counter's comment, empty if it has none.
    pub comment: String,
    /// Packets.
    pub packets: u64,
    /// Bytes, from the IP header on.
    pub bytes: u64,
}

/// All named counters of all tables, in the kernel's order.
pub fn counters(namespace: &NetNs) -> Result<Vec<CounterValue>, NftError> {
    let entries = kernel::counters(namespace)?;
    let failed = |source| NftError::List { what: "counters", namespace: namespace.to_string(), source };
    Ok(entries.map_err(failed)?.into_iter().map(CounterValue::from).collect())
}

impl From<kernel::CounterEntry> for CounterValue {
    fn from(entry: kernel::CounterEntry) -> Self {
        let kernel::CounterEntry { family, table, name, comment, packets, bytes } = entry;
        Self { family: family.to_owned(), table, name, comment, packets, bytes }
    }
}
