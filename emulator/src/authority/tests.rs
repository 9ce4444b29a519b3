use rustls_pki_types::UnixTime;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::*;

const HOUR: Duration = Duration::from_secs(60 * 60);

fn authority(now: SystemTime) -> Authority {
    Authority::of(&Authority::found(now).unwrap()).unwrap()
}

fn nic() -> NicId {
    NicId { vm: "web1".parse().unwrap(), nic: "nic0".parse().unwrap() }
}

/// A public key as an agent sends it.
fn public_key() -> Vec<u8> {
    Key::read(&new_key().unwrap()).unwrap().subject_public_key_info()
}

/// Whether `authority` vouches for the certificate at that time.
fn check(
    authority: &Authority,
    certificate: &CertificateDer<'_>,
    usage: KeyUsage,
    at: SystemTime,
) -> Result<(), webpki::Error> {
    let anchors = [anchor_from_trusted_cert(authority.certificate()).unwrap()];
    let at = UnixTime::since_unix_epoch(at.duration_since(SystemTime::UNIX_EPOCH).unwrap());
    let leaf = EndEntityCert::try_from(certificate).unwrap();
    let algorithms = &[webpki::ring::ECDSA_P256_SHA256];
    leaf.verify_for_usage(algorithms, &anchors, &[], at, usage, None, None).map(|_| ())
}

fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let leaf = EndEntityCert::try_from(certificate).unwrap();
    leaf.valid_uri_names().map(str::to_owned).collect()
}

#[test]
fn a_nics_certificate_bears_its_name_alone_and_is_good_for_both_sides() {
    let now = SystemTime::now();
    let authority = authority(now);
    let certificate = authority.certify_nic(&nic(), &public_key(), now).unwrap();
    assert_eq!(names(&certificate), ["vnetlab://nic/web1/nic0"]);
    let leaf = EndEntityCert::try_from(&certificate).unwrap();
    assert_eq!(leaf.valid_dns_names().count(), 0);
    for usage in [KeyUsage::client_auth(), KeyUsage::server_auth()] {
        check(&authority, &certificate, usage, now).unwrap();
    }
}

#[test]
fn a_certificate_is_valid_for_two_days_and_some_minutes_before() {
    let now = SystemTime::now();
    let authority = authority(now);
    let certificate = authority.certify_nic(&nic(), &public_key(), now).unwrap();
    let at = |time| check(&authority, &certificate, KeyUsage::client_auth(), time);
    let minutes = |count: u64| Duration::from_secs(60 * count);
    at(now - minutes(4)).unwrap();
    at(now + 47 * HOUR).unwrap();
    assert!(matches!(at(now - minutes(6)), Err(webpki::Error::CertNotValidYet { .. })));
    assert!(matches!(at(now + 49 * HOUR), Err(webpki::Error::CertExpired { .. })));
}

#[test]
fn another_authority_of_the_same_name_vouches_for_nothing() {
    let now = SystemTime::now();
    let certificate = authority(now).certify_nic(&nic(), &public_key(), now).unwrap();
    assert!(check(&authority(now), &certificate, KeyUsage::client_auth(), now).is_err());
}

/// Whoever has a NIC's certificate cannot make more.
#[test]
fn nobody_else_vouches() {
    let now = SystemTime::now();
    let authority = authority(now);
    let host = authority.credentials_of_host(&"host1".parse().unwrap(), now).unwrap();
    let impostor = Authority::of(&host).unwrap();
    let certificate = impostor.certify_nic(&nic(), &public_key(), now).unwrap();
    let anchors = [anchor_from_trusted_cert(authority.certificate()).unwrap()];
    let leaf = EndEntityCert::try_from(&certificate).unwrap();
    let at = UnixTime::now();
    let algorithms = &[webpki::ring::ECDSA_P256_SHA256];
    let between = [host.certificate.clone()];
    let chain =
        leaf.verify_for_usage(algorithms, &anchors, &between, at, KeyUsage::client_auth(), None, None);
    assert!(chain.is_err());
}

#[test]
fn no_two_certificates_have_one_number() {
    let now = SystemTime::now();
    let (authority, key) = (authority(now), public_key());
    let number = || {
        let certificate = authority.certify_nic(&nic(), &key, now).unwrap();
        EndEntityCert::try_from(&certificate).unwrap().serial().to_vec()
    };
    assert_ne!(number(), number());
}

#[test]
fn both_ends_of_a_control_link_have_names() {
    let now = SystemTime::now();
    let authority = authority(now);
    let host = authority.credentials_of_host(&"host1".parse().unwrap(), now).unwrap();
    let controller = authority.credentials_of_controller(now).unwrap();
    assert_eq!(names(&host.certificate), ["vnetlab://host/host1"]);
    assert_eq!(names(&controller.certificate), ["vnetlab://controller"]);
    check(&authority, &host.certificate, KeyUsage::server_auth(), now).unwrap();
    check(&authority, &controller.certificate, KeyUsage::client_auth(), now).unwrap();
}

#[test]
fn only_keys_on_p256_are_certified() {
    let now = SystemTime::now();
    let authority = authority(now);
    let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().subject_public_key_info();
    for key in [&b""[..], b"no key", &other] {
        let refused = authority.certify_nic(&nic(), key, now);
        assert!(matches!(refused, Err(AuthorityError::NotP256)));
    }
}
