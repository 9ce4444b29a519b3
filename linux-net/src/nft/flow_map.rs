//! Maps in which rules remember flows: addresses and ports of a flow, and an IPv4 address for it.
//!
//! Rules fill them ([`Statement::RememberNextHop`](super::Statement::RememberNextHop)), so they begin empty, and empty again when
//! their table is replaced. They see one direction only, and need no connection tracking.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use super::apply::NftError;
use super::kernel;
use super::statement::{Field, join};
use super::text::Name;
use crate::netns::NetNs;

/// What tells flows of one protocol apart.
pub(super) const KEY: [Field; 4] =
    [Field::IpSource, Field::TransportSource, Field::IpDestination, Field::TransportDestination];

/// A map of flows. Those of different protocols are told apart by who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowMap {
    /// Unique in the table.
    pub name: Name,
    /// Seconds after which a flow is forgotten that nothing remembers anew.
    pub timeout_s: u32,
    /// How many flows there is room for. What finds none is not remembered.
    pub size: u32,
}

/// How many flows each flow map of the namespace's IPv4 tables has, by table, map and address.
///
/// # Errors
/// When there is no such table, or the kernel cannot be asked.
pub fn flow_counts(
    namespace: &NetNs,
    table: &Name,
    maps: &[Name],
) -> Result<BTreeMap<(Name, Ipv4Addr), u64>, NftError> {
    let failed = |source| NftError::List { what: "flows", namespace: namespace.to_string(), source };
    let mut counts = BTreeMap::new();
    for map in maps {
        for value in kernel::map_values(namespace, table.as_str(), map.as_str())?.map_err(failed)? {
            if let Ok(octets) = <[u8; 4]>::try_from(value.as_slice()) {
                *counts.entry((map.clone(), octets.into())).or_default() += 1;
            }
        }
    }
    Ok(counts)
}

impl fmt::Display for FlowMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\tmap {} {{", self.name)?;
        f.write_str("\t\ttypeof ")?;
        join(f, &KEY, " . ")?;
        writeln!(f, " : {}", Field::NextHop)?;
        write!(f, "\t\tsize {}\n\t\tflags dynamic,timeout\n\t\ttimeout {}s\n\t}}", self.size, self.timeout_s)
    }
}

/// `{ ip saddr . ... : VALUE }`.
pub(super) fn print_element(f: &mut fmt::Formatter<'_>, value: Field) -> fmt::Result {
    f.write_str("{ ")?;
    join(f, &KEY, " . ")?;
    write!(f, " : {value} }}")
}
