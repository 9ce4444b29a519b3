//! What the library is given in place of its own: a key to sign with that it need not copy, and HMACs that note the secrets
//! which it has no other way to hand out.
//!
//! The library wants such things to be `'static`, and shares its settings between handshakes. So there is one of each for the
//! process, and what belongs to one handshake lies in thread-local variables for as long as a call into the library lasts.
//! That is sound because the library is sans-IO: it has no threads, a call does all its work on the thread that made it, and
//! never calls back into a handshake. Nothing is left there between calls, and nothing leaks with a handshake.
//!
//! Secrets are known by the labels of RFC 8446, section 7.1, with which they are derived, not by the order in which the
//! library happens to derive them. The library erases none of its own copies; they are freed when it is dropped.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};
use std::{fmt, mem};

use dimpl::crypto::{
    Buf, CryptoProvider, Dtls13CipherSuite, HashAlgorithm, HmacProvider, KeyProvider, NamedGroup,
    SignatureAlgorithm, SigningKey,
};
use dimpl::{Config, CryptoError, Dtls, DtlsCertificate};
use ring::hmac;
use std::time::Instant;

use super::{FIRST_RETRANSMISSION, MAX_RECORDS, MTU, Role, TIMEOUT};
use crate::identity::{Identity, KeyPair};
use crate::record::{Cipher, Secrets, TrafficSecret};

/// Retransmissions of one flight, timed or in answer to duplicates. The timeout comes first, unless the peer is very noisy;
/// the library keeps track of 32 transmissions.
const RETRANSMISSIONS: usize = 30;

thread_local! {
    /// Whose key a handshake that is just being made signs with.
    static KEY: RefCell<Option<Arc<KeyPair>>> = const { RefCell::new(None) };
    /// What the handshake has derived that the library is just called for.
    static DERIVED: RefCell<Option<Derived>> = const { RefCell::new(None) };
}

/// The application traffic secrets, as far as they were derived.
#[derive(Default)]
pub(super) struct Derived {
    client: Option<TrafficSecret>,
    server: Option<TrafficSecret>,
}

impl Derived {
    /// Calls into the library, and notes what it derives meanwhile.
    pub(super) fn during<R>(&mut self, call: impl FnOnce() -> R) -> R {
        DERIVED.set(Some(mem::take(self)));
        let result = call();
        *self = DERIVED.take().unwrap_or_default();
        result
    }

    /// Both secrets, seen from one side, once they are there.
    pub(super) fn secrets(&self, role: Role, cipher: Cipher) -> Option<Secrets> {
        let (client, server) = (self.client.clone()?, self.server.clone()?);
        let (send, receive) = match role {
            Role::Client => (client, server),
            Role::Server => (server, client),
        };
        Some(Secrets { cipher, send, receive })
    }

    fn note(&mut self, label: &[u8], secret: &[u8]) {
        match label {
            b"c ap traffic" => self.client = Some(TrafficSecret::new(secret)),
            b"s ap traffic" => self.server = Some(TrafficSecret::new(secret)),
            _ => {}
        }
    }
}

/// The label of HKDF-Expand-Label, when this is what an HMAC is taken of (RFC 8446, section 7.1; RFC 9147, section 5.9):
/// length, label with its own length, context, and the number of the first block.
fn label(data: &[u8]) -> Option<&[u8]> {
    let (&len, rest) = data.get(2..)?.split_first()?;
    rest.get(..usize::from(len))?.strip_prefix(b"dtls13")
}

/// HMACs that note the secrets.
#[derive(Debug)]
struct NotingHmac;

impl HmacProvider for NotingHmac {
    fn hmac(
        &self,
        hash: HashAlgorithm,
        key: &[u8],
        data: &[u8],
        out: &mut [u8],
    ) -> Result<usize, CryptoError> {
        let algorithm = match hash {
            HashAlgorithm::SHA256 => hmac::HMAC_SHA256,
            HashAlgorithm::SHA384 => hmac::HMAC_SHA384,
            other => return Err(CryptoError::UnsupportedHmacHash(other)),
        };
        let tag = hmac::sign(&hmac::Key::new(algorithm, key), data);
        out[..tag.as_ref().len()].copy_from_slice(tag.as_ref());
        if let Some(label) = label(data) {
            // A traffic secret is as long as a hash, so the first block is all of it.
            DERIVED
                .with_borrow_mut(|derived| derived.as_mut().map(|derived| derived.note(label, tag.as_ref())));
        }
        Ok(tag.as_ref().len())
    }
}

