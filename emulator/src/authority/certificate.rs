//! What the lab's certificates say (X.509, RFC 5280).

use std::time::{Duration, SystemTime};

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose, SanType, SerialNumber,
};
use ring::rand::{SecureRandom, SystemRandom};

use super::{AuthorityError, LIFETIME};

/// Clocks of one lab may differ by so much.
const BEFORE: Duration = Duration::from_secs(5 * 60);
/// No lab lives longer than its authority.
const LIFETIME_OF_AUTHORITY: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// The authority's own certificate. It vouches for others, and they for nobody.
pub(super) fn of_authority(now: SystemTime) -> Result<CertificateParams, AuthorityError> {
    let mut wanted = common("vnetlab lab authority", now, LIFETIME_OF_AUTHORITY)?;
    wanted.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    wanted.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok(wanted)
}

/// A certificate for whoever has this name, a URI. Either side of an association or link may begin it, so it is good for both.
pub(super) fn of(name: &str, now: SystemTime) -> Result<CertificateParams, AuthorityError> {
    let mut wanted = common("vnetlab", now, LIFETIME)?;
    wanted.is_ca = IsCa::ExplicitNoCa;
    wanted.subject_alt_names = vec![SanType::URI(Ia5String::try_from(name)?)];
    wanted.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    wanted.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    wanted.use_authority_key_identifier_extension = true;
    Ok(wanted)
}

fn common(title: &str, now: SystemTime, lifetime: Duration) -> Result<CertificateParams, AuthorityError> {
    let mut wanted = CertificateParams::default();
    // The name that counts is the alternative one; this one is for people who look.
    wanted.distinguished_name = DistinguishedName::new();
    wanted.distinguished_name.push(DnType::CommonName, title);
    wanted.not_before = (now - BEFORE).into();
    wanted.not_after = (now + lifetime).into();
    wanted.serial_number = Some(serial_number()?);
    Ok(wanted)
}

/// 127 random bits: no two certificates of an authority have the same.
fn serial_number() -> Result<SerialNumber, AuthorityError> {
    let mut number = [0; 16];
    SystemRandom::new().fill(&mut number).map_err(|_| AuthorityError::Key)?;
    number[0] &= 0x7f;
    Ok(SerialNumber::from_slice(&number))
}
