//! Reads the entries of a section, on all processors. What comes of it does not depend on how many there are.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::de::DeserializeOwned;

use super::document::{Document, Section};
use super::keys::Duplicate;
use super::plain::Unusual;
use super::read::read;
use super::{Entry, MAX_PROBLEMS};
use crate::diagnostic::Diagnostic;
use crate::parallel;
use crate::topology::Spanned;

/// Bytes that are read at a time.
const GROUP: usize = 64 << 10;
/// What came of a section.
#[derive(Debug)]
pub(in crate::topology) struct SectionReading<T> {
    /// Names and values, in the order of the file, without what is wrong.
    pub(in crate::topology) entries: Vec<(Spanned<String>, T)>,
    /// What is wrong.
    pub(in crate::topology) problems: Vec<Diagnostic>,
    /// Keys that stand twice.
    pub(in crate::topology) duplicates: Vec<Duplicate>,
    /// What `inspect` found.
    pub(in crate::topology) found: Vec<Diagnostic>,
    /// The keys of what was left out.
    pub(in crate::topology) omitted: Vec<String>,
    /// It was given up; there may be more problems.
    pub(in crate::topology) exhausted: bool,
}

impl<T> Default for SectionReading<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            problems: Vec::new(),
            duplicates: Vec::new(),
            found: Vec::new(),
            omitted: Vec::new(),
            exhausted: false,
        }
    }
}

impl<T> SectionReading<T> {
    /// Unless there are enough problems already, adds what comes next in the file.
    fn append(&mut self, mut next: Self) {
        self.duplicates.append(&mut next.duplicates);
        self.duplicates.truncate(MAX_PROBLEMS);
        self.found.append(&mut next.found);
        self.found.truncate(MAX_PROBLEMS);
        if self.is_enough() {
            self.exhausted = true;
            return;
        }
        self.entries.append(&mut next.entries);
        self.problems.append(&mut next.problems);
        self.omitted.append(&mut next.omitted);
        self.exhausted |= next.exhausted;
    }

    fn is_enough(&self) -> bool {
        self.problems.len() >= MAX_PROBLEMS
    }
}

/// What else is looked for in an entry.
pub(in crate::topology) type Inspect<'f> = &'f (dyn Fn(&Entry<'_>, &mut Vec<Diagnostic>) + Sync);

/// Reads the section of this name; nothing comes of one that is not there.
///
/// # Errors
/// Where the text is not plain YAML after all: the document has to be read as one.
pub(in crate::topology) fn read_section<T: DeserializeOwned + Send>(
    document: &Document<'_>,
    name: &str,
    inspect: Inspect<'_>,
) -> Result<SectionReading<T>, Unusual> {
    let Some(section) = document.section(name) else { return Ok(SectionReading::default()) };
    let groups = groups(section);
    let work = Work {
        text: document.text,
        section,
        groups: &groups,
        inspect,
        next: AtomicUsize::new(0),
        problems: AtomicUsize::new(0),
    };
    let mut done = parallel::on_all(groups.len(), || work.run());
    done.sort_by_key(|(group, _)| *group);
    let mut reading = SectionReading::default();
    reading.entries.reserve(section.len());
    for (_, of_group) in done {
        reading.append(of_group?);
    }
    Ok(reading)
}

/// Neighbouring entries of [`GROUP`] bytes together.
fn groups(section: &Section<'_>) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for index in 0..section.len() {
        bytes += section.bytes(index);
        if bytes >= GROUP || index + 1 == section.len() {
            groups.push(start..index + 1);
            (start, bytes) = (index + 1, 0);
        }
    }
    groups
}

/// Groups to be read by whoever has time. They are begun in order, so when one is given up, all before it are read.
struct Work<'w, 't> {
    text: &'t str,
    section: &'w Section<'t>,
    groups: &'w [Range<usize>],
    inspect: Inspect<'w>,
    next: AtomicUsize,
    problems: AtomicUsize,
}

impl Work<'_, '_> {
    fn run<T: DeserializeOwned>(&self) -> Vec<(usize, Result<SectionReading<T>, Unusual>)> {
        let mut done = Vec::new();
        loop {
            // Looked at first, so that the problems are those of groups before this one.
            let enough = self.problems.load(Ordering::Acquire) >= MAX_PROBLEMS;
            let index = self.next.fetch_add(1, Ordering::AcqRel);
            let Some(group) = self.groups.get(index) else { return done };
            let reading = self.read(group.clone(), enough);
            let problems = reading.as_ref().map_or(0, |reading| reading.problems.len());
            self.problems.fetch_add(problems, Ordering::Release);
            done.push((index, reading));
        }
    }

    /// Reads a group; when there are `enough` problems, looks only whether it is plain YAML.
    fn read<T: DeserializeOwned>(
        &self,
        group: Range<usize>,
        enough: bool,
    ) -> Result<SectionReading<T>, Unusual> {
        let mut of_group = SectionReading { exhausted: enough, ..SectionReading::default() };
        for index in group {
            let (entry, mut twice) = self.section.entry(self.text, index)?;
            of_group.duplicates.append(&mut twice);
            of_group.duplicates.truncate(MAX_PROBLEMS);
            if enough {
                continue;
            }
            (self.inspect)(&entry, &mut of_group.found);
            let mut reading = read::<T>(&entry.value, Some(&entry.key), self.text);
            let name = Spanned::new(entry.key.text.to_string(), entry.key.span);
            of_group.entries.extend(reading.value.map(|value| (name, value)));
            of_group.problems.append(&mut reading.problems);
            of_group.omitted.append(&mut reading.omitted);
            of_group.exhausted |= reading.exhausted;
        }
        Ok(of_group)
    }
}
