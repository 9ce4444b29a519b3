//! YAML events into a tree, with limits: a file may be big, deep or full of aliases only so far.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_saphyr::granit_parser::{self, ErrorKind, Event, Options, Parser, ScalarStyle, ScanError};

use super::keys::{Duplicate, Entries};
use super::node::{Entry, Key, Kind, Node, Text};
use super::plain::Unusual;
use super::{MAX_BYTES, MAX_DEPTH, MAX_UNUSUAL_BYTES, MAX_VALUES};
use crate::diagnostic::Diagnostic;
use crate::topology::Span;

/// Why there is no tree.
pub(super) type Refusal = Box<Diagnostic>;

/// The tree of `text`, and the keys that stand twice; or why there is none.
pub(super) fn load_whole(text: &str) -> Result<(Node<'_>, Vec<Duplicate>), Refusal> {
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

/// The file has more bytes than any.
pub(super) fn too_large(text: &str) -> Refusal {
    let message = format!("the file has {} bytes; the limit is {MAX_BYTES}", text.len());
    refusal("FileTooLarge", Span::default(), message)
}

/// The file has more bytes than one may have that is not plain YAML.
pub(super) fn too_unusual(text: &str, unusual: Unusual) -> Refusal {
    let at = text.floor_char_boundary(unusual.at);
    let length = text[at..].chars().next().map_or(0, char::len_utf8);
    let message = format!("here is not {}, as plain YAML has it", unusual.expected);
    let help = format!(
        "a file of more than {} MiB is read quickly or not at all: without anchors, tags, tabs, escapes, and values or brackets \
         that go over several lines; every value is written",
        MAX_UNUSUAL_BYTES >> 20
    );
    Box::new(Diagnostic::error("FileTooLarge", Span { start: at, end: at + length }, message).help(help))
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
    open: Vec<Open<'t>>,
    anchors: BTreeMap<usize, Anchored<'t>>,
    root: Option<Node<'t>>,
    duplicates: Vec<Duplicate>,
    next_id: usize,
    /// How many nodes there are, aliases expanded.
    expanded: usize,
}

/// What an alias stands for.
struct Anchored<'t> {
    node: Node<'t>,
    /// How many nodes it is, aliases expanded.
    size: usize,
    /// How many levels it is, aliases expanded.
    depth: usize,
}

/// A list or map whose end has not come yet.
struct Open<'t> {
    anchor: usize,
    start: Span,
    content: Content<'t>,
}

