//! Attributes of nf_tables messages: numbers are big endian, texts end with a zero byte.

use crate::nlmsg::{self, NESTED};

pub(super) fn text(bytes: &mut Vec<u8>, kind: u16, text: &str) {
    nlmsg::push_attribute(bytes, kind, &[text.as_bytes(), &[0]].concat());
}

pub(super) fn number(bytes: &mut Vec<u8>, kind: u16, number: u32) {
    nlmsg::push_attribute(bytes, kind, &number.to_be_bytes());
}

/// An attribute whose value is what `write` writes.
pub(super) fn nested(bytes: &mut Vec<u8>, kind: u16, write: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    write(&mut inner);
    nlmsg::push_attribute(bytes, kind | NESTED, &inner);
}

/// libnftnl's user data: number, length, value.
pub(super) fn user_data(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap_or(u8::MAX);
    [&[kind, length], &value[..usize::from(length)]].concat()
}

/// libnftnl's user data for a comment.
pub(super) fn comment(text: &str) -> Vec<u8> {
    user_data(0, &[text.as_bytes(), &[0]].concat())
}
