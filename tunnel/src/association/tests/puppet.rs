//! A handshake on strings: what it is told in clear decides how it ends. For one side alone.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::super::attempt::{Negotiation, Scene};
use crate::handshake::{HandshakeFailure, Progress, Role};
use crate::identity::CertificateError;
use crate::record::{Cipher, Secrets, TrafficSecret};

/// A datagram that ends a [`Puppet`] well.
pub(super) const SUCCEED: &[u8] = &[0b0010_1110, b's'];
/// One that ends it with the peer's certificate refused.
pub(super) const REFUSE: &[u8] = &[0b0010_1110, b'r'];
/// One that ends it otherwise.
pub(super) const BREAK: &[u8] = &[0b0010_1110, b'b'];
/// One that it answers.
pub(super) const GO_ON: &[u8] = &[0b0010_1110, b'g'];

/// How often it repeats itself.
pub(super) const REPEAT: Duration = Duration::from_millis(400);

pub(super) struct Puppet {
    role: Role,
    next: VecDeque<Progress>,
    wake: Instant,
}

/// A message in clear, with a random that is a name.
pub(super) fn clear(kind: u8, name: u8) -> Vec<u8> {
    let mut datagram = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 46];
    datagram.extend([kind, 0, 0, 34, 0, 0, 0, 0, 0, 0, 0, 34, 0xfe, 0xfd]);
    datagram.extend([name; 32]);
    datagram
}

/// A ClientHello.
pub(super) fn client_hello(name: u8) -> Vec<u8> {
    clear(1, name)
}

impl Puppet {
    fn speak(&mut self) {
        let word: &[u8] = if self.role == Role::Client { b"client" } else { b"server" };
        self.next.push_back(Progress::Send(word.to_vec()));
    }
}

impl Negotiation for Puppet {
    type Identity = ();

    fn begin(role: Role, scene: &Scene<'_, ()>) -> Self {
        let mut puppet = Self { role, next: VecDeque::new(), wake: scene.now + REPEAT };
        if role == Role::Client {
            puppet.speak();
        }
        puppet
    }

    fn handle(&mut self, datagram: &[u8], _: Instant) {
        match datagram {
            SUCCEED => {
                self.speak();
                let secret = || TrafficSecret::new(&[7; 32]);
                let secrets = Secrets { cipher: Cipher::Aes128Gcm, send: secret(), receive: secret() };
                self.next.push_back(Progress::Done(secrets));
            }
            REFUSE => {
                let failure = HandshakeFailure::Certificate(CertificateError::Malformed("a test".to_owned()));
                self.next.push_back(Progress::Failed(failure));
            }
            BREAK => self.next.push_back(Progress::Failed(HandshakeFailure::Protocol("broken".into()))),
            _ => self.speak(),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.wake = now + REPEAT;
        self.speak();
    }

    fn poll(&mut self) -> Progress {
        self.next.pop_front().unwrap_or(Progress::Wait(self.wake))
    }
}
