//! Which records of epoch 3 the library makes, and that its keys are those which it hands out: with a peer that is the
//! library alone.

use dimpl::crypto::Dtls13CipherSuite;
use dimpl::{Config, DtlsCertificate};

use super::link::at_once;
use super::*;
use crate::identity::KeyPair;
use crate::record::{Content, FIRST_NUMBER, Opener, Sealer, is_ours, record_len};

/// The library by itself, with its own provider.
struct Alone {
    dtls: Dtls,
    connected: bool,
    data: Vec<u8>,
}

impl Alone {
    fn new(role: Role, suite: Dtls13CipherSuite, certificate: DtlsCertificate, now: Instant) -> Self {
        let config = Config::builder().mtu(MTU).dtls13_cipher_suites(&[suite]).dtls12_cipher_suites(&[]);
        // It says nothing against a cookie; a client of ours must be able to bring one.
        let config = config.use_server_cookie(true).max_queue_tx(64).build().unwrap();
        let mut dtls = Dtls::new_13(Arc::new(config), certificate, now);
        dtls.set_active(role == Role::Client);
        dtls.handle_timeout(now).unwrap();
        Self { dtls, connected: false, data: Vec::new() }
    }

    /// A record with application data.
    fn seal(&mut self, data: &[u8]) -> Vec<u8> {
        self.poll();
        assert!(self.connected);
        self.dtls.send_application_data(data).unwrap();
        self.poll().remove(0)
    }

    /// The application data in a record.
    fn open(&mut self, record: &[u8]) -> Vec<u8> {
        self.dtls.handle_packet(record).unwrap();
        self.poll();
        std::mem::take(&mut self.data)
    }

    fn poll(&mut self) -> Vec<Vec<u8>> {
        let (mut datagrams, mut buffer) = (Vec::new(), vec![0; MAX_MESSAGE]);
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(datagram) => datagrams.push(datagram.to_vec()),
                Output::Connected => self.connected = true,
                Output::ApplicationData(data) => self.data.extend_from_slice(data),
                Output::Timeout(_) => return datagrams,
                _ => {}
            }
        }
    }
}

/// A certificate and its key as the library wants them by itself.
fn foreign_key(authority: &TestAuthority, name: &str) -> DtlsCertificate {
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = authority.sign_rcgen(&leaf_params(&[name]), &key);
    DtlsCertificate { certificate: leaf, private_key: key.serialize_der() }
}

/// A handshake of ours, in this role, with the library alone: how it ends, and the library.
fn with_library(
    role: Role,
    cipher: Cipher,
    identity: &Identity,
    certificate: DtlsCertificate,
) -> (Result<Secrets, HandshakeFailure>, Alone) {
    let suite = match cipher {
        Cipher::Aes128Gcm => Dtls13CipherSuite::AES_128_GCM_SHA256,
        Cipher::Aes256Gcm => Dtls13CipherSuite::AES_256_GCM_SHA384,
    };
    let now = Instant::now();
    let mut ours = Handshake::with_cipher(cipher, role, identity, PeerName::new(B), now, at(NOW));
    let mut alone = Alone::new(role.other(), suite, certificate, now);
    // Enough rounds for any handshake; what is not over then never will be.
    for now in [now; 8].into_iter().chain([now + TIMEOUT]) {
        ours.handle_timeout(now);
        loop {
            match ours.poll() {
                // What the library does not like is its own affair.
                Progress::Send(datagram) => drop(alone.dtls.handle_packet(&datagram)),
                Progress::Done(secrets) => return (Ok(secrets), alone),
                Progress::Failed(failure) => return (Err(failure), alone),
                Progress::Wait(_) | Progress::Idle => break,
            }
        }
        for datagram in alone.poll() {
            ours.handle(&datagram, now);
        }
    }
    panic!("it never ends")
}

#[test]
fn the_secrets_are_those_of_the_library_both_ways_round() {
    for (role, cipher) in [Role::Client, Role::Server]
        .into_iter()
        .flat_map(|role| [Cipher::Aes128Gcm, Cipher::Aes256Gcm].map(|cipher| (role, cipher)))
    {
        let authority = TestAuthority::new();
        let (identity, _) = authority.identity(A);
        let (secrets, mut alone) = with_library(role, cipher, &identity, foreign_key(&authority, B));
        let secrets = secrets.unwrap();

        let mut record = alone.seal(b"from the library");
        let mut opener = Opener::new(cipher, &secrets.receive);
        assert_eq!(opener.open(&mut record).unwrap().payload, b"from the library");

        let mut record = vec![0; record_len(9)];
        Sealer::new(cipher, &secrets.send)
            .seal(&mut record, Content::ApplicationData, [b"from", b" ", b"here"])
            .unwrap();
        assert_eq!(alone.open(&record), b"from here");
    }
}

