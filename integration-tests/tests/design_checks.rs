//! `docs/checks.md` lists every warning that a file can get, and no other.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The sources below `folder`, without tests.
fn sources(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().unwrap() != "tests" {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(fs::read_to_string(&path).unwrap());
        }
    }
    found
}

/// The word in quotes that `text` begins with, after white space.
fn first_literal(text: &str) -> Option<String> {
    let (literal, _) = text.trim_start().strip_prefix('"')?.split_once('"')?;
    literal.chars().all(|letter| letter.is_ascii_alphanumeric()).then(|| literal.to_owned())
}

#[test]
fn every_warning_is_in_the_list() {
    let sources = sources(&workspace().join("model/src"));
    let calls = |name: &'static str| sources.iter().flat_map(move |source| source.split(name).skip(1));
    let warned = calls(".warn(").chain(calls(".warning(")).filter_map(first_literal);
    // What is asked about a route is written down before it is told.
    let asked = sources.iter().flat_map(|source| source.split('(').skip(1)).filter_map(first_literal);
    let told: BTreeSet<_> = warned.chain(asked.filter(|code| code.starts_with("NextHop"))).collect();
    let document = fs::read_to_string(workspace().join("docs/checks.md")).unwrap();
    let listed: BTreeSet<_> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(code, _)| code.to_owned())
        .collect();
    assert!(told.len() > 20, "{told:?}");
    assert_eq!(told, listed);
}
