//! Rules parted by shape: those of a part say something narrow about the same dimensions.
//!
//! A tree over what all its rules narrow down hardly repeats any of them. Rules of different shapes in one tree would: with
//! five hundred rules about ports and five hundred about sources, each port's branch would have all the sources.

use std::collections::BTreeMap;

use super::item::{Dimension, Item};
use super::span::Spans;
use crate::ruleset::Span;

/// So few rules are no part of their own.
const SMALL: usize = 4;

/// The parts, the largest first. In a part the rules stay in order.
pub(super) fn parts(items: Vec<Item>) -> Vec<Vec<Item>> {
    let narrow = Dimension::ALL.map(|dimension| Narrow::of(&items, dimension));
    let mut shapes: BTreeMap<[bool; 4], Vec<Item>> = BTreeMap::new();
    for item in items {
        let shape = Dimension::ALL.map(|dimension| narrow[dimension as usize].is(item.asks(dimension)));
        shapes.entry(shape).or_default().push(item);
    }
    let (small, mut parts): (Vec<_>, Vec<_>) = shapes.into_values().partition(|part| part.len() <= SMALL);
    let mut rest = small.into_iter().flatten().collect::<Vec<_>>();
    if !rest.is_empty() {
        rest.sort_by_key(|item| item.place);
        parts.push(rest);
    }
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    parts
}

/// What is narrow in a dimension depends on how finely the rules divide it.
struct Narrow {
    /// Where the rules' spans begin, or something else begins after them.
    cuts: Vec<u32>,
}

impl Narrow {
    fn of(items: &[Item], dimension: Dimension) -> Self {
        let spans = items.iter().filter_map(|item| item.asks(dimension)).flatten();
        let mut cuts =
            spans.flat_map(|span| [Some(span.first), span.last.checked_add(1)]).flatten().collect::<Vec<_>>();
        cuts.sort_unstable();
        cuts.dedup();
        Self { cuts }
    }

    /// Whether the rule has a small share of the dimension's pieces: their square root, so that a tree stays small even if
    /// every rule has as much.
    fn is(&self, asks: Option<&Spans>) -> bool {
        let Some(spans) = asks else { return false };
        let pieces = spans.iter().map(|span| self.pieces(*span)).sum::<usize>();
        pieces <= self.cuts.len().isqrt().max(4)
    }

    fn pieces(&self, span: Span) -> usize {
        let before = |value| self.cuts.partition_point(|cut| *cut < value);
        span.last.checked_add(1).map_or(self.cuts.len(), before) - before(span.first)
    }
}
