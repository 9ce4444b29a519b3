//! Tables without lines: columns that align, easy to read and to cut.

use std::fmt;

use comfy_table::{ContentArrangement, Table};

/// A table under construction.
pub(crate) struct Columns {
    table: Table,
}

impl Columns {
    /// A table with these headings.
    pub(crate) fn new<'h>(headings: impl IntoIterator<Item = &'h str>) -> Self {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(headings);
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        Self { table }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.table.add_row(cells);
    }
}

impl fmt::Display for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.table.lines() {
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// The longest list that a cell of a table shows.
const SHOWN: usize = 4;

/// `10.1.0.0/16 10.2.0.0/16 +12`: the first few of a list, and how many more there are.
pub(crate) fn some_of(list: &[impl fmt::Display]) -> String {
    // A single one left over takes no more room than its count.
    let shown = if list.len() > SHOWN + 1 { SHOWN } else { list.len() };
    let mut words: Vec<_> = list[..shown].iter().map(ToString::to_string).collect();
    if list.len() > shown {
        words.push(format!("+{}", list.len() - shown));
    }
    words.join(" ")
}

/// `1 host`, `2 hosts`.
pub(crate) fn sentence(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut_and_counted() {
        assert_eq!(some_of(&[] as &[u8]), "");
        assert_eq!(some_of(&[1, 2, 3, 4, 5]), "1 2 3 4 5");
        assert_eq!(some_of(&[1, 2, 3, 4, 5, 6]), "1 2 3 4 +2");
    }
}
