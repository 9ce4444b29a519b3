//! Handshakes over links that lose, repeat, reorder and damage datagrams, on a clock of the tests' own.

mod bad_peers;
mod epoch3;
mod link;

use proptest::prelude::*;

use super::*;
use crate::identity::CertificateError;
use crate::test_lab::{NOW, TestAuthority, at, leaf_params};
use link::{Arrival, Outcome, at_once, over};

const A: &str = "vnetlab://nic/a/nic0";
const B: &str = "vnetlab://nic/b/nic0";
/// Longer than any test takes to be done when nothing is lost any more.
const LATE: Duration = Duration::from_secs(6);

/// Two NICs of one lab: A is the client.
fn pair(cipher: Cipher, a: &Identity, b: &Identity, now: Instant) -> [Handshake; 2] {
    [
        Handshake::with_cipher(cipher, Role::Client, a, PeerName::new(B), now, at(NOW)),
        Handshake::with_cipher(cipher, Role::Server, b, PeerName::new(A), now, at(NOW)),
    ]
}

/// Identities whose certificates have at least so many bytes more than they need.
fn identities(more: usize) -> [Identity; 2] {
    let authority = TestAuthority::new();
    [A, B].map(|name| {
        let mut params = leaf_params(&[name]);
        if more > 0 {
            let extension =
                rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![7; more]);
            params.custom_extensions.push(extension);
        }
        authority.unusual(&params)
    })
}

/// What becomes of two good NICs over a link.
fn good(more: usize, link: impl FnMut(Role, usize, &[u8]) -> Vec<Arrival>) -> Outcome {
    let [a, b] = identities(more);
    let now = Instant::now();
    over(pair(Cipher::Aes128Gcm, &a, &b, now), now, link)
}

/// Both are done, with the same secrets the other way round.
fn assert_done(outcome: &Outcome) {
    let [client, server] = &outcome.ends;
    let (Ok(client), Ok(server)) = (client, server) else { panic!("{outcome:?}") };
    assert_mirrored(client, server);
}

fn assert_mirrored(client: &Secrets, server: &Secrets) {
    assert_eq!(client.cipher, server.cipher);
    assert_eq!(client.send.as_bytes(), server.receive.as_bytes());
    assert_eq!(client.receive.as_bytes(), server.send.as_bytes());
    assert_ne!(client.send.as_bytes(), client.receive.as_bytes());
}

#[test]
fn both_sides_get_the_same_secrets() {
    for (cipher, hash_len) in [(Cipher::Aes128Gcm, 32), (Cipher::Aes256Gcm, 48)] {
        let [a, b] = identities(0);
        let now = Instant::now();
        let outcome = over(pair(cipher, &a, &b, now), now, at_once);
        assert_done(&outcome);
        let secrets = outcome.ends[0].as_ref().unwrap();
        assert_eq!((secrets.cipher, secrets.send.as_bytes().len()), (cipher, hash_len));
        assert_eq!(outcome.elapsed, Duration::ZERO);
    }
}

#[test]
fn each_handshake_has_secrets_of_its_own() {
    let secrets = || good(0, at_once).ends[0].clone().unwrap();
    assert_ne!(secrets().send.as_bytes(), secrets().send.as_bytes());
}

#[test]
fn different_ciphers_do_not_meet() {
    let [a, b] = identities(0);
    let now = Instant::now();
    let [client, _] = pair(Cipher::Aes128Gcm, &a, &b, now);
    let [_, server] = pair(Cipher::Aes256Gcm, &a, &b, now);
    let outcome = over([client, server], now, at_once);
    assert_eq!(outcome.ends[0].as_ref().unwrap_err(), &HandshakeFailure::NoAnswer);
    assert!(matches!(outcome.ends[1], Err(HandshakeFailure::TimedOut(_))), "{outcome:?}");
}

