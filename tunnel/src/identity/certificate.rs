//! Whether a certificate is the peer's: from the lab's authority, valid today, and with its name (RFC 5280).

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage};

use super::PeerName;
use crate::handshake::Role;

/// How the authority signs.
const SIGNATURES: &[&dyn SignatureVerificationAlgorithm] = &[webpki::ring::ECDSA_P256_SHA256];

/// Why a certificate is not the peer's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Another authority signed it, or nobody did.
    #[error("the peer's certificate is not from the lab's authority")]
    ForeignAuthority,
    /// Its time is over.
    #[error("the peer's certificate has expired")]
    Expired,
    /// Its time has not come.
    #[error("the peer's certificate is not valid yet")]
    NotYetValid,
    /// It bears another name, none, or more than one.
    #[error("the peer's certificate is not that of {expected}; it says {}", said(.names))]
    AnotherName {
        /// Who the peer should be.
        expected: String,
        /// The names that the certificate bears.
        names: Vec<String>,
    },
    /// It is for the other side of a handshake, or for no handshake at all.
    #[error("the peer's certificate is for another usage")]
    AnotherUsage,
    /// It cannot be read, or something in it is against the rules.
    #[error("the peer's certificate is malformed: {0}")]
    Malformed(String),
}

fn said(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

impl From<Error> for CertificateError {
    fn from(error: Error) -> Self {
        match error {
            Error::CertExpired { .. } => Self::Expired,
            Error::CertNotValidYet { .. } => Self::NotYetValid,
            Error::UnknownIssuer | Error::InvalidSignatureForPublicKey => Self::ForeignAuthority,
            Error::RequiredEkuNotFoundContext(_) => Self::AnotherUsage,
            other => Self::Malformed(other.to_string()),
        }
    }
}

/// Whether `leaf` is the certificate of `expected`, who plays `peer` in the handshake: signed by `authority` itself (both
/// X.509 in DER), valid at `now`, not an authority's, for this side of a handshake, and with no name but the expected one.
///
/// That the peer has the key, too, is for the handshake to prove.
///
/// # Errors
/// What is wrong with it.
pub fn check_peer(
    authority: &[u8],
    leaf: &[u8],
    peer: Role,
    expected: &PeerName,
    now: UnixTime,
) -> Result<(), CertificateError> {
    let authority = CertificateDer::from(authority);
    let anchor = webpki::anchor_from_trusted_cert(&authority)?;
    let leaf = CertificateDer::from(leaf);
    let leaf = EndEntityCert::try_from(&leaf)?;
    let usage = match peer {
        Role::Client => KeyUsage::client_auth(),
        Role::Server => KeyUsage::server_auth(),
    };
    leaf.verify_for_usage(SIGNATURES, &[anchor], &[], now, usage, None, None)?;
    check_name(&leaf, expected)
}

fn check_name(leaf: &EndEntityCert<'_>, expected: &PeerName) -> Result<(), CertificateError> {
    let names: Vec<&str> = leaf.valid_uri_names().chain(leaf.valid_dns_names()).collect();
    if names == [expected.as_str()] && leaf.valid_uri_names().count() == 1 {
        return Ok(());
    }
    let names = names.into_iter().map(str::to_owned).collect();
    Err(CertificateError::AnotherName { expected: expected.as_str().to_owned(), names })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, ExtendedKeyUsagePurpose as Usage, IsCa, SanType};

    use super::*;
    use crate::identity::KeyPair;
    use crate::test_lab::{NOW, TestAuthority, VALID_UNTIL, at, leaf_params};

    const NAME: &str = "vnetlab://nic/web1/nic0";

    fn check(authority: &TestAuthority, leaf: &[u8], peer: Role, now: u64) -> Result<(), CertificateError> {
        check_peer(authority.der(), leaf, peer, &PeerName::new(NAME), at(now))
    }

    /// What becomes of a certificate that is as it should be but for one change.
    fn changed(change: impl FnOnce(&mut CertificateParams)) -> Result<(), CertificateError> {
        let authority = TestAuthority::new();
        let mut params = leaf_params(&[NAME]);
        change(&mut params);
        let leaf = authority.sign(&params, &KeyPair::generate().unwrap());
        check(&authority, &leaf, Role::Client, NOW)?;
        check(&authority, &leaf, Role::Server, NOW)
    }

    #[test]
    fn a_good_one_serves_both_roles() {
        assert_eq!(changed(|_| {}), Ok(()));
    }

    #[test]
    fn it_has_its_time() {
        let authority = TestAuthority::new();
        let leaf = authority.certificate(&KeyPair::generate().unwrap(), NAME);
        assert_eq!(check(&authority, &leaf, Role::Client, VALID_UNTIL), Ok(()));
        assert_eq!(check(&authority, &leaf, Role::Client, VALID_UNTIL + 1), Err(CertificateError::Expired));
        assert_eq!(check(&authority, &leaf, Role::Client, 0), Err(CertificateError::NotYetValid));
    }

    #[test]
    fn only_the_labs_authority_signs() {
        let (authority, other) = (TestAuthority::new(), TestAuthority::new());
        let key = KeyPair::generate().unwrap();
        // The other authority has the same name: only its key tells it apart.
        let leaf = other.certificate(&key, NAME);
        assert_eq!(check(&authority, &leaf, Role::Client, NOW), Err(CertificateError::ForeignAuthority));
        let mut tampered = authority.certificate(&key, NAME);
        let last = tampered.len() - 1;
        tampered[last] ^= 1;
        assert!(check(&authority, &tampered, Role::Client, NOW).is_err());
        assert!(check(&authority, authority.der(), Role::Client, NOW).is_err());
    }

    #[test]
    fn its_name_is_the_only_one() {
        let another = |names: &[&str]| {
            changed(|params| params.subject_alt_names = leaf_params(names).subject_alt_names)
        };
        let refused = |names: &[&str]| {
            let names = names.iter().map(|&name| name.to_owned()).collect();
            Err(CertificateError::AnotherName { expected: NAME.to_owned(), names })
        };
        for names in [
            &["vnetlab://nic/web2/nic0"][..],
            &[],
            &[NAME, "vnetlab://nic/web2/nic0"],
            &[NAME, NAME],
            &["vnetlab://nic/web1/nic0/"],
            &["vnetlab://nic/WEB1/nic0"],
        ] {
            assert_eq!(another(names), refused(names));
        }
        let dns = SanType::DnsName("web1".try_into().unwrap());
        assert_eq!(changed(|params| params.subject_alt_names.push(dns)), refused(&[NAME, "web1"]));
    }

    #[test]
    fn its_usage_is_for_the_role() {
        let only = |usage: Usage| changed(|params| params.extended_key_usages = vec![usage]);
        assert_eq!(only(Usage::ClientAuth), Err(CertificateError::AnotherUsage));
        assert_eq!(only(Usage::ServerAuth), Err(CertificateError::AnotherUsage));
        assert_eq!(only(Usage::CodeSigning), Err(CertificateError::AnotherUsage));
        let authority = |params: &mut CertificateParams| {
            params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        };
        assert!(matches!(changed(authority), Err(CertificateError::Malformed(_))));
    }

    #[test]
    fn garbage_is_malformed() {
        let authority = TestAuthority::new();
        let leaf = authority.certificate(&KeyPair::generate().unwrap(), NAME);
        for end in 0..leaf.len() {
            assert!(check(&authority, &leaf[..end], Role::Client, NOW).is_err());
        }
        assert!(check_peer(b"", &leaf, Role::Client, &PeerName::new(NAME), at(NOW)).is_err());
    }
}
