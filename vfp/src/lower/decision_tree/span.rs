//! Ranges of numbers: ports, and addresses as numbers.

use goal_state::nsg::{AddressSet, PortRange};
use ipnet::Ipv4Net;

use crate::ruleset::Span;

/// Sorted spans that neither overlap nor touch.
pub(super) type Spans = Vec<Span>;

pub(super) fn of_addresses(set: &AddressSet) -> Spans {
    let span = |prefix: &Ipv4Net| Span { first: prefix.network().into(), last: prefix.broadcast().into() };
    joined(set.prefixes().iter().map(span))
}

pub(super) fn of_ports(ranges: &[PortRange]) -> Spans {
    let span = |range: &PortRange| Span { first: range.first().into(), last: range.last().into() };
    joined(ranges.iter().map(span))
}

/// Sorts spans, and joins those that overlap or touch.
pub(super) fn joined(spans: impl IntoIterator<Item = Span>) -> Spans {
    let mut sorted = spans.into_iter().collect::<Vec<_>>();
    sorted.sort();
    let mut joined: Spans = Vec::new();
    for span in sorted {
        match joined.last_mut() {
            Some(last) if u64::from(span.first) <= u64::from(last.last) + 1 => {
                last.last = last.last.max(span.last);
            }
            _ => joined.push(span),
        }
    }
    joined
}