/// All records of epoch 3 in what was sent, with who sent them.
fn of_epoch_3(sent: &[(Role, Vec<u8>)]) -> Vec<(Role, Vec<u8>)> {
    let rest = |datagram: &[u8]| datagram[records::of_handshake(datagram).map(<[u8]>::len).sum()..].to_vec();
    sent.iter().map(|(role, datagram)| (*role, rest(datagram))).filter(|(_, rest)| !rest.is_empty()).collect()
}

#[test]
fn one_ack_of_the_server_is_all_of_epoch_3() {
    // Without loss; with all of the client's second flight lost three times; with everything threefold.
    let lossy = |from, at, datagram: &[u8]| {
        if from == Role::Client && (1..4).contains(&at) { Vec::new() } else { at_once(from, at, datagram) }
    };
    let noisy =
        |_, _, datagram: &[u8]| [0, 1, 60].map(|ms| (Duration::from_millis(ms), datagram.to_vec())).to_vec();
    for outcome in [good(0, at_once), good(0, lossy), good(0, noisy), good(2000, lossy), good(2000, noisy)] {
        assert_done(&outcome);
        let [(Role::Server, ack)] = &of_epoch_3(&outcome.sent)[..] else { panic!("{outcome:?}") };
        // It is a datagram by itself, which an association takes for a record of its own, and opens.
        assert!(is_ours(ack) && outcome.sent.iter().any(|(_, datagram)| datagram == ack));
        let client = outcome.ends[0].as_ref().unwrap();
        let mut ack = ack.clone();
        let mut opener = Opener::new(client.cipher, &client.receive);
        let opened = opener.open(&mut ack).unwrap();
        assert_eq!((opened.content, opened.number), (Content::Ack, 0));
        assert!(opened.number < FIRST_NUMBER);
    }
}

#[test]
fn a_client_that_is_done_makes_no_record_of_epoch_3() {
    let [a, b] = identities(0);
    let now = Instant::now();
    let [mut client, mut server] = pair(Cipher::Aes128Gcm, &a, &b, now);
    let outcome = link::over_mut([&mut client, &mut server], now, at_once);
    assert_done(&outcome);
    // Now everything comes again, the ACK, too, and time passes until it gives up.
    let mut sent = Vec::new();
    for tenth in 0..60 {
        let now = now + Duration::from_millis(100 * tenth);
        client.handle_timeout(now);
        for (_, datagram) in &outcome.sent {
            client.handle(datagram, now);
        }
        while let Progress::Send(datagram) = client.poll() {
            sent.push((Role::Client, datagram));
        }
    }
    assert!(!sent.is_empty());
    assert_eq!(of_epoch_3(&sent), []);
    assert!(matches!(client.poll(), Progress::Failed(HandshakeFailure::Unconfirmed)));
}

#[test]
fn a_certificate_without_its_key_is_nothing() {
    let authority = TestAuthority::new();
    let (identity, _) = authority.identity(A);
    let stolen = authority.certificate(&KeyPair::generate().unwrap(), B);
    for role in [Role::Client, Role::Server] {
        let mut thief = foreign_key(&authority, B);
        thief.certificate.clone_from(&stolen);
        let (secrets, _) = with_library(role, Cipher::Aes128Gcm, &identity, thief);
        assert!(
            matches!(secrets, Err(HandshakeFailure::Protocol(_) | HandshakeFailure::TimedOut(Some(_)))),
            "{secrets:?}"
        );
    }
}

#[test]
fn a_client_without_a_certificate_is_refused() {
    let authority = TestAuthority::new();
    let (identity, _) = authority.identity(A);
    let mut nobody = foreign_key(&authority, B);
    nobody.certificate.clear();
    let (secrets, _) = with_library(Role::Server, Cipher::Aes128Gcm, &identity, nobody);
    let Err(HandshakeFailure::Protocol(complaint)) = secrets else { panic!("{secrets:?}") };
    assert!(complaint.contains("NoClientCertificate"), "{complaint}");
}

#[test]
fn a_peers_certificate_may_be_larger_than_ones_own() {
    let authority = TestAuthority::new();
    let (identity, _) = authority.identity(A);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = leaf_params(&[B]);
    let extension = rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![7; 6000]);
    params.custom_extensions.push(extension);
    let certificate = authority.sign_rcgen(&params, &key);
    let large = DtlsCertificate { certificate, private_key: key.serialize_der() };
    let (secrets, _) = with_library(Role::Server, Cipher::Aes128Gcm, &identity, large);
    assert!(secrets.is_ok(), "{secrets:?}");
}
