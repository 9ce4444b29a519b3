//! Sealing: the records that one side sends with one set of keys.

use std::fmt;

use super::keys::Keys;
use super::{Cipher, Content, FIRST_NUMBER, FLAGS, HEADER_LEN, TAG_LEN, TrafficSecret, record_len};

/// Records that one key of AES-GCM may seal: 2^24.5 (RFC 9147, section 4.5.3).
const MAX_RECORDS: u64 = 23_726_566;

/// These keys have sealed as many records as AES-GCM may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these keys have sealed all the records that they may")]
pub struct Exhausted;

/// Seals records with the keys of one direction, each with a number of its own.
pub struct Sealer {
    keys: Keys,
    cipher: Cipher,
    sealed: u64,
}

impl Sealer {
    /// With the keys of `secret`. There must not be two for the same secret: they would use the same numbers.
    #[must_use]
    pub fn new(cipher: Cipher, secret: &TrafficSecret) -> Self {
        Self { keys: Keys::new(cipher, secret), cipher, sealed: 0 }
    }

    /// Seals one record of `parts`, one after the other, into `out`, which is exactly [`record_len`] of them together.
    ///
    /// # Errors
    ///
    /// These keys are used up.
    ///
    /// # Panics
    ///
    /// Where `out` has another length.
    #[inline]
    pub fn seal(&mut self, out: &mut [u8], content: Content, parts: [&[u8]; 3]) -> Result<(), Exhausted> {
        assert_eq!(out.len(), record_len(parts.iter().map(|part| part.len()).sum()), "a record's buffer");
        if self.sealed >= MAX_RECORDS {
            return Err(Exhausted);
        }
        let number = FIRST_NUMBER + self.sealed;
        // Before anything can fail: a number is used once, if at all.
        self.sealed += 1;
        let (header, body) = out.split_at_mut(HEADER_LEN);
        let (inner, tag) = body.split_at_mut(body.len() - TAG_LEN);
        write_inner(inner, content, parts);
        let [.., high, low] = number.to_be_bytes();
        header.copy_from_slice(&[FLAGS, high, low]);
        tag.copy_from_slice(self.keys.seal(number, header, inner).map_err(|_| Exhausted)?.as_ref());
        let sample = body.first_chunk().ok_or(Exhausted)?;
        let masked = (number as u16) ^ self.keys.mask(sample).map_err(|_| Exhausted)?;
        header[1..].copy_from_slice(&masked.to_be_bytes());
        Ok(())
    }

    /// Of its keys.
    #[must_use]
    pub fn cipher(&self) -> Cipher {
        self.cipher
    }

    /// Records sealed so far.
    #[must_use]
    pub fn sealed(&self) -> u64 {
        self.sealed
    }

    /// Passes over records, as if they were sealed and lost.
    #[cfg(test)]
    pub(crate) fn skip(&mut self, records: u64) {
        self.sealed += records;
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sealer").field("sealed", &self.sealed).finish_non_exhaustive()
    }
}

/// The payload, its kind, and zeros up to the end (RFC 8446, section 5.4).
#[inline]
fn write_inner(inner: &mut [u8], content: Content, parts: [&[u8]; 3]) {
    let mut rest = inner;
    for part in parts {
        let (place, behind) = rest.split_at_mut(part.len());
        place.copy_from_slice(part);
        rest = behind;
    }
    rest.fill(0);
    rest[0] = content as u8;
}
