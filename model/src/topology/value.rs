//! How a scalar of the file becomes a value of a type: the error that it gives, and the glue to serde and schemars.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Deserializer, Visitor};

/// Why a text is not a value of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError {
    /// A short stable word for programs.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl ValueError {
    /// An `InvalidValue`.
    pub fn new(message: impl Into<String>) -> Self {
        Self { code: "InvalidValue", message: message.into(), help: None }
    }

    /// The same with what would be right.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with another code.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }
}

impl std::error::Error for ValueError {}

/// `{}` is for people. `{:#}` keeps the parts apart on their way through serde, which passes on nothing but text.
impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.help, f.alternate()) {
            (None, false) => f.write_str(&self.message),
            (Some(help), false) => write!(f, "{}; {help}", self.message),
            (help, true) => {
                let help = help.as_deref().unwrap_or_default();
                write!(f, "{}{PART}{}{PART}{help}", self.code, self.message)
            }
        }
    }
}

/// The ASCII unit separator: no scalar of the file contains it unescaped.
pub(super) const PART: char = '\u{1f}';

/// Reads a scalar by its `FromStr`.
pub(super) fn deserialize_text<'de, T, D>(deserializer: D, expected: &'static str) -> Result<T, D::Error>
where
    T: FromStr<Err = ValueError>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_str(TextVisitor { expected, value: PhantomData })
}

struct TextVisitor<T> {
    expected: &'static str,
    value: PhantomData<T>,
}

impl<T: FromStr<Err = ValueError>> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

/// Implements `Deserialize` by `FromStr`, and `JsonSchema` with the given schema.
macro_rules! text_value {
    ($type:ident, $expected:literal, $schema:tt) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::topology::value::deserialize_text(deserializer, $expected)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

/// An enum whose values are compared without case and printed in Azure's spelling.
macro_rules! azure_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Azure's spelling.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::topology::value::ValueError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.iter().copied().find(|value| value.as_str().eq_ignore_ascii_case(text));
                found.ok_or_else(|| $crate::topology::value::not_one_of(text, &[$($text,)+]))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::topology::value::deserialize_text(deserializer, concat!("one of these:", $(" `", $text, "`",)+))
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": [$($text,)+] })
            }
        }
    };
}

pub(super) use {azure_enum, text_value};

/// The error for a text that is none of `values`.
pub(super) fn not_one_of(text: &str, values: &[&str]) -> ValueError {
    let listed = values.join(", ");
    let error = ValueError::new(format!("`{text}` is not one of {listed}"));
    match crate::diagnostic::did_you_mean(text, values.iter().copied()) {
        Some(similar) => error.help(format!("did you mean `{similar}`?")),
        None => error,
    }
}
