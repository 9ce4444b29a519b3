//! Sets with a name, which belong to a table.

use super::bytes::{nested, number, text, user_data};
use super::expression::{Data, LIST_ELEMENT};
use super::key::Key;
use super::set::LONGEST;
use crate::nft::{self, Field};
use crate::nlmsg;

/// nft's numbers for a field of a header, by which it lists a set as `typeof FIELD`.
const PAYLOAD: u32 = 7;
const ETHERNET: u32 = 17;
const ARP: u32 = 15;

/// A set of single values of one field.
pub(super) struct NamedSet<'a> {
    id: u32,
    name: &'a str,
    kind: u32,
    length: u32,
    /// Header and field.
    place: (u32, u32),
    elements: Vec<Vec<u8>>,
}

impl<'a> NamedSet<'a> {
    /// None when something of it is not written here.
    pub(super) fn new(id: u32, set: &'a nft::Set) -> Option<Self> {
        let [field] = *set.fields.as_slice() else { return None };
        let place = match field {
            Field::EtherDestination => (ETHERNET, 1),
            Field::ArpDestination => (ARP, 9),
            _ => return None,
        };
        (!set.intervals).then_some(())?;
        let key = Key::of(field)?;
        let elements = set.elements.iter().map(|value| key.value(value)).collect::<Option<_>>()?;
        Some(Self { id, name: set.name.as_str(), kind: key.kind, length: key.length, place, elements })
    }

    /// The attributes of the message that makes it.
    pub(super) fn declaration(&self, table: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        text(&mut bytes, 1, table);
        text(&mut bytes, 2, self.name);
        for (attribute, value) in [(3, 0), (4, self.kind), (5, self.length), (10, self.id)] {
            number(&mut bytes, attribute, value);
        }
        let tell = |kind, value: u32| user_data(kind, &value.to_ne_bytes());
        let place = [tell(0, self.place.0), tell(1, self.place.1)].concat();
        let field = [tell(0, PAYLOAD), user_data(1, &place)].concat();
        // In network order, and the field.
        nlmsg::push_attribute(&mut bytes, 13, &[tell(0, 2), user_data(3, &field)].concat());
        bytes
    }

    /// The attributes of the messages that fill it.
    pub(super) fn contents(&self, table: &str) -> Vec<Vec<u8>> {
        let element = |value: &Vec<u8>| {
            let mut bytes = Vec::new();
            nested(&mut bytes, LIST_ELEMENT, |bytes| Data::Value(value.clone()).write(bytes, 1));
            bytes
        };
        let elements = self.elements.iter().map(element).collect::<Vec<_>>();
        let room = elements.first().map_or(1, |element| LONGEST / element.len());
        let message = |list: &[Vec<u8>]| {
            let mut bytes = Vec::new();
            text(&mut bytes, 1, table);
            text(&mut bytes, 2, self.name);
            nested(&mut bytes, 3, |bytes| bytes.extend(list.concat()));
            number(&mut bytes, 4, self.id);
            bytes
        };
        elements.chunks(room).map(message).collect()
    }
}
