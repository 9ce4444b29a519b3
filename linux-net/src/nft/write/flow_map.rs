//! Maps of flows, and what rules do with them.

use super::bytes::{nested, number, text, user_data};
use super::expression::Load;
use super::key::Key;
use crate::nft;
use crate::nft::flow_map::KEY;
use crate::nlmsg;

/// The kernel's registers of 4 bytes begin here; four of them are register 1, and behind them begins register 2.
const FIRST_SMALL: u32 = 8;
pub(super) const VALUE_REGISTER: u32 = FIRST_SMALL + KEY.len() as u32;

const MAP: u32 = 8;
const TIMEOUT: u32 = 0x10;
const DYNAMIC: u32 = 0x20;
const ADDRESS: u32 = 7;
/// nft puts the types of a key side by side, each in so many bits.
const TYPE_BITS: u32 = 6;
const MILLISECONDS: u64 = 1000;

/// What loads the fields of the key, and where to.
pub(super) fn loads() -> Option<Vec<(Load, u32)>> {
    KEY.iter().zip(FIRST_SMALL..).map(|(field, register)| Some((Key::of(*field)?.load, register))).collect()
}

/// The attributes of the message that makes a map.
pub(super) fn declaration(id: u32, map: &nft::FlowMap, table: &str) -> Option<Vec<u8>> {
    let kind = KEY.iter().try_fold(0, |kind, field| Some(kind << TYPE_BITS | Key::of(*field)?.kind))?;
    let mut bytes = Vec::new();
    text(&mut bytes, 1, table);
    text(&mut bytes, 2, map.name.as_str());
    let length = 4 * KEY.len() as u32;
    let numbers = [(3, MAP | TIMEOUT | DYNAMIC), (4, kind), (5, length), (6, ADDRESS), (7, 4), (10, id)];
    numbers.into_iter().for_each(|(attribute, value)| number(&mut bytes, attribute, value));
    nested(&mut bytes, 9, |bytes| number(bytes, 1, map.size));
    nlmsg::push_attribute(&mut bytes, 11, &(u64::from(map.timeout_s) * MILLISECONDS).to_be_bytes());
    // Key and value are in network order.
    let network_order = 2u32.to_ne_bytes();
    nlmsg::push_attribute(
        &mut bytes,
        13,
        &[user_data(0, &network_order), user_data(1, &network_order)].concat(),
    );
    Some(bytes)
}