#[test]
fn any_one_datagram_may_be_lost() {
    for (role, index) in
        [Role::Client, Role::Server].into_iter().flat_map(|role| (0..3).map(move |i| (role, i)))
    {
        for more in [0, 2000] {
            let outcome = good(more, |from, at, datagram| {
                if (from, at) == (role, index) { Vec::new() } else { at_once(from, at, datagram) }
            });
            assert_done(&outcome);
            assert!(outcome.elapsed < Duration::from_millis(200), "{outcome:?}");
        }
    }
}

#[test]
fn large_certificates_come_in_fragments() {
    let [plain, large] = [0, 2000].map(|more| good(more, at_once));
    assert_done(&large);
    assert!(large.sent.iter().all(|(_, datagram)| datagram.len() <= MTU));
    assert!(large.sent.len() >= plain.sent.len() + 2, "{} against {}", large.sent.len(), plain.sent.len());
}

#[test]
fn the_largest_certificate_is_not_too_large() {
    let [small, _] = identities(500);
    let more = 500 + crate::identity::MAX_CERTIFICATE - small.certificate().len() - 8;
    let [largest, _] = identities(more);
    assert!(largest.certificate().len() > crate::identity::MAX_CERTIFICATE - 16);
    assert_done(&good(more, at_once));
}

#[test]
fn nobody_answers() {
    let outcome = good(0, |_, _, _| Vec::new());
    assert_eq!(
        outcome.ends.map(Result::unwrap_err),
        [HandshakeFailure::NoAnswer, HandshakeFailure::NoAnswer]
    );
    assert_eq!(outcome.elapsed, TIMEOUT);
    // 50, 100, … 3200 ms: seven times, or one more or less as chance has it.
    assert!((6..=9).contains(&outcome.sent.len()), "{}", outcome.sent.len());
}

#[test]
fn what_stays_missing_is_asked_for_at_times() {
    // The second of three parts of the server's flight never comes: what is behind it waits, and is told of.
    let outcome = good(2000, |from, at, datagram| {
        if from == Role::Server && datagram.len() > 1100 && datagram[0] != 22 {
            Vec::new()
        } else {
            at_once(from, at, datagram)
        }
    });
    assert!(matches!(outcome.ends[0], Err(HandshakeFailure::TimedOut(_))), "{outcome:?}");
    let from_client = outcome.sent.iter().filter(|(from, _)| *from == Role::Client).count();
    let at_most = TIMEOUT.as_millis() / ACK_INTERVAL.as_millis() + 50;
    assert!((20..at_most as usize).contains(&from_client), "{outcome:?}");
}

#[test]
fn a_client_that_nobody_confirms_says_so() {
    // The server never gets the client's second flight, however often it comes.
    let [a, b] = identities(0);
    let now = Instant::now();
    let mut link = |from, at, datagram: &[u8]| {
        if from == Role::Client && datagram[0] != 22 { Vec::new() } else { at_once(from, at, datagram) }
    };
    let outcome = over(pair(Cipher::Aes128Gcm, &a, &b, now), now, &mut link);
    assert_eq!(outcome.client_done_after, Some(Duration::ZERO));
    assert_eq!(outcome.ends[0].as_ref().unwrap_err(), &HandshakeFailure::Unconfirmed);
    assert!(matches!(outcome.ends[1], Err(HandshakeFailure::TimedOut(_))), "{outcome:?}");
    assert_eq!(outcome.elapsed, TIMEOUT);
}

#[test]
fn a_client_repeats_its_last_flight_after_it_is_done() {
    let outcome = good(0, |from, at, datagram| {
        if from == Role::Client && (1..4).contains(&at) { Vec::new() } else { at_once(from, at, datagram) }
    });
    assert_done(&outcome);
    assert_eq!(outcome.client_done_after, Some(Duration::ZERO));
    assert!(outcome.elapsed >= Duration::from_millis(37), "{outcome:?}");
}

