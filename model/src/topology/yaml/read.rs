//! Reads a tree into a type and notes every problem, not only the first: a value that is wrong is noted and left out,
//! and everything is read again without it, until nothing more is found.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::Arc;

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
}

/// Reads `root` as a `T`.
pub(in crate::topology) fn read<T: DeserializeOwned>(root: &Arc<Node>) -> Reading<T> {
    let notes = Notes::default();
    let mut omitted = Vec::new();
    loop {
        let failure = match T::deserialize(ValueReader::new(root, None, &notes)) {
            Ok(value) => return Reading { value: Some(value), problems: notes.into_problems(), omitted },
            Err(failure) => failure,
        };
        let place = failure.place.as_deref().cloned().unwrap_or_else(|| whole(root));
        if !place.silent {
            notes.note(&failure, place.span);
        }
        omitted.extend(place.key);
        let again = place.node != root.id && notes.leave_out(place.node);
        if !again || notes.is_exhausted() {
            return Reading { value: None, problems: notes.into_problems(), omitted };
        }
    }
}

fn whole(root: &Node) -> Place {
    Place { span: root.first_line, node: root.id, key: None, silent: false }
}

/// What is known so far about a tree.
#[derive(Default)]
pub(super) struct Notes {
    problems: RefCell<Vec<Diagnostic>>,
    left_out: RefCell<BTreeSet<usize>>,
    unknown_keys: RefCell<BTreeSet<Span>>,
    missing: RefCell<BTreeSet<(usize, String)>>,
    visits: Cell<usize>,
}

impl Notes {
    pub(super) fn visit(&self) {
        self.visits.set(self.visits.get() + 1);
    }

    pub(super) fn is_left_out(&self, node: &Node) -> bool {
        self.left_out.borrow().contains(&node.id)
    }

    /// Notes a key that the struct around it does not have, once.
    pub(super) fn unknown_key(&self, key: &Key, known: &'static [&'static str]) {
        let new = self.unknown_keys.borrow_mut().insert(key.span);
        if new && self.problems.borrow().len() <= MAX_PROBLEMS {
            self.note(&super::read_error::unknown_key(&key.text, known), key.span);
        }
    }

    /// Notes a field that the struct at `node` lacks, once; without a place, nothing is said about it.
    pub(super) fn missing_field(&self, node: &Node, field: &str, place: Option<Span>) {
        let new = self.missing.borrow_mut().insert((node.id, field.to_owned()));
        if let (true, Some(span)) = (new && self.problems.borrow().len() <= MAX_PROBLEMS, place) {
            self.note(&super::read_error::missing_field(field), span);
        }
    }

    /// Whether it was noted that the struct at `node` lacks the field.
    pub(super) fn is_missing(&self, node: &Node, field: &str) -> bool {
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

    fn into_problems(self) -> Vec<Diagnostic> {
        let exhausted = self.is_exhausted();
        let mut problems = self.problems.into_inner();
        problems.truncate(MAX_PROBLEMS);
        if exhausted {
            let message = format!("these are the first {} problems; there may be more", problems.len());
            let end = Span { start: usize::MAX, end: usize::MAX };
            problems.push(Diagnostic::error("TooManyProblems", end, message));
        }
        problems
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
