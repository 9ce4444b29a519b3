//! A document: one tree, or plain text that is cut at its sections and their entries, which are read one by one.

use std::borrow::Cow;
use std::collections::HashSet;

use super::keys::{Duplicate, Entries};
use super::load::{Refusal, load_whole, too_large};
use super::node::{Entry, Key, Kind, Node, holds, path_in};
use super::plain::{Plain, Unusual};
use super::{MAX_BYTES, MAX_PIECES, MAX_UNUSUAL_BYTES, SECTIONS};
use crate::topology::Span;

/// The content of a topology file.
#[derive(Debug)]
pub(in crate::topology) struct Document<'t> {
    /// The file.
    pub(super) text: &'t str,
    /// Everything but the sections that are cut.
    root: Node<'t>,
    /// Sections in pieces, in the order of the file.
    sections: Vec<Section<'t>>,
    /// Keys that stand twice, but for those inside of pieces.
    duplicates: Vec<Duplicate>,
}

/// A map of the top level, as `virtualMachines`: its entries.
#[derive(Debug)]
pub(super) struct Section<'t> {
    pub(super) key: Key<'t>,
    pub(super) content: Content<'t>,
}

#[derive(Debug)]
pub(super) enum Content<'t> {
    /// Read with the rest of the document, and all of it.
    Read(Vec<Entry<'t>>, Span),
    /// To be read, and where its keys stand.
    Cut(Vec<Piece<'t>>, usize),
}

/// One entry of a section.
#[derive(Debug)]
pub(super) struct Piece<'t> {
    pub(super) key: Key<'t>,
    /// Where its value begins and ends: behind the colon, and where the next entry's line begins.
    pub(super) place: Span,
}

impl<'t> Document<'t> {
    /// The document in `text`.
    pub(in crate::topology) fn load(text: &'t str) -> Result<Self, Refusal> {
        if text.len() > MAX_BYTES {
            return Err(too_large(text));
        }
        match cut(text) {
            Ok(document) => Ok(document),
            Err(unusual) => Self::load_unusual(text, unusual),
        }
    }

    /// The document in a text that is not plain YAML.
    pub(in crate::topology) fn load_unusual(text: &'t str, unusual: Unusual) -> Result<Self, Refusal> {
        if text.len() > MAX_UNUSUAL_BYTES {
            return Err(super::load::too_unusual(text, unusual));
        }
        let (mut root, duplicates) = load_whole(text)?;
        let sections = take_sections(&mut root);
        Ok(Self { text, root, sections, duplicates })
    }

    /// Everything but the sections.
    pub(in crate::topology) fn root(&self) -> &Node<'t> {
        &self.root
    }

    /// Keys that stand twice, but for those inside of pieces.
    pub(in crate::topology) fn duplicates(&self) -> &[Duplicate] {
        &self.duplicates
    }

    /// The section of this name, if it is there and a map.
    pub(super) fn section(&self, name: &str) -> Option<&Section<'t>> {
        self.sections.iter().find(|section| *section.key.text == *name)
    }

    /// The path of the deepest value at a place, such as `virtualNetworks.hub.addressSpace.0`. Empty when there is none.
    pub(in crate::topology) fn path_at(&self, place: Span) -> String {
        let mut path = Vec::new();
        let after = self.sections.partition_point(|section| section.key.span.start <= place.start);
        let section = after.checked_sub(1).map(|index| &self.sections[index]);
        if !section.is_some_and(|section| section.path_in(self.text, place, &mut path)) {
            path_in(&self.root, place, &mut path);
        }
        path.join(".")
    }
}

/// Takes the sections out of a document.
fn take_sections<'t>(root: &mut Node<'t>) -> Vec<Section<'t>> {
    let Kind::Map(entries) = &mut root.kind else { return Vec::new() };
    let is_section = |entry: &mut Entry<'t>| {
        SECTIONS.contains(&&*entry.key.text) && matches!(entry.value.kind, Kind::Map(_))
    };
    let taken = entries.extract_if(.., is_section);
    taken
        .map(|Entry { key, value }| {
            let Kind::Map(entries) = value.kind else { unreachable!("it was looked at") };
            Section { key, content: Content::Read(entries, value.span) }
        })
        .collect()
}

impl<'t> Section<'t> {
    /// How many entries it has.
    pub(super) fn len(&self) -> usize {
        match &self.content {
            Content::Read(entries, _) => entries.len(),
            Content::Cut(pieces, _) => pieces.len(),
        }
    }

    /// How many bytes an entry has.
    pub(super) fn bytes(&self, index: usize) -> usize {
        let place = match &self.content {
            Content::Read(entries, _) => entries[index].value.span,
            Content::Cut(pieces, _) => pieces[index].place,
        };
        place.end.saturating_sub(place.start)
    }

