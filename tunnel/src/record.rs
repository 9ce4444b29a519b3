//! One record on the wire: sealed into a buffer, opened where it lies (RFC 9147, section 4).

use zeroize::Zeroizing;

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
