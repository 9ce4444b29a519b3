//! What was told, as people and programs read it: all at once, or one by one.

use std::time::{Duration, UNIX_EPOCH};

use anyhow::Result;
use serde::{Serialize, Serializer};

use super::Told;
use crate::output::{self, Columns, Format, Show, sentence};

/// Everything that is remembered, or that a page has.
#[derive(Debug, Serialize)]
#[serde(bound = "T: Told")]
pub(in crate::cli) struct Logged<T> {
    /// The newest last.
    #[serde(serialize_with = "rows")]
    pub(in crate::cli) value: Vec<T>,
    /// How many were lost on their way.
    pub(in crate::cli) lost: u64,
    /// How often some may have been lost, and nobody knows how many.
    pub(in crate::cli) gaps: u64,
    /// How many the controller has forgotten.
    pub(in crate::cli) forgotten: u64,
}

impl<T> Default for Logged<T> {
    fn default() -> Self {
        Self { value: Vec::new(), lost: 0, gaps: 0, forgotten: 0 }
    }
}

fn rows<T: Told, S: Serializer>(value: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(value.iter().map(T::row))
}

impl<T: Told> Logged<T> {
    /// What is not told, as sentences.
    fn untold(&self) -> Vec<String> {
        let Self { lost, gaps, forgotten, .. } = self;
        let mut sentences = Vec::new();
        if *forgotten > 0 {
            sentences.push(format!("{} before these are forgotten", count_of::<T>(*forgotten)));
        }
        if *lost > 0 {
            let lost = count_of::<T>(*lost);
            sentences.push(format!("{lost} were not told: they came faster than they were read"));
        }
        if *gaps > 0 {
            sentences.push(T::WORDS.gap.to_owned());
        }
        sentences
    }

    /// Tells that on standard error, so that standard output is what was told alone.
    pub(super) fn tell_untold(&self) {
        self.untold().iter().for_each(output::tell);
    }

    /// Prints each on its own; whether somebody reads on.
    ///
    /// # Errors
    /// When one cannot be written as JSON or YAML, or standard output is full.
    pub(super) fn print(&self, format: Format) -> Result<bool> {
        let mut text = String::new();
        for told in &self.value {
            text += &line(told, format)?;
        }
        output::print_if_read(&text)
    }
}

impl<T: Told> Show for Logged<T> {
    fn table(&self) -> String {
        let mut columns = Columns::new(T::HEADINGS.iter().copied());
        self.value.iter().for_each(|told| columns.row(told.cells()));
        let untold: String = self.untold().iter().map(|sentence| format!("{sentence}\n")).collect();
        format!("{columns}{untold}")
    }
}

/// The headings above lines that come one by one.
pub(in crate::cli) fn header<T: Told>() -> String {
    padded::<T>(T::HEADINGS)
}

/// One alone, as a line of a table or a document of its own.
///
/// # Errors
/// When it cannot be written as JSON or YAML.
pub(in crate::cli) fn line<T: Told>(told: &T, format: Format) -> Result<String> {
    Ok(match format {
        Format::Table => padded::<T>(&told.cells()),
        Format::Json => serde_json::to_string(&told.row())? + "\n",
        Format::Yaml => format!("---\n{}\n", serde_saphyr::to_string(&told.row())?.trim_end()),
    })
}

fn padded<T: Told>(cells: &[impl AsRef<str>]) -> String {
    let widths = T::WIDTHS.iter().copied().chain([0]);
    let cells = cells.iter().map(AsRef::as_ref).zip(widths);
    let padded: String = cells.map(|(cell, width)| format!("{cell:<width$}  ")).collect();
    padded.trim_end().to_owned() + "\n"
}

/// `1 drop`, `2 drops`.
fn count_of<T: Told>(count: u64) -> String {
    sentence(usize::try_from(count).unwrap_or(usize::MAX), T::WORDS.one, T::WORDS.many)
}

/// RFC 3339, UTC, of microseconds since 1970.
pub(in crate::cli) fn time(time_us: u64) -> String {
    let time = UNIX_EPOCH.checked_add(Duration::from_micros(time_us)).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_micros(time).to_string()
}
