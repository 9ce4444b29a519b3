//! The keys of a map that is being read: each stands once.

use std::collections::HashMap;

use super::MAX_PROBLEMS;
use super::node::{Entry, Key};
use crate::diagnostic::{Diagnostic, Lines};
use crate::topology::Span;

/// Maps of more keys look them up in a table.
const FEW: usize = 16;

/// The entries of a map so far.
#[derive(Debug, Default)]
pub(super) struct Entries<'t> {
    pub(super) list: Vec<Entry<'t>>,
    table: HashMap<String, Span>,
}

impl<'t> Entries<'t> {
    /// Where `key` stood first, if it did.
    pub(super) fn first(&self, key: &str) -> Option<Span> {
        if self.table.is_empty() {
            return self.list.iter().find(|entry| *entry.key.text == *key).map(|entry| entry.key.span);
        }
        self.table.get(key).copied()
    }

    /// Adds an entry whose key is new.
    pub(super) fn push(&mut self, entry: Entry<'t>) {
        if !self.table.is_empty() {
            self.table.insert(entry.key.text.to_string(), entry.key.span);
        }
        self.list.push(entry);
        if self.table.is_empty() && self.list.len() > FEW {
            let keys = self.list.iter().map(|entry| (entry.key.text.to_string(), entry.key.span));
            self.table = keys.collect();
        }
    }
}

/// A key that stands twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::topology) struct Duplicate {
    key: String,
    span: Span,
    first: Span,
}

impl Duplicate {
    /// Notes that `key` stands a second time, unless enough was noted.
    pub(super) fn note(key: &Key<'_>, first: Span, noted: &mut Vec<Self>) {
        if noted.len() < MAX_PROBLEMS {
            noted.push(Self { key: key.text.to_string(), span: key.span, first });
        }
    }

    /// What to tell about it.
    pub(in crate::topology) fn problem(&self, lines: &Lines<'_>) -> Diagnostic {
        let line = lines.position(self.first.start).line;
        Diagnostic::error("DuplicateKey", self.span, format!("`{}` stands here twice", self.key))
            .label(format!("first in line {line}"))
            .help("keep one of them")
    }
}
