//! An authority and certificates for tests.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose,
    SanType, SubjectPublicKeyInfo, date_time_ymd,
};
use rustls_pki_types::UnixTime;

use crate::identity::{Identity, KeyPair, PeerName};

/// A moment at which certificates made here are valid, in seconds since 1970: 2026-01-01.
pub(crate) const NOW: u64 = 1_767_225_600;

/// The last such moment: 2030-01-01.
pub(crate) const VALID_UNTIL: u64 = 1_893_456_000;

/// Seconds since 1970 as the checks want them.
pub(crate) fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

/// A NIC's certificate with these URIs, before it is signed.
pub(crate) fn leaf_params(names: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.subject_alt_names = names.iter().map(|&name| SanType::URI(name.try_into().unwrap())).collect();
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(2030, 1, 1);
    params
}

/// The authority of a lab. All of them have the same name.
pub(crate) struct TestAuthority(CertifiedIssuer<'static, rcgen::KeyPair>);

impl TestAuthority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self(CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap())
    }

    /// Its certificate.
    pub(crate) fn der(&self) -> &[u8] {
        self.0.der()
    }

    /// Any certificate.
    pub(crate) fn sign(&self, params: &CertificateParams, key: &KeyPair) -> Vec<u8> {
        let key = SubjectPublicKeyInfo::from_der(key.public_key()).unwrap();
        params.signed_by(&key, &self.0).unwrap().der().to_vec()
    }

    /// Any certificate, for a key that is kept elsewhere.
    pub(crate) fn sign_rcgen(&self, params: &CertificateParams, key: &rcgen::KeyPair) -> Vec<u8> {
        params.signed_by(key, &self.0).unwrap().der().to_vec()
    }

    /// A good certificate.
    pub(crate) fn certificate(&self, key: &KeyPair, name: &str) -> Vec<u8> {
        self.sign(&leaf_params(&[name]), key)
    }

    /// A good NIC with a key of its own, and what its peer must expect.
    pub(crate) fn identity(&self, name: &str) -> (Identity, PeerName) {
        (self.unusual(&leaf_params(&[name])), PeerName::new(name))
    }

    /// A NIC with any certificate, and a key of its own.
    pub(crate) fn unusual(&self, params: &CertificateParams) -> Identity {
        let key = Arc::new(KeyPair::generate().unwrap());
        let certificate = self.sign(params, &key);
        Identity::new(&certificate, key, self.der()).unwrap()
    }
}
