//! What the programs of `examples/` that measure have in common: how many rounds, what counts of many, and where it is written.
#![allow(clippy::print_stdout, reason = "figures go to standard output, too")]

use std::fs;
use std::time::Instant;

use serde_json::Value;

/// The number of rounds: the first argument of the command line, or else `default`. `usage` says what else could stand there.
///
/// # Panics
/// When it is no number.
#[must_use]
pub fn rounds(usage: &str, default: usize) -> usize {
    std::env::args().nth(1).map_or(default, |text| text.parse().expect(usage))
}

/// Since then, in milliseconds with two decimal places.
#[must_use]
pub fn milliseconds(began: Instant) -> f64 {
    (began.elapsed().as_secs_f64() * 1e5).round() / 100.0
}

/// The one in the middle, or the mean of the two that are.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

/// The same of a list of numbers in JSON.
///
/// # Panics
/// When it is something else.
#[must_use]
pub fn median_of(values: &Value) -> f64 {
    median(values.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect())
}

/// Prints the Markdown, and writes it and every single figure to `bench/NAME.md` and `.json` in the target folder of the
/// running example.
///
/// # Panics
/// When the files cannot be written.
pub fn report(name: &str, markdown: &str, measured: &Value) {
    print!("{markdown}");
    let folder = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("bench");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{name}.md")), markdown).unwrap();
    fs::write(folder.join(format!("{name}.json")), format!("{measured:#}")).unwrap();
}
