//! Opening: the records that come with one set of keys, each once.

use std::fmt;
use std::ops::Range;

use super::keys::Keys;
use super::number::{SPAN, nearest};
use super::{Cipher, Content, HEADER_LEN, MAX_RECORD_LEN, TAG_LEN, TrafficSecret, WITH_LENGTH, is_ours};
use crate::replay::Window;

/// Bytes of a header that says how long its record is.
const LONG_HEADER_LEN: usize = HEADER_LEN + 2;
/// Forged records on which one key may be tried (RFC 9147, section 4.5.3).
const MAX_FORGERIES: u64 = 1 << 36;

/// Why a datagram was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// No record of epoch 3, cut short, too long, or authentic but without content of a known kind.
    #[error("not a record that carries anything")]
    NotARecord,
    /// A record of that number was opened already, or it is too old to know.
    #[error("replayed, or too old")]
    Replayed,
    /// Not sealed with these keys.
    #[error("not authentic")]
    NotAuthentic,
}

/// What was in a record.
#[derive(Debug, PartialEq, Eq)]
pub struct Opened<'d> {
    /// The kind of payload.
    pub content: Content,
    /// The payload, where the record was; may be empty.
    pub payload: &'d mut [u8],
    /// The record's number.
    pub number: u64,
}

/// Opens records with the keys of one direction.
pub struct Opener {
    keys: Keys,
    window: Window,
    forgeries: u64,
}

impl Opener {
    /// With the keys of `secret`.
    #[must_use]
    pub fn new(cipher: Cipher, secret: &TrafficSecret) -> Self {
        Self { keys: Keys::new(cipher, secret), window: Window::new(), forgeries: 0 }
    }

    /// Opens the record that `record` begins with, in place. After a failure its bytes are lost, but it leaves no trace
    /// among the numbers seen.
    ///
    /// # Errors
    ///
    /// It is no record, is there for the second time, or was not sealed with these keys.
    #[inline]
    pub fn open<'d>(&mut self, record: &'d mut [u8]) -> Result<Opened<'d>, OpenError> {
        Ok(self.try_open(record, Jump::NONE)?.within(record))
    }

    /// Opens a record under the assumption that whole spans of numbers were lost before it.
    #[inline]
    pub(crate) fn try_open(&mut self, record: &mut [u8], jump: Jump) -> Result<Place, OpenError> {
        let Extent { header: header_len, sealed: sealed_len } = extent(record)?;
        let (header, rest) = record.split_at_mut(header_len);
        let sealed = &mut rest[..sealed_len];
        let sample = sealed.first_chunk().ok_or(OpenError::NotARecord)?;
        let mask = self.keys.mask(sample).map_err(|_| OpenError::NotARecord)?;
        let low = u16::from_be_bytes([header[1], header[2]]) ^ mask;
        let number = nearest(self.window.next(), low) + jump.0 * SPAN;
        if !self.window.is_new(number) {
            return Err(OpenError::Replayed);
        }
        // What is authentic is the header before its number was masked.
        let mut clear = [0; LONG_HEADER_LEN];
        let clear = &mut clear[..header_len];
        clear.copy_from_slice(header);
        clear[1..HEADER_LEN].copy_from_slice(&low.to_be_bytes());
        let len = self.authenticate(number, clear, sealed)?;
        self.window.commit(number);
        let (content, len) = content(&sealed[..len]).ok_or(OpenError::NotARecord)?;
        Ok(Place { content, payload: header_len..header_len + len, number })
    }

    /// Records that were not authentic.
    #[cfg(test)]
    pub(crate) fn forgeries(&self) -> u64 {
        self.forgeries
    }

    #[inline]
    fn authenticate(&mut self, number: u64, header: &[u8], sealed: &mut [u8]) -> Result<usize, OpenError> {
        if self.forgeries >= MAX_FORGERIES {
            return Err(OpenError::NotAuthentic);
        }
        self.keys.open(number, header, sealed).map_err(|_| {
            self.forgeries += 1;
            OpenError::NotAuthentic
        })
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Opener").field("next", &self.window.next()).finish_non_exhaustive()
    }
}

/// How often the 16 bits of a number on the wire are taken to have come round unseen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Jump(pub(crate) u64);

impl Jump {
    /// The number is the nearest one.
    pub(crate) const NONE: Self = Self(0);
}

/// Where in a record its payload now lies.
#[derive(Debug)]
pub(crate) struct Place {
    content: Content,
    payload: Range<usize>,
    number: u64,
}

impl Place {
    /// The same, with the payload itself.
    #[inline]
    pub(crate) fn within(self, record: &mut [u8]) -> Opened<'_> {
        Opened { content: self.content, payload: &mut record[self.payload], number: self.number }
    }
}

/// The lengths of a record's parts.
struct Extent {
    header: usize,
    sealed: usize,
}

/// The record that a datagram begins with, without what may come behind.
///
/// # Errors
///
/// There is none.
pub(crate) fn record_prefix(datagram: &mut [u8]) -> Result<&mut [u8], OpenError> {
    let Extent { header, sealed } = extent(datagram)?;
    Ok(&mut datagram[..header + sealed])
}

/// The lengths of the record that a datagram begins with: what its header says, or the whole datagram.
#[inline]
fn extent(datagram: &[u8]) -> Result<Extent, OpenError> {
    if !is_ours(datagram) {
        return Err(OpenError::NotARecord);
    }
    let (header, sealed) = if datagram[0] & WITH_LENGTH == 0 {
        (HEADER_LEN, datagram.len().saturating_sub(HEADER_LEN))
    } else {
        let header: &[u8; LONG_HEADER_LEN] = datagram.first_chunk().ok_or(OpenError::NotARecord)?;
        (LONG_HEADER_LEN, usize::from(u16::from_be_bytes([header[3], header[4]])))
    };
    let whole = header + sealed <= datagram.len();
    // The shortest carries nothing but its kind.
    let plausible = sealed > TAG_LEN && sealed <= MAX_RECORD_LEN - LONG_HEADER_LEN;
    if whole && plausible { Ok(Extent { header, sealed }) } else { Err(OpenError::NotARecord) }
}

/// The kind of an opened payload and its length: the last byte that is not padding is the kind (RFC 8446, section 5.4).
#[inline]
fn content(inner: &[u8]) -> Option<(Content, usize)> {
    let len = inner.iter().rposition(|byte| *byte != 0)?;
    Some((Content::from_wire(inner[len])?, len))
}
