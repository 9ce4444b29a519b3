//! Records byte for byte, computed with another implementation of everything: Python's `cryptography`.
//!
//! ```python
//! from cryptography.hazmat.primitives import hashes
//! from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
//! from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
//! from cryptography.hazmat.primitives.ciphers.aead import AESGCM
//!
//! def expand(hash, secret, label, n):
//!     label = b"dtls13" + label
//!     info = n.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0"
//!     return HKDFExpand(hash, n, info).derive(secret)
//!
//! def record(hash, size, secret, number, content, payload, zeros, length):
//!     key, sn, iv = (expand(hash, secret, l, n) for l, n in ((b"key", size), (b"sn", size), (b"iv", 12)))
//!     inner = payload + bytes([content]) + bytes(zeros)
//!     header = bytes([0x2f if length else 0x2b]) + (number & 0xffff).to_bytes(2, "big")
//!     if length: header += (len(inner) + 16).to_bytes(2, "big")
//!     nonce = bytes(a ^ b for a, b in zip(iv, number.to_bytes(12, "big")))
//!     sealed = AESGCM(key).encrypt(nonce, inner, header)
//!     mask = Cipher(algorithms.AES(sn), modes.ECB()).encryptor().update(sealed[:16])
//!     return (header[:1] + bytes(a ^ b for a, b in zip(header[1:3], mask)) + header[3:] + sealed).hex()
//!
//! A = (hashes.SHA256(), 16, bytes(range(32)))  # AES-128-GCM
//! B = (hashes.SHA384(), 32, bytes(range(48)))  # AES-256-GCM
//! ```

use super::*;

fn secret(cipher: Cipher) -> TrafficSecret {
    let len = match cipher {
        Cipher::Aes128Gcm => 32,
        Cipher::Aes256Gcm => 48,
    };
    TrafficSecret::new(&(0..len).collect::<Vec<u8>>())
}

fn sealed(sealer: &mut Sealer, content: Content, parts: [&[u8]; 3]) -> String {
    let mut record = vec![0xee; record_len(parts.concat().len())];
    sealer.seal(&mut record, content, parts).unwrap();
    hex::encode(record)
}

fn opened(cipher: Cipher, record: &str) -> (Content, Vec<u8>, u64) {
    let mut record = hex::decode(record).unwrap();
    let mut opener = Opener::new(cipher, &secret(cipher));
    let opened = opener.open(&mut record).unwrap();
    (opened.content, opened.payload.to_vec(), opened.number)
}

#[test]
fn records_are_sealed_byte_for_byte() {
    let mut sealer = Sealer::new(Cipher::Aes128Gcm, &secret(Cipher::Aes128Gcm));
    // record(*A, 1024, 23, b"\0abc", 11, False)
    assert_eq!(
        sealed(&mut sealer, Content::ApplicationData, [&[0], b"a", b"bc"]),
        "2bdde7be4964769adfd5a103053e1708ba3fdb2804550cbf67e7f101523cbc321e7f09"
    );
    // record(*A, 1025, 21, b"\1\0", 13, False): close_notify
    assert_eq!(
        sealed(&mut sealer, Content::Alert, [&[1, 0], &[], &[]]),
        "2b305ec9c4e39306afdf91ad217d4c39e75d029594291cd8cefebb3f4dd7e102e8df37"
    );
    // record(*B, 1024, 23, b"\0abc", 11, False)
    assert_eq!(
        sealed(
            &mut Sealer::new(Cipher::Aes256Gcm, &secret(Cipher::Aes256Gcm)),
            Content::ApplicationData,
            [&[], b"\0abc", &[]]
        ),
        "2bfd691de324cdd0401c94771fed3628f463a1e628cc5ce0a5aeac03e3c58291222cb8"
    );
}

#[test]
fn records_are_opened_byte_for_byte() {
    assert_eq!(
        opened(Cipher::Aes128Gcm, "2bdde7be4964769adfd5a103053e1708ba3fdb2804550cbf67e7f101523cbc321e7f09"),
        (Content::ApplicationData, b"\0abc".to_vec(), 1024)
    );
    // record(*A, 7, 23, b"with length", 0, True), and another record behind it
    assert_eq!(
        opened(Cipher::Aes128Gcm, "2fa755001c3d312b60bcf87b4aaab8b2afef9a030ebc1e0172a6d30bf581841e3f2b00"),
        (Content::ApplicationData, b"with length".to_vec(), 7)
    );
    // record(*A, 8, 26, b"", 0, False): the shortest there is
    assert_eq!(
        opened(Cipher::Aes128Gcm, "2b8184cbf97ff50b681e67c5dc7cc9214011cc66"),
        (Content::Ack, Vec::new(), 8)
    );
    // record(*B, 40000, 22, b"far", 3, True): of the numbers that end alike, the lowest is nearest at first
    assert_eq!(
        opened(Cipher::Aes256Gcm, "2f85be0017b9740e5613e13f57b4d653615bc5d223328f0a3ac2d81d"),
        (Content::Handshake, b"far".to_vec(), 40_000)
    );
}

#[test]
fn a_record_without_content_is_authentic_but_none() {
    // record(*A, 9, 0, b"\0\0\0", 12, False), and record(*A, 9, 20, b"\1", 14, False)
    for record in [
        "2bcb58800aa03b847553b7849d9099f92fb7f426ef77fe9fd7c1ee9c44cc6b47b3cf29",
        "2b2a7d811ea03b847553b7849d9099f92fb7f4ab34990861d836d0d204047341ea59fd",
    ] {
        let mut opener = Opener::new(Cipher::Aes128Gcm, &secret(Cipher::Aes128Gcm));
        let mut datagram = hex::decode(record).unwrap();
        assert_eq!(opener.open(&mut datagram).unwrap_err(), OpenError::NotARecord);
        let mut datagram = hex::decode(record).unwrap();
        assert_eq!(opener.open(&mut datagram).unwrap_err(), OpenError::Replayed, "its number is known");
    }
}
