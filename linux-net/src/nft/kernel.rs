//! What the kernel has in its tables, read from nf_tables directly: the program `nft` (1.0.6) leaves comments out of its
//! lists, and takes a hundred times as long.

use std::io;

use crate::netns::{NetNs, NetNsError};
use crate::nfnetlink::{self, Request};
use crate::nlmsg;

pub(super) const SUBSYSTEM: u16 = 10;
const GET_TABLE: u16 = SUBSYSTEM << 8 | 1;
const GET_ELEMENT: u16 = SUBSYSTEM << 8 | 13;
const GET_OBJECT: u16 = SUBSYSTEM << 8 | 19;

/// Attributes (linux/netfilter/nf_tables.h).
mod attribute {
    pub(super) const TABLE_NAME: u16 = 1;
    pub(super) const TABLE_USERDATA: u16 = 6;

    pub(super) const OBJECT_TABLE: u16 = 1;
    pub(super) const OBJECT_NAME: u16 = 2;
    pub(super) const OBJECT_TYPE: u16 = 3;
    pub(super) const OBJECT_DATA: u16 = 4;
    pub(super) const OBJECT_USERDATA: u16 = 8;

    pub(super) const ELEMENTS_TABLE: u16 = 1;
    pub(super) const ELEMENTS_SET: u16 = 2;
    pub(super) const ELEMENTS: u16 = 3;
    pub(super) const LIST_ELEMENT: u16 = 1;
    pub(super) const ELEMENT_DATA: u16 = 2;
    pub(super) const DATA_VALUE: u16 = 1;

    pub(super) const COUNTER_BYTES: u16 = 1;
    pub(super) const COUNTER_PACKETS: u16 = 2;
}

/// The kernel's number for counters among the named objects.
const OBJECT_COUNTER: u32 = 1;

/// `NFPROTO_IPV4`.
const FAMILY_IPV4: u8 = 2;

/// In libnftnl's user data of tables and of objects alike, the number of the comment.
const COMMENT: u8 = 0;

/// A table.
pub(super) struct TableEntry {
    pub(super) family: &'static str,
    pub(super) name: String,
    pub(super) comment: String,
}

/// A counter.
pub(super) struct CounterEntry {
    pub(super) family: &'static str,
    pub(super) table: String,
    pub(super) name: String,
    pub(super) comment: String,
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

pub(super) fn tables(namespace: &NetNs) -> Result<io::Result<Vec<TableEntry>>, NetNsError> {
    let list = namespace.run(|| nfnetlink::dump(&nfnetlink::open_here()?, GET_TABLE))?;
    Ok(list.map(|list| list.iter().filter_map(|(family, bytes)| table(*family, bytes)).collect()))
}

pub(super) fn counters(namespace: &NetNs) -> Result<io::Result<Vec<CounterEntry>>, NetNsError> {
    let list = namespace.run(|| nfnetlink::dump(&nfnetlink::open_here()?, GET_OBJECT))?;
    Ok(list.map(|list| list.iter().filter_map(|(family, bytes)| counter(*family, bytes)).collect()))
}

/// The values that a map of an IPv4 table has now, one for each element.
pub(super) fn map_values(
    namespace: &NetNs,
    table: &str,
    map: &str,
) -> Result<io::Result<Vec<Vec<u8>>>, NetNsError> {
    let mut attributes = Vec::new();
    for (kind, name) in [(attribute::ELEMENTS_TABLE, table), (attribute::ELEMENTS_SET, map)] {
        nlmsg::push_attribute(&mut attributes, kind, &[name.as_bytes(), &[0]].concat());
    }
    let list = namespace.run(|| {
        let question = Request {
            kind: GET_ELEMENT,
            flags: 0,
            family: FAMILY_IPV4,
            resource: 0,
            attributes: &attributes,
        };
        nfnetlink::dump_of(&nfnetlink::open_here()?, &question)
    })?;
    Ok(list.map(|list| list.iter().flat_map(|(_, bytes)| values(bytes)).collect()))
}

fn values(bytes: &[u8]) -> Vec<Vec<u8>> {
    let of = |bytes, wanted| nlmsg::attributes(bytes).filter(move |(kind, _)| *kind == wanted);
    let elements = of(bytes, attribute::ELEMENTS).flat_map(|(_, list)| of(list, attribute::LIST_ELEMENT));
    let data = elements.flat_map(|(_, element)| of(element, attribute::ELEMENT_DATA));
    data.flat_map(|(_, data)| of(data, attribute::DATA_VALUE)).map(|(_, value)| value.to_vec()).collect()
}

fn table(family: u8, bytes: &[u8]) -> Option<TableEntry> {
    let mut table = TableEntry { family: family_word(family)?, name: String::new(), comment: String::new() };
    for (kind, value) in nlmsg::attributes(bytes) {
        match kind {
            attribute::TABLE_NAME => table.name = nlmsg::text(value),
            attribute::TABLE_USERDATA => table.comment = comment(value),
            _ => {}
        }
    }
    Some(table)
}

/// `None` for objects that are not counters.
fn counter(family: u8, bytes: &[u8]) -> Option<CounterEntry> {
    let mut counter = CounterEntry {
        family: family_word(family)?,
        table: String::new(),
        name: String::new(),
        comment: String::new(),
        packets: 0,
        bytes: 0,
    };
    let mut object = 0;
    for (kind, value) in nlmsg::attributes(bytes) {
        match kind {
            attribute::OBJECT_TABLE => counter.table = nlmsg::text(value),
            attribute::OBJECT_NAME => counter.name = nlmsg::text(value),
            attribute::OBJECT_TYPE => object = u32::from_be_bytes(value.try_into().ok()?),
            attribute::OBJECT_USERDATA => counter.comment = comment(value),
            attribute::OBJECT_DATA => {
                for (kind, value) in nlmsg::attributes(value) {
                    let number = u64::from_be_bytes(
                        value.get(..8).and_then(|v| v.try_into().ok()).unwrap_or_default(),
                    );
                    match kind {
                        attribute::COUNTER_BYTES => counter.bytes = number,
                        attribute::COUNTER_PACKETS => counter.packets = number,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    (object == OBJECT_COUNTER).then_some(counter)
}

/// User data is a row of: number, length, value; the value of a comment ends with a zero byte.
fn comment(userdata: &[u8]) -> String {
    let mut rest = userdata;
    while let [kind, length, values @ ..] = rest {
        let Some(value) = values.get(..usize::from(*length)) else { break };
        if *kind == COMMENT {
            return nlmsg::text(value);
        }
        rest = &values[value.len()..];
    }
    String::new()
}

/// nft's word for an `NFPROTO_` number.
fn family_word(family: u8) -> Option<&'static str> {
    Some(match family {
        1 => "inet",
        2 => "ip",
        3 => "arp",
        5 => "netdev",
        7 => "bridge",
        10 => "ip6",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_found_among_user_data() {
        assert_eq!(comment(&[3, 2, 1, 1, 0, 3, b'h', b'i', 0]), "hi");
        assert_eq!(comment(&[3, 2, 1, 1]), "");
        assert_eq!(comment(&[0, 9, b'h']), "");
    }
}
