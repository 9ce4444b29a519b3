//! From two identities to secrets: a DTLS 1.3 handshake (RFC 9147) by a library.
//!
//! The library does handshakes only. It never seals or opens application data, and never sees a record of epoch 3: its only
//! own record of that epoch is the one ACK with which the server ends a handshake, number 0. A client has sent none when it is
//! [`Progress::Done`], and sends none afterwards, as its retransmissions are of epoch 2. Records of one's own begin at
//! number 1024, so no nonce is used twice.
//!
//! Both sides present certificates. A handshake that does not like the peer's sends nothing any more.

mod failure;
mod provider;
mod records;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::{Dtls, Output};
use rustls_pki_types::UnixTime;

use crate::identity::{Identity, PeerName, check_peer};
use crate::record::{Cipher, Secrets};
pub use failure::HandshakeFailure;
use provider::Derived;

/// The largest datagram that a handshake sends, in bytes of UDP payload.
pub const MTU: usize = 1200;

/// A flight that is not answered is sent again after this, a quarter more or less, and then after twice as long each time.
pub const FIRST_RETRANSMISSION: Duration = Duration::from_millis(50);

/// A handshake is given up after this.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// While something is missing before what has come, the library wants to say so at once, again and again. Here it may after
/// this.
const ACK_INTERVAL: Duration = Duration::from_millis(20);

/// Larger datagrams are ignored.
const MAX_DATAGRAM: usize = 1500;

/// How many records wait in the library for others that must come before them, or to be sent.
const MAX_RECORDS: usize = 24;

/// The library panics when a certificate is larger than the buffer that it is asked for by. A message has to lie in the queue
/// as a whole before it is understood, so none is larger than this; nor is it larger than all that came.
const MAX_MESSAGE: usize = MAX_DATAGRAM * MAX_RECORDS;

/// Which side of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Sends the ClientHello.
    Client,
    /// Answers it.
    Server,
}

impl Role {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// What is to be done next.
#[derive(Debug)]
pub enum Progress {
    /// Send this datagram to the peer.
    Send(Vec<u8>),
    /// Call [`Handshake::handle_timeout`] at this time, if nothing else happens before.
    Wait(Instant),
    /// The peer is whom it should be, and these are the secrets. Comes once, after all datagrams that there are to send.
    ///
    /// A server drops its handshake now. A client keeps it, and asks on, until the server shows that it has the keys: until
    /// then its last flight may be lost, and is sent again.
    Done(Secrets),
    /// It came to nothing. So it stays.
    Failed(HandshakeFailure),
    /// A server is done, and has said so before.
    Idle,
}

/// How far it is.
enum State {
    Running,
    Done,
    Failed(HandshakeFailure),
}

/// One handshake. After each call of another method, [`Handshake::poll`] until it says [`Progress::Wait`] or an end.
pub struct Handshake {
    role: Role,
    cipher: Cipher,
    authority: Arc<[u8]>,
    expected: PeerName,
    wall: UnixTime,
    deadline: Instant,
    dtls: Option<Dtls>,
    derived: Derived,
    outbox: VecDeque<Vec<u8>>,
    next_timeout: Instant,
    received: usize,
    complaint: Option<String>,
    certificates: usize,
    connected: bool,
    state: State,
}

impl Handshake {
    /// Begins a handshake with `expected` for AES-128-GCM. `now` and `wall` are the same moment; a client's ClientHello is
    /// there to be sent at once.
    #[must_use]
    pub fn new(role: Role, identity: &Identity, expected: PeerName, now: Instant, wall: UnixTime) -> Self {
        Self::with_cipher(Cipher::Aes128Gcm, role, identity, expected, now, wall)
    }

    /// The same for any cipher. Both sides must want the same one.
    #[must_use]
    pub fn with_cipher(
        cipher: Cipher,
        role: Role,
        identity: &Identity,
        expected: PeerName,
        now: Instant,
        wall: UnixTime,
    ) -> Self {
        let (dtls, state) = match provider::new_dtls(role, cipher, identity, now) {
            Ok(dtls) => (Some(dtls), State::Running),
            Err(error) => (None, State::Failed(HandshakeFailure::Impossible(error.to_string()))),
        };
        let deadline = now + TIMEOUT;
        let mut handshake = Self {
            role,
            cipher,
            authority: Arc::clone(identity.authority()),
            expected,
            wall,
            deadline,
            dtls,
            derived: Derived::default(),
            outbox: VecDeque::new(),
            next_timeout: deadline,
            received: 0,
            complaint: None,
            certificates: 0,
            connected: false,
            state,
        };
        handshake.handle_timeout(now);
        handshake
    }

