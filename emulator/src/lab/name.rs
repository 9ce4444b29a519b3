//! The name of a lab. It is a folder's name too, so it is checked before it touches a path.

use std::fmt;
use std::str::FromStr;

/// A lab's name: 1 to 32 characters of `a-z`, `0-9` and `-`, not starting with `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LabName(String);

/// Why a text is no lab's name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the name of a lab: 1 to 32 of a-z, 0-9 and '-', not starting with '-'")]
pub(crate) struct InvalidLabName(String);

impl FromStr for LabName {
    type Err = InvalidLabName;

    fn from_str(text: &str) -> Result<Self, InvalidLabName> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let good = (1..=32).contains(&text.len()) && !text.starts_with('-') && text.bytes().all(allowed);
        if good { Ok(Self(text.to_owned())) } else { Err(InvalidLabName(text.to_owned())) }
    }
}

impl fmt::Display for LabName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for LabName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_the_state_folder() {
        for good in ["a", "hub-spoke", "0", &"x".repeat(32)] {
            assert!(good.parse::<LabName>().is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "-a", "A", "a b", "é", &"x".repeat(33)] {
            assert!(bad.parse::<LabName>().is_err(), "{bad:?}");
        }
    }
}