enum Content<'t> {
    List(Vec<Node<'t>>),
    Map { entries: Entries<'t>, merged: Vec<Entry<'t>>, key: Option<PendingKey<'t>> },
}

struct PendingKey<'t> {
    key: Key<'t>,
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

    fn event(&mut self, event: Event<'t>, place: granit_parser::Span) -> Result<(), Refusal> {
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
                let text = match text {
                    Cow::Borrowed(text) => Text::Written(text),
                    Cow::Owned(text) => Text::Made(text.into()),
                };
                if !self.is_key_expected() {
                    let node = self.node(span, Kind::Scalar { text, plain })?;
                    return self.finish(anchor, node);
                }
                if anchor != 0 {
                    let node = self.node(span, Kind::Scalar { text: text.clone(), plain })?;
                    self.anchor(anchor, &node)?;
                }
                self.key(Key { text, span }, plain)
            }
            Event::SequenceStart(_, anchor, None) => self.begin(anchor, span, Content::List(Vec::new())),
            Event::MappingStart(_, anchor, None) => {
                let content = Content::Map { entries: Entries::default(), merged: Vec::new(), key: None };
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

    fn key(&mut self, key: Key<'t>, plain: bool) -> Result<(), Refusal> {
        self.spend(1, key.span)?;
        let Some(Open { content: Content::Map { entries, key: pending, .. }, .. }) = self.open.last_mut()
        else {
            return Ok(());
        };
        let merge = plain && *key.text == *"<<";
        let first = if merge { None } else { entries.first(&key.text) };
        if let Some(first) = first {
            Duplicate::note(&key, first, &mut self.duplicates);
        }
        *pending = Some(PendingKey { key, merge, duplicate: first.is_some() });
        Ok(())
    }

    fn begin(&mut self, anchor: usize, start: Span, content: Content<'t>) -> Result<(), Refusal> {
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
            Content::Map { mut entries, merged, .. } => {
                // What the map says itself goes before what it merges.
                for entry in merged {
                    if entries.first(&entry.key.text).is_none() {
                        entries.push(entry);
                    }
                }
                Kind::Map(entries.list)
            }
        };
        // In block style the end has no place of its own: it comes when something else begins.
        let last = if end.start < end.end { end.end } else { last_byte(&kind).unwrap_or(open.start.end) };
        let span = Span { start: open.start.start, end: last.max(open.start.end) };
        let node = self.node(span, kind)?;
        self.finish(open.anchor, node)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Refusal> {
        let Some(Anchored { node, size, depth }) = self.anchors.get(&anchor) else {
            return Err(refusal("CyclicAlias", span, "an alias inside of what it stands for"));
        };
        if self.is_key_expected() {
            let Kind::Scalar { text, .. } = &node.kind else {
                return Err(unsupported(span, "a list or map as a key"));
            };
            let key = Key { text: text.clone(), span };
            return self.key(key, false);
        }
        if self.open.len() + depth > MAX_DEPTH {
            return Err(too_deep(span));
        }
        let size = *size;
        self.spend(size, span)?;
        match self.anchors.get(&anchor).map(|anchored| anchored.node.clone()) {
            Some(node) => self.attach(node),
            None => Ok(()),
        }
    }

    fn node(&mut self, span: Span, kind: Kind<'t>) -> Result<Node<'t>, Refusal> {
        self.spend(1, span)?;
        self.next_id += 1;
        Ok(Node { id: self.next_id, span, kind })
    }

    fn finish(&mut self, anchor: usize, node: Node<'t>) -> Result<(), Refusal> {
        if anchor != 0 {
            self.anchor(anchor, &node)?;
        }
        self.attach(node)
    }

    /// Keeps a copy of `node` for its aliases.
    fn anchor(&mut self, anchor: usize, node: &Node<'t>) -> Result<(), Refusal> {
        let (mut size, mut depth) = (0, 0);
        node.walk(1, &mut |level| {
            size += 1;
            depth = depth.max(level);
        });
        self.spend(size, node.span)?;
        self.anchors.insert(anchor, Anchored { node: node.clone(), size, depth });
        Ok(())
    }

    /// Gives the node to the list or map that is open.
    fn attach(&mut self, node: Node<'t>) -> Result<(), Refusal> {
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
                    let found = merge_entries(node, key.span)?;
                    let size = found.len();
                    merged.extend(found);
                    (size, key.span)
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
        if self.expanded <= MAX_VALUES {
            return Ok(());
        }
        let message = format!("the file has more than {MAX_VALUES} values when its aliases are expanded");
        Err(refusal("TooManyValues", span, message))
    }
}

/// The entries that `<<: *anchor` or `<<: [*one, *other]` adds.
fn merge_entries(node: Node<'_>, key: Span) -> Result<Vec<Entry<'_>>, Refusal> {
    let wrong = || unsupported(key, "`<<` of something that is no map");
    match node.kind {
        Kind::Map(entries) => Ok(entries),
        Kind::List(items) => {
            let mut all = Vec::new();
            for item in items {
                let Kind::Map(entries) = item.kind else { return Err(wrong()) };
                all.extend(entries);
            }
            Ok(all)
        }
        Kind::Scalar { .. } => Err(wrong()),
    }
}

fn last_byte(kind: &Kind<'_>) -> Option<usize> {
    match kind {
        Kind::Scalar { .. } => None,
        Kind::List(items) => items.last().map(|item| item.span.end),
        Kind::Map(entries) => entries.last().map(|entry| entry.value.span.end.max(entry.key.span.end)),
    }
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
