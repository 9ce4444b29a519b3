//! The tree of a YAML document. Scalars keep their text, so that no name turns into a number or a boolean.

use std::sync::Arc;

use crate::topology::Span;

/// A value with its place.
#[derive(Debug)]
pub(in crate::topology) struct Node {
    /// Its number in the document. Every alias of it is the same node.
    pub(super) id: usize,
    /// All of it.
    pub(super) span: Span,
    /// The part of it on its first line, for carets.
    pub(super) first_line: Span,
    /// How many nodes it is, aliases expanded.
    pub(super) size: usize,
    /// How many levels it is, aliases expanded.
    pub(super) depth: usize,
    /// What it is.
    pub(in crate::topology) kind: Kind,
}

#[derive(Debug)]
pub(in crate::topology) enum Kind {
    /// `plain` when not quoted.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Arc<Node>>),
    Map(Vec<Entry>),
}

/// A key and its value. Keys of a map are unique.
#[derive(Debug, Clone)]
pub(in crate::topology) struct Entry {
    pub(in crate::topology) key: Key,
    pub(in crate::topology) value: Arc<Node>,
}

/// A key with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::topology) struct Key {
    pub(in crate::topology) text: String,
    pub(in crate::topology) span: Span,
}

impl Node {
    /// Whether nothing is written: an empty value, `~` or `null`.
    pub(in crate::topology) fn is_null(&self) -> bool {
        match &self.kind {
            Kind::Scalar { text, plain } => {
                *plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL")
            }
            Kind::List(_) | Kind::Map(_) => false,
        }
    }

    /// The same map with this `name`; none for what is no map.
    pub(in crate::topology) fn named(&self, name: &str) -> Option<Self> {
        let Kind::Map(entries) = &self.kind else { return None };
        let nowhere = Span::default();
        let text = Kind::Scalar { text: name.to_owned(), plain: true };
        // Loaded nodes are counted from 1.
        let value = Self { id: 0, span: nowhere, first_line: nowhere, size: 1, depth: 1, kind: text };
        let key = Key { text: "name".to_owned(), span: nowhere };
        let mut entries: Vec<_> =
            entries.iter().filter(|entry| entry.key.text != key.text).cloned().collect();
        entries.push(Entry { key, value: Arc::new(value) });
        Some(Self { kind: Kind::Map(entries), ..*self })
    }

    /// What it is, in words.
    pub(super) fn describe(&self) -> String {
        match &self.kind {
            Kind::Scalar { .. } if self.is_null() => "nothing".to_owned(),
            Kind::Scalar { text, .. } => format!("`{text}`"),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
        }
    }
}

/// The path of the deepest value at a place, such as `virtualNetworks.hub.addressSpace.0`. Empty when there is none.
pub(in crate::topology) fn path_at(root: &Node, place: Span) -> String {
    let mut path = Vec::new();
    let mut node = Some(root);
    while let Some(current) = node {
        node = match &current.kind {
            Kind::Scalar { .. } => None,
            Kind::List(items) => {
                let found = items.iter().enumerate().find(|(_, item)| holds(item.span, place));
                found.map(|(index, item)| {
                    path.push(index.to_string());
                    item.as_ref()
                })
            }
            Kind::Map(entries) => {
                let found = entries.iter().find(|entry| {
                    holds(entry.key.span, place)
                        || holds(entry.value.span, place)
                        || (entry.key.span.start <= place.start && place.end <= entry.value.span.end)
                });
                found.map(|entry| {
                    path.push(entry.key.text.clone());
                    entry.value.as_ref()
                })
            }
        };
    }
    path.join(".")
}

fn holds(span: Span, place: Span) -> bool {
    span.start <= place.start && place.end <= span.end
}
