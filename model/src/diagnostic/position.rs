//! Lines and columns of a file.

use serde::Serialize;

use super::Diagnostic;

/// A place in a file, as editors count: both from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineColumn {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// Where the lines of a file begin: for those who ask about many places.
#[derive(Debug, Clone)]
pub struct Lines<'t> {
    text: &'t str,
    /// Where every line begins.
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    /// The lines of `text`.
    #[must_use]
    pub fn new(text: &'t str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(newline, _)| newline + 1));
        Self { text, starts: starts.collect() }
    }

    /// The line and column of a byte; of the end for a byte after it.
    #[must_use]
    pub fn position(&self, byte: usize) -> LineColumn {
        let byte = self.text.floor_char_boundary(byte);
        let line = self.starts.partition_point(|start| *start <= byte);
        let start = self.starts[line - 1];
        LineColumn { line, column: self.text[start..byte].chars().count() + 1 }
    }
}

/// The line and column of a byte; of the end for a byte after it.
#[must_use]
pub fn line_column(text: &str, byte: usize) -> LineColumn {
    let before = &text[..text.floor_char_boundary(byte)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    LineColumn {
        line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}

/// A problem in the JSON of `vnetlab check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Located {
    /// A short stable word for programs.
    pub code: &'static str,
    /// What is wrong, and what would be right.
    pub message: String,
    /// Such as `virtualNetworks.hub.subnets.web.addressPrefix`.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
}

impl Diagnostic {
    /// The problem with its line and column among `lines`, those of the file that it is about.
    #[must_use]
    pub fn located(&self, lines: &Lines<'_>) -> Located {
        let LineColumn { line, column } = lines.position(self.span.start);
        let message = match &self.help {
            Some(help) => format!("{}; {help}", self.message),
            None => self.message.clone(),
        };
        Located { code: self.code, message, path: self.path.clone(), line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_start_at_one() {
        let text = "a: é b\nc: d\n";
        assert_eq!(line_column(text, 0), LineColumn { line: 1, column: 1 });
        assert_eq!(line_column(text, text.find('b').unwrap()), LineColumn { line: 1, column: 6 });
        assert_eq!(line_column(text, text.find('d').unwrap()), LineColumn { line: 2, column: 4 });
        assert_eq!(line_column(text, 999), LineColumn { line: 3, column: 1 });
        let lines = Lines::new(text);
        for byte in 0..20 {
            assert_eq!(lines.position(byte), line_column(text, byte));
        }
    }
}
