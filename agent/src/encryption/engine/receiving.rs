//! Opening what a peer sends: with which keys, and how often it may cause work.

use std::time::{Duration, Instant};

use tunnel::receiver::{Receiver, SessionId};
use tunnel::record::{OpenError, Opened, Opener};

use super::counters::Counters;
use super::pace::Pace;

/// The keys, and what was heard with them.
#[derive(Debug)]
pub(crate) struct Receiving {
    receiver: Receiver,
    /// Sessions of which a record was authentic.
    heard: Vec<SessionId>,
    handshakes: Pace,
    keyless: Pace,
}

/// What a record was.
#[derive(Debug)]
pub(crate) enum Arrival<'d> {
    /// Authentic; `first` of its session.
    Opened { session: SessionId, first: bool, opened: Opened<'d> },
    /// There are no keys, and it is time to say so.
    Keyless,
    /// Dropped and counted.
    Dropped,
}

impl Receiving {
    /// Without keys.
    pub(crate) fn new() -> Self {
        Self {
            receiver: Receiver::new(),
            heard: Vec::new(),
            handshakes: Pace::new(Duration::from_millis(5), 64),
            keyless: Pace::new(Duration::from_millis(100), 1),
        }
    }

    /// Opens with these keys, too.
    pub(crate) fn add(&mut self, session: SessionId, opener: Opener) {
        self.receiver.add(session, opener);
    }

    /// Opens with these keys no more.
    pub(crate) fn forget(&mut self, session: SessionId) {
        self.receiver.forget(session);
        self.heard.retain(|heard| *heard != session);
    }

    /// Opens a record where it lies.
    #[inline]
    pub(crate) fn open<'d>(&mut self, record: &'d mut [u8], counters: &Counters) -> Arrival<'d> {
        if self.receiver.is_empty() {
            counters.not_authentic.add(1);
            let tell = self.keyless.allows(Instant::now());
            return if tell { Arrival::Keyless } else { Arrival::Dropped };
        }
        match self.receiver.open(record) {
            Ok((session, opened)) => {
                let first = !self.heard.contains(&session);
                if first {
                    self.heard.push(session);
                }
                Arrival::Opened { session, first, opened }
            }
            Err(OpenError::Replayed) => {
                counters.replayed.add(1);
                Arrival::Dropped
            }
            Err(OpenError::NotARecord | OpenError::NotAuthentic) => {
                counters.not_authentic.add(1);
                Arrival::Dropped
            }
        }
    }

    /// Whether one more datagram of a handshake may be looked at now.
    pub(crate) fn takes_handshake(&mut self) -> bool {
        self.handshakes.allows(Instant::now())
    }
}
