//! The tree of a YAML document. Scalars keep their text, so that no name turns into a number or a boolean.

use std::ops::Deref;
use std::sync::Arc;

use crate::topology::Span;

/// A text of the document.
#[derive(Debug, Clone)]
pub(in crate::topology) enum Text<'t> {
    /// As it stands in the file.
    Written(&'t str),
    /// Made of it: escapes replaced, lines joined.
    Made(Arc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Written(text) => text,
            Self::Made(text) => text,
        }
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text<'_> {}

/// A value with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::topology) struct Node<'t> {
    /// Its number in the document, or in the part of it that was read at once. Every alias of it has the same.
    pub(super) id: usize,
    /// All of it.
    pub(super) span: Span,
    /// What it is.
    pub(in crate::topology) kind: Kind<'t>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::topology) enum Kind<'t> {
    /// `plain` when not quoted.
    Scalar {
        text: Text<'t>,
        plain: bool,
    },
    List(Vec<Node<'t>>),
    Map(Vec<Entry<'t>>),
}

/// A key and its value. Keys of a map are unique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::topology) struct Entry<'t> {
    pub(in crate::topology) key: Key<'t>,
    pub(in crate::topology) value: Node<'t>,
}

/// A key with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::topology) struct Key<'t> {
    pub(in crate::topology) text: Text<'t>,
    pub(in crate::topology) span: Span,
}

impl<'t> Node<'t> {
    /// Whether nothing is written: an empty value, `~` or `null`.
    pub(in crate::topology) fn is_null(&self) -> bool {
        match &self.kind {
            Kind::Scalar { text, plain } => *plain && matches!(&**text, "" | "~" | "null" | "Null" | "NULL"),
            Kind::List(_) | Kind::Map(_) => false,
        }
    }

    /// The same map with this `name`; none for what is no map.
    pub(in crate::topology) fn named(&self, name: &'t str) -> Option<Self> {
        let Kind::Map(entries) = &self.kind else { return None };
        let nowhere = Span::default();
        // Loaded nodes are counted from 1.
        let value =
            Self { id: 0, span: nowhere, kind: Kind::Scalar { text: Text::Written(name), plain: true } };
        let key = Key { text: Text::Written("name"), span: nowhere };
        let mut entries: Vec<_> =
            entries.iter().filter(|entry| entry.key.text != key.text).cloned().collect();
        entries.push(Entry { key, value });
        Some(Self { id: self.id, span: self.span, kind: Kind::Map(entries) })
    }

    /// The part of it on its first line in the document's `text`, for carets.
    pub(super) fn first_line(&self, text: &str) -> Span {
        let Span { start, end } = self.span;
        let all = text.as_bytes().get(start..end).unwrap_or_default();
        // Nearly all values are short.
        let length = match all.len() {
            ..32 => all.iter().position(|byte| *byte == b'\n'),
            _ => text.get(start..end).and_then(|all| all.find('\n')),
        };
        Span { start, end: length.map_or(end, |length| start + length) }
    }

    /// What it is, in words.
    pub(super) fn describe(&self) -> String {
        match &self.kind {
            Kind::Scalar { .. } if self.is_null() => "nothing".to_owned(),
            Kind::Scalar { text, .. } => format!("`{}`", &**text),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
        }
    }

    /// Calls `seen` with the number of each value in it and its level, itself at `level`.
    pub(super) fn walk(&self, level: usize, seen: &mut dyn FnMut(usize)) {
        seen(level);
        match &self.kind {
            Kind::Scalar { .. } => {}
            Kind::List(items) => items.iter().for_each(|item| item.walk(level + 1, seen)),
            Kind::Map(entries) => entries.iter().for_each(|entry| entry.value.walk(level + 1, seen)),
        }
    }
}

/// Appends the path of the deepest value at a place, such as `virtualNetworks`, `hub`, `addressSpace`, `0`.
pub(super) fn path_in(node: &Node<'_>, place: Span, path: &mut Vec<String>) {
    match &node.kind {
        Kind::Scalar { .. } => {}
        Kind::List(items) => {
            let found = items.iter().enumerate().find(|(_, item)| holds(item.span, place));
            if let Some((index, item)) = found {
                path.push(index.to_string());
                path_in(item, place, path);
            }
        }
        Kind::Map(entries) => {
            if let Some(entry) = entries.iter().find(|entry| entry.holds(place)) {
                path.push(entry.key.text.to_string());
                path_in(&entry.value, place, path);
            }
        }
    }
}

impl Entry<'_> {
    /// Whether the place is in the key, in the value, or in what is between them.
    pub(super) fn holds(&self, place: Span) -> bool {
        holds(self.key.span, place)
            || holds(self.value.span, place)
            || (self.key.span.start <= place.start && place.end <= self.value.span.end)
    }
}

pub(super) fn holds(span: Span, place: Span) -> bool {
    span.start <= place.start && place.end <= span.end
}
