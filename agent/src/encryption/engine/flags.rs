//! The first byte of the payload of a record.

pub(crate) use tunnel::association::flags::{ANSWER, ASK};

/// A packet follows whose TCP or UDP checksum holds the sum of the pseudo header only; the record's tag stands in for it.
pub(crate) const PARTIAL: u8 = 0x01;
