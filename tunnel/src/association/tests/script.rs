//! A handshake that goes as a real one does, datagram by datagram, but without cryptography: quick, and the tests decide whom it
//! likes.

use std::cell::Cell;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::super::attempt::{Negotiation, Scene};
use super::puppet::clear;
use crate::handshake::{HandshakeFailure, Progress, Role};
use crate::identity::CertificateError;
use crate::record::{Cipher, Secrets, TrafficSecret};

/// One side's part.
#[derive(Debug, Default)]
pub(super) struct Script {
    /// Whether the peer's certificate is refused.
    pub(super) refuses: Cell<bool>,
    /// Where its randoms come from.
    pub(super) seed: Cell<u64>,
    /// Handshakes begun, of either role.
    pub(super) begun: Cell<u64>,
}

impl Script {
    fn random(&self) -> [u8; 32] {
        self.seed
            .set(self.seed.get().wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f));
        [self.seed.get().to_be_bytes(); 4].concat().try_into().unwrap()
    }
}

pub(super) struct Scripted {
    role: Role,
    refuses: bool,
    client: [u8; 32],
    server: [u8; 32],
    flight: Vec<Vec<u8>>,
    next: VecDeque<Progress>,
    done: bool,
    repeat: Duration,
    wake: Instant,
}

/// A datagram that is sealed with the keys of a handshake: `what` it is, and which handshake it belongs to.
fn protected(what: u8, client: [u8; 32], server: [u8; 32]) -> Vec<u8> {
    [&[0b0010_1110, what], &client[..], &server].concat()
}

impl Scripted {
    fn send(&mut self, flight: Vec<Vec<u8>>, now: Instant) {
        self.flight = flight;
        self.repeat = Duration::from_millis(50);
        self.wake = now + self.repeat;
        self.repeat_flight();
    }

    fn repeat_flight(&mut self) {
        self.next.extend(self.flight.iter().cloned().map(Progress::Send));
    }

    fn secrets(&self) -> Secrets {
        let secret = |role| {
            TrafficSecret::new(&std::array::from_fn::<u8, 32, _>(|i| self.client[i] ^ self.server[i] ^ role))
        };
        let (send, receive) = if self.role == Role::Client { (1, 2) } else { (2, 1) };
        Secrets { cipher: Cipher::Aes128Gcm, send: secret(send), receive: secret(receive) }
    }

    fn finish(&mut self) {
        self.done = true;
        let end = if self.refuses {
            self.flight.clear();
            self.next.clear();
            Progress::Failed(HandshakeFailure::Certificate(CertificateError::Malformed("a test".to_owned())))
        } else {
            Progress::Done(self.secrets())
        };
        self.next.push_back(end);
    }
}

impl Negotiation for Scripted {
    type Identity = Script;

    fn begin(role: Role, scene: &Scene<'_, Script>) -> Self {
        let random = scene.identity.random();
        scene.identity.begun.set(scene.identity.begun.get() + 1);
        let mut handshake = Self {
            role,
            refuses: scene.identity.refuses.get(),
            client: random,
            server: random,
            flight: Vec::new(),
            next: VecDeque::new(),
            done: false,
            repeat: Duration::from_millis(50),
            wake: scene.now + Duration::from_secs(5),
        };
        if role == Role::Client {
            let mut hello = clear(1, 0);
            hello[27..59].copy_from_slice(&random);
            handshake.send(vec![hello], scene.now);
        }
        handshake
    }

    fn handle(&mut self, datagram: &[u8], now: Instant) {
        let random =
            |at: usize| datagram.get(at..at + 32).and_then(|random| <[u8; 32]>::try_from(random).ok());
        match (self.role, datagram) {
            (Role::Server, [22, ..]) if self.flight.is_empty() => {
                self.client = random(27).unwrap();
                let certificate = protected(b'c', self.client, self.server);
                let mut hello = clear(2, 0);
                hello[27..59].copy_from_slice(&self.client);
                self.send(vec![hello, certificate], now);
            }
            // A flight that comes again was not answered, or the answer was lost.
            (Role::Server, [22, ..]) => self.repeat_flight(),
            (Role::Client, [0b0010_1110, b'c', ..]) if random(2) == Some(self.client) => {
                if self.done {
                    return self.repeat_flight();
                }
                self.server = random(34).unwrap();
                self.send(vec![protected(b'f', self.client, self.server)], now);
                self.finish();
            }
            (Role::Server, [0b0010_1110, b'f', ..])
                if random(2) == Some(self.client) && random(34) == Some(self.server) && !self.done =>
            {
                self.finish();
            }
            _ => {}
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if now >= self.wake {
            self.repeat *= 2;
            self.wake = now + self.repeat;
            self.repeat_flight();
        }
    }

    fn poll(&mut self) -> Progress {
        self.next.pop_front().unwrap_or(Progress::Wait(self.wake))
    }
}
