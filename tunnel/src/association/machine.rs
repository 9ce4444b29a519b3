//! What an association does about each event; over any kind of handshake, so that the table of events can be tested alone.

use std::collections::VecDeque;
use std::time::Instant;

use super::attempt::{Attempt, Negotiation, Scene};
use super::datagram::Datagram;
use super::liveness::{Liveness, Traffic};
use super::pace::Pace;
use super::sessions::{Heard, Sessions};
use super::settings::Settings;
use super::{Action, State, flags};
use crate::receiver::SessionId;
use crate::record::Sealer;

pub(super) struct Machine<H> {
    pub(super) settings: Settings,
    pub(super) goes_first: bool,
    pub(super) client: Option<Client<H>>,
    pub(super) server: Option<Server<H>>,
    /// The random of the last ClientHello that led to keys: one that comes again is no news.
    pub(super) answered: Option<[u8; 32]>,
    /// When the last handshake of the peer's was begun.
    pub(super) served: Option<Instant>,
    /// When the peer was last told again that a handshake is complete.
    pub(super) reassured: Option<Instant>,
    pub(super) sessions: Sessions,
    pub(super) pace: Pace,
    pub(super) liveness: Liveness,
    /// Whether the last handshake failed, and none has led to keys since.
    pub(super) failed: bool,
    pub(super) actions: VecDeque<Action>,
}

/// A handshake that this side began.
pub(super) struct Client<H> {
    pub(super) attempt: Attempt<H>,
    /// Whether anything has come that may be for it.
    pub(super) answered: bool,
    /// What it has led to, once it has: keys that the peer was not heard with yet.
    pub(super) session: Option<SessionId>,
}

/// A handshake that the peer began.
pub(super) struct Server<H> {
    pub(super) attempt: Attempt<H>,
    pub(super) random: [u8; 32],
}

impl<H: Negotiation> Machine<H> {
    pub(super) fn new(settings: Settings, goes_first: bool) -> Self {
        Self {
            settings: settings.bounded(),
            goes_first,
            client: None,
            server: None,
            answered: None,
            served: None,
            reassured: None,
            sessions: Sessions::default(),
            pace: Pace::default(),
            liveness: Liveness::default(),
            failed: false,
            actions: VecDeque::new(),
        }
    }

    pub(super) fn want(&mut self, scene: &Scene<'_, H::Identity>) {
        if self.sessions.in_use().is_none() {
            self.pace.want(scene.now);
            self.begin_if_due(scene);
        }
    }

    pub(super) fn handle_datagram(&mut self, datagram: &[u8], scene: &Scene<'_, H::Identity>) {
        match Datagram::of(datagram) {
            Datagram::ClientHello(random) => self.handle_client_hello(random, datagram, scene),
            Datagram::ClientHelloRest => self.give_server(datagram, scene.now),
            Datagram::ServerHello => self.give_client(datagram, scene.now),
            Datagram::Protected => {
                // For which of the two cannot be seen from outside; each ignores what is not sealed with its keys.
                self.reassure(scene.now);
                let ambiguous = self.server.is_some();
                self.give_server(datagram, scene.now);
                if self.client.as_ref().is_some_and(|client| client.answered || !ambiguous) {
                    self.give_client(datagram, scene.now);
                }
            }
            Datagram::Other => {}
        }
    }

    pub(super) fn handle_authentic(&mut self, session: SessionId, now: Instant) {
        match self.sessions.hear(session, now + self.settings.old_keys_kept) {
            Heard::Unknown => return,
            Heard::Known => {}
            Heard::Confirmed { sealer, replaces } => {
                self.client.take_if(|client| client.session == Some(session));
                self.use_keys(session, *sealer, replaces, now);
                self.send_empty(flags::ANSWER);
            }
        }
        self.liveness.heard(now);
    }

    pub(super) fn observe(&mut self, traffic: Traffic, scene: &Scene<'_, H::Identity>) {
        self.liveness.observe(traffic, &self.settings, self.goes_first, scene.now);
        self.begin_if_due(scene);
    }

