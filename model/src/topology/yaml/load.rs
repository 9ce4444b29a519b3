//! YAML events into a tree, with limits: a file may be big, deep or full of aliases only so far.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_saphyr::granit_parser::{self, ErrorKind, Event, Options, Parser, ScalarStyle, ScanError};

use super::MAX_PROBLEMS;
use super::node::{Entry, Key, Kind, Node};
use crate::diagnostic::Diagnostic;
use crate::topology::Span;

/// Bytes of a file. A lab of a thousand virtual machines is a fifth of it.
const MAX_BYTES: usize = 1 << 20;
/// Values in a file, aliases expanded.
const MAX_NODES: usize = 100_000;
/// Levels of a file, aliases expanded. The format has nine.
const MAX_DEPTH: usize = 32;

/// Why there is no tree.
type Refusal = Box<Diagnostic>;

/// The tree of `text`, and the keys that stand twice; or why there is none.
pub(in crate::topology) fn load(text: &str) -> Result<(Arc<Node>, Vec<Diagnostic>), Refusal> {
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; the limit is {MAX_BYTES}", text.len());
        return Err(refusal("FileTooLarge", Span::default(), message));
    }
    let mut loader = Loader::new(text);
    let mut options = Options::default();
    options.emit_comments = false;
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, place) = event.map_err(|error| syntax_error(text, &error))?;
        loader.event(event, place)?;
    }
    let end = Span { start: text.len(), end: text.len() };
    let root = loader.root.ok_or_else(|| refusal("EmptyFile", end, "the file is empty"))?;
    Ok((root, loader.duplicates))
}

fn syntax_error(text: &str, error: &ScanError) -> Refusal {
    let start = error.marker().byte_offset().unwrap_or(0).min(text.len());
    let span = Span { start, end: start };
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => too_deep(span),
        _ => refusal("InvalidYaml", span, format!("this is not YAML: {}", error.info())),
    }
}

struct Loader<'t> {
    text: &'t str,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Arc<Node>>,
    root: Option<Arc<Node>>,
    duplicates: Vec<Diagnostic>,
    next_id: usize,
    /// How many nodes there are, aliases expanded.
    expanded: usize,
}

/// A list or map whose end has not come yet.
struct Open {
    anchor: usize,
    start: Span,
    content: Content,
}

enum Content {
    List(Vec<Arc<Node>>),
    Map { entries: Vec<Entry>, keys: BTreeMap<String, Span>, merged: Vec<Entry>, key: Option<PendingKey> },
}

struct PendingKey {
    key: Key,
    /// `<<`: the value's entries belong to this map.
    merge: bool,
    /// The key was there already: its value is left out.
    duplicate: bool,
}

