//! Handshakes under way: at most one that this side began and one that the peer began, and what comes of them.

use std::time::Instant;

use super::attempt::{Attempt, Negotiation, Outcome, Scene};
use super::machine::{Client, Machine, Server};
use super::{Action, flags};
use crate::handshake::{HandshakeFailure, Role};
use crate::receiver::SessionId;
use crate::record::{Opener, Sealer, Secrets};

impl<H: Negotiation> Machine<H> {
    pub(super) fn begin_if_due(&mut self, scene: &Scene<'_, H::Identity>) {
        if self.begin_at().is_none_or(|at| at > scene.now) {
            return;
        }
        self.pace.started(scene.now);
        self.liveness.tried(scene.now);
        let (attempt, outcome) = Attempt::begin(Role::Client, scene);
        self.client = Some(Client { attempt, answered: false, session: None });
        self.client_went(outcome, scene.now);
    }

    pub(super) fn handle_client_hello(
        &mut self,
        random: [u8; 32],
        datagram: &[u8],
        scene: &Scene<'_, H::Identity>,
    ) {
        let now = scene.now;
        if self.server.as_ref().is_some_and(|server| server.random == random) {
            return self.give_server(datagram, now);
        }
        let crowded = self.served.is_some_and(|at| now < at + self.settings.handshake_interval);
        if self.insists(now) || crowded || self.answered == Some(random) {
            return;
        }
        self.served = Some(now);
        let (mut attempt, outcome) = Attempt::begin(Role::Server, scene);
        let more = attempt.handle(datagram, now);
        self.server = Some(Server { attempt, random });
        self.server_went(outcome, now);
        self.server_went(more, now);
    }

    /// Whether the peer's handshake is left alone because the own one goes first.
    fn insists(&self, now: Instant) -> bool {
        let young = |client: &Client<H>| now < client.attempt.started + self.settings.patience;
        self.goes_first
            && self.client.as_ref().is_some_and(|client| client.session.is_some() || young(client))
    }

    pub(super) fn give_client(&mut self, datagram: &[u8], now: Instant) {
        if let Some(client) = &mut self.client {
            client.answered = true;
            let outcome = client.attempt.handle(datagram, now);
            self.client_went(outcome, now);
        }
    }

    pub(super) fn give_server(&mut self, datagram: &[u8], now: Instant) {
        if let Some(server) = &mut self.server {
            let outcome = server.attempt.handle(datagram, now);
            self.server_went(outcome, now);
        }
    }

    pub(super) fn wake_client(&mut self, now: Instant) {
        let Some(client) = &mut self.client else { return };
        if now < client.attempt.started + self.settings.handshake_timeout {
            let outcome = client.attempt.handle_timeout(now);
            return self.client_went(outcome, now);
        }
        let failure = match (client.session, client.answered) {
            (Some(_), _) => HandshakeFailure::Unconfirmed,
            (None, true) => HandshakeFailure::TimedOut(None),
            (None, false) => HandshakeFailure::NoAnswer,
        };
        self.client_failed(failure, now);
    }

    pub(super) fn wake_server(&mut self, now: Instant) {
        let Some(server) = &mut self.server else { return };
        if now < server.attempt.started + self.settings.handshake_timeout {
            let outcome = server.attempt.handle_timeout(now);
            return self.server_went(outcome, now);
        }
        self.server = None;
    }

    fn client_went(&mut self, outcome: Outcome, now: Instant) {
        match outcome.end {
            Some(Ok(secrets)) => self.client_done(&secrets),
            Some(Err(failure)) => {
                self.send_all(outcome.sends);
                return self.client_failed(failure, now);
            }
            None => {}
        }
        self.send_all(outcome.sends);
    }

    /// The peer is who it should be. It has the keys once it has our last datagrams, and we know that when we hear it with them.
    fn client_done(&mut self, secrets: &Secrets) {
        let Some(client) = &mut self.client else { return };
        if client.session.is_some() {
            return;
        }
        let sealer = Box::new(Sealer::new(secrets.cipher, &secrets.send));
        let session = self.sessions.offer(sealer);
        client.session = Some(session);
        if self.goes_first {
            self.server = None;
        }
        self.receive(session, secrets);
    }

    fn client_failed(&mut self, failure: HandshakeFailure, now: Instant) {
        let Some(client) = self.client.take() else { return };
        if let Some(session) = client.session {
            self.sessions.doubt(session, now + self.settings.idle);
        }
        self.pace.failed(is_refusal(&failure), &self.settings, now);
        self.failed = true;
        self.actions.push_back(Action::Failed(failure));
    }

    fn server_went(&mut self, outcome: Outcome, now: Instant) {
        match outcome.end {
            None => self.send_all(outcome.sends),
            Some(Ok(secrets)) => self.server_done(&secrets, outcome.sends, now),
            Some(Err(failure)) => {
                self.send_all(outcome.sends);
                self.server = None;
                // Anybody can begin a handshake that leads to nothing; only a certificate is news.
                if is_refusal(&failure) {
                    self.failed = true;
                    self.actions.push_back(Action::Failed(failure));
                }
            }
        }
    }

    /// The peer is who it should be, and has the keys already.
    fn server_done(&mut self, secrets: &Secrets, sends: Vec<Vec<u8>>, now: Instant) {
        let Some(server) = self.server.take() else { return };
        self.answered = Some(server.random);
        self.client = None;
        let (session, replaces) = self.sessions.use_new();
        self.receive(session, secrets);
        self.use_keys(session, Sealer::new(secrets.cipher, &secrets.send), replaces, now);
        self.send_all(sends);
        self.send_empty(flags::ANSWER);
    }

    fn receive(&mut self, session: SessionId, secrets: &Secrets) {
        let opener = Opener::new(secrets.cipher, &secrets.receive);
        self.actions.push_back(Action::Receive(session, opener));
        if let Some(oldest) = self.sessions.evict(self.settings.sessions) {
            self.actions.push_back(Action::Forget(oldest));
        }
    }

    /// The peer repeats the last datagrams of a handshake that is complete here: what told it so was lost.
    pub(super) fn reassure(&mut self, now: Instant) {
        let recently = self.reassured.is_some_and(|at| now < at + self.settings.handshake_interval);
        if self.server.is_none() && self.sessions.peer_may_wait() && !recently {
            self.reassured = Some(now);
            self.send_empty(flags::ANSWER);
        }
    }
}

/// Whether the peer is not whom it should be, and will not be until somebody gives it another certificate.
fn is_refusal(failure: &HandshakeFailure) -> bool {
    matches!(failure, HandshakeFailure::Certificate(_))
}
