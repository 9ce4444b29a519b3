//! One record on the wire: sealed into a buffer, opened where it lies (RFC 9147, section 4).
//!
//! ```text
//!   0                1                3           5 (L=1 only)
//!   +----------------+----------------+-----------+---------------------------------------+------------+
//!   | 0 0 1 C S L EE | number, masked | length    | sealed: payload, content type, zeros  | tag        |
//!   +----------------+----------------+-----------+---------------------------------------+------------+
//! ```
//!
//! `EE` is 3, the epoch after the handshake; `C` is 0, no connection identifier; `S` is 1, a number of 16 bits. Sealed here
//! is `L`=0, one record a datagram; `L`=1 is opened, too. The nonce is the whole number, without the epoch, over the IV.
//! Nothing here allocates once the keys are there.

#[cfg(test)]
mod golden;
mod keys;
mod number;
mod open;
mod seal;
#[cfg(test)]
mod tests;

use zeroize::Zeroizing;

pub(crate) use open::{Jump, Place, record_prefix};
pub use open::{OpenError, Opened, Opener};
pub use seal::{Exhausted, Sealer};

/// The number of the first record that is sealed here; a handshake may have used lower ones in the same epoch.
pub const FIRST_NUMBER: u64 = 1024;
/// Bytes of payload that a record carries at most (RFC 8446, section 5.2, less what the padding needs).
pub const MAX_PAYLOAD: usize = (1 << 14) - 1;
/// Bytes of a record that is opened at most: its longest header and 2^14 + 256 bytes (RFC 8446, section 5.2).
pub const MAX_RECORD_LEN: usize = 5 + (1 << 14) + 256;

/// Bytes of a header as it is sent: flags and number.
const HEADER_LEN: usize = 3;
/// Bytes of the tag of AES-GCM.
const TAG_LEN: usize = 16;
/// Payload and content type are filled up to a multiple of this, the block of AES: whole blocks are sealed faster, and
/// lengths tell less.
const BLOCK_LEN: usize = 16;
/// First byte of a record that is sealed here: epoch 3, no connection identifier, number of 16 bits, no length.
const FLAGS: u8 = 0b0010_1011;
/// Set in the first byte where the header says how long the record is.
const WITH_LENGTH: u8 = 0b0000_0100;

/// Bytes of the whole record that a payload of `payload` bytes becomes; at most [`MAX_PAYLOAD`].
#[must_use]
pub const fn record_len(payload: usize) -> usize {
    HEADER_LEN + (payload + 1).next_multiple_of(BLOCK_LEN) + TAG_LEN
}

/// Whether a datagram begins with a record of epoch 3, of the kind that is opened here. Everything else is for handshakes.
#[must_use]
pub fn is_ours(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| first & !WITH_LENGTH == FLAGS)
}

/// What a record carries (RFC 8446, section 5.1; RFC 9147, section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Content {
    /// Alerts, `close_notify` among them.
    Alert = 21,
    /// Handshake messages after the handshake.
    Handshake = 22,
    /// Packets.
    ApplicationData = 23,
    /// Acknowledgements of handshake messages.
    Ack = 26,
}

impl Content {
    /// The kind that has this number on the wire.
    fn from_wire(number: u8) -> Option<Self> {
        match number {
            21 => Some(Self::Alert),
            22 => Some(Self::Handshake),
            23 => Some(Self::ApplicationData),
            26 => Some(Self::Ack),
            _ => None,
        }
    }
}

/// A cipher for records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cipher {
    /// `TLS_AES_128_GCM_SHA256`.
    Aes128Gcm,
    /// `TLS_AES_256_GCM_SHA384`.
    Aes256Gcm,
}

impl Cipher {
    /// Its usual name, `AES-128-GCM`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aes128Gcm => "AES-128-GCM",
            Self::Aes256Gcm => "AES-256-GCM",
        }
    }
}

/// An application traffic secret (RFC 8446, section 7.1). Erased when it is dropped, and never printed.
#[derive(Clone)]
pub struct TrafficSecret(Zeroizing<Vec<u8>>);

impl TrafficSecret {
    /// A secret as long as the hash of its cipher's suite.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(Zeroizing::new(secret.to_vec()))
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for TrafficSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TrafficSecret(..)")
    }
}

/// What a handshake ends with: the secrets of epoch 3.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// Of both directions.
    pub cipher: Cipher,
    /// Of what this side sends.
    pub send: TrafficSecret,
    /// Of what the other side sends.
    pub receive: TrafficSecret,
}
