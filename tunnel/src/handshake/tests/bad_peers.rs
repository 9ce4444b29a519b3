//! Peers that are not whom they should be: a side that refuses is never done, and neither has secrets that the other shares.

use rcgen::date_time_ymd;

use super::link::at_once;
use super::*;

/// What becomes of a good and a bad NIC, in this order, when the bad one has this role.
fn refused(bad_role: Role, good: &Identity, bad: &Identity) -> HandshakeFailure {
    let now = Instant::now();
    let handshakes = match bad_role {
        Role::Client => pair(Cipher::Aes128Gcm, bad, good, now),
        Role::Server => pair(Cipher::Aes128Gcm, good, bad, now),
    };
    let outcome = over(handshakes, now, at_once);
    let [client, server] = outcome.ends;
    let (good, bad) = if bad_role == Role::Client { (server, client) } else { (client, server) };
    // A bad client believes that it is done until nobody confirms it. A bad server hears nothing after its certificate.
    match (bad_role, bad) {
        (Role::Client, Err(HandshakeFailure::Unconfirmed)) => assert!(outcome.client_done_after.is_some()),
        (Role::Server, Err(HandshakeFailure::TimedOut(None))) => assert_eq!(outcome.client_done_after, None),
        (_, other) => panic!("{other:?}"),
    }
    good.unwrap_err()
}

/// Refused in both roles, for a reason.
fn refused_for(reason: impl Fn(&CertificateError) -> bool, bad: impl Fn(&TestAuthority, &str) -> Identity) {
    for (bad_role, own_name, bad_name) in [(Role::Client, B, A), (Role::Server, A, B)] {
        let authority = TestAuthority::new();
        let (good, _) = authority.identity(own_name);
        let failure = refused(bad_role, &good, &bad(&authority, bad_name));
        let HandshakeFailure::Certificate(error) = &failure else { panic!("{failure:?}") };
        assert!(reason(error), "{error:?}");
    }
}

#[test]
fn from_another_authority() {
    let is_foreign = |error: &CertificateError| *error == CertificateError::ForeignAuthority;
    // It trusts the lab's authority, so that it is not the one that refuses.
    refused_for(is_foreign, |authority, name| {
        let key = Arc::new(crate::identity::KeyPair::generate().unwrap());
        let leaf = TestAuthority::new().certificate(&key, name);
        Identity::new(&leaf, key, authority.der()).unwrap()
    });
}

#[test]
fn out_of_time() {
    refused_for(
        |error| *error == CertificateError::Expired,
        |authority, name| {
            let mut params = leaf_params(&[name]);
            params.not_after = date_time_ymd(2025, 12, 31);
            authority.unusual(&params)
        },
    );
    refused_for(
        |error| *error == CertificateError::NotYetValid,
        |authority, name| {
            let mut params = leaf_params(&[name]);
            params.not_before = date_time_ymd(2026, 1, 2);
            authority.unusual(&params)
        },
    );
}

#[test]
fn with_another_name() {
    let is_another = |error: &CertificateError| matches!(error, CertificateError::AnotherName { .. });
    refused_for(is_another, |authority, _| authority.identity("vnetlab://nic/c/nic0").0);
    refused_for(is_another, |authority, _| authority.unusual(&leaf_params(&[])));
    refused_for(is_another, |authority, name| {
        authority.unusual(&leaf_params(&[name, "vnetlab://nic/c/nic0"]))
    });
    refused_for(is_another, |authority, name| authority.identity(if name == A { B } else { A }).0);
}
