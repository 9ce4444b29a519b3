//! The texts of a ruleset: names, comments and log prefixes, each with what nft's language lets it contain.

use std::fmt;

/// A text that may not stand where it was to stand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// See [`Name`].
    #[error("{0:?} is no name for nft: a letter, then up to 126 letters, digits and underscores")]
    Name(String),
    /// See [`Comment`].
    #[error("{0:?} is no comment for nft: at most 127 printable ASCII characters, no quotes or backslashes")]
    Comment(String),
    /// See [`LogPrefix`].
    #[error(
        "{0:?} is no log prefix for nft: at most 127 printable ASCII characters, no quotes or backslashes"
    )]
    LogPrefix(String),
}

/// The name of a table, chain, counter or set: a letter, then letters, digits and underscores; at most 127. nft's keywords
/// (`fwd`, `in`...) are names here too, because names are always printed with quotes where nft allows it and callers are
/// free to prefix them where not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// What a person reads beside a counter or rule; at most 127 bytes of printable ASCII without quotes and backslashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Comment(String);

/// What NFLOG hands over with a packet; at most 127 bytes of printable ASCII without quotes and backslashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogPrefix(String);

/// The kernel's limits (`NFT_NAME_MAXLEN` is larger; `NF_LOG_PREFIXLEN` and nft's comments end here).
const LONGEST: usize = 127;

impl Name {
    /// Checks a name.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidText> {
        let name = name.into();
        let begins = name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic());
        let rest = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if begins && rest && name.len() <= LONGEST { Ok(Self(name)) } else { Err(InvalidText::Name(name)) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Comment {
    /// Checks a comment.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidText> {
        let text = text.into();
        if is_quotable(&text) { Ok(Self(text)) } else { Err(InvalidText::Comment(text)) }
    }

    /// A comment as close to `text` as the rules allow: what is not allowed becomes `?`, and the end is cut.
    pub fn lossy(text: &str) -> Self {
        Self(text.chars().take(LONGEST).map(|c| if is_quotable_char(c) { c } else { '?' }).collect())
    }

    /// The comment.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl LogPrefix {
    /// Checks a prefix.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidText> {
        let text = text.into();
        if is_quotable(&text) { Ok(Self(text)) } else { Err(InvalidText::LogPrefix(text)) }
    }

    /// The prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_quotable(text: &str) -> bool {
    text.len() <= LONGEST && text.chars().all(is_quotable_char)
}

fn is_quotable_char(c: char) -> bool {
    (c == ' ' || c.is_ascii_graphic()) && c != '"' && c != '\\'
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// With quotes.
impl fmt::Display for Comment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

/// With quotes.
impl fmt::Display for LogPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_end_the_statement() {
        for name in ["", "1a", "_a", "a-b", "a b", "a;b", "a\nb", "é"] {
            assert!(Name::new(name).is_err(), "{name:?}");
        }
        assert!(Name::new("nic_in_100").is_ok());
        assert!(Name::new("a".repeat(128)).is_err());
    }

    #[test]
    fn quoted_texts_cannot_end_the_quotes() {
        for text in ["a\"b", "a\\b", "a\nb", "é"] {
            assert!(Comment::new(text).is_err(), "{text:?}");
            assert!(LogPrefix::new(text).is_err(), "{text:?}");
        }
        assert_eq!(Comment::lossy("a\"\u{e9}b").to_string(), "\"a??b\"");
        assert_eq!(Comment::lossy(&"a".repeat(300)).as_str().len(), 127);
    }
}
