//! From the text of a topology file to [`Topology`], with all problems in one go.

use std::sync::Arc;

use super::yaml::{self, Node, Reading};
use super::{Topology, not_built};
use crate::diagnostic::Diagnostic;

/// What came of a topology file.
#[derive(Debug)]
pub struct Parsed {
    /// What was typed, without what could not be read. Worth validating even when there are diagnostics: a file's
    /// problems are all told at once. None when nothing could be read.
    pub topology: Option<Topology>,
    /// What is wrong so far, in the order of the file. All of them are errors.
    pub diagnostics: Vec<Diagnostic>,
    root: Option<Arc<Node>>,
}

/// Reads a topology file. Never panics, and ends soon, whatever the text is.
#[must_use]
pub fn parse(text: &str) -> Parsed {
    let (root, mut problems) = match yaml::load(text) {
        Ok(loaded) => loaded,
        Err(problem) => return Parsed { topology: None, diagnostics: vec![*problem], root: None },
    };
    let reading = read_topology(&root);
    problems.extend(reading.problems);
    problems.extend(not_built::not_built(&root, text));
    let topology = reading.value.map(|topology| Topology { omitted: reading.omitted, ..topology });
    let mut parsed = Parsed { topology, diagnostics: Vec::new(), root: Some(root) };
    parsed.diagnostics = parsed.with_paths(problems);
    parsed
}

impl Parsed {
    /// The same problems with their paths, found by their spans, in the order of the file.
    #[must_use]
    pub fn with_paths(&self, mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
        if let Some(root) = &self.root {
            for diagnostic in &mut diagnostics {
                if diagnostic.path.is_empty() {
                    diagnostic.path = yaml::path_at(root, diagnostic.span);
                }
            }
        }
        diagnostics.sort_by_key(|diagnostic| diagnostic.span);
        diagnostics
    }
}

fn read_topology(root: &Arc<Node>) -> Reading<Topology> {
    let first = yaml::read::<Topology>(root);
    if first.value.is_some() {
        return first;
    }
    // The lab's name is the only thing that a topology must have. Without one the rest can still be validated.
    match root.named("unnamed") {
        Some(named) => Reading { problems: first.problems, ..yaml::read(&Arc::new(named)) },
        None => first,
    }
}