/// Hands out the key of the handshake that is being made.
#[derive(Debug)]
struct BorrowedKeys;

impl KeyProvider for BorrowedKeys {
    fn load_private_key(&self, _: &[u8]) -> Result<Box<dyn SigningKey>, CryptoError> {
        let key = KEY.with_borrow(Clone::clone).ok_or(CryptoError::UnsupportedPublicKeyAlgorithm)?;
        Ok(Box::new(BorrowedKey(key)))
    }
}

struct BorrowedKey(Arc<KeyPair>);

impl fmt::Debug for BorrowedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("BorrowedKey(..)")
    }
}

impl SigningKey for BorrowedKey {
    fn sign(&mut self, data: &[u8], hash: HashAlgorithm, out: &mut Buf) -> Result<(), CryptoError> {
        let unsupported =
            CryptoError::UnsupportedSignaturePair { signature: SignatureAlgorithm::ECDSA, hash };
        if hash != HashAlgorithm::SHA256 {
            return Err(unsupported);
        }
        let signature = self.0.sign(data).ok_or(unsupported)?;
        out.clear();
        out.extend_from_slice(signature.as_ref());
        Ok(())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }

    fn hash_algorithm(&self) -> HashAlgorithm {
        HashAlgorithm::SHA256
    }

    fn supported_hash_algorithms(&self) -> &[HashAlgorithm] {
        &[HashAlgorithm::SHA256]
    }
}

/// The settings of all handshakes with a cipher. To make them costs more than a handshake.
fn config(cipher: Cipher) -> Result<Arc<Config>, dimpl::Error> {
    static AES_128: LazyLock<Result<Arc<Config>, dimpl::Error>> =
        LazyLock::new(|| new_config(Dtls13CipherSuite::AES_128_GCM_SHA256));
    static AES_256: LazyLock<Result<Arc<Config>, dimpl::Error>> =
        LazyLock::new(|| new_config(Dtls13CipherSuite::AES_256_GCM_SHA384));
    match cipher {
        Cipher::Aes128Gcm => AES_128.clone(),
        Cipher::Aes256Gcm => AES_256.clone(),
    }
}

fn new_config(suite: Dtls13CipherSuite) -> Result<Arc<Config>, dimpl::Error> {
    let provider = CryptoProvider {
        hmac_provider: &NotingHmac,
        key_provider: &BorrowedKeys,
        ..dimpl::crypto::aws_lc_rs::default_provider()
    };
    let config = Config::builder()
        .with_crypto_provider(provider)
        .dtls12_cipher_suites(&[])
        .dtls13_cipher_suites(&[suite])
        .kx_groups(&[NamedGroup::X25519, NamedGroup::Secp256r1])
        .require_client_certificate(true)
        // It costs a round trip, and peers know each other's addresses: nobody else's datagrams come this far.
        .use_server_cookie(false)
        .mtu(MTU)
        .max_queue_rx(MAX_RECORDS)
        .max_queue_tx(MAX_RECORDS)
        .flight_start_rto(FIRST_RETRANSMISSION)
        .flight_retries(RETRANSMISSIONS)
        .handshake_timeout(TIMEOUT)
        .build()?;
    Ok(Arc::new(config))
}

/// A handshake of the library's.
pub(super) fn new_dtls(
    role: Role,
    cipher: Cipher,
    identity: &Identity,
    now: Instant,
) -> Result<Dtls, dimpl::Error> {
    let config = config(cipher)?;
    let certificate =
        DtlsCertificate { certificate: identity.certificate().to_vec(), private_key: Vec::new() };
    KEY.set(Some(Arc::clone(identity.key())));
    let mut dtls = Dtls::new_13(config, certificate, now);
    KEY.set(None);
    dtls.set_active(role == Role::Client);
    Ok(dtls)
}