#[test]
fn a_server_is_idle_once_it_is_done() {
    let [a, b] = identities(0);
    let now = Instant::now();
    let [mut client, mut server] = pair(Cipher::Aes128Gcm, &a, &b, now);
    let outcome = link::over_mut([&mut client, &mut server], now, at_once);
    assert_done(&outcome);
    for (_, datagram) in &outcome.sent {
        server.handle(datagram, now);
        assert!(matches!(server.poll(), Progress::Idle));
    }
    server.handle_timeout(now + TIMEOUT);
    assert!(matches!(server.poll(), Progress::Idle));
}

#[test]
fn it_can_be_given_to_another_thread() {
    fn is_send<T: Send>() {}
    fn is_shared<T: Send + Sync>() {}
    is_send::<Handshake>();
    is_shared::<Identity>();
}

/// What a bad link does to one datagram: copies of it, each late by some milliseconds.
fn bad_link() -> impl Strategy<Value = Vec<Vec<u64>>> {
    prop::collection::vec(prop::collection::vec(0..60u64, 0..3), 0..7)
}

/// What happens to the bytes of one datagram.
#[derive(Debug, Clone)]
enum Damage {
    None,
    Cut(prop::sample::Index),
    Flip(prop::sample::Index, u8),
    Replace(Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        2 => Just(Damage::None),
        1 => any::<prop::sample::Index>().prop_map(Damage::Cut),
        2 => (any::<prop::sample::Index>(), 1..=255u8).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        1 => prop::collection::vec(any::<u8>(), 0..80).prop_map(Damage::Replace),
    ]
}

impl Damage {
    fn apply(&self, datagram: &[u8]) -> Vec<u8> {
        let mut datagram = datagram.to_vec();
        match self {
            Self::None => {}
            Self::Cut(at) => datagram.truncate(at.index(datagram.len())),
            Self::Flip(at, bits) => {
                let at = at.index(datagram.len());
                datagram[at] ^= bits;
            }
            Self::Replace(bytes) => datagram.clone_from(bytes),
        }
        datagram
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    /// Whatever is lost, repeated and reordered at first: when the link is good again, both are done in time.
    #[test]
    fn a_bad_link_only_takes_longer(to_server in bad_link(), to_client in bad_link(), large in any::<bool>()) {
        let outcome = good(if large { 2000 } else { 0 }, |from, at, datagram| {
            let fates = if from == Role::Client { &to_server } else { &to_client };
            let Some(copies) = fates.get(at) else { return at_once(from, at, datagram) };
            copies.iter().map(|&late| (Duration::from_millis(late), datagram.to_vec())).collect()
        });
        assert_done(&outcome);
    }

    /// Damage never makes two sides believe different things, and never panics.
    #[test]
    fn damage_never_makes_two_secrets(damages in prop::collection::vec(damage(), 1..12)) {
        let mut damages = damages.iter();
        let outcome = good(0, |_, _, datagram| {
            let datagram = damages.next().map_or_else(|| datagram.to_vec(), |damage| damage.apply(datagram));
            vec![(Duration::from_millis(1), datagram)]
        });
        if let [Ok(client), Ok(server)] = &outcome.ends {
            assert_mirrored(client, server);
        }
        prop_assert!(outcome.elapsed <= LATE);
    }

    /// Neither side is done by anything but a handshake.
    #[test]
    fn garbage_is_nothing(
        datagrams in prop::collection::vec(
            (prop_oneof![Just(22u8), Just(26), Just(21), Just(0b0010_1110), any::<u8>()],
             prop::collection::vec(any::<u8>(), 0..1600)), 0..30),
    ) {
        let [a, b] = identities(0);
        let now = Instant::now();
        for mut handshake in pair(Cipher::Aes128Gcm, &a, &b, now) {
            for (first, rest) in &datagrams {
                handshake.handle(&[&[*first], &rest[..]].concat(), now);
                prop_assert!(!matches!(handshake.poll(), Progress::Done(_)));
            }
        }
    }
}
