//! The tree of one part: what is looked up, one after the other, and the rules that are left at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::item::{Dimension, Item};
use super::pieces::Pieces;
use super::span::Spans;

/// So deep is a tree at most; the kernel counts up to 16 chains, and some come before.
const DEEPEST: usize = 5;
/// For each of its rules a tree may write so many.
const REPEATED: usize = 6;

/// A protocol that a tree tells from others: its number, or none for all that no rule speaks of by name.
pub(super) type ProtocolClass = Option<u8>;

/// The protocols that rules can speak of, and the others.
pub(super) const CLASSES: [ProtocolClass; 6] = [Some(6), Some(17), Some(1), Some(50), Some(51), None];

/// The tree of a part.
#[derive(Debug)]
pub(super) struct Tree {
    /// Of each class of protocols, what comes after. Equal ones are the same.
    pub(super) protocols: Vec<(Vec<ProtocolClass>, Rc<Node>)>,
}

/// A place in a tree.
#[derive(Debug)]
pub(super) enum Node {
    /// The rules that are left, in order.
    Leaf(Vec<Left>),
    /// The dimension is looked up.
    Branch {
        dimension: Dimension,
        /// Where it leads somewhere else than mostly.
        cases: Vec<(Spans, Rc<Node>)>,
        /// Where it mostly leads.
        otherwise: Rc<Node>,
    },
}

/// A rule that is left, and what is still to be asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Left {
    /// Its place in the list.
    pub(super) place: usize,
    /// The dimensions that the tree has not looked up.
    pub(super) open: BTreeSet<Dimension>,
}

impl Tree {
    /// The tree of these rules, which are in order.
    ///
    /// The first tree is asked of packets that no rule has matched before.
    pub(super) fn of(items: Vec<Item>, is_first: bool) -> Self {
        let items = items.into_iter().map(|item| (item.place, item)).collect::<BTreeMap<_, _>>();
        let mut budget = items.len() * REPEATED + 64;
        let mut protocols: Vec<(Vec<ProtocolClass>, Vec<Left>)> = Vec::new();
        for class in CLASSES {
            let left = left_of_class(&items, class);
            // Only TCP and UDP can be asked for ports, so no other class may share a branch with them.
            let same = |(classes, other): &&mut (Vec<ProtocolClass>, Vec<Left>)| {
                *other == left && has_ports(classes[0]) == has_ports(class)
            };
            match protocols.iter_mut().find(same) {
                Some((classes, _)) => classes.push(class),
                None => protocols.push((vec![class], left)),
            }
        }
        let builder = Builder { items: &items, is_first };
        let protocols = protocols
            .into_iter()
            .map(|(classes, left)| (classes, Rc::new(builder.node(left, 0, &mut budget))))
            .collect();
        Self { protocols }
    }
}

fn has_ports(class: ProtocolClass) -> bool {
    matches!(class, Some(6 | 17))
}

fn left_of_class(items: &BTreeMap<usize, Item>, class: ProtocolClass) -> Vec<Left> {
    let ports = has_ports(class);
    let open = |item: &Item| {
        let asked =
            |dimension: &Dimension| (ports || !dimension.is_port()) && item.asks(*dimension).is_some();
        Dimension::ALL.into_iter().filter(asked).collect::<BTreeSet<_>>()
    };
    let without_ports = |item: &Item| {
        let no_port =
            |dimension: &Dimension| dimension.is_port() && item.asks(*dimension).is_some_and(Vec::is_empty);
        ports && Dimension::ALL.iter().any(no_port)
    };
    let of_class = |item: &&Item| item.protocol.is_none() || item.protocol == class;
    let matching = items.values().filter(of_class).filter(|item| !without_ports(item));
    without_dead(matching.map(|item| Left { place: item.place, open: open(item) }))
}

/// A rule that asks nothing more decides; those behind it never get their turn.
pub(super) fn without_dead(items: impl IntoIterator<Item = Left>) -> Vec<Left> {
    let mut left = Vec::new();
    for item in items {
        let decides = item.open.is_empty();
        left.push(item);
        if decides {
            break;
        }
    }
    left
}

struct Builder<'a> {
    items: &'a BTreeMap<usize, Item>,
    /// Whether a packet has no number before this tree: then a map gives it one at once.
    is_first: bool,
}

impl Builder<'_> {
    fn node(&self, left: Vec<Left>, depth: usize, budget: &mut usize) -> Node {
        if left.len() <= 1 || depth == DEEPEST {
            return Node::Leaf(left);
        }
        let pieces =
            Dimension::ALL.into_iter().filter_map(|dimension| Pieces::of(self.items, &left, dimension));
        let cost = |division: &Division| division.cost(self.is_first);
        let best = pieces
            .map(|pieces| pieces.divide(&left))
            .filter(|division| division.longest() < left.len() && cost(division) <= *budget)
            .min_by_key(|division| (division.longest(), cost(division)));
        let Some(best) = best else { return Node::Leaf(left) };
        *budget -= cost(&best);
        self.branch(best, depth, budget)
    }

    fn branch(&self, division: Division, depth: usize, budget: &mut usize) -> Node {
        let Division { dimension, mut lists } = division;
        let most = lists.iter().enumerate().max_by_key(|(_, (left, spans))| (spans.len(), left.len()));
        let (otherwise, _) = lists.remove(most.map_or(0, |(index, _)| index));
        let mut node = |left| Rc::new(self.node(left, depth + 1, budget));
        Node::Branch {
            dimension,
            cases: lists.into_iter().map(|(left, spans)| (spans, node(left))).collect(),
            otherwise: node(otherwise),
        }
    }
}

/// A dimension divided: the distinct lists of rules that are left, and where each of them is, from the lowest on.
pub(super) struct Division {
    pub(super) dimension: Dimension,
    pub(super) lists: Vec<(Vec<Left>, Spans)>,
}

impl Division {
    /// About how many rules would be written.
    fn cost(&self, is_first: bool) -> usize {
        let list = |(left, spans): &(Vec<Left>, Spans)| {
            let decided = is_first && left.first().is_some_and(|first| first.open.is_empty());
            // A chain, and its place in a map.
            spans.len().div_ceil(4) + if decided { 0 } else { left.len() + 2 }
        };
        self.lists.iter().map(list).sum()
    }

    fn longest(&self) -> usize {
        self.lists.iter().map(|(left, _)| left.len()).max().unwrap_or(0)
    }
}
