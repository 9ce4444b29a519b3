//! What the documents say is there: every test that a line of `docs/fidelity.md` cites, and every file that is linked.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::fs;
use std::path::{Path, PathBuf};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(document: &Path) -> String {
    fs::read_to_string(document).unwrap_or_else(|error| panic!("{}: {error}", document.display()))
}

/// Each line of a table ends with the tests that hold it to its word, or with a dash.
#[test]
fn every_line_about_fidelity_cites_tests_that_exist() {
    let text = read(&workspace().join("docs/fidelity.md"));
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| behaviour"));
    let mut cited = 0;
    for row in rows {
        let tests = row.trim_end_matches(" |").rsplit_once('|').unwrap().1.trim();
        assert!(!tests.is_empty(), "no test and no dash: {row}");
        for test in tests.split('`').skip(1).step_by(2) {
            let path = match test.split_once(':') {
                Some(("it", file)) => format!("integration-tests/tests/{file}"),
                Some(("vfp", file)) => format!("vfp/src/{file}"),
                _ => format!("model/src/{test}"),
            };
            assert!(workspace().join(&path).exists(), "{path} does not exist: {row}");
            cited += 1;
        }
        assert!(tests == "–" || tests.contains('`'), "neither a test nor a dash: {row}");
    }
    assert!(cited > 40, "only {cited} tests are cited");
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