    pub(super) fn handle_timeout(&mut self, scene: &Scene<'_, H::Identity>) {
        let now = scene.now;
        self.wake_client(now);
        self.wake_server(now);
        for session in self.sessions.forget_due(now) {
            self.actions.push_back(Action::Forget(session));
        }
        if self.liveness.idle_at(&self.settings).is_some_and(|at| at <= now) {
            self.close_idle(now);
        }
        if self.liveness.ask_at(&self.settings).is_some_and(|at| at <= now) {
            self.liveness.asked(now);
            self.send_empty(flags::ASK);
        }
        self.begin_if_due(scene);
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let deadline = self.settings.handshake_timeout;
        let attempts = [self.client.as_ref().map(|c| &c.attempt), self.server.as_ref().map(|s| &s.attempt)];
        let attempts = attempts
            .into_iter()
            .flatten()
            .flat_map(|attempt| [attempt.next_timeout(), Some(attempt.started + deadline)]);
        let others = [
            self.begin_at(),
            self.sessions.next_timeout(),
            self.liveness.ask_at(&self.settings),
            self.liveness.idle_at(&self.settings),
        ];
        attempts.chain(others).flatten().min()
    }

    pub(super) fn handle_close(&mut self, session: SessionId, now: Instant) {
        // One that comes late is about keys that were replaced since, and closes only those.
        if self.sessions.contains(session) {
            self.close(session, now);
        }
    }

    pub(super) fn poll(&mut self) -> Option<Action> {
        let action = self.actions.pop_front();
        if self.actions.is_empty() {
            self.actions = VecDeque::new();
        }
        action
    }

    pub(super) fn state(&self) -> State {
        match () {
            () if self.sessions.in_use().is_some() => State::Established,
            () if self.client.is_some() || self.server.is_some() => State::Opening,
            () if self.failed => State::Failed,
            () => State::Idle,
        }
    }

    /// When an own handshake is to begin.
    pub(super) fn begin_at(&self) -> Option<Instant> {
        if self.client.is_some() {
            return None;
        }
        let peer_first = self.server.as_ref().map(|server| server.attempt.started + self.settings.patience);
        let (reason, until) = match self.sessions.in_use() {
            Some(_) => (self.liveness.renew_at(&self.settings, self.goes_first)?, None),
            None => self.pace.wanted(&self.settings).map(|(since, until)| (since, Some(until)))?,
        };
        let at = [peer_first, self.pace.not_before(&self.settings)]
            .into_iter()
            .flatten()
            .fold(reason, Instant::max);
        until.is_none_or(|until| at <= until).then_some(at)
    }

    /// Packets are sealed with `sealer` from now on.
    pub(super) fn use_keys(&mut self, session: SessionId, sealer: Sealer, replaces: bool, now: Instant) {
        self.pace.succeeded();
        self.failed = false;
        self.liveness.new_keys(now);
        self.actions.push_back(Action::SendWith(session, sealer));
        if replaces {
            self.actions.push_back(Action::Rekeyed);
        }
    }

    fn close_idle(&mut self, now: Instant) {
        let Some(newest) = self.sessions.newest() else { return };
        self.client = None;
        self.actions.push_back(Action::SendClose);
        self.close(newest, now);
    }

    /// Packets are sealed no more, with keys up to `last`. Records that are under way may still be opened.
    fn close(&mut self, last: SessionId, now: Instant) {
        if self.sessions.close(last, now + self.settings.old_keys_kept) {
            self.liveness.drop_keys();
            self.actions.push_back(Action::DropKeys);
        }
        self.failed = false;
    }

    pub(super) fn send_empty(&mut self, flags: u8) {
        self.liveness.sending_empty();
        self.actions.push_back(Action::SendEmpty(flags));
    }

    pub(super) fn send_all(&mut self, datagrams: Vec<Vec<u8>>) {
        self.actions.extend(datagrams.into_iter().map(Action::Send));
    }
}
