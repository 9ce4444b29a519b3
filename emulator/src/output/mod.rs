//! What a command has found out, printed as a table for people or as JSON or YAML for programs.
//!
//! Standard output carries the result and nothing else; everything else goes to standard error.

mod table;

use std::fmt;
use std::io::{self, Write};

use anyhow::{Context, Result};
use serde::Serialize;

pub(crate) use table::{Columns, sentence, some_of};

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For programs; a stable interface.
    Json,
    /// The same as JSON, as YAML.
    Yaml,
}

/// A result: its serialization is the stable interface, its table is for people.
pub(crate) trait Show: Serialize {
    /// The result for people. Ends with a newline unless empty.
    fn table(&self) -> String;
}

/// Prints a result on standard output.
///
/// # Errors
/// When standard output is closed or full.
pub(crate) fn show(result: &impl Show, format: Format) -> Result<()> {
    print(&render(result, format)?)
}

fn render(result: &impl Show, format: Format) -> Result<String> {
    match format {
        Format::Table => Ok(result.table()),
        Format::Json => Ok(serde_json::to_string_pretty(result)? + "\n"),
        Format::Yaml => {
            let mut text = serde_saphyr::to_string(result)?;
            if !text.ends_with('\n') {
                text.push('\n');
            }
            Ok(text)
        }
    }
}

/// Prints text as it is on standard output.
///
/// # Errors
/// When standard output is full. A reader that went away (`| head`) is none.
pub(crate) fn print(text: &str) -> Result<()> {
    print_if_read(text).map(|_| ())
}

/// The same; whether a reader is there.
///
/// # Errors
/// When standard output is full.
pub(crate) fn print_if_read(text: &str) -> Result<bool> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("writing the result"),
    }
}

/// Tells a person something on standard error. Nothing can be done when that fails.
pub(crate) fn tell(line: impl fmt::Display) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Answer {
        name: &'static str,
        count: u32,
    }

    impl Show for Answer {
        fn table(&self) -> String {
            let mut columns = Columns::new(["NAME", "COUNT"]);
            columns.row([self.name.to_owned(), self.count.to_string()]);
            columns.to_string()
        }
    }

    #[test]
    fn one_result_in_three_ways() {
        let answer = Answer { name: "no: really", count: 2 };
        assert_eq!(render(&answer, Format::Table).unwrap(), "NAME        COUNT\nno: really  2\n");
        assert_eq!(
            render(&answer, Format::Json).unwrap(),
            "{\n  \"name\": \"no: really\",\n  \"count\": 2\n}\n"
        );
        let yaml = render(&answer, Format::Yaml).unwrap();
        assert!(yaml.contains("count: 2\n"), "{yaml}");
        let back: serde_json::Value = serde_saphyr::from_str(&yaml).unwrap();
        assert_eq!(back["name"], "no: really");
    }
}
