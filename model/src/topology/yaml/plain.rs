//! A quick reader of plain YAML: block maps and lists, and on one line flow maps and lists, words, and quoted texts without
//! escapes. Large files are like that.
//!
//! Whatever else YAML has (anchors, tags, texts of several lines, tabs, nulls, and anything wrong) is [`Unusual`], and is left to
//! the parser of the whole language. What is read here is read as it reads it, to the byte.

use super::keys::{Duplicate, Entries};
use super::node::{Entry, Key, Kind, Node, Text};
use super::{MAX_DEPTH, MAX_VALUES};
use crate::topology::Span;

/// Longer keys are unusual: YAML has a limit for them.
const LONGEST_KEY: usize = 1000;
/// Longer texts are unusual.
const LONGEST_TEXT: usize = 64 << 10;

/// Something that is not plain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::topology) struct Unusual {
    /// The byte where it was met.
    pub(in crate::topology) at: usize,
    /// What could have stood there.
    pub(in crate::topology) expected: &'static str,
}

type Step<T> = Result<T, Unusual>;

/// A place in a text, between bytes.
#[derive(Debug)]
pub(super) struct Plain<'t> {
    text: &'t str,
    bytes: &'t [u8],
    pub(super) at: usize,
    values: usize,
    next_id: usize,
    /// Keys that stand twice.
    pub(super) duplicates: Vec<Duplicate>,
}

impl<'t> Plain<'t> {
    /// At byte `at` of `text`, which is looked at up to `end`.
    pub(super) fn new(text: &'t str, at: usize, end: usize) -> Self {
        let bytes = &text.as_bytes()[..end];
        Self { text, bytes, at, values: 0, next_id: 0, duplicates: Vec::new() }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn unusual<T>(&self, expected: &'static str) -> Step<T> {
        Err(Unusual { at: self.at, expected })
    }

    fn skip_spaces(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    fn written(&self, start: usize) -> Text<'t> {
        Text::Written(&self.text[start..self.at])
    }

    fn node(&mut self, span: Span, kind: Kind<'t>) -> Step<Node<'t>> {
        self.spend()?;
        self.next_id += 1;
        Ok(Node { id: self.next_id, span, kind })
    }

    fn spend(&mut self) -> Step<()> {
        self.values += 1;
        if self.values > MAX_VALUES { self.unusual("the end: so many values in one place") } else { Ok(()) }
    }

    /// From the start of a line to the start of the next one that has something on it, and its indentation; none at the end.
    pub(super) fn next_line(&mut self) -> Step<Option<usize>> {
        loop {
            let start = self.at;
            self.skip_spaces();
            match self.peek() {
                None => return Ok(None),
                Some(b'\n') => self.at += 1,
                Some(b'#') => self.comment()?,
                Some(_) => {
                    let indent = self.at - start;
                    self.at = start;
                    return Ok(Some(indent));
                }
            }
        }
    }

    /// From within a line to the start of the next one that is not indented deeper than `indent`, and its indentation. What is
    /// passed is not looked at.
    pub(super) fn skip_deeper(&mut self, indent: usize) -> Option<usize> {
        loop {
            let Some(length) = self.text[self.at..self.bytes.len()].find('\n') else {
                self.at = self.bytes.len();
                return None;
            };
            self.at += length + 1;
            let line = &self.bytes[self.at..];
            let spaces = line.iter().position(|byte| *byte != b' ').unwrap_or(line.len());
            match line.get(spaces) {
                Some(b'\n' | b'#') | None => {}
                Some(_) if spaces <= indent => return Some(spaces),
                Some(_) => {}
            }
        }
    }

    /// From `#` to the start of the next line.
    fn comment(&mut self) -> Step<()> {
        while let Some(byte) = self.peek() {
            match byte {
                b'\n' => {
                    self.at += 1;
                    return Ok(());
                }
                b' '..=b'~' => self.at += 1,
                _ => return self.unusual("a comment in ASCII"),
            }
        }
        Ok(())
    }

    /// From behind a value to the start of the next line.
    fn end_of_line(&mut self) -> Step<()> {
        let start = self.at;
        self.skip_spaces();
        match self.peek() {
            None => Ok(()),
            Some(b'\n') => {
                self.at += 1;
                Ok(())
            }
            Some(b'#') if self.at > start => self.comment(),
            Some(_) => self.unusual("the end of the line"),
        }
    }

    /// The key of an entry of a block map, from its first byte to behind the colon.
    pub(super) fn block_key(&mut self) -> Step<Key<'t>> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_\"'".contains(&byte)) {
            return self.unusual("a key");
        }
        let key = self.key(Place::Block)?;
        match self.peek() {
            Some(b' ' | b'\n') | None => Ok(key),
            Some(_) => self.unusual("a space after the colon"),
        }
    }

