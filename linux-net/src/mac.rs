//! An Ethernet address.

use std::fmt;
use std::str::FromStr;

/// A 48-bit Ethernet address, in the order in which it is on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr(pub [u8; 6]);

/// A text that is not six hexadecimal bytes with colons between them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a MAC address such as 00:0d:3a:00:00:01")]
pub struct InvalidMacAddr(pub String);

impl MacAddr {
    /// The address in the first six bytes of a netlink attribute; `None` when there are not exactly six.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl From<[u8; 6]> for MacAddr {
    fn from(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for MacAddr {
    type Err = InvalidMacAddr;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes: Option<Vec<u8>> = text.split(':').map(hex_byte).collect();
        bytes.and_then(|bytes| Self::from_slice(&bytes)).ok_or_else(|| InvalidMacAddr(text.to_owned()))
    }
}

fn hex_byte(text: &str) -> Option<u8> {
    (text.len() == 2 && text.bytes().all(|b| b.is_ascii_hexdigit()))
        .then(|| u8::from_str_radix(text, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_agree() {
        let mac: MacAddr = "00:0d:3A:00:00:0f".parse().unwrap();
        assert_eq!(mac, MacAddr([0, 0x0d, 0x3a, 0, 0, 0x0f]));
        assert_eq!(mac.to_string(), "00:0d:3a:00:00:0f");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "00:0d:3a:00:00", "00:0d:3a:00:00:0f:01", "0:d:3a:0:0:f", "00:0d:3a:00:00:+f"] {
            assert!(text.parse::<MacAddr>().is_err(), "{text}");
        }
    }
}
