//! What the format has and vnetlab has not built yet. It is read, and refused by name; never ignored.

use super::yaml::{Entry, Kind, MAX_PROBLEMS, Node};
use crate::diagnostic::Diagnostic;
use crate::topology::Span;

/// Which values are refused. Empty ones never are.
enum Refused {
    /// All.
    Any,
    /// All but Azure's default.
    AllBut(&'static str),
}

use Refused::{AllBut, Any};

/// Everything that is not built. `*` is any name.
const NOT_BUILT: &[(&str, Refused)] =
    &[("publicIPAddresses.*.ipTags", Any), ("backbone.latency", AllBut("off"))];

/// An error for each thing that is not built, outside of the sections that are read entry by entry.
pub(super) fn not_built(root: &Node<'_>) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for (path, refused) in NOT_BUILT {
        let segments: Vec<_> = path.split('.').collect();
        look(root, path, &segments, refused, &mut problems);
    }
    problems
}

/// What is looked for in the entries of a section.
pub(super) fn not_built_in(section: &'static str) -> impl Fn(&Entry<'_>, &mut Vec<Diagnostic>) {
    let split = |(path, refused): &'static (&'static str, Refused)| {
        let rest = path.strip_prefix(section)?.strip_prefix(".*.")?;
        Some((*path, rest.split('.').collect::<Vec<_>>(), refused))
    };
    let paths: Vec<_> = NOT_BUILT.iter().filter_map(split).collect();
    move |entry, problems| {
        for (path, segments, refused) in &paths {
            look(&entry.value, path, segments, refused, problems);
        }
    }
}

fn look(
    node: &Node<'_>,
    path: &'static str,
    segments: &[&str],
    refused: &Refused,
    problems: &mut Vec<Diagnostic>,
) {
    let name = path.rsplit_once("*.").map_or(path, |(_, name)| name);
    visit(node, segments, &mut |key, value| {
        if problems.len() < MAX_PROBLEMS && refused.includes(value) {
            problems.push(problem(name, refused, key));
        }
    });
}

/// Calls `found` with the key's place and the value for everything that is at the path.
fn visit(node: &Node<'_>, path: &[&str], found: &mut dyn FnMut(Span, &Node<'_>)) {
    let (Kind::Map(entries), Some((segment, rest))) = (&node.kind, path.split_first()) else { return };
    for entry in entries.iter().filter(|entry| *segment == "*" || *entry.key.text == **segment) {
        if rest.is_empty() {
            found(entry.key.span, &entry.value);
        } else {
            visit(&entry.value, rest, found);
        }
    }
}

impl Refused {
    fn includes(&self, value: &Node<'_>) -> bool {
        let is = |word: &str| match &value.kind {
            Kind::Scalar { text, .. } => text.eq_ignore_ascii_case(word),
            Kind::List(_) | Kind::Map(_) => false,
        };
        let empty = value.is_null()
            || matches!(&value.kind, Kind::List(items) if items.is_empty())
            || matches!(&value.kind, Kind::Map(entries) if entries.is_empty());
        match self {
            Any => !empty,
            AllBut(default) => !empty && !is(default),
        }
    }
}

fn problem(name: &str, refused: &Refused, key: Span) -> Diagnostic {
    let (what, help) = match refused {
        Any => (name.to_owned(), "leave it out".to_owned()),
        AllBut(default) => (name.to_owned(), format!("leave it out, or write `{default}`")),
    };
    Diagnostic::error("NotBuiltYet", key, format!("not built yet: {what}")).help(help)
}
