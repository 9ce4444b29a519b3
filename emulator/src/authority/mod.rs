//! A lab's certificate authority: it vouches for NICs that encrypt, and for both ends of a control link across a network.
//!
//! The init makes its key when the lab begins and hands it to each controller (see [`hand_over`]). The key is never in a file, an
//! argument, a variable or a log, and goes with the lab.

mod certificate;
mod hand_over;

use std::time::{Duration, SystemTime};

use goal_state::encryption::certificate_name;
use goal_state::{HostName, NicId};
use rcgen::{CertificateParams, Issuer, PKCS_ECDSA_P256_SHA256, PublicKeyData, SigningKey};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

pub(crate) use hand_over::Estate;

/// How long what it issues is valid. Certificates of a running lab are renewed long before.
pub(crate) const LIFETIME: Duration = Duration::from_secs(48 * 60 * 60);

/// Why nothing was issued.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorityError {
    /// Ring or rcgen refuses.
    #[error("making a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The key is none, or no random numbers are to be had.
    #[error("making or reading a key")]
    Key,
    /// Certificates are made out to keys on the curve P-256 only.
    #[error("the public key is not one on the curve P-256")]
    NotP256,
}

/// A lab's authority, as a controller has it.
pub(crate) struct Authority {
    issuer: Issuer<'static, Key>,
    certificate: CertificateDer<'static>,
}

/// A certificate and its private key.
pub(crate) struct Credentials {
    /// X.509, DER.
    pub(crate) certificate: CertificateDer<'static>,
    /// PKCS#8, DER.
    pub(crate) key: Zeroizing<Vec<u8>>,
}

impl Authority {
    /// A new one, with its key.
    ///
    /// # Errors
    /// When there are no random numbers.
    pub(crate) fn found(now: SystemTime) -> Result<Credentials, AuthorityError> {
        let key = new_key()?;
        let certificate = certificate::of_authority(now)?.self_signed(&Key::read(&key)?)?;
        Ok(Credentials { certificate: certificate.into(), key })
    }

    /// The one with this key.
    ///
    /// # Errors
    /// When these are not a key and a certificate.
    pub(crate) fn of(credentials: &Credentials) -> Result<Self, AuthorityError> {
        let issuer = Issuer::from_ca_cert_der(&credentials.certificate, Key::read(&credentials.key)?)?;
        Ok(Self { issuer, certificate: credentials.certificate.clone() })
    }

    /// Its own certificate, by which all others are checked.
    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// A certificate for a NIC, made out to `public_key`, a SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    /// When that is no key on the curve P-256.
    pub(crate) fn certify_nic(
        &self,
        nic: &NicId,
        public_key: &[u8],
        now: SystemTime,
    ) -> Result<CertificateDer<'static>, AuthorityError> {
        let key = rcgen::SubjectPublicKeyInfo::from_der(public_key).map_err(|_| AuthorityError::NotP256)?;
        if *key.algorithm() != PKCS_ECDSA_P256_SHA256 {
            return Err(AuthorityError::NotP256);
        }
        self.sign(&certificate::of(&certificate_name(nic), now)?, &key)
    }

    /// A key and a certificate for the agent of a host that is reached over a network.
    ///
    /// # Errors
    /// When there are no random numbers.
    pub(crate) fn credentials_of_host(
        &self,
        host: &HostName,
        now: SystemTime,
    ) -> Result<Credentials, AuthorityError> {
        self.credentials(&goal_state::link::host_name(host), now)
    }

    /// A key and a certificate for a controller.
    ///
    /// # Errors
    /// When there are no random numbers.
    pub(crate) fn credentials_of_controller(&self, now: SystemTime) -> Result<Credentials, AuthorityError> {
        self.credentials(goal_state::link::CONTROLLER, now)
    }

    fn credentials(&self, name: &str, now: SystemTime) -> Result<Credentials, AuthorityError> {
        let key = new_key()?;
        let certificate = self.sign(&certificate::of(name, now)?, &Key::read(&key)?)?;
        Ok(Credentials { certificate, key })
    }

    fn sign(
        &self,
        wanted: &CertificateParams,
        key: &impl PublicKeyData,
    ) -> Result<CertificateDer<'static>, AuthorityError> {
        Ok(wanted.signed_by(key, &self.issuer)?.into())
    }
}

fn new_key() -> Result<Zeroizing<Vec<u8>>, AuthorityError> {
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new());
    Ok(Zeroizing::new(key.map_err(|_| AuthorityError::Key)?.as_ref().to_vec()))
}

/// A key that signs, without a copy of its PKCS#8 form, as rcgen's own has.
struct Key(EcdsaKeyPair);

impl Key {
    fn read(pkcs8: &[u8]) -> Result<Self, AuthorityError> {
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8, &SystemRandom::new());
        key.map(Self).map_err(|_| AuthorityError::Key)
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature = self.0.sign(&SystemRandom::new(), message);
        Ok(signature.map_err(|_| rcgen::Error::RingUnspecified)?.as_ref().to_vec())
    }
}

#[cfg(test)]
mod tests;
