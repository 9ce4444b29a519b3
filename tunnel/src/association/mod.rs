//! The life of a pair: opened on first use, new keys in time, closed when idle. Pure: datagrams, counters and times go in, and
//! what is to be done comes out.
//!
//! ```text
//!         want, or the              peer heard with the keys (client),
//!         peer's ClientHello        or handshake done (server)
//!   Idle ───────────────────► Opening ───────────────────────────► Established ──┐ new keys: worn out, old,
//!   ▲  ▲                      │  │  ▲                              ▲    │    ▲   │ the peer silent, or it
//!   │  └──────────────────────┘  │  │ want, when the wait          │    │    └───┘ begins; a failure costs
//!   │    the peer's came         │  │ is over; the peer's          │    │          nothing but the attempt
//!   │    to nothing              │  │ ClientHello                  │    │
//!   │               own not      │  │                              │    │
//!   │           answered, or     ▼  │        keys after all, late  │    │
//!   │       either refused     Failed ─────────────────────────────┘    │
//!   │                                                                   │
//!   └───────────────────────────────────────────────────────────────────┘
//!                     idle, or an authentic close_notify
//! ```
//!
//! - Whoever has a packet and no keys begins a handshake, as its client. Where both begin at once, the side that goes first
//!   ignores the other's, and that one serves. Its own ends when keys are there, and not before: a ClientHello may be anybody's.
//! - The server sends with new keys as soon as its handshake is done, and says so by an empty record; the client when it has
//!   received the first authentic record with them. Until then the old keys serve, and a handshake that fails costs only itself.
//! - Keys are forgotten a while after the peer was heard with newer ones.
//! - An own handshake begins at most every 200 ms, and after one that failed later and later, while packets want to go.
//!   One that the peer begins replaces the one before; so there are never more than two.
//! - A peer that is silent although packets are sent is asked to answer, and when it stays silent new keys are tried for.

mod attempt;
mod datagram;
mod handshakes;
mod liveness;
mod machine;
mod pace;
mod sessions;
mod settings;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Instant;

use rustls_pki_types::UnixTime;

use crate::handshake::{Handshake, HandshakeFailure};
use crate::identity::{Identity, PeerName};
use crate::receiver::SessionId;
use crate::record::{Opener, Sealer};
use attempt::Scene;
use machine::Machine;

pub use liveness::Traffic;
pub use settings::Settings;

/// The first byte of a record's payload; a record with one of these has no packet.
pub mod flags {
    /// The receiver is to answer with [`ANSWER`].
    pub const ASK: u8 = 0x80;
    /// The answer, or the sign that new keys are in use.
    pub const ANSWER: u8 = 0x40;
}

/// How far an association is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// There are no keys, and nobody wants any.
    Idle,
    /// The first handshake is under way.
    Opening,
    /// There are keys to send with.
    Established,
    /// The last handshake failed, and there are no keys. The next begins when a packet wants to go and the wait is over.
    Failed,
}

/// What is to be done, in this order.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "actions are few, short-lived, and never copied in bulk")]
pub enum Action {
    /// Send this datagram of a handshake to the peer.
    Send(Vec<u8>),
    /// Records may come with these keys from now on.
    Receive(SessionId, Opener),
    /// Packets, and those that wait, are sealed with these keys from now on.
    SendWith(SessionId, Sealer),
    /// Send a record without a packet, with these [`flags`], sealed with the keys in use.
    SendEmpty(u8),
    /// Send the alert `close_notify` (RFC 9147, section 5.10), sealed with the keys in use.
    SendClose,
    /// Records are no longer opened with these keys.
    Forget(SessionId),
    /// Packets are sealed with no keys from now on; they wait.
    DropKeys,
    /// A handshake failed, for this reason.
    Failed(HandshakeFailure),
    /// The keys of the last [`Action::SendWith`] have replaced others.
    Rekeyed,
}

/// One pair of NICs, seen from one of them. After each call, do what [`Association::poll`] says until it says nothing more.
pub struct Association(Machine<Handshake>);

impl Association {
    /// Without keys. `goes_first` on the side with the lower address and port: its handshake is the one that counts when both
    /// begin at once.
    #[must_use]
    pub fn new(settings: Settings, goes_first: bool) -> Self {
        Self(Machine::new(settings, goes_first))
    }

    /// A packet waits for keys, or a record came and there are none to open it with. To be called for each, or again as long as
    /// packets wait.
    pub fn want(&mut self, identity: &Identity, expected: &PeerName, now: Instant, wall: UnixTime) {
        self.0.want(&Scene { identity, expected, now, wall });
    }

    /// A datagram came that is no record of epoch 3.
    pub fn handle_datagram(
        &mut self,
        datagram: &[u8],
        identity: &Identity,
        expected: &PeerName,
        now: Instant,
        wall: UnixTime,
    ) {
        self.0.handle_datagram(datagram, &Scene { identity, expected, now, wall });
    }

    /// A record of `session` was authentic. To be called for the first of each session; more do no harm.
    pub fn handle_authentic(&mut self, session: SessionId, now: Instant) {
        self.0.handle_authentic(session, now);
    }

    /// What the counters of the pair say now. To be called some times a second.
    pub fn observe(
        &mut self,
        traffic: Traffic,
        identity: &Identity,
        expected: &PeerName,
        now: Instant,
        wall: UnixTime,
    ) {
        self.0.observe(traffic, &Scene { identity, expected, now, wall });
    }

    /// Time has passed. To be called when [`Association::next_timeout`] is reached; more often does no harm.
    pub fn handle_timeout(&mut self, identity: &Identity, expected: &PeerName, now: Instant, wall: UnixTime) {
        self.0.handle_timeout(&Scene { identity, expected, now, wall });
    }

    /// When something is to be done even if nothing happens.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.0.next_timeout()
    }

    /// An authentic `close_notify` came in `session`.
    pub fn handle_close(&mut self, session: SessionId, now: Instant) {
        self.0.handle_close(session, now);
    }

    /// What is to be done next.
    #[must_use]
    pub fn poll(&mut self) -> Option<Action> {
        self.0.poll()
    }

    /// How far it is.
    #[must_use]
    pub fn state(&self) -> State {
        self.0.state()
    }
}

impl fmt::Debug for Association {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Association").field("state", &self.state()).finish_non_exhaustive()
    }
}