impl<'t> Loader<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            open: Vec::new(),
            anchors: BTreeMap::new(),
            root: None,
            duplicates: Vec::new(),
            next_id: 0,
            expanded: 0,
        }
    }

    fn event(&mut self, event: Event<'_>, place: granit_parser::Span) -> Result<(), Refusal> {
        let span = self.span(place);
        match event {
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, _, Some(_))
            | Event::MappingStart(_, _, Some(_)) => {
                Err(unsupported(span, "tags such as `!!str` are not used here"))
            }
            Event::DocumentStart(..) if self.root.is_some() => {
                Err(unsupported(span, "a second document; a topology file has one"))
            }
            Event::Scalar(text, style, anchor, None) => {
                let plain = style == ScalarStyle::Plain;
                let text = text.into_owned();
                if !self.is_key_expected() {
                    let node = self.node(span, Kind::Scalar { text, plain })?;
                    return self.finish(anchor, node);
                }
                if anchor != 0 {
                    let node = self.node(span, Kind::Scalar { text: text.clone(), plain })?;
                    self.anchors.insert(anchor, node);
                }
                self.key(Key { text, span }, plain)
            }
            Event::SequenceStart(_, anchor, None) => self.begin(anchor, span, Content::List(Vec::new())),
            Event::MappingStart(_, anchor, None) => {
                let content = Content::Map {
                    entries: Vec::new(),
                    keys: BTreeMap::new(),
                    merged: Vec::new(),
                    key: None,
                };
                self.begin(anchor, span, content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Alias(anchor) => self.alias(anchor, span),
            _ => Ok(()),
        }
    }

    fn span(&self, place: granit_parser::Span) -> Span {
        let bytes = place.byte_range().unwrap_or_default();
        let start = bytes.start.min(self.text.len());
        Span { start, end: bytes.end.clamp(start, self.text.len()) }
    }

    fn is_key_expected(&self) -> bool {
        matches!(self.open.last(), Some(Open { content: Content::Map { key: None, .. }, .. }))
    }

    fn key(&mut self, key: Key, plain: bool) -> Result<(), Refusal> {
        self.spend(1, key.span)?;
        let Some(Open { content: Content::Map { keys, key: pending, .. }, .. }) = self.open.last_mut() else {
            return Ok(());
        };
        let merge = plain && key.text == "<<";
        let first = if merge { None } else { keys.get(&key.text).copied() };
        match first {
            Some(_) if self.duplicates.len() >= MAX_PROBLEMS => {}
            Some(first) => self.duplicates.push(duplicate_key(self.text, &key, first)),
            None => _ = keys.insert(key.text.clone(), key.span),
        }
        *pending = Some(PendingKey { key, merge, duplicate: first.is_some() });
        Ok(())
    }

    fn begin(&mut self, anchor: usize, start: Span, content: Content) -> Result<(), Refusal> {
        if self.is_key_expected() {
            return Err(unsupported(start, "a list or map as a key"));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(start));
        }
        self.open.push(Open { anchor, start, content });
        Ok(())
    }

    fn end(&mut self, end: Span) -> Result<(), Refusal> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let kind = match open.content {
            Content::List(items) => Kind::List(items),
            Content::Map { mut entries, mut keys, merged, .. } => {
                // What the map says itself goes before what it merges.
                let new = |entry: &Entry| keys.insert(entry.key.text.clone(), entry.key.span).is_none();
                entries.extend(merged.into_iter().filter(new));
                Kind::Map(entries)
            }
        };
        // In block style the end has no place of its own: it comes when something else begins.
        let last = if end.start < end.end { end.end } else { last_byte(&kind).unwrap_or(open.start.end) };
        let span = Span { start: open.start.start, end: last.max(open.start.end) };
        let node = self.node(span, kind)?;
        self.finish(open.anchor, node)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Refusal> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(refusal("CyclicAlias", span, "an alias inside of what it stands for"));
        };
        if let (true, Kind::Scalar { text, .. }) = (self.is_key_expected(), &node.kind) {
            return self.key(Key { text: text.clone(), span }, false);
        }
        if self.is_key_expected() {
            return Err(unsupported(span, "a list or map as a key"));
        }
        if self.open.len() + node.depth > MAX_DEPTH {
            return Err(too_deep(span));
        }
        self.spend(node.size, span)?;
        self.attach(node)
    }

    fn node(&mut self, span: Span, kind: Kind) -> Result<Arc<Node>, Refusal> {
        self.spend(1, span)?;
        self.next_id += 1;
        let children = || -> Box<dyn Iterator<Item = &Arc<Node>>> {
            match &kind {
                Kind::Scalar { .. } => Box::new(std::iter::empty()),
                Kind::List(items) => Box::new(items.iter()),
                Kind::Map(entries) => Box::new(entries.iter().map(|entry| &entry.value)),
            }
        };
        let size = children().fold(1_usize, |sum, child| sum.saturating_add(child.size));
        let depth = children().map(|child| child.depth).max().unwrap_or(0) + 1;
        let line = self.text[span.start..span.end].find('\n').map_or(span.end, |length| span.start + length);
        let first_line = Span { start: span.start, end: line };
        Ok(Arc::new(Node { id: self.next_id, span, first_line, size, depth, kind }))
    }

    fn finish(&mut self, anchor: usize, node: Arc<Node>) -> Result<(), Refusal> {
        if anchor != 0 {
            self.anchors.insert(anchor, Arc::clone(&node));
        }
        self.attach(node)
    }

    /// Gives the node to the list or map that is open.
    fn attach(&mut self, node: Arc<Node>) -> Result<(), Refusal> {
        let (merged_size, place) = match self.open.last_mut().map(|open| &mut open.content) {
            None => {
                self.root = Some(node);
                return Ok(());
            }
            Some(Content::List(items)) => {
                items.push(node);
                return Ok(());
            }
            Some(Content::Map { entries, merged, key, .. }) => match key.take() {
                Some(PendingKey { merge: true, key, .. }) => {
                    let found = merge_entries(&node, key.span)?;
                    merged.extend(found);
                    (node.size, key.span)
                }
                Some(PendingKey { key, duplicate: false, .. }) => {
                    entries.push(Entry { key, value: node });
                    return Ok(());
                }
                Some(PendingKey { duplicate: true, .. }) | None => return Ok(()),
            },
        };
        self.spend(merged_size, place)
    }

    fn spend(&mut self, nodes: usize, span: Span) -> Result<(), Refusal> {
        self.expanded = self.expanded.saturating_add(nodes);
        if self.expanded <= MAX_NODES {
            return Ok(());
        }
        let message = format!("the file has more than {MAX_NODES} values when its aliases are expanded");
        Err(refusal("TooManyValues", span, message))
    }
}

/// The entries that `<<: *anchor` or `<<: [*one, *other]` adds.
fn merge_entries(node: &Node, key: Span) -> Result<Vec<Entry>, Refusal> {
    let wrong = || unsupported(key, "`<<` of something that is no map");
    match &node.kind {
        Kind::Map(entries) => Ok(entries.clone()),
        Kind::List(items) => {
            let mut all = Vec::new();
            for item in items {
                let Kind::Map(entries) = &item.kind else { return Err(wrong()) };
                all.extend(entries.iter().cloned());
            }
            Ok(all)
        }
        Kind::Scalar { .. } => Err(wrong()),
    }
}

fn last_byte(kind: &Kind) -> Option<usize> {
    match kind {
        Kind::Scalar { .. } => None,
        Kind::List(items) => items.last().map(|item| item.span.end),
        Kind::Map(entries) => entries.last().map(|entry| entry.value.span.end.max(entry.key.span.end)),
    }
}

fn duplicate_key(text: &str, key: &Key, first: Span) -> Diagnostic {
    let line = crate::diagnostic::line_column(text, first.start).line;
    Diagnostic::error("DuplicateKey", key.span, format!("`{}` stands here twice", key.text))
        .label(format!("first in line {line}"))
        .help("keep one of them")
}

fn too_deep(span: Span) -> Refusal {
    refusal("TooDeep", span, format!("values are nested more than {MAX_DEPTH} levels deep"))
}

fn unsupported(span: Span, what: &str) -> Refusal {
    refusal("UnsupportedYaml", span, what)
}

fn refusal(code: &'static str, span: Span, message: impl Into<String>) -> Refusal {
    Box::new(Diagnostic::error(code, span, message))
}
