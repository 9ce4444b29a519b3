//! serde's view of one node.

use serde::de::value::{StrDeserializer, UsizeDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::node::{Entry, Key, Kind, Node};
use super::read::Notes;
use super::read_error::{Culprit, Place, ReadError};
use super::required::required;
use crate::diagnostic::did_you_mean;
use crate::topology::Span;
use crate::topology::collection::ONE_OR_MANY;
use crate::topology::spanned::SPANNED;

/// No struct of the format has so many fields. Keys after these are not looked at for slips of the pen.
const MOST_FIELDS: usize = 64;

/// What a map is read into.
#[derive(Clone, Copy)]
struct Struct {
    name: &'static str,
    fields: &'static [&'static str],
}

/// Reads one node. Its errors know their place.
#[derive(Clone, Copy)]
pub(super) struct ValueReader<'n> {
    node: &'n Node<'n>,
    key: Option<&'n Key<'n>>,
    notes: &'n Notes<'n>,
}

impl<'n> ValueReader<'n> {
    pub(super) fn new(node: &'n Node<'n>, key: Option<&'n Key<'n>>, notes: &'n Notes<'n>) -> Self {
        Self { node, key, notes }
    }

    fn expected(self, expected: &str) -> ReadError {
        let message = format!("expected {expected}, found {}", self.node.describe());
        self.place(ReadError::new("InvalidValue", message))
    }

    fn wrong_type<'de, V: Visitor<'de>>(self, visitor: &V) -> ReadError {
        let error = ReadError::invalid_type(Unexpected::Other(""), visitor);
        self.place(ReadError::new(error.code, format!("{}, found {}", error.message, self.node.describe())))
    }

    /// Blames this node for an error that no node inside of it is to blame for.
    fn place(self, mut error: ReadError) -> ReadError {
        if error.place.is_none() {
            let span = if self.node.is_null() { self.key.map(|key| key.span) } else { None };
            let span = span.unwrap_or_else(|| self.notes.first_line(self.node));
            let place = Place { span, node: self.node.id, key: self.key_text(), silent: false };
            error.place = Some(Box::new(place));
        }
        error
    }

    fn key_text(self) -> Option<String> {
        self.key.map(|key| key.text.to_string())
    }

    /// Blames a field of this map, or this map for want of one.
    fn place_in_map(
        self,
        mut error: ReadError,
        entries: &[Entry<'n>],
        last: Option<&Entry<'n>>,
    ) -> ReadError {
        if error.place.is_some() {
            return error;
        }
        error.place = match (error.culprit, last) {
            (Culprit::LastField, Some(Entry { key, value })) => {
                Some(Place { span: key.span, node: value.id, key: None, silent: false })
            }
            (Culprit::MissingField(field), _) => Some(Place {
                span: self.name_span(),
                node: self.node.id,
                key: self.key_text(),
                silent: self.notes.is_missing(self.node, field) || self.is_left_out(field, entries),
            }),
            _ => None,
        }
        .map(Box::new);
        self.place(error)
    }

    /// Whether the field, or its plural, is there and was left out because it is wrong.
    fn is_left_out(self, field: &str, entries: &[Entry<'n>]) -> bool {
        entries.iter().any(|entry| entry.key.text.starts_with(field) && self.notes.is_left_out(&entry.value))
    }

    /// Where to say that something is missing in this map.
    fn name_span(self) -> Span {
        self.key.map_or_else(|| self.notes.first_line(self.node), |key| key.span)
    }

    /// Notes every field that the struct requires and the map does not have.
    fn note_missing(self, shape: Struct, entries: &[Entry<'n>]) {
        for alternatives in required(shape.name) {
            let named = |entry: &Entry<'_>| alternatives.iter().any(|one| **one == *entry.key.text);
            // A key with a slip of the pen is told as such.
            let meant = |entry: &Entry<'_>| {
                let key: &str = &entry.key.text;
                let meant = || did_you_mean(key, shape.fields.iter().copied());
                !shape.fields.contains(&key)
                    && meant().is_some_and(|meant| alternatives.iter().any(|a| a == meant))
            };
            if let Some(field) = alternatives.first()
                && !entries.iter().any(named)
            {
                let told = entries.iter().take(MOST_FIELDS).any(meant);
                self.notes.missing_field(self.node, field, (!told).then(|| self.name_span()));
            }
        }
    }

    fn entries<'de, V: Visitor<'de>>(self, visitor: V, shape: Option<Struct>) -> Result<V::Value, ReadError> {
        let entries: &[Entry<'n>] = match &self.node.kind {
            Kind::Map(entries) => entries,
            _ if self.node.is_null() => &[],
            _ if shape.is_some() => return Err(self.expected("a map")),
            _ => return Err(self.wrong_type(&visitor)),
        };
        let known = shape.map(|shape| shape.fields);
        let mut access = Entries { entries, known, next: 0, last: None, notes: self.notes };
        let value = visitor.visit_map(&mut access);
        value.map_err(|error| {
            if let (Some(shape), Culprit::MissingField(_), None) = (shape, error.culprit, &error.place) {
                self.note_missing(shape, entries);
            }
            self.place_in_map(error, entries, access.last)
        })
    }

    fn items<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let items: &[Node<'n>] = match &self.node.kind {
            Kind::List(items) => items,
            _ if self.node.is_null() => &[],
            _ => return Err(self.expected("a list").help("a list is written `[one, other]`")),
        };
        visitor.visit_seq(Items { items: items.iter(), notes: self.notes }).map_err(|error| self.place(error))
    }

    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.node.kind {
            Kind::Scalar { text, .. } if !self.node.is_null() => {
                visitor.visit_str(text).map_err(|error| self.place(error))
            }
            _ => Err(self.wrong_type(&visitor)),
        }
    }

