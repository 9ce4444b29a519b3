//! A whole endpoint as an agent has it: association, sealer, receiver, and packets that wait.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::super::attempt::{Negotiation, Scene};
use super::super::machine::Machine;
use super::super::{Action, Settings, State, Traffic, flags};
use crate::handshake::HandshakeFailure;
use crate::identity::PeerName;
use crate::receiver::{Receiver, SessionId};
use crate::record::{Content, OpenError, Sealer, is_ours, record_len};
use crate::test_lab::{NOW, at};

/// As in an agent.
const QUEUE: usize = 64;
const QUEUE_TIME: Duration = Duration::from_secs(1);

/// The number of a packet, which is all it holds.
pub(super) type Packet = u64;

#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) datagram: Vec<u8>,
    /// What is in it, if it is a record with a packet.
    pub(super) packet: Option<Packet>,
}

pub(super) struct Node<H: Negotiation> {
    pub(super) identity: H::Identity,
    pub(super) expected: PeerName,
    pub(super) machine: Machine<H>,
    receiver: Receiver,
    sealer: Option<(SessionId, Sealer)>,
    waiting: VecDeque<(Instant, Packet)>,
    pub(super) outbox: Vec<Outgoing>,
    heard: BTreeSet<SessionId>,
    traffic: Traffic,
    /// Packets that came.
    pub(super) received: BTreeSet<Packet>,
    /// Packets given up because no keys were there in time.
    pub(super) not_sent: u64,
    /// Records that came when there were no keys, or none that fitted.
    pub(super) refused: u64,
    pub(super) replayed: u64,
    pub(super) rekeys: u64,
    pub(super) failures: Vec<HandshakeFailure>,
    pub(super) closed: u64,
}

impl<H: Negotiation> Node<H> {
    pub(super) fn new(
        settings: Settings,
        goes_first: bool,
        identity: H::Identity,
        expected: PeerName,
    ) -> Self {
        Self {
            identity,
            expected,
            machine: Machine::new(settings, goes_first),
            receiver: Receiver::new(),
            sealer: None,
            waiting: VecDeque::new(),
            outbox: Vec::new(),
            heard: BTreeSet::new(),
            traffic: Traffic::default(),
            received: BTreeSet::new(),
            not_sent: 0,
            refused: 0,
            replayed: 0,
            rekeys: 0,
            failures: Vec::new(),
            closed: 0,
        }
    }

    pub(super) fn state(&self) -> State {
        self.machine.state()
    }

    /// The keys in use.
    pub(super) fn session(&self) -> Option<SessionId> {
        self.sealer.as_ref().map(|(session, _)| *session)
    }

    /// Whether records can be opened at all.
    pub(super) fn has_keys(&self) -> bool {
        !self.receiver.is_empty()
    }

    /// Everything but what it has received is lost: its agent was restarted.
    pub(super) fn restart(&mut self, settings: Settings, goes_first: bool) {
        self.machine = Machine::new(settings, goes_first);
        self.receiver = Receiver::new();
        self.sealer = None;
        self.waiting.clear();
        self.heard.clear();
        self.traffic = Traffic::default();
    }

    fn with_machine(&mut self, now: Instant, event: impl FnOnce(&mut Machine<H>, &Scene<'_, H::Identity>)) {
        let scene = Scene { identity: &self.identity, expected: &self.expected, now, wall: at(NOW) };
        event(&mut self.machine, &scene);
        self.act(now);
    }

    pub(super) fn send_packet(&mut self, packet: Packet, now: Instant) {
        if self.sealer.is_some() {
            return self.seal_packet(packet);
        }
        self.waiting.push_back((now, packet));
        while self.waiting.len() > QUEUE {
            self.waiting.pop_front();
            self.not_sent += 1;
        }
        self.with_machine(now, |machine, scene| machine.want(scene));
    }

    fn seal_packet(&mut self, packet: Packet) {
        self.seal(Content::ApplicationData, [&[0], &packet.to_be_bytes(), &[]]);
        if let Some(outgoing) = self.outbox.last_mut() {
            outgoing.packet = Some(packet);
        }
    }

    fn seal(&mut self, content: Content, parts: [&[u8]; 3]) {
        let Some((_, sealer)) = &mut self.sealer else { return };
        let mut record = vec![0; record_len(parts.iter().map(|part| part.len()).sum())];
        sealer.seal(&mut record, content, parts).unwrap();
        self.traffic.sealed += 1;
        self.outbox.push(Outgoing { datagram: record, packet: None });
    }

    pub(super) fn handle(&mut self, mut datagram: Vec<u8>, now: Instant) {
        if !is_ours(&datagram) {
            return self.with_machine(now, |machine, scene| machine.handle_datagram(&datagram, scene));
        }
        if self.receiver.is_empty() {
            self.refused += 1;
            return self.with_machine(now, |machine, scene| machine.want(scene));
        }
        let (session, content, payload) = match self.receiver.open(&mut datagram) {
            Ok((session, opened)) => (session, opened.content, opened.payload.to_vec()),
            Err(OpenError::Replayed) => return self.replayed += 1,
            Err(_) => {
                self.refused += 1;
                return self.traffic.not_authentic += 1;
            }
        };
        self.traffic.opened += 1;
        if self.heard.insert(session) {
            self.with_machine(now, |machine, _| machine.handle_authentic(session, now));
        }
        match (content, &payload[..]) {
            (Content::Alert, [_, 0]) => {
                self.closed += 1;
                self.with_machine(now, |machine, _| machine.handle_close(session, now));
            }
            (Content::ApplicationData, [flags::ASK]) => {
                self.seal(Content::ApplicationData, [&[flags::ANSWER], &[], &[]]);
            }
            (Content::ApplicationData, [0, packet @ ..]) => {
                assert!(self.received.insert(Packet::from_be_bytes(packet.try_into().unwrap())), "twice");
            }
            _ => {}
        }
    }

    pub(super) fn observe(&mut self, now: Instant) {
        let traffic = self.traffic;
        self.with_machine(now, |machine, scene| machine.observe(traffic, scene));
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.with_machine(now, |machine, scene| machine.handle_timeout(scene));
    }

    fn act(&mut self, now: Instant) {
        while let Some(action) = self.machine.poll() {
            match action {
                Action::Send(datagram) => self.outbox.push(Outgoing { datagram, packet: None }),
                Action::Receive(session, opener) => self.receiver.add(session, opener),
                Action::SendWith(session, sealer) => self.send_with(session, sealer, now),
                Action::SendEmpty(flags) => self.seal(Content::ApplicationData, [&[flags], &[], &[]]),
                Action::SendClose => self.seal(Content::Alert, [&[1, 0], &[], &[]]),
                Action::Forget(session) => self.receiver.forget(session),
                Action::DropKeys => self.sealer = None,
                Action::Failed(failure) => self.failures.push(failure),
                Action::Rekeyed => self.rekeys += 1,
            }
        }
    }

    fn send_with(&mut self, session: SessionId, sealer: Sealer, now: Instant) {
        assert!(self.session().is_none_or(|before| before < session), "older keys again");
        self.sealer = Some((session, sealer));
        self.traffic.sealed = 0;
        for (since, packet) in std::mem::take(&mut self.waiting) {
            if since + QUEUE_TIME >= now {
                self.seal_packet(packet);
            } else {
                self.not_sent += 1;
            }
        }
    }
}
