//! One handshake under way: driven until it waits, and what came of that.

use std::time::{Duration, Instant};

use rustls_pki_types::UnixTime;

use crate::handshake::{Handshake, HandshakeFailure, Progress, Role};
use crate::identity::{Identity, PeerName};
use crate::record::Secrets;

/// Steps that a handshake may take at once. It takes a dozen; more would be a circle.
const STEPS: usize = 64;
/// How soon after each other a handshake is woken at most, whatever it asks for.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// What an association needs of a handshake.
pub(super) trait Negotiation {
    /// Who this side is.
    type Identity;
    fn begin(role: Role, scene: &Scene<'_, Self::Identity>) -> Self;
    fn handle(&mut self, datagram: &[u8], now: Instant);
    fn handle_timeout(&mut self, now: Instant);
    fn poll(&mut self) -> Progress;
}

/// Who this side is and whom it expects, when something happens, and when that is.
pub(super) struct Scene<'s, I> {
    pub(super) identity: &'s I,
    pub(super) expected: &'s PeerName,
    pub(super) now: Instant,
    pub(super) wall: UnixTime,
}

impl Negotiation for Handshake {
    type Identity = Identity;

    fn begin(role: Role, scene: &Scene<'_, Identity>) -> Self {
        Self::new(role, scene.identity, scene.expected.clone(), scene.now, scene.wall)
    }

    fn handle(&mut self, datagram: &[u8], now: Instant) {
        Self::handle(self, datagram, now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        Self::handle_timeout(self, now);
    }

    fn poll(&mut self) -> Progress {
        Self::poll(self)
    }
}

/// What a handshake has done at once.
#[derive(Default)]
pub(super) struct Outcome {
    /// To be sent, in this order.
    pub(super) sends: Vec<Vec<u8>>,
    /// How it ended, if it did. A client may have to repeat its last datagrams even then.
    pub(super) end: Option<Result<Secrets, HandshakeFailure>>,
}

pub(super) struct Attempt<H> {
    handshake: Box<H>,
    pub(super) started: Instant,
    wake: Option<Instant>,
}

impl<H: Negotiation> Attempt<H> {
    pub(super) fn begin(role: Role, scene: &Scene<'_, H::Identity>) -> (Self, Outcome) {
        let handshake = Box::new(H::begin(role, scene));
        let mut attempt = Self { handshake, started: scene.now, wake: None };
        let outcome = attempt.drive(scene.now);
        (attempt, outcome)
    }

    pub(super) fn handle(&mut self, datagram: &[u8], now: Instant) -> Outcome {
        self.handshake.handle(datagram, now);
        self.drive(now)
    }

    /// Wakes the handshake if its time has come.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Outcome {
        if self.wake.is_none_or(|wake| wake > now) {
            return Outcome::default();
        }
        self.handshake.handle_timeout(now);
        self.drive(now)
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.wake
    }

    fn drive(&mut self, now: Instant) -> Outcome {
        let mut outcome = Outcome::default();
        self.wake = None;
        for _ in 0..STEPS {
            match self.handshake.poll() {
                Progress::Send(datagram) => outcome.sends.push(datagram),
                Progress::Wait(until) => {
                    self.wake = Some(until.max(now + SHORTEST_WAIT));
                    break;
                }
                Progress::Idle => break,
                Progress::Done(secrets) => outcome.end = Some(Ok(secrets)),
                Progress::Failed(failure) => {
                    outcome.end = Some(Err(failure));
                    break;
                }
            }
        }
        outcome
    }
}
