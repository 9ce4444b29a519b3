//! Records against another implementation of DTLS 1.3: dimpl opens what is sealed here, and what it seals is opened here,
//! with the secrets of its own handshake.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::sync::{Arc, Mutex};
use std::time::Instant;

use dimpl::crypto::{self, CryptoProvider, Dtls13CipherSuite, HashAlgorithm, HmacProvider};
use dimpl::{Config, CryptoError, Dtls, DtlsCertificate, Output};
use tunnel::record::{Cipher, Content, Opener, Sealer, Secrets, TrafficSecret, is_ours, record_len};

const CIPHERS: [Cipher; 2] = [Cipher::Aes128Gcm, Cipher::Aes256Gcm];

/// Sees the secrets that keys are derived from, in the order in which one endpoint derives them.
#[derive(Debug)]
struct Tap {
    inner: &'static dyn HmacProvider,
    secrets: Mutex<Vec<Vec<u8>>>,
}

impl HmacProvider for Tap {
    fn hmac(
        &self,
        hash: HashAlgorithm,
        key: &[u8],
        data: &[u8],
        out: &mut [u8],
    ) -> Result<usize, CryptoError> {
        if data.windows(9).any(|bytes| bytes == b"dtls13key") {
            self.secrets.lock().unwrap().push(key.to_vec());
        }
        self.inner.hmac(hash, key, data, out)
    }
}

/// One side, and what it has given out.
struct Endpoint {
    dtls: Dtls,
    tap: &'static Tap,
    datagrams: Vec<Vec<u8>>,
    received: Vec<Vec<u8>>,
    connected: bool,
    closed: bool,
}

impl Endpoint {
    fn new(cipher: Cipher, client: bool) -> Self {
        let inner = crypto::aws_lc_rs::default_provider().hmac_provider;
        let tap: &'static Tap = Box::leak(Box::new(Tap { inner, secrets: Mutex::default() }));
        let provider = CryptoProvider { hmac_provider: tap, ..crypto::aws_lc_rs::default_provider() };
        let suite = match cipher {
            Cipher::Aes128Gcm => Dtls13CipherSuite::AES_128_GCM_SHA256,
            Cipher::Aes256Gcm => Dtls13CipherSuite::AES_256_GCM_SHA384,
        };
        let config =
            Config::builder().mtu(1700).with_crypto_provider(provider).dtls13_cipher_suites(&[suite]);
        let now = Instant::now();
        let mut dtls = Dtls::new_13(Arc::new(config.build().unwrap()), certificate(), now);
        dtls.set_active(client);
        dtls.handle_timeout(now).unwrap();
        let mut endpoint =
            Self { dtls, tap, datagrams: vec![], received: vec![], connected: false, closed: false };
        endpoint.poll();
        endpoint
    }

    fn poll(&mut self) {
        let mut buffer = vec![0; 4096];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(datagram) => self.datagrams.push(datagram.to_vec()),
                Output::ApplicationData(data) => self.received.push(data.to_vec()),
                Output::Connected => self.connected = true,
                Output::CloseNotify => self.closed = true,
                Output::Timeout(_) => return,
                _ => {}
            }
        }
    }

    fn handle(&mut self, datagram: &[u8]) {
        self.dtls.handle_packet(datagram).unwrap();
        self.poll();
    }

    /// The datagrams that one message becomes.
    fn send(&mut self, message: &[u8]) -> Vec<Vec<u8>> {
        self.dtls.send_application_data(message).unwrap();
        self.poll();
        std::mem::take(&mut self.datagrams)
    }

    /// The secrets of epoch 3: keys are derived for epoch 2 first, and those of what is sent before the others.
    fn secrets(&self, cipher: Cipher) -> Secrets {
        let secrets = self.tap.secrets.lock().unwrap();
        let [_, _, send, receive] = secrets.as_slice() else { panic!("{} secrets", secrets.len()) };
        Secrets { cipher, send: TrafficSecret::new(send), receive: TrafficSecret::new(receive) }
    }
}

fn certificate() -> DtlsCertificate {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
    DtlsCertificate { certificate: certificate.der().to_vec(), private_key: key.serialize_der() }
}

