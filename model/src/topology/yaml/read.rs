//! Reads a tree into a type and notes every problem, not only the first: a value that is wrong is noted and left out,
//! and everything is read again without it, until nothing more is found.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use serde::de::DeserializeOwned;

use super::MAX_PROBLEMS;
use super::node::{Key, Node};
use super::read_error::{Place, ReadError};
use super::read_value::ValueReader;
use crate::diagnostic::Diagnostic;
use crate::topology::Span;

/// So many values are looked at, all readings together; an enormous file with many problems ends here.
const MAX_VISITS: usize = 1_000_000;

/// What came of reading a tree.
pub(in crate::topology) struct Reading<T> {
    /// The value, without what is wrong; none when too much is.
    pub(in crate::topology) value: Option<T>,
    /// What is wrong.
    pub(in crate::topology) problems: Vec<Diagnostic>,
    /// The keys of what was left out.
    pub(in crate::topology) omitted: Vec<String>,
    /// It was given up; there may be more problems.
    pub(in crate::topology) exhausted: bool,
}

/// Reads `root`, a part of `text` that stands at `key`, as a `T`.
pub(in crate::topology) fn read<T: DeserializeOwned>(
    root: &Node<'_>,
    key: Option<&Key<'_>>,
    text: &str,
) -> Reading<T> {
    let notes = Notes::new(text);
    let mut omitted = Vec::new();
    loop {
        let failure = match T::deserialize(ValueReader::new(root, key, &notes)) {
            Ok(value) => return notes.into_reading(Some(value), omitted),
            Err(failure) => failure,
        };
        let place = failure.place.as_deref().cloned().unwrap_or_else(|| whole(root, text));
        if !place.silent {
            notes.note(&failure, place.span);
        }
        omitted.extend(place.key);
        let again = place.node != root.id && notes.leave_out(place.node);
        if !again || notes.is_exhausted() {
            return notes.into_reading(None, omitted);
        }
    }
}

fn whole(root: &Node<'_>, text: &str) -> Place {
    Place { span: root.first_line(text), node: root.id, key: None, silent: false }
}

/// What is known so far about a tree.
pub(super) struct Notes<'t> {
    /// The document.
    text: &'t str,
    problems: RefCell<Vec<Diagnostic>>,
    left_out: RefCell<BTreeSet<usize>>,
    unknown_keys: RefCell<BTreeSet<Span>>,
    missing: RefCell<BTreeSet<(usize, String)>>,
    visits: Cell<usize>,
}

impl<'t> Notes<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            problems: RefCell::default(),
            left_out: RefCell::default(),
            unknown_keys: RefCell::default(),
            missing: RefCell::default(),
            visits: Cell::default(),
        }
    }

    /// The part of a node on its first line.
    pub(super) fn first_line(&self, node: &Node<'_>) -> Span {
        node.first_line(self.text)
    }

    pub(super) fn visit(&self) {
        self.visits.set(self.visits.get() + 1);
    }

    pub(super) fn is_left_out(&self, node: &Node<'_>) -> bool {
        let left_out = self.left_out.borrow();
        !left_out.is_empty() && left_out.contains(&node.id)
    }

    /// Notes a key that the struct around it does not have, once.
    pub(super) fn unknown_key(&self, key: &Key<'_>, known: &'static [&'static str]) {
        let new = self.unknown_keys.borrow_mut().insert(key.span);
        if new && self.problems.borrow().len() <= MAX_PROBLEMS {
            self.note(&super::read_error::unknown_key(&key.text, known), key.span);
        }
    }

    /// Notes a field that the struct at `node` lacks, once; without a place, nothing is said about it.
    pub(super) fn missing_field(&self, node: &Node<'_>, field: &str, place: Option<Span>) {
        let new = self.missing.borrow_mut().insert((node.id, field.to_owned()));
        if let (true, Some(span)) = (new && self.problems.borrow().len() <= MAX_PROBLEMS, place) {
            self.note(&super::read_error::missing_field(field), span);
        }
    }

    /// Whether it was noted that the struct at `node` lacks the field.
    pub(super) fn is_missing(&self, node: &Node<'_>, field: &str) -> bool {
        self.missing.borrow().contains(&(node.id, field.to_owned()))
    }

    fn note(&self, error: &ReadError, span: Span) {
        let mut problem = Diagnostic::error(error.code, span, shortened(&error.message));
        problem.help.clone_from(&error.help);
        self.problems.borrow_mut().push(problem);
    }

    /// False when it was left out before.
    fn leave_out(&self, node: usize) -> bool {
        self.left_out.borrow_mut().insert(node)
    }

    fn is_exhausted(&self) -> bool {
        self.problems.borrow().len() >= MAX_PROBLEMS || self.visits.get() > MAX_VISITS
    }

    fn into_reading<T>(self, value: Option<T>, omitted: Vec<String>) -> Reading<T> {
        let exhausted = self.is_exhausted();
        let mut problems = self.problems.into_inner();
        problems.truncate(MAX_PROBLEMS);
        // A large value without a problem takes many visits, and is whole.
        let exhausted = exhausted && !problems.is_empty();
        Reading { value, problems, omitted, exhausted }
    }
}

/// A message repeats what was typed, which may be enormous.
fn shortened(message: &str) -> String {
    const LONGEST: usize = 400;
    if message.len() <= LONGEST {
        return message.to_owned();
    }
    format!("{}…", &message[..message.floor_char_boundary(LONGEST)])
}
