//! One association, its channel, and what is told of it.

use std::sync::Arc;
use std::time::Instant;

use goal_state::encryption::{AssociationState, AssociationStatus};
use rustls_pki_types::UnixTime;
use tunnel::association::{Action, Association, Settings, State};
use tunnel::handshake::HandshakeFailure;
use tunnel::identity::{Identity, PeerName};

use super::engine::Channel;
use super::pairs::Pair;

/// An association that was opened at least once.
pub(super) struct Supervised {
    pair: Pair,
    channel: Arc<Channel>,
    association: Association,
    expected: PeerName,
    /// When the keys in use were agreed on, and their cipher.
    keys: Option<(Instant, &'static str)>,
    rekeys: u64,
    last_failure: Option<String>,
}

/// The times at which something happens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    /// For intervals.
    pub(super) instant: Instant,
    /// For certificates.
    pub(super) wall: UnixTime,
}

impl Now {
    pub(super) fn new() -> Self {
        Self { instant: Instant::now(), wall: UnixTime::now() }
    }
}

/// What became of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing to tell.
    Fine,
    /// The peer's certificate was refused.
    Refused,
}

impl Supervised {
    pub(super) fn new(pair: Pair, channel: Arc<Channel>, settings: Settings) -> Self {
        let (goes_first, expected) = (pair.goes_first(), PeerName::new(pair.peer_name()));
        Self {
            pair,
            channel,
            association: Association::new(settings, goes_first),
            expected,
            keys: None,
            rekeys: 0,
            last_failure: None,
        }
    }

    pub(super) fn pair(&self) -> &Pair {
        &self.pair
    }

    /// Lets the association look at something, and does what it asks for.
    pub(super) fn step(&mut self, now: Now, event: impl FnOnce(&mut Association, &PeerName)) -> Outcome {
        event(&mut self.association, &self.expected);
        let mut outcome = Outcome::Fine;
        while let Some(action) = self.association.poll() {
            if let Action::Failed(failure) = &action {
                outcome = self.failed(failure);
            }
            self.act(action, now);
        }
        outcome
    }

    fn act(&mut self, action: Action, now: Now) {
        match action {
            Action::Send(datagram) => self.channel.send_datagram(&datagram),
            Action::Receive(session, opener) => self.channel.receive_with(session, opener),
            Action::SendWith(_, sealer) => {
                self.keys = Some((now.instant, sealer.cipher().as_str()));
                self.last_failure = None;
                self.channel.send_with(sealer);
            }
            Action::SendEmpty(flags) => self.channel.send_empty(flags),
            Action::SendClose => self.channel.send_close(),
            Action::Forget(session) => self.channel.forget(session),
            Action::DropKeys => {
                self.keys = None;
                self.channel.drop_keys();
            }
            Action::Rekeyed => self.rekeys += 1,
            Action::Failed(_) => {}
        }
    }

    fn failed(&mut self, failure: &HandshakeFailure) -> Outcome {
        let Pair { nic, peer, .. } = &self.pair;
        tracing::warn!(%nic, %peer, %failure, "handshake failed");
        self.last_failure = Some(failure.to_string());
        if matches!(failure, HandshakeFailure::Certificate(_)) { Outcome::Refused } else { Outcome::Fine }
    }

    /// Some times a second.
    pub(super) fn observe(&mut self, identity: &Identity, now: Now) -> Outcome {
        self.channel.expire();
        let traffic = self.channel.traffic();
        self.step(now, |association, expected| {
            association.observe(traffic, identity, expected, now.instant, now.wall);
        })
    }

    /// Whether there are keys to send with.
    pub(super) fn has_keys(&self) -> bool {
        self.association.state() == State::Established
    }

    /// Whether its first handshake is under way.
    pub(super) fn opens(&self) -> bool {
        self.association.state() == State::Opening
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.association.next_timeout()
    }

    pub(super) fn status(&self, now: Now) -> AssociationStatus {
        let state = match self.association.state() {
            State::Opening => AssociationState::Opening,
            State::Established => AssociationState::Established,
            State::Idle => AssociationState::Closed,
            State::Failed => AssociationState::Failed,
        };
        let counters = self.channel.counters();
        let age = self.keys.map(|(since, _)| now.instant.saturating_duration_since(since));
        AssociationStatus {
            nic: self.pair.nic.clone(),
            peer: self.pair.peer.clone(),
            peer_address: self.pair.peer_address,
            state,
            cipher: self.keys.map(|(_, cipher)| cipher.to_owned()),
            age_us: age.map_or(0, |age| u64::try_from(age.as_micros()).unwrap_or(u64::MAX)),
            rekeys: self.rekeys,
            records_sent: counters.records_sent,
            records_received: counters.records_received,
            bytes_sent: counters.bytes_sent,
            bytes_received: counters.bytes_received,
            replayed: counters.replayed,
            not_authentic: counters.not_authentic,
            not_sent: counters.not_sent,
            last_failure: self.last_failure.clone(),
        }
    }
}