/// Client and server after their handshake, and the datagrams of epoch 3 that it took, of each.
fn handshake(cipher: Cipher) -> ([Endpoint; 2], [Vec<Vec<u8>>; 2]) {
    let mut ends = [Endpoint::new(cipher, true), Endpoint::new(cipher, false)];
    let mut of_epoch_3 = [vec![], vec![]];
    while ends.iter().any(|end| !end.datagrams.is_empty()) {
        for from in [0, 1] {
            for datagram in std::mem::take(&mut ends[from].datagrams) {
                ends[1 - from].handle(&datagram);
                if is_ours(&datagram) {
                    of_epoch_3[from].push(datagram);
                }
            }
        }
    }
    assert!(ends.iter().all(|end| end.connected), "connected");
    let [client, server] = ends.each_ref().map(|end| end.secrets(cipher));
    assert_eq!(client.send.as_bytes(), server.receive.as_bytes());
    assert_eq!(client.receive.as_bytes(), server.send.as_bytes());
    (ends, of_epoch_3)
}

fn sealed(sealer: &mut Sealer, content: Content, payload: &[u8]) -> Vec<u8> {
    let mut record = vec![0; record_len(payload.len())];
    let (flags, packet) = payload.split_at(payload.len().min(1));
    sealer.seal(&mut record, content, [flags, packet, &[]]).unwrap();
    record
}

/// Payloads of all lengths up to those of whole packets, each different.
fn payloads() -> impl Iterator<Item = Vec<u8>> {
    (1..1502_usize).map(|len| (0..len).map(|at| (at * 31 + len) as u8).collect())
}

#[test]
fn dimpl_opens_what_is_sealed_here() {
    for cipher in CIPHERS {
        let (mut ends, _) = handshake(cipher);
        for from in [0, 1] {
            let secrets = ends[from].secrets(cipher);
            let mut sealer = Sealer::new(cipher, &secrets.send);
            for payload in payloads() {
                ends[1 - from].handle(&sealed(&mut sealer, Content::ApplicationData, &payload));
                assert_eq!(ends[1 - from].received.pop(), Some(payload), "{cipher:?} from {from}");
            }
        }
    }
}

#[test]
fn dimpl_opens_what_is_sealed_here_after_the_number_on_the_wire_came_round() {
    for cipher in CIPHERS {
        let (mut ends, _) = handshake(cipher);
        let mut sealer = Sealer::new(cipher, &ends[0].secrets(cipher).send);
        for round in 0..10_u8 {
            for _ in 0..20_000 {
                sealed(&mut sealer, Content::ApplicationData, b"lost");
            }
            ends[1].handle(&sealed(&mut sealer, Content::ApplicationData, &[round]));
            assert_eq!(ends[1].received.pop(), Some(vec![round]));
        }
    }
}

#[test]
fn what_dimpl_seals_is_opened_here() {
    for cipher in CIPHERS {
        let (mut ends, of_epoch_3) = handshake(cipher);
        for from in [0, 1] {
            let mut opener = Opener::new(cipher, &ends[1 - from].secrets(cipher).receive);
            for mut datagram in of_epoch_3[from].clone() {
                let opened = opener.open(&mut datagram).unwrap();
                assert!(matches!(opened.content, Content::Ack | Content::Handshake), "{opened:?}");
            }
            let mut last = None;
            for payload in payloads() {
                let mut datagrams = ends[from].send(&payload);
                let [datagram] = datagrams.as_mut_slice() else { panic!("one datagram for a message") };
                let again = datagram.clone();
                let opened = opener.open(datagram).unwrap();
                assert_eq!(opened.content, Content::ApplicationData);
                assert_eq!(opened.payload, payload);
                assert!(last < Some(opened.number), "numbers go up");
                last = Some(opened.number);
                assert!(opener.open(&mut again.clone()).is_err());
            }
        }
        // A handshake's last flight is acknowledged with the keys of epoch 3.
        assert!(of_epoch_3.iter().any(|datagrams| !datagrams.is_empty()));
    }
}

#[test]
fn both_understand_the_others_close_notify() {
    for cipher in CIPHERS {
        let (mut ends, _) = handshake(cipher);
        let mut opener = Opener::new(cipher, &ends[1].secrets(cipher).receive);
        ends[0].dtls.close().unwrap();
        ends[0].poll();
        let opened = opener.open(&mut ends[0].datagrams[0]).unwrap();
        assert_eq!((opened.content, &*opened.payload), (Content::Alert, &[1, 0][..]));

        let mut sealer = Sealer::new(cipher, &ends[0].secrets(cipher).send);
        ends[1].handle(&sealed(&mut sealer, Content::Alert, &[1, 0]));
        assert!(ends[1].closed);
    }
}
