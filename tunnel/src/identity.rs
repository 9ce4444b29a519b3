//! Who a NIC is: its certificate, and what its peer's must say.
//!
//! All NICs of a host share the key pair of its agent; each has a certificate of its own, made out to that key by the lab's
//! authority. Keys are ECDSA on P-256, as the handshakes' library knows no other that is as quick.

mod certificate;

use std::fmt;
use std::sync::Arc;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;

pub use certificate::{CertificateError, check_peer};

/// DER of a SubjectPublicKeyInfo (RFC 5480) on P-256, up to the point that ends it.
const P256_PUBLIC_KEY: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The largest certificate of one's own, in bytes: its handshake flight has at most 12 records of 1200 bytes, all that the
/// library keeps for retransmission. A NIC's has about 450.
pub const MAX_CERTIFICATE: usize = 3000;

/// Why there is no identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// No key pair could be made: the system has no random numbers.
    #[error("cannot make a key pair")]
    NoKey,
    /// The certificate is not X.509 in DER.
    #[error("the certificate cannot be read")]
    Malformed,
    /// Larger than [`MAX_CERTIFICATE`].
    #[error("the certificate has {0} bytes, more than {MAX_CERTIFICATE}")]
    TooLarge(usize),
    /// It was made out to another key.
    #[error("the certificate is made out to another key")]
    AnotherKey,
    /// The authority's certificate is not X.509 in DER.
    #[error("the authority's certificate cannot be read")]
    Authority,
}

/// A key pair on P-256, for one life of an agent. It is never written anywhere and never printed.
///
/// The private key exists once in memory, where it signs, for as long as this value lives; handshakes borrow it.
pub struct KeyPair {
    pair: EcdsaKeyPair,
    public_key: Vec<u8>,
}

impl KeyPair {
    /// A new one.
    ///
    /// # Errors
    /// [`IdentityError::NoKey`].
    pub fn generate() -> Result<Self, IdentityError> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(|_| IdentityError::NoKey)?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random)
            .map_err(|_| IdentityError::NoKey)?;
        let public_key = [&P256_PUBLIC_KEY, pair.public_key().as_ref()].concat();
        Ok(Self { pair, public_key })
    }

    /// The public key, a SubjectPublicKeyInfo in DER (RFC 5480): what a certificate is made out to.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// Signs by ECDSA with SHA-256; none when the system has no random numbers.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<ring::signature::Signature> {
        self.pair.sign(&SystemRandom::new(), message).ok()
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyPair(..)")
    }
}

/// A NIC as it presents itself: its certificate, the key that this is made out to, and whom it trusts. Clones are cheap.
#[derive(Debug, Clone)]
pub struct Identity {
    certificate: Arc<[u8]>,
    key: Arc<KeyPair>,
    authority: Arc<[u8]>,
}

impl Identity {
    /// `certificate` and `authority` are X.509 in DER; the authority is the only one that a peer's certificate may be from.
    ///
    /// # Errors
    /// When either cannot be read, or the certificate is not made out to `key`. Whether it is valid is for the peer to say.
    pub fn new(certificate: &[u8], key: Arc<KeyPair>, authority: &[u8]) -> Result<Self, IdentityError> {
        if certificate.len() > MAX_CERTIFICATE {
            return Err(IdentityError::TooLarge(certificate.len()));
        }
        let der = CertificateDer::from(certificate);
        let leaf = EndEntityCert::try_from(&der).map_err(|_| IdentityError::Malformed)?;
        if leaf.subject_public_key_info().as_ref() != key.public_key() {
            return Err(IdentityError::AnotherKey);
        }
        webpki::anchor_from_trusted_cert(&CertificateDer::from(authority))
            .map_err(|_| IdentityError::Authority)?;
        Ok(Self { certificate: certificate.into(), key, authority: authority.into() })
    }

    /// Its certificate, DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    pub(crate) fn key(&self) -> &Arc<KeyPair> {
        &self.key
    }

    pub(crate) fn authority(&self) -> &Arc<[u8]> {
        &self.authority
    }
}

/// The URI that the certificate of a peer must bear, and no other name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PeerName(String);

impl PeerName {
    /// Taken as it is; names are compared byte by byte.
    #[must_use]
    pub fn new(uri: impl Into<String>) -> Self {
        Self(uri.into())
    }

    /// The URI.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_lab::TestAuthority;

    #[test]
    fn a_certificate_belongs_to_its_key() {
        let authority = TestAuthority::new();
        let (mine, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let leaf = authority.certificate(&mine, "vnetlab://nic/a/nic0");
        let identity =
            |key: KeyPair, leaf: &[u8], ca: &[u8]| Identity::new(leaf, Arc::new(key), ca).map(|_| ());
        assert_eq!(identity(other, &leaf, authority.der()), Err(IdentityError::AnotherKey));
        assert_eq!(identity(mine, &leaf, authority.der()), Ok(()));
        let key = || KeyPair::generate().unwrap();
        assert_eq!(identity(key(), b"", authority.der()), Err(IdentityError::Malformed));
        assert_eq!(identity(key(), &leaf[..leaf.len() - 1], authority.der()), Err(IdentityError::Malformed));
        let size = MAX_CERTIFICATE + 1;
        assert_eq!(identity(key(), &vec![0x30; size], authority.der()), Err(IdentityError::TooLarge(size)));
        let key = KeyPair::generate().unwrap();
        let leaf = authority.certificate(&key, "vnetlab://nic/a/nic0");
        assert_eq!(identity(key, &leaf, b"no certificate"), Err(IdentityError::Authority));
    }

    #[test]
    fn a_key_pair_is_not_printed() {
        let key = KeyPair::generate().unwrap();
        assert_eq!(format!("{key:?}"), "KeyPair(..)");
        assert_eq!(key.public_key().len(), 91);
        assert_ne!(key.public_key(), KeyPair::generate().unwrap().public_key());
    }
}
