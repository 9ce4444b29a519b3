//! What a flow log says about encryption.

use std::fmt;

use serde::{Serialize, Serializer};

/// What a virtual network flow log says about the encryption of a flow.
///
/// A flow log knows one more code, which never occurs in a lab: `NX_SW_NOT_READY`, for a host whose software is not ready yet. Here
/// packets wait for it.
/// <https://learn.microsoft.com/azure/network-watcher/vnet-flow-logs-overview>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlowEncryption {
    /// Encrypted.
    Encrypted,
    /// In clear: not both virtual networks have encryption, or one of the two is no NIC of a VM.
    NotConfigured,
    /// In clear: the two are on the same host, so nothing crosses the underlay.
    LocalDestination,
    /// In clear: the sender's NIC cannot encrypt.
    HardwareNotSupported,
    /// In clear: the receiver's NIC cannot encrypt.
    Fallback,
    /// Dropped: it could not be encrypted, and one of the two virtual networks drops what is in clear.
    NotAccepted,
    /// Dropped: both encrypt, and the receiver's virtual network does not know the sender, because only one of two peers reaches the
    /// other. So they cannot find each other to agree on keys.
    NotSupported,
}

impl FlowEncryption {
    /// Every code that occurs.
    pub const ALL: [Self; 7] = [
        Self::Encrypted,
        Self::NotConfigured,
        Self::LocalDestination,
        Self::HardwareNotSupported,
        Self::Fallback,
        Self::NotAccepted,
        Self::NotSupported,
    ];

    /// The code, as a flow log has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Encrypted => "X",
            Self::NotConfigured => "NX",
            Self::LocalDestination => "NX_LOCAL_DST",
            Self::HardwareNotSupported => "NX_HW_NOT_SUPPORTED",
            Self::Fallback => "NX_FALLBACK",
            Self::NotAccepted => "NX_NOT_ACCEPTED",
            Self::NotSupported => "NX_NOT_SUPPORTED",
        }
    }

    /// Whether the sender's port drops it.
    #[must_use]
    pub fn is_dropped(self) -> bool {
        matches!(self, Self::NotAccepted | Self::NotSupported)
    }
}

impl fmt::Display for FlowEncryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for FlowEncryption {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
