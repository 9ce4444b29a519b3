//! What a review asks, and what it does not.

mod asymmetry;
mod encryption;
mod groups;
mod next_hop;
mod routes;
mod rules;

use crate::validate::check;

/// What is said about a file without errors: code, message and help, one line each.
fn said(text: &str) -> Vec<String> {
    let loaded = check(text);
    assert!(loaded.network.is_some(), "{:?}\n{text}", loaded.diagnostics);
    let line = |it: &crate::diagnostic::Diagnostic| {
        format!("{}: {}; {}", it.code, it.message, it.help.as_deref().unwrap_or_default())
    };
    loaded.diagnostics.iter().map(line).collect()
}

/// The codes of what is said.
fn codes(text: &str) -> Vec<String> {
    said(text).iter().map(|line| line.split(':').next().unwrap_or_default().to_owned()).collect()
}