    /// An entry, and its keys that stand twice unless they have been told.
    pub(super) fn entry(
        &self,
        text: &'t str,
        index: usize,
    ) -> Result<(Cow<'_, Entry<'t>>, Vec<Duplicate>), Unusual> {
        let (piece, indent) = match &self.content {
            Content::Read(entries, _) => return Ok((Cow::Borrowed(&entries[index]), Vec::new())),
            Content::Cut(pieces, indent) => (&pieces[index], *indent),
        };
        let mut plain = Plain::new(text, piece.place.start, piece.place.end);
        let value = plain.block_value(indent, 2)?;
        match plain.next_line()? {
            None => Ok((Cow::Owned(Entry { key: piece.key.clone(), value }), plain.duplicates)),
            Some(_) => Err(Unusual { at: plain.at, expected: "a line that is not indented so far" }),
        }
    }

    /// Appends the path of a place in this section; false when it is elsewhere.
    fn path_in(&self, text: &'t str, place: Span, path: &mut Vec<String>) -> bool {
        let read = |index: usize| self.entry(text, index).ok().map(|(entry, _)| entry);
        let (found, end) = match &self.content {
            Content::Read(entries, all) => {
                (entries.iter().position(|entry| entry.holds(place)), Some(all.end))
            }
            Content::Cut(pieces, _) => (
                pieces.partition_point(|piece| piece.key.span.start <= place.start).checked_sub(1),
                pieces.len().checked_sub(1).and_then(read).map(|last| last.value.span.end),
            ),
        };
        if !holds(self.key.span, place) && end.is_none_or(|end| place.end > end) {
            return false;
        }
        path.push(self.key.text.to_string());
        if let Some(entry) = found.and_then(read).filter(|entry| entry.holds(place)) {
            path.push(entry.key.text.to_string());
            path_in(&entry.value, place, path);
        }
        true
    }
}

/// Cuts a text at the entries of [`SECTIONS`].
pub(super) fn cut(text: &str) -> Result<Document<'_>, Unusual> {
    let mut plain = Plain::new(text, 0, text.len());
    let mut entries = Entries::default();
    let mut sections: Vec<Section<'_>> = Vec::new();
    let mut start = None;
    while let Some(indent) = plain.next_line()? {
        if indent != 0 {
            return Err(Unusual { at: plain.at, expected: "a key at the start of the line" });
        }
        let key = plain.block_key()?;
        start.get_or_insert(key.span.start);
        let twice = sections.iter().any(|section| section.key.text == key.text);
        let pieces = if SECTIONS.contains(&&*key.text) { pieces(text, &mut plain)? } else { None };
        match pieces {
            // What is wrong with the whole is best told by who reads all of it.
            _ if twice => return Err(Unusual { at: key.span.start, expected: "a section once" }),
            Some(_) if entries.first(&key.text).is_some() => {
                return Err(Unusual { at: key.span.start, expected: "a section once" });
            }
            Some((indent, pieces)) => sections.push(Section { key, content: Content::Cut(pieces, indent) }),
            None => {
                let value = plain.block_value(0, 1)?;
                plain.add(&mut entries, Entry { key, value });
            }
        }
    }
    let Some(start) = start else { return Err(Unusual { at: text.len(), expected: "a key" }) };
    // Where a section ends is not known yet; only the first line of all this is ever shown, and a section has a second one.
    let last = entries.list.last().filter(|_| sections.is_empty());
    let end = last.map_or(text.len(), |last| last.value.span.end);
    let mut root = Node { id: 0, span: Span { start, end }, kind: Kind::Map(entries.list) };
    sections.append(&mut take_sections(&mut root));
    sections.sort_by_key(|section| section.key.span);
    Ok(Document { text, root, sections, duplicates: plain.duplicates })
}

/// The indentation and the pieces of the map that begins in the next line; none, and nothing read, when it does not.
fn pieces<'t>(text: &'t str, plain: &mut Plain<'t>) -> Result<Option<(usize, Vec<Piece<'t>>)>, Unusual> {
    let mut ahead = Plain::new(text, plain.at, text.len());
    let line = text[plain.at..].find('\n').map_or("", |length| &text[plain.at..plain.at + length]);
    if !line.trim_start_matches(' ').is_empty() {
        return Ok(None);
    }
    ahead.at += line.len();
    let Some(indent) = ahead.next_line()?.filter(|indent| *indent > 0) else { return Ok(None) };
    let mut pieces: Vec<Piece<'t>> = Vec::new();
    let mut names = HashSet::new();
    let mut next = Some(indent);
    while next == Some(indent) {
        // Values are counted for each entry anew.
        ahead = Plain::new(text, ahead.at + indent, text.len());
        let key = ahead.block_key()?;
        let start = ahead.at;
        next = ahead.skip_deeper(indent);
        if pieces.len() >= MAX_PIECES {
            return Err(Unusual { at: start, expected: "fewer entries" });
        }
        if !names.insert(key.text.to_string()) {
            return Err(Unusual { at: key.span.start, expected: "a name that is not there yet" });
        }
        pieces.push(Piece { key, place: Span { start, end: ahead.at } });
    }
    if next.is_some_and(|indent| indent > 0) {
        return Err(Unusual { at: ahead.at, expected: "a line that is indented like the ones above" });
    }
    plain.at = ahead.at;
    Ok(Some((indent, pieces)))
}
