//! From the text of a topology file to [`Topology`], with all problems in one go.

use super::yaml::{self, Document, Duplicate, MAX_PROBLEMS, Reading, Unusual};
use super::{Map, Topology, not_built};
use crate::diagnostic::{Diagnostic, Lines};
use crate::topology::Span;

/// What came of a topology file.
#[derive(Debug)]
pub struct Parsed<'t> {
    /// What was typed, without what could not be read. Worth validating even when there are diagnostics: a file's
    /// problems are all told at once. None when nothing could be read.
    pub topology: Option<Topology>,
    /// What is wrong so far, in the order of the file. All of them are errors.
    pub diagnostics: Vec<Diagnostic>,
    document: Option<Document<'t>>,
}

/// Reads a topology file. Never panics, and ends soon, whatever the text is.
#[must_use]
pub fn parse(text: &str) -> Parsed<'_> {
    parse_loaded(text, Document::load(text))
}

/// The same by the parser of the whole language alone.
#[cfg(test)]
pub(super) fn parse_unusual(text: &str) -> Parsed<'_> {
    parse_loaded(text, Document::load_unusual(text, Unusual { at: 0, expected: "anything" }))
}

fn parse_loaded<'t>(text: &'t str, document: Result<Document<'t>, Box<Diagnostic>>) -> Parsed<'t> {
    let read = document.and_then(|document| match Draft::read(&document, text) {
        Ok(draft) => Ok((document, draft)),
        Err(unusual) => {
            let document = Document::load_unusual(text, unusual)?;
            // Nothing is unusual in a document that has been read as a whole.
            let draft = Draft::read(&document, text).unwrap_or_default();
            Ok((document, draft))
        }
    });
    match read {
        Ok((document, draft)) => {
            let (topology, problems) = draft.finish(text);
            let mut parsed = Parsed { topology, diagnostics: Vec::new(), document: Some(document) };
            parsed.diagnostics = parsed.with_paths(problems);
            parsed.diagnostics.dedup();
            parsed
        }
        Err(problem) => Parsed { topology: None, diagnostics: vec![*problem], document: None },
    }
}

impl Parsed<'_> {
    /// The same problems with their paths, found by their spans, in the order of the file.
    #[must_use]
    pub fn with_paths(&self, mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
        diagnostics.sort_by_key(|diagnostic| diagnostic.span);
        if let Some(document) = &self.document {
            for diagnostic in &mut diagnostics {
                if diagnostic.path.is_empty() {
                    diagnostic.path = document.path_at(diagnostic.span);
                }
            }
        }
        diagnostics
    }
}

/// What has been read so far.
#[derive(Default)]
struct Draft {
    topology: Option<Topology>,
    /// Values that are wrong.
    problems: Vec<Diagnostic>,
    /// Keys that stand twice.
    duplicates: Vec<Duplicate>,
    /// What is not built yet.
    not_built: Vec<Diagnostic>,
    omitted: Vec<String>,
    exhausted: bool,
}

impl Draft {
    fn read(document: &Document<'_>, text: &str) -> Result<Self, Unusual> {
        let Reading { value, problems, omitted, exhausted } = read_rest(document, text);
        let not_built = not_built::not_built(document.root());
        let duplicates = document.duplicates().to_vec();
        let mut draft = Self { topology: value, problems, duplicates, not_built, omitted, exhausted };
        let virtual_networks = draft.section(document, "virtualNetworks")?;
        let network_security_groups = draft.section(document, "networkSecurityGroups")?;
        let route_tables = draft.section(document, "routeTables")?;
        let virtual_machines = draft.section(document, "virtualMachines")?;
        let omitted = std::mem::take(&mut draft.omitted);
        draft.topology = draft.topology.map(|rest| {
            // A section that is no map has been read, as wrong as it is, with the rest.
            Topology {
                virtual_networks,
                network_security_groups,
                route_tables,
                virtual_machines,
                omitted,
                ..rest
            }
        });
        Ok(draft)
    }

    fn section<T: serde::de::DeserializeOwned + Send>(
        &mut self,
        document: &Document<'_>,
        name: &'static str,
    ) -> Result<Map<T>, Unusual> {
        let not_built = not_built::not_built_in(name);
        let mut section = yaml::read_section(document, name, &not_built)?;
        self.problems.append(&mut section.problems);
        self.duplicates.append(&mut section.duplicates);
        self.not_built.append(&mut section.found);
        self.omitted.append(&mut section.omitted);
        self.exhausted |= section.exhausted;
        Ok(Map::new(section.entries))
    }

    /// The topology, and everything that is wrong.
    fn finish(mut self, text: &str) -> (Option<Topology>, Vec<Diagnostic>) {
        self.problems.sort_by_key(|problem| problem.span);
        if self.exhausted || self.problems.len() >= MAX_PROBLEMS {
            self.problems.truncate(MAX_PROBLEMS);
            let message = format!("these are the first {} problems; there may be more", self.problems.len());
            let end = Span { start: usize::MAX, end: usize::MAX };
            self.problems.push(Diagnostic::error("TooManyProblems", end, message));
            self.topology = None;
        }
        if self.duplicates.is_empty() && self.not_built.is_empty() {
            return (self.topology, self.problems);
        }
        let lines = Lines::new(text);
        let mut duplicates: Vec<_> =
            self.duplicates.iter().map(|duplicate| duplicate.problem(&lines)).collect();
        for list in [&mut duplicates, &mut self.not_built] {
            list.sort_by_key(|problem| problem.span);
            list.dedup();
            list.truncate(MAX_PROBLEMS);
        }
        for problem in &mut self.not_built {
            problem.message += &format!(" (line {})", lines.position(problem.span.start).line);
        }
        (self.topology, [duplicates, self.problems, self.not_built].concat())
    }
}

/// Everything but the sections that are read entry by entry.
fn read_rest(document: &Document<'_>, text: &str) -> Reading<Topology> {
    let root = document.root();
    let first = yaml::read::<Topology>(root, None, text);
    if first.value.is_some() {
        return first;
    }
    // The lab's name is the only thing that a topology must have. Without one the rest can still be validated.
    match root.named("unnamed") {
        Some(named) => Reading { problems: first.problems, ..yaml::read(&named, None, text) },
        None => first,
    }
}
