//! Sets and maps without a name, which belong to one rule.

use super::bytes::{nested, number, text, user_data};
use super::expression::{Data, LIST_ELEMENT};
use super::key::Key;
use crate::nft::Value;
use crate::nlmsg;

/// The kernel makes a name of it; a rule finds the set by its number.
pub(super) const NAME: &str = "__set%d";

const ANONYMOUS_AND_CONSTANT: u32 = 3;
const INTERVAL: u32 = 4;
const MAP: u32 = 8;
const OBJECTS: u32 = 0x40;
/// nft's name for the type of a map to verdicts, and of one to marks.
const VERDICTS: u32 = 0xffff_ff00;
const MARKS: u32 = 19;
const COUNTERS: u32 = 1;
/// A list of elements is an attribute, whose length has 16 bits.
pub(super) const LONGEST: usize = 60_000;

/// What a map has for an element.
#[derive(Debug, Clone)]
pub(super) enum Target {
    Data(Data),
    Counter(String),
}

/// What is looked up, and what is found there.
pub(super) struct Set {
    pub(super) id: u32,
    flags: u32,
    kind: u32,
    length: u32,
    is_host_order: bool,
    elements: Vec<Element>,
}

struct Element {
    key: Vec<u8>,
    target: Option<Target>,
    /// Where an interval has ended.
    is_end: bool,
    /// An interval up to the highest value has no end.
    is_open: bool,
}

impl Set {
    /// A set of values, or a map when they have targets. Intervals when one of them is more than one value.
    pub(super) fn new(id: u32, key: &Key, values: &[(&Value, Option<Target>)]) -> Option<Self> {
        let is_many = |value: &Value| Key::span(value).is_some_and(|(first, last)| first < last);
        let intervals = values.iter().any(|(value, _)| is_many(value));
        let mut flags = ANONYMOUS_AND_CONSTANT;
        flags |= match values.first()?.1 {
            None => 0,
            Some(Target::Data(_)) => MAP,
            Some(Target::Counter(_)) => OBJECTS,
        };
        let elements = if intervals {
            flags |= INTERVAL;
            spans(key, values)?
        } else {
            values.iter().map(|(value, target)| single(key, value, target.clone())).collect::<Option<_>>()?
        };
        let is_host_order = key.is_host_order && !intervals;
        Some(Self { id, flags, kind: key.kind, length: key.length, is_host_order, elements })
    }

    /// Whether what is looked up must be in network order.
    pub(super) fn has_intervals(&self) -> bool {
        self.flags & INTERVAL != 0
    }

    /// The attributes of the message that makes it.
    pub(super) fn declaration(&self, table: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        text(&mut bytes, 1, table);
        text(&mut bytes, 2, NAME);
        number(&mut bytes, 3, self.flags);
        number(&mut bytes, 4, self.kind);
        number(&mut bytes, 5, self.length);
        let order = |is_host: bool| if is_host { 1u32 } else { 2 }.to_ne_bytes();
        let mut user = user_data(0, &order(self.is_host_order));
        match self.elements.iter().find_map(|element| element.target.as_ref()) {
            None => {}
            Some(Target::Data(Data::Verdict(..))) => number(&mut bytes, 6, VERDICTS),
            Some(Target::Data(Data::Value(_))) => {
                number(&mut bytes, 6, MARKS);
                number(&mut bytes, 7, 4);
                user.extend(user_data(1, &order(true)));
            }
            Some(Target::Counter(_)) => number(&mut bytes, 15, COUNTERS),
        }
        nested(&mut bytes, 9, |bytes| number(bytes, 1, self.elements.len() as u32));
        number(&mut bytes, 10, self.id);
        nlmsg::push_attribute(&mut bytes, 13, &user);
        bytes
    }

    /// The attributes of the messages that fill it.
    pub(super) fn contents(&self, table: &str) -> Vec<Vec<u8>> {
        let mut lists = vec![Vec::new()];
        for element in &self.elements {
            let mut bytes = Vec::new();
            element.write(&mut bytes);
            match lists.last_mut() {
                Some(list) if list.len() + bytes.len() <= LONGEST => list.extend(bytes),
                _ => lists.push(bytes),
            }
        }
        let message = |list: Vec<u8>| {
            let mut bytes = Vec::new();
            text(&mut bytes, 1, table);
            text(&mut bytes, 2, NAME);
            nested(&mut bytes, 3, |bytes| bytes.extend(list));
            number(&mut bytes, 4, self.id);
            bytes
        };
        lists.into_iter().map(message).collect()
    }
}

fn single(key: &Key, value: &Value, target: Option<Target>) -> Option<Element> {
    Some(Element { key: key.value(value)?, target, is_end: false, is_open: false })
}

/// Where each interval begins, and where one ends before another begins.
fn spans(key: &Key, values: &[(&Value, Option<Target>)]) -> Option<Vec<Element>> {
    let mut spans =
        values.iter().map(|(value, target)| Some((Key::span(value)?, target))).collect::<Option<Vec<_>>>()?;
    spans.sort_by_key(|(span, _)| *span);
    // In an interval set values are in network order, so that they sort as numbers.
    let bytes = |number: u32| number.to_be_bytes()[4 - key.length as usize..].to_vec();
    let end = |number| Element { key: bytes(number), target: None, is_end: true, is_open: false };
    let mut elements = Vec::new();
    let mut after = Some(0);
    for ((first, last), target) in spans {
        if let Some(after) = after.filter(|after| *after < first) {
            elements.push(end(after));
        }
        let is_open = last == key.highest();
        elements.push(Element { key: bytes(first), target: target.clone(), is_end: false, is_open });
        after = (!is_open).then(|| last + 1);
    }
    elements.extend(after.map(end));
    Some(elements)
}

impl Element {
    fn write(&self, bytes: &mut Vec<u8>) {
        nested(bytes, LIST_ELEMENT, |bytes| {
            Data::Value(self.key.clone()).write(bytes, 1);
            match &self.target {
                Some(Target::Data(data)) => data.write(bytes, 2),
                Some(Target::Counter(name)) => text(bytes, 9, name),
                None => {}
            }
            if self.is_end {
                number(bytes, 3, 1);
            }
            if self.is_open {
                nlmsg::push_attribute(bytes, 6, &user_data(1, &1u32.to_ne_bytes()));
            }
        });
    }
}
