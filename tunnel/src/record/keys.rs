//! The keys of one direction, from its traffic secret (RFC 9147, sections 4.2.3 and 5.9; RFC 8446, section 7.3).

use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey, quic};
use ring::error::Unspecified;
use ring::hkdf;
use zeroize::Zeroizing;

use super::{Cipher, TAG_LEN, TrafficSecret};

/// Bytes of a nonce of AES-GCM.
const IV_LEN: usize = 12;
/// Bytes of the longest key.
const MAX_KEY_LEN: usize = 32;

/// The keys of one direction. What is derived on the way to them is erased; ring keeps the expanded keys, and does not
/// erase those.
pub(super) struct Keys {
    /// Seals and opens records.
    aead: LessSafeKey,
    /// Masks record numbers.
    mask: quic::HeaderProtectionKey,
    /// What the number of a record is laid over.
    iv: Zeroizing<[u8; IV_LEN]>,
}

impl Keys {
    /// Derives the keys.
    pub(super) fn new(cipher: Cipher, secret: &TrafficSecret) -> Self {
        Self::derive(cipher, secret).expect("ring takes keys as long as its algorithms say")
    }

    fn derive(cipher: Cipher, secret: &TrafficSecret) -> Result<Self, Unspecified> {
        let (hash, algorithm, mask) = match cipher {
            Cipher::Aes128Gcm => (hkdf::HKDF_SHA256, &aead::AES_128_GCM, &quic::AES_128),
            Cipher::Aes256Gcm => (hkdf::HKDF_SHA384, &aead::AES_256_GCM, &quic::AES_256),
        };
        let secret = hkdf::Prk::new_less_safe(hash, secret.as_bytes());
        let mut key = Zeroizing::new([0; MAX_KEY_LEN]);
        let key = &mut key[..algorithm.key_len()];
        expand_label(&secret, "key", key)?;
        let aead = LessSafeKey::new(UnboundKey::new(algorithm, key)?);
        expand_label(&secret, "sn", key)?;
        let mask = quic::HeaderProtectionKey::new(mask, key)?;
        let mut iv = Zeroizing::new([0; IV_LEN]);
        expand_label(&secret, "iv", iv.as_mut_slice())?;
        Ok(Self { aead, mask, iv })
    }

    /// Seals in place. Fails where `plaintext` is too long for the cipher, which no record is.
    #[inline]
    pub(super) fn seal(
        &self,
        number: u64,
        header: &[u8],
        plaintext: &mut [u8],
    ) -> Result<aead::Tag, Unspecified> {
        self.aead.seal_in_place_separate_tag(self.nonce(number), Aad::from(header), plaintext)
    }

    /// Opens in place, tag last. Bytes of plaintext; what was in `sealed` is lost where that fails.
    #[inline]
    pub(super) fn open(&self, number: u64, header: &[u8], sealed: &mut [u8]) -> Result<usize, Unspecified> {
        let opened = self.aead.open_in_place(self.nonce(number), Aad::from(header), sealed)?;
        Ok(opened.len())
    }

    /// What a record's number is masked with: the first bytes of its sealed part, enciphered.
    #[inline]
    pub(super) fn mask(&self, sample: &[u8; TAG_LEN]) -> Result<u16, Unspecified> {
        let [first, second, ..] = self.mask.new_mask(sample)?;
        Ok(u16::from_be_bytes([first, second]))
    }

    /// The number, as long as the IV, over the IV. The epoch has no part in it, unlike in DTLS 1.2 (RFC 9147, section 4).
    #[inline]
    fn nonce(&self, number: u64) -> Nonce {
        let mut nonce = *self.iv;
        for (byte, of_number) in nonce[IV_LEN - 8..].iter_mut().zip(number.to_be_bytes()) {
            *byte ^= of_number;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

/// As many bytes as are asked for.
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label with the prefix of DTLS 1.3, which has no space, and without context (RFC 9147, section 5.9).
fn expand_label(secret: &hkdf::Prk, label: &str, key: &mut [u8]) -> Result<(), Unspecified> {
    const PREFIX: &str = "dtls13";
    let [.., high, low] = key.len().to_be_bytes();
    let label_len = (PREFIX.len() + label.len()) as u8;
    let info = [&[high, low, label_len], PREFIX.as_bytes(), label.as_bytes(), &[0]];
    secret.expand(&info, Length(key.len()))?.fill(key)
}