    /// The text of a scalar that is not quoted.
    fn plain(self) -> Option<&'n str> {
        match &self.node.kind {
            Kind::Scalar { text, plain: true } => Some(text),
            _ => None,
        }
    }
}

macro_rules! deserialize_number {
    ($($method:ident $type:ty, $visit:ident;)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            let number = self.plain().and_then(|text| text.parse::<$type>().ok());
            match number {
                Some(number) => visitor.$visit(number).map_err(|error| self.place(error)),
                None => Err(self.expected(&format!("a whole number from {} to {}", <$type>::MIN, <$type>::MAX))),
            }
        }
    )+};
}

impl<'de> Deserializer<'de> for ValueReader<'_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.notes.visit();
        match &self.node.kind {
            Kind::Scalar { .. } => self.text(visitor),
            Kind::List(_) => Err(self.wrong_type(&visitor)),
            Kind::Map(_) => self.entries(visitor, None),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let value = match self.plain() {
            Some("true" | "True" | "TRUE") => true,
            Some("false" | "False" | "FALSE") => false,
            _ => return Err(self.expected("`true` or `false`")),
        };
        visitor.visit_bool(value).map_err(|error| self.place(error))
    }

    deserialize_number! {
        deserialize_u8 u8, visit_u8;
        deserialize_u16 u16, visit_u16;
        deserialize_u32 u32, visit_u32;
        deserialize_u64 u64, visit_u64;
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.notes.visit();
        self.text(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.node.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.notes.visit();
        match name {
            SPANNED => visitor.visit_seq(Parts { reader: self, next: 0 }),
            ONE_OR_MANY if !matches!(self.node.kind, Kind::List(_)) && !self.node.is_null() => {
                let one = std::slice::from_ref(self.node);
                visitor
                    .visit_seq(Items { items: one.iter(), notes: self.notes })
                    .map_err(|error| self.place(error))
            }
            ONE_OR_MANY => self.items(visitor),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.notes.visit();
        self.items(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.notes.visit();
        self.entries(visitor, None)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.notes.visit();
        self.entries(visitor, Some(Struct { name, fields }))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct enum identifier
    }
}

/// The entries of a map; of a struct only those with `known` keys, and the others are noted.
struct Entries<'n> {
    entries: &'n [Entry<'n>],
    known: Option<&'static [&'static str]>,
    next: usize,
    last: Option<&'n Entry<'n>>,
    notes: &'n Notes<'n>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        while let Some(entry) = self.entries.get(self.next) {
            self.next += 1;
            if self.notes.is_left_out(&entry.value) {
                continue;
            }
            if let Some(known) = self.known
                && !known.contains(&&*entry.key.text)
            {
                self.notes.unknown_key(&entry.key, known);
                continue;
            }
            self.last = Some(entry);
            return seed.deserialize(KeyReader(&entry.key)).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let entry = self.last.ok_or_else(|| ReadError::custom("a value before its key"))?;
        seed.deserialize(ValueReader::new(&entry.value, Some(&entry.key), self.notes))
    }
}

/// The elements of a list.
struct Items<'n> {
    items: std::slice::Iter<'n, Node<'n>>,
    notes: &'n Notes<'n>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        let notes = self.notes;
        match self.items.find(|item| !notes.is_left_out(item)) {
            Some(item) => seed.deserialize(ValueReader::new(item, None, notes)).map(Some),
            None => Ok(None),
        }
    }
}

/// A value as [`crate::topology::Spanned`] asks for it: start, end, value.
struct Parts<'n> {
    reader: ValueReader<'n>,
    next: usize,
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        self.next += 1;
        let Span { start, end } = self.reader.notes.first_line(self.reader.node);
        let number = |number: usize| -> UsizeDeserializer<ReadError> { number.into_deserializer() };
        match self.next {
            1 => seed.deserialize(number(start)).map(Some),
            2 => seed.deserialize(number(end)).map(Some),
            3 => seed.deserialize(self.reader).map(Some),
            _ => Ok(None),
        }
    }
}

/// A key, as a text or as [`crate::topology::Spanned`].
struct KeyReader<'n>(&'n Key<'n>);

impl<'de> Deserializer<'de> for KeyReader<'_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_str(&self.0.text)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match name {
            SPANNED => visitor.visit_seq(KeyParts { key: self.0, next: 0 }),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct KeyParts<'n> {
    key: &'n Key<'n>,
    next: usize,
}

impl<'de> SeqAccess<'de> for KeyParts<'_> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        self.next += 1;
        let Key { text, span } = self.key;
        let number = |number: usize| -> UsizeDeserializer<ReadError> { number.into_deserializer() };
        match self.next {
            1 => seed.deserialize(number(span.start)).map(Some),
            2 => seed.deserialize(number(span.end)).map(Some),
            3 => seed.deserialize(StrDeserializer::<ReadError>::new(text)).map(Some),
            _ => Ok(None),
        }
    }
}