    fn key(&mut self, place: Place) -> Step<Key<'t>> {
        let start = self.at;
        let text = match self.peek() {
            Some(quote @ (b'"' | b'\'')) => self.quoted(quote)?,
            _ => self.words(place)?,
        };
        let span = Span { start, end: self.at };
        if self.peek() != Some(b':') || self.at - start > LONGEST_KEY {
            return self.unusual("a colon after a key");
        }
        self.at += 1;
        self.spend()?;
        Ok(Key { text, span })
    }

    /// The value behind a key of a block map.
    pub(super) fn block_value(&mut self, indent: usize, depth: usize) -> Step<Node<'t>> {
        if let Some(node) = self.rest_of_line(depth)? {
            return Ok(node);
        }
        match self.next_line()? {
            Some(inner) if self.is_dash(inner) && inner >= indent => {
                let mut list = self.block_list(inner, depth + 1)?;
                if let (true, Kind::List(items)) = (inner == indent, &list.kind) {
                    // A list that is not indented begins with its first value, not with its dash.
                    list.span.start = items.first().map_or(list.span.start, |first| first.span.start);
                }
                Ok(list)
            }
            Some(inner) if inner > indent => self.block_map(inner, depth + 1),
            _ => self.unusual("a value"),
        }
    }

    /// The value on the rest of this line, and the end of the line; none when there is nothing on it.
    fn rest_of_line(&mut self, depth: usize) -> Step<Option<Node<'t>>> {
        let start = self.at;
        self.skip_spaces();
        if matches!(self.peek(), None | Some(b'\n' | b'#')) {
            self.at = start;
            self.end_of_line()?;
            return Ok(None);
        }
        let node = self.value(Place::Block, depth)?;
        self.end_of_line()?;
        Ok(Some(node))
    }

    fn is_dash(&self, indent: usize) -> bool {
        let at = self.at + indent;
        self.bytes.get(at) == Some(&b'-') && matches!(self.bytes.get(at + 1), Some(b' '))
    }

    /// A block map, from the start of its first line.
    fn block_map(&mut self, indent: usize, depth: usize) -> Step<Node<'t>> {
        self.check_depth(depth)?;
        let start = self.at + indent;
        let mut entries = Entries::default();
        loop {
            self.at += indent;
            let key = self.block_key()?;
            let value = self.block_value(indent, depth)?;
            self.add(&mut entries, Entry { key, value });
            match self.next_line()? {
                Some(next) if next == indent => {}
                Some(next) if next > indent => return self.unusual("a line that is not indented so far"),
                _ => break,
            }
        }
        let end = entries.list.last().map_or(start, |last| last.value.span.end);
        self.node(Span { start, end }, Kind::Map(entries.list))
    }

    /// All of a document that is a block map.
    #[cfg(test)]
    pub(super) fn block_map_of_document(&mut self, indent: usize) -> Step<Node<'t>> {
        let node = self.block_map(indent, 1)?;
        if self.next_line()?.is_some() { self.unusual("the end") } else { Ok(node) }
    }

    fn block_list(&mut self, indent: usize, depth: usize) -> Step<Node<'t>> {
        self.check_depth(depth)?;
        let start = self.at + indent;
        let mut items = Vec::new();
        loop {
            self.at += indent + 1;
            let Some(item) = self.rest_of_line(depth)? else { return self.unusual("a value") };
            items.push(item);
            match self.next_line()? {
                Some(next) if next == indent && self.is_dash(next) => {}
                Some(next) if next > indent => return self.unusual("a line that is not indented so far"),
                _ => break,
            }
        }
        let end = items.last().map_or(start, |last| last.span.end);
        self.node(Span { start, end }, Kind::List(items))
    }

    /// Unless the key is there already, adds the entry; a value that is left out is read all the same.
    pub(super) fn add(&mut self, entries: &mut Entries<'t>, entry: Entry<'t>) {
        match entries.first(&entry.key.text) {
            Some(first) => Duplicate::note(&entry.key, first, &mut self.duplicates),
            None => entries.push(entry),
        }
    }

    fn check_depth(&self, depth: usize) -> Step<()> {
        if depth > MAX_DEPTH { self.unusual("fewer levels") } else { Ok(()) }
    }

    /// A value on one line.
    fn value(&mut self, place: Place, depth: usize) -> Step<Node<'t>> {
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => self.flow_map(depth + 1)?,
            Some(b'[') => self.flow_list(depth + 1)?,
            Some(quote @ (b'"' | b'\'')) => Kind::Scalar { text: self.quoted(quote)?, plain: false },
            _ => Kind::Scalar { text: self.words(place)?, plain: true },
        };
        self.node(Span { start, end: self.at }, kind)
    }

    fn flow_map(&mut self, depth: usize) -> Step<Kind<'t>> {
        self.check_depth(depth)?;
        self.at += 1;
        self.skip_spaces();
        let mut entries = Entries::default();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Kind::Map(entries.list));
        }
        loop {
            let key = self.key(Place::Flow)?;
            if self.peek() != Some(b' ') {
                return self.unusual("a space after the colon");
            }
            self.skip_spaces();
            let value = self.value(Place::Flow, depth)?;
            self.add(&mut entries, Entry { key, value });
            if self.is_last(b'}')? {
                return Ok(Kind::Map(entries.list));
            }
        }
    }

    fn flow_list(&mut self, depth: usize) -> Step<Kind<'t>> {
        self.check_depth(depth)?;
        self.at += 1;
        self.skip_spaces();
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Kind::List(items));
        }
        loop {
            items.push(self.value(Place::Flow, depth)?);
            if self.is_last(b']')? {
                return Ok(Kind::List(items));
            }
        }
    }

    /// Behind an element: goes on to the next one, or past the bracket.
    fn is_last(&mut self, bracket: u8) -> Step<bool> {
        self.skip_spaces();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.skip_spaces();
                Ok(false)
            }
            Some(byte) if byte == bracket => {
                self.at += 1;
                Ok(true)
            }
            _ => self.unusual("a comma or a closing bracket"),
        }
    }

    /// A quoted text without escapes.
    fn quoted(&mut self, quote: u8) -> Step<Text<'t>> {
        self.at += 1;
        let start = self.at;
        while let Some(byte @ b' '..=b'~') = self.peek() {
            if byte == quote {
                let text = self.written(start);
                self.at += 1;
                return if self.peek() == Some(quote) { self.unusual("no escape") } else { Ok(text) };
            }
            if byte == b'\\' && quote == b'"' {
                return self.unusual("no escape");
            }
            self.at += 1;
        }
        self.unusual("the end of a quoted text")
    }

    /// Words without quotes, with single spaces or more between them.
    fn words(&mut self, place: Place) -> Step<Text<'t>> {
        let start = self.at;
        let first = self.peek().unwrap_or(b'\n');
        if first == b'-' && !self.bytes.get(self.at + 1).is_some_and(|&next| is_word(next)) {
            return self.unusual("a value");
        }
        if !is_first(first) {
            return self.unusual("a value");
        }
        loop {
            while self.peek().is_some_and(|byte| is_word(byte) || (byte == b',' && place == Place::Block))
                && self.at - start <= LONGEST_TEXT
            {
                self.at += 1;
            }
            if self.at - start > LONGEST_TEXT {
                return self.unusual("a shorter text");
            }
            let gap = self.at;
            self.skip_spaces();
            if self.at == gap || !self.peek().is_some_and(is_word) {
                self.at = gap;
                return Ok(self.written(start));
            }
        }
    }
}

/// Whether a text stands inside of brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Block,
    Flow,
}

/// Bytes that mean nothing in YAML wherever they stand in a word.
const WORD: [bool; 256] = {
    let mut table = [false; 256];
    let plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/+()~$=@;^";
    let mut at = 0;
    while at < plain.len() {
        table[plain[at] as usize] = true;
        at += 1;
    }
    table
};

fn is_word(byte: u8) -> bool {
    WORD[usize::from(byte)]
}

/// Whether a text may begin with it: what means something at a beginning is left out.
fn is_first(byte: u8) -> bool {
    is_word(byte) && !b"@".contains(&byte)
}
