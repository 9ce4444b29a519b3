//! Names, numbers and addresses as types, so that one cannot be taken for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not one of this module's ids.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// The text is empty, too long, or has a character that the id may not have.
    #[error(
        "{text:?} is not a resource name: 1 to 80 letters, digits, '.', '_' or '-', starting with a letter or digit"
    )]
    Name {
        /// The refused text.
        text: String,
    },
    /// The text is not six hexadecimal bytes separated by colons.
    #[error("{text:?} is not a MAC address such as 00:0d:3a:12:34:56")]
    Mac {
        /// The refused text.
        text: String,
    },
    /// The number does not fit 24 bits.
    #[error("{number} is not a VXLAN network identifier: 1 to 16777215")]
    Vni {
        /// The refused number.
        number: u32,
    },
}

/// Whether `text` may name an Azure network resource here.
///
/// Letters, digits, `.`, `_` and `-`, starting with a letter or digit, at most 80 characters: the intersection of
/// Azure's rules for the resource types of Microsoft.Network and Microsoft.Compute. The set has neither `/` nor
/// white space nor quotes, so a name can stand in a path, a namespace name and an nftables comment as it is.
#[must_use]
pub fn is_resource_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= 80
        && bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

macro_rules! resource_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks `text` with [`is_resource_name`].
            ///
            /// # Errors
            /// [`InvalidId::Name`] when it is no resource name.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                if is_resource_name(&text) { Ok(Self(text)) } else { Err(InvalidId::Name { text }) }
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

resource_name! {
    /// An emulated physical host.
    HostName
}
resource_name! {
    /// A virtual machine, unique in the lab.
    VmName
}
resource_name! {
    /// A network interface, unique in its VM.
    NicName
}

/// A network interface of a VM, written `web1/nic0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NicId {
    /// The VM that owns the NIC.
    pub vm: VmName,
    /// The NIC's name in that VM.
    pub nic: NicName,
}

impl fmt::Display for NicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.vm, self.nic))
    }
}

/// The number of a goal state. Grows with every change; an agent never goes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Generation(pub u64);

impl Generation {
    /// The generation after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A VXLAN network identifier (RFC 7348 section 5): 24 bits, never 0. One per virtual network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Vni(u32);

impl Vni {
    /// Checks that `number` fits.
    ///
    /// # Errors
    /// [`InvalidId::Vni`] for 0 and for more than 24 bits.
    pub fn new(number: u32) -> Result<Self, InvalidId> {
        if (1..1 << 24).contains(&number) { Ok(Self(number)) } else { Err(InvalidId::Vni { number }) }
    }

    /// The identifier as a number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Vni {
    type Error = InvalidId;

    fn try_from(number: u32) -> Result<Self, InvalidId> {
        Self::new(number)
    }
}

impl From<Vni> for u32 {
    fn from(vni: Vni) -> u32 {
        vni.0
    }
}

impl fmt::Display for Vni {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An Ethernet address, in transmission order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// What Azure's virtual switch answers to every ARP request of a VM.
    pub const GATEWAY: Self = Self([0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc]);

    /// The three bytes that follow the manufacturer's prefix, as a number. Unique in a lab.
    #[must_use]
    pub fn serial(self) -> u32 {
        u32::from_be_bytes([0, self.0[3], self.0[4], self.0[5]])
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MacAddr {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId::Mac { text: text.to_owned() };
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts
                .next()
                .filter(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit()))
                .ok_or_else(invalid)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| invalid())?;
        }
        if parts.next().is_some() { Err(invalid()) } else { Ok(Self(bytes)) }
    }
}

impl TryFrom<String> for MacAddr {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<MacAddr> for String {
    fn from(mac: MacAddr) -> String {
        mac.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_names_have_nothing_that_needs_escaping() {
        for good in ["a", "web-1", "nsg_web.v2", "0", &"x".repeat(80)] {
            assert!(VmName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", ".hidden", "a b", "a/b", "a\"", "a;b", "é", "a\n", &"x".repeat(81)] {
            assert!(VmName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_mac_address_survives_its_text() {
        let mac: MacAddr = "00:0d:3a:0A:ff:01".parse().unwrap();
        assert_eq!(mac.to_string(), "00:0d:3a:0a:ff:01");
        assert_eq!(mac.serial(), 0x0a_ff01);
        for bad in [
            "",
            "00:0d:3a:0a:ff",
            "00:0d:3a:0a:ff:01:02",
            "0:d:3a:0a:ff:01",
            "00-0d-3a-0a-ff-01",
            "+1:0d:3a:0a:ff:01",
        ] {
            assert!(bad.parse::<MacAddr>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_vni_has_24_bits_and_is_not_zero() {
        assert!(Vni::new(0).is_err());
        assert!(Vni::new(1 << 24).is_err());
        assert_eq!(Vni::new(0xff_ffff).unwrap().get(), 0xff_ffff);
        assert!(serde_json::from_str::<Vni>("0").is_err());
    }
}
