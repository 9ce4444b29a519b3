//! What serde may complain about while a tree becomes typed values.

use std::fmt;

use serde::de::{Expected, Unexpected};

use crate::topology::Span;
use crate::topology::value::PART;

/// A problem on its way from a value to [`super::read`], which notes it and reads on without the value.
#[derive(Debug)]
pub(super) struct ReadError {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) help: Option<String>,
    pub(super) culprit: Culprit,
    pub(super) place: Option<Box<Place>>,
}

/// Which value is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Culprit {
    /// The value that was being read.
    Value,
    /// The field of the struct that was read last.
    LastField,
    /// A struct, for want of this field.
    MissingField(&'static str),
}

/// Where a problem is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Where to put the caret.
    pub(super) span: Span,
    /// The node to read on without.
    pub(super) node: usize,
    /// Its key in the map around it.
    pub(super) key: Option<String>,
    /// It follows from a problem that was told already.
    pub(super) silent: bool,
}

impl ReadError {
    pub(super) fn new(code: &'static str, message: String) -> Self {
        Self { code, message, help: None, culprit: Culprit::Value, place: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl std::error::Error for ReadError {}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl serde::de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        // A `ValueError` prints its parts so; anything else prints itself.
        let text = format!("{message:#}");
        let mut parts = text.splitn(3, PART);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(code), Some(message), Some(help)) => Self {
                help: (!help.is_empty()).then(|| help.to_owned()),
                ..Self::new(known_code(code), message.to_owned())
            },
            _ => Self::new("InvalidValue", text),
        }
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new("InvalidValue", format!("expected {expected}"))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self { culprit: Culprit::LastField, ..unknown_key(field, expected) }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { culprit: Culprit::MissingField(field), ..missing_field(field) }
    }

    fn duplicate_field(field: &'static str) -> Self {
        let message = format!("`{field}` is given in the singular and in the plural");
        Self {
            culprit: Culprit::LastField,
            ..Self::new("SingularAndPlural", message).help("keep one of them")
        }
    }
}

/// The error for a key that a struct does not have.
pub(super) fn unknown_key(key: &str, known: &'static [&'static str]) -> ReadError {
    let error = ReadError::new("UnknownKey", format!("unknown key `{key}`"));
    match crate::diagnostic::did_you_mean(key, known.iter().copied()) {
        Some(similar) => error.help(format!("did you mean `{similar}`?")),
        None => error.help(format!("known keys are {}", known.join(", "))),
    }
}

/// The error for a struct that lacks a field.
pub(super) fn missing_field(field: &str) -> ReadError {
    ReadError::new("MissingField", format!("`{field}` is missing"))
}

fn known_code(code: &str) -> &'static str {
    const CODES: [&str; 3] = ["InvalidCIDRNotation", "InvalidLabName", "NotBuiltYet"];
    CODES.into_iter().find(|known| *known == code).unwrap_or("InvalidValue")
}
