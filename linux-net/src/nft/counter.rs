//! The named counters of a namespace.

use serde_json::Value as Json;

use super::apply::{NftError, list};
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
    /// The counter's comment, empty if it has none. nft before 1.0.7 does not tell it in its list.
    pub comment: String,
    /// Packets.
    pub packets: u64,
    /// Bytes, from the IP header on.
    pub bytes: u64,
}

/// All named counters of all tables, in the kernel's order.
pub fn counters(namespace: &NetNs) -> Result<Vec<CounterValue>, NftError> {
    let entries = list(namespace, "counters")?;
    Ok(entries.iter().filter_map(|entry| decode(entry.get("counter")?)).collect())
}

fn decode(counter: &Json) -> Option<CounterValue> {
    let text = |key: &str| counter.get(key).and_then(Json::as_str).map(str::to_owned);
    let number = |key: &str| counter.get(key).and_then(Json::as_u64);
    Some(CounterValue {
        family: text("family")?,
        table: text("table")?,
        name: text("name")?,
        comment: text("comment").unwrap_or_default(),
        packets: number("packets")?,
        bytes: number("bytes")?,
    })
}
