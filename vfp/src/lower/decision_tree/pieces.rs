//! A dimension cut into pieces wherever a rule begins or ends.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::item::{Dimension, Item};
use super::span;
use super::tree::{Division, Left, without_dead};
use crate::ruleset::Span;

/// Rules in all pieces together, at most: beyond, a dimension is not worth to be looked at.
const MOST: usize = 1 << 18;

/// From the lowest to the highest value.
pub(super) struct Pieces {
    dimension: Dimension,
    pieces: Vec<Piece>,
}

/// Where the same rules match.
struct Piece {
    span: Span,
    /// The rules that match there as far as the dimension goes, by their index in the list that is divided.
    active: Vec<usize>,
}

impl Pieces {
    /// None when no rule asks for the dimension, or when too many ask for too much.
    pub(super) fn of(items: &BTreeMap<usize, Item>, left: &[Left], dimension: Dimension) -> Option<Self> {
        let edges = edges(items, left, dimension);
        if edges.is_empty() {
            return None;
        }
        let wide = left.iter().enumerate().filter(|(_, item)| !item.open.contains(&dimension));
        let mut active = wide.map(|(index, _)| index).collect::<BTreeSet<_>>();
        let (mut pieces, mut first, mut size) = (Vec::new(), 0, 0);
        for (at, changes) in edges {
            if at > first {
                size += active.len();
                pieces.push(Piece {
                    span: Span { first, last: at - 1 },
                    active: active.iter().copied().collect(),
                });
                first = at;
            }
            for (index, begins) in changes {
                if begins {
                    active.insert(index)
                } else {
                    active.remove(&index)
                };
            }
            if size > MOST {
                return None;
            }
        }
        let span = Span { first, last: dimension.whole().last };
        pieces.push(Piece { span, active: active.into_iter().collect() });
        Some(Self { dimension, pieces })
    }

    /// Pieces where the same rules are left are one.
    pub(super) fn divide(&self, left: &[Left]) -> Division {
        let mut order = Vec::new();
        let mut lists: HashMap<Vec<Left>, Vec<Span>> = HashMap::new();
        for piece in &self.pieces {
            let list = self.list(left, piece);
            let spans = lists.entry(list.clone()).or_default();
            if spans.is_empty() {
                order.push(list);
            }
            spans.push(piece.span);
        }
        let lists = order.into_iter().map(|list| {
            let spans = span::joined(lists.remove(&list).unwrap_or_default());
            (list, spans)
        });
        Division { dimension: self.dimension, lists: lists.collect() }
    }

    /// The rules that can match in the piece, when the dimension has been looked up.
    fn list(&self, left: &[Left], piece: &Piece) -> Vec<Left> {
        let asked = |index: &usize| {
            let mut item = left[*index].clone();
            item.open.remove(&self.dimension);
            item
        };
        without_dead(piece.active.iter().map(asked))
    }
}

/// Where rules begin (true) or have ended (false).
fn edges(
    items: &BTreeMap<usize, Item>,
    left: &[Left],
    dimension: Dimension,
) -> BTreeMap<u32, Vec<(usize, bool)>> {
    let mut edges: BTreeMap<u32, Vec<(usize, bool)>> = BTreeMap::new();
    for (index, item) in left.iter().enumerate().filter(|(_, item)| item.open.contains(&dimension)) {
        for span in items[&item.place].asks(dimension).into_iter().flatten() {
            edges.entry(span.first).or_default().push((index, true));
            if let Some(after) = span.last.checked_add(1).filter(|after| *after <= dimension.whole().last) {
                edges.entry(after).or_default().push((index, false));
            }
        }
    }
    edges
}