    /// A datagram from the peer. Whatever does not fit is ignored; so are records of epoch 3, which are not the handshake's.
    pub fn handle(&mut self, datagram: &[u8], now: Instant) {
        if datagram.len() > MAX_DATAGRAM {
            return;
        }
        self.handle_timeout(now);
        for record in records::of_handshake(datagram) {
            self.received = self.received.saturating_add(record.len());
            self.handle_record(record, now);
        }
    }

    /// The library gets records one by one: it drops a datagram as a whole when what it begins with was there before, also
    /// what it has never seen behind that, and a peer that is the library, too, sends the same datagram again and again.
    fn handle_record(&mut self, record: &[u8], now: Instant) {
        let Some(dtls) = &mut self.dtls else { return };
        if let Err(error) = self.derived.during(|| dtls.handle_packet(record)) {
            self.note(&error, records::is_protected(record[0]));
        }
        self.collect(now);
    }

    /// Time has passed: sends again what was not answered, or gives up.
    pub fn handle_timeout(&mut self, now: Instant) {
        if now >= self.deadline {
            self.expire();
        }
        let Some(dtls) = &mut self.dtls else { return };
        match self.derived.during(|| dtls.handle_timeout(now)) {
            Err(dimpl::Error::Timeout(_)) => self.expire(),
            Err(error) => self.note(&error, false),
            Ok(()) => {}
        }
        self.collect(now);
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Progress {
        if let Some(datagram) = self.outbox.pop_front() {
            return Progress::Send(datagram);
        }
        match &self.state {
            State::Failed(failure) => Progress::Failed(failure.clone()),
            State::Done if self.dtls.is_none() => Progress::Idle,
            State::Running if self.connected => self.finish(),
            State::Running | State::Done => Progress::Wait(self.next_timeout.min(self.deadline)),
        }
    }

    /// The handshake is through, and all is sent.
    fn finish(&mut self) -> Progress {
        let Some(secrets) = self.derived.secrets(self.role, self.cipher).filter(|_| self.certificates == 1)
        else {
            self.fail(HandshakeFailure::Protocol(
                "it ended without a certificate or without keys".to_owned(),
            ));
            return self.poll();
        };
        self.derived = Derived::default();
        self.state = State::Done;
        if self.role == Role::Server {
            self.dtls = None;
        }
        Progress::Done(secrets)
    }

    /// Takes from the library what it has to say. Datagrams are taken at once, so that it puts nothing else into them.
    fn collect(&mut self, now: Instant) {
        let mut buffer = vec![0; self.received.clamp(MTU, MAX_MESSAGE)];
        while let Some(dtls) = &mut self.dtls {
            match self.derived.during(|| dtls.poll_output(&mut buffer)) {
                Output::Packet(datagram) => self.outbox.push_back(datagram.to_vec()),
                Output::PeerCert(leaf) => self.check(leaf),
                Output::Connected => self.connected = true,
                Output::Timeout(at) => {
                    self.next_timeout = if at <= now { now + ACK_INTERVAL } else { at };
                    return;
                }
                _ => {}
            }
        }
    }

    fn check(&mut self, leaf: &[u8]) {
        self.certificates += 1;
        if let Err(error) = check_peer(&self.authority, leaf, self.role.other(), &self.expected, self.wall) {
            self.fail(error.into());
        }
    }

    /// An error of the library's. What was not encrypted may be anybody's, or damaged: the handshake goes on without it.
    fn note(&mut self, error: &dimpl::Error, protected: bool) {
        use dimpl::Error::{CertificateError, CryptoError, SecurityError};
        let complaint = format!("{error:?}");
        let of_the_peer = matches!(error, CertificateError(_) | CryptoError(_) | SecurityError(_));
        if protected && of_the_peer && matches!(self.state, State::Running) {
            self.fail(HandshakeFailure::Protocol(complaint));
        } else {
            self.complaint = Some(complaint);
        }
    }

    fn expire(&mut self) {
        let failure = match self.state {
            State::Failed(_) => return,
            State::Done if self.dtls.is_none() => return,
            State::Done => HandshakeFailure::Unconfirmed,
            State::Running if self.received == 0 => HandshakeFailure::NoAnswer,
            State::Running => HandshakeFailure::TimedOut(self.complaint.take()),
        };
        self.fail(failure);
    }

    fn fail(&mut self, failure: HandshakeFailure) {
        self.state = State::Failed(failure);
        self.dtls = None;
        self.derived = Derived::default();
        self.outbox.clear();
    }
}
