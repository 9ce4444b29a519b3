//! What the documents say is there: every test that `docs/fidelity.md` cites, its numbers and counts, and every file that is linked.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Code that has tests, and sections whose numbers have two parts, as 4.9: their tests begin with `s4_`.
const CRATES: [&str; 8] =
    ["model", "emulator", "agent", "vfp", "linux-net", "goal-state", "tunnel", "integration-tests"];
const FLAT_SECTIONS: [u32; 4] = [0, 4, 15, 16];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(document: &Path) -> String {
    fs::read_to_string(document).unwrap_or_else(|error| panic!("{}: {error}", document.display()))
}

fn fidelity() -> String {
    read(&workspace().join("docs/fidelity.md"))
}

/// A line of a table about behaviour.
struct Row<'a> {
    /// Where lines are numbered.
    number: Option<Vec<u32>>,
    here: &'a str,
    source: &'a str,
    /// Names of functions.
    tests: Vec<&'a str>,
    /// Files of integration tests.
    files: Vec<&'a str>,
    line: &'a str,
}

impl<'a> Row<'a> {
    fn of(line: &'a str) -> Self {
        let cells: Vec<_> = line.trim_matches('|').split(" |").map(str::trim).collect();
        let numbered = cells.len() == 5;
        assert!(numbered || cells.len() == 4, "{} cells: {line}", cells.len());
        let number = numbered.then(|| cells[0].split('.').map(|part| part.parse().unwrap()).collect());
        let [here, source, tests] = cells[cells.len() - 3..] else { unreachable!() };
        let cited = || tests.split('`').skip(1).step_by(2);
        assert!(tests == "–" || cited().next().is_some(), "neither a test nor a dash: {line}");
        Row {
            number,
            here,
            source,
            tests: cited().filter(|test| !test.contains(':')).collect(),
            files: cited().filter_map(|test| test.strip_prefix("it:")).collect(),
            line,
        }
    }

    /// The first word of what vnetlab does: same, differs, absent or unclear.
    fn status(&self) -> &'a str {
        self.here.split(|letter: char| !letter.is_alphabetic()).next().unwrap()
    }

    /// What the names of the section's tests begin with: 6.4.2 is `s6_4_`.
    fn prefix(&self) -> String {
        let number = self.number.as_ref().unwrap();
        if FLAT_SECTIONS.contains(&number[0]) {
            format!("s{}_", number[0])
        } else {
            format!("s{}_{}_", number[0], number[1])
        }
    }
}

/// Every line of every table but that of the counts.
fn rows(text: &str) -> Vec<Row<'_>> {
    let tables = text.split("\n## ").skip(1);
    let lines = tables.flat_map(str::lines).filter(|line| line.starts_with("| "));
    lines
        .filter(|line| !line.starts_with("| number") && !line.starts_with("| behaviour"))
        .map(Row::of)
        .collect()
}

/// The names of all functions of the workspace that a test attribute stands above.
fn tests_in_the_tree() -> HashSet<String> {
    let mut folders: Vec<_> = CRATES.iter().map(|name| workspace().join(name)).collect();
    let mut found = HashSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                collect_tests(&read(&path), &mut found);
            }
        }
    }
    found
}

/// A name counts where `#[test]` stands before it, with nothing but attributes and comments between.
fn collect_tests(code: &str, found: &mut HashSet<String>) {
    let mut is_test = false;
    for line in code.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("fn ") {
            if is_test {
                found.insert(rest.split(['(', '<']).next().unwrap().to_owned());
            }
            is_test = false;
        } else if line == "#[test]" {
            is_test = true;
        } else if !(line.starts_with("#[") || line.starts_with("//") || line.is_empty()) {
            is_test = false;
        }
    }
}

#[test]
fn every_statement_cites_tests_that_exist() {
    let (text, tree) = (fidelity(), tests_in_the_tree());
    for row in rows(&text) {
        for test in &row.tests {
            assert!(tree.contains(*test), "there is no test `{test}`: {}", row.line);
        }
        for file in &row.files {
            let path = workspace().join("integration-tests/tests").join(file);
            assert!(path.exists(), "there is no {}: {}", path.display(), row.line);
        }
    }
}

/// What is the same is held by a test of its section; of all else the line says why.
#[test]
fn every_numbered_statement_has_a_test_of_its_section_or_a_reason() {
    let text = fidelity();
    for row in rows(&text).iter().filter(|row| row.number.is_some()) {
        let prefix = row.prefix();
        assert!(!row.source.is_empty(), "no source: {}", row.line);
        match row.status() {
            "same" => {
                let held = row.tests.iter().any(|test| test.starts_with(&prefix));
                assert!(held, "no test begins with `{prefix}`: {}", row.line);
            }
            "differs" | "absent" | "unclear" => {
                assert!(row.here.len() > row.status().len() + 2, "no reason: {}", row.line);
            }
            other => panic!("`{other}` is none of same, differs, absent, unclear: {}", row.line),
        }
    }
}

#[test]
fn statements_are_numbered_in_order() {
    let text = fidelity();
    let numbers: Vec<_> = rows(&text).into_iter().filter_map(|row| row.number).collect();
    assert!(numbers.len() > 250, "only {}", numbers.len());
    for pair in numbers.windows(2) {
        assert!(pair[0] < pair[1], "{:?} stands before {:?}", pair[0], pair[1]);
    }
}

/// The table of the introduction.
#[test]
fn the_counts_are_right() {
    let text = fidelity();
    let all: Vec<_> = rows(&text).into_iter().filter(|row| row.number.is_some()).collect();
    for wanted in ["same", "differs", "absent", "unclear", "all"] {
        let these = || all.iter().filter(|row| wanted == "all" || row.status() == wanted);
        let with_tests = these().filter(|row| !row.tests.is_empty()).count();
        let cited: HashSet<_> = these().flat_map(|row| &row.tests).collect();
        let line = format!("| {wanted} | {} | {with_tests} | {} |", these().count(), cited.len());
        assert!(text.lines().any(|known| known == line), "the introduction should say: {line}");
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let root = workspace();
    let mut documents: Vec<_> = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]
        .map(|name| root.join(name))
        .into();
    for folder in ["docs", "docs/decisions"] {
        let files = fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        documents.extend(files.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    for document in documents {
        for link in read(&document).split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap();
            let is_here = !target.is_empty() && !target.contains("://");
            assert!(
                !is_here || document.parent().unwrap().join(target).exists(),
                "{}: {target}",
                document.display()
            );
        }
    }
}
