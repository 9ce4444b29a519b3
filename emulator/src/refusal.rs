//! Questions that cannot be answered as they were asked: exit status 2, and nothing on standard output.

use std::fmt;

/// Why a file or a question is refused, and what would be right.
#[derive(Debug)]
pub(crate) struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

/// A refusal with this reason.
pub(crate) fn refuse(reason: impl fmt::Display) -> anyhow::Error {
    anyhow::Error::new(Refusal(reason.to_string()))
}
