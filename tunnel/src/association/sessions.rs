//! The sets of keys of a pair: the one that packets are sealed with, those that records may still come with, and those that the
//! peer may have by now.
//!
//! Both sides list theirs in the same order, because the side that goes first never takes part in two handshakes that could
//! both be completed. So whoever hears a session knows that the peer will not go back to an older one.

use std::time::Instant;

use crate::handshake::Role;
use crate::receiver::SessionId;
use crate::record::Sealer;

#[derive(Default)]
pub(super) struct Sessions {
    /// Oldest first.
    list: Vec<Session>,
    made: u64,
    in_use: Option<SessionId>,
}

struct Session {
    id: SessionId,
    role: Role,
    /// Until it is in use.
    sealer: Option<Box<Sealer>>,
    heard: bool,
    forget_at: Option<Instant>,
}

/// What the first record of a session means.
pub(super) enum Heard {
    /// No such session is known any more.
    Unknown,
    /// The peer sends with it.
    Known,
    /// The peer has it, too: from now on it is in use here.
    Confirmed {
        sealer: Box<Sealer>,
        /// Whether others were in use before.
        replaces: bool,
    },
}

impl Sessions {
    /// Keys that the peer is about to have; they are used once it was heard with them.
    pub(super) fn offer(&mut self, sealer: Box<Sealer>) -> SessionId {
        self.add(Role::Client, Some(sealer))
    }

    /// Keys that the peer has: they are used at once. Also says whether others were in use before.
    pub(super) fn use_new(&mut self) -> (SessionId, bool) {
        let id = self.add(Role::Server, None);
        (id, self.in_use.replace(id).is_some())
    }

    fn add(&mut self, role: Role, sealer: Option<Box<Sealer>>) -> SessionId {
        self.made += 1;
        let id = SessionId(self.made);
        self.list.push(Session { id, role, sealer, heard: false, forget_at: None });
        id
    }

    /// If there are more than `limit`, removes the oldest that neither side is known to use, and that is not the newest.
    pub(super) fn evict(&mut self, limit: usize) -> Option<SessionId> {
        let heard = self.list.iter().rev().find(|session| session.heard).map(|session| session.id);
        let kept = [self.in_use, heard, self.newest()];
        let oldest = self.list.iter().position(|session| !kept.contains(&Some(session.id)))?;
        (self.list.len() > limit).then(|| self.list.remove(oldest).id)
    }

    /// A record of `id` was authentic. Older ones are forgotten at `forget_at`.
    pub(super) fn hear(&mut self, id: SessionId, forget_at: Instant) -> Heard {
        let Some(place) = self.list.iter().position(|session| session.id == id) else {
            return Heard::Unknown;
        };
        let (older, from) = self.list.split_at_mut(place);
        let session = &mut from[0];
        if session.heard {
            return Heard::Known;
        }
        session.heard = true;
        let usable = session.sealer.take().filter(|_| Some(id) > self.in_use);
        if usable.is_some() {
            session.forget_at = None;
        }
        for session in older {
            session.forget_at = Some(session.forget_at.map_or(forget_at, |at| at.min(forget_at)));
        }
        let Some(sealer) = usable else { return Heard::Known };
        Heard::Confirmed { sealer, replaces: self.in_use.replace(id).is_some() }
    }

    /// A session that the peer did not confirm is forgotten at `forget_at` unless it is heard before.
    pub(super) fn doubt(&mut self, id: SessionId, forget_at: Instant) {
        if let Some(session) = self.list.iter_mut().find(|session| session.id == id) {
            session.forget_at.get_or_insert(forget_at);
        }
    }

    /// Nothing is sent any more with `last` and older ones; they are forgotten at `forget_at`. Says whether one was in use.
    pub(super) fn close(&mut self, last: SessionId, forget_at: Instant) -> bool {
        for session in self.list.iter_mut().filter(|session| session.id <= last) {
            session.sealer = None;
            session.forget_at = Some(session.forget_at.map_or(forget_at, |at| at.min(forget_at)));
        }
        self.in_use.take_if(|in_use| *in_use <= last).is_some()
    }

    /// Takes out those whose time has come.
    pub(super) fn forget_due(&mut self, now: Instant) -> Vec<SessionId> {
        let due = |session: &Session| session.forget_at.is_some_and(|at| at <= now);
        let forgotten = self.list.iter().filter(|session| due(session)).map(|session| session.id).collect();
        self.list.retain(|session| !due(session));
        forgotten
    }

    /// When the next is to be forgotten.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.list.iter().filter_map(|session| session.forget_at).min()
    }

    /// The one that packets are sealed with.
    pub(super) fn in_use(&self) -> Option<SessionId> {
        self.in_use
    }

    /// The newest of all.
    pub(super) fn newest(&self) -> Option<SessionId> {
        self.list.last().map(|session| session.id)
    }

    pub(super) fn contains(&self, id: SessionId) -> bool {
        self.list.iter().any(|session| session.id == id)
    }

    /// Whether the peer is the client of the one in use and was not heard yet: it may be waiting for a sign.
    pub(super) fn peer_may_wait(&self) -> bool {
        let in_use = self.list.iter().find(|session| Some(session.id) == self.in_use);
        in_use.is_some_and(|session| session.role == Role::Server && !session.heard)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Cipher, TrafficSecret};

    fn offer(sessions: &mut Sessions) -> SessionId {
        let secret = TrafficSecret::new(&[7; 32]);
        sessions.offer(Box::new(Sealer::new(Cipher::Aes128Gcm, &secret)))
    }

    #[test]
    fn those_that_may_be_used_are_evicted_last() {
        let mut sessions = Sessions::default();
        let now = Instant::now();
        let (heard, _) = sessions.use_new();
        sessions.hear(heard, now);
        let (in_use, _) = sessions.use_new();
        let offers = [offer(&mut sessions), offer(&mut sessions)];
        assert_eq!(sessions.evict(4), None);
        offer(&mut sessions);
        // The peer may still send with the one it was last heard with, and we send with the one after it.
        assert_eq!(sessions.evict(4), Some(offers[0]));
        assert_eq!(sessions.evict(4), None);
        assert_eq!(sessions.in_use(), Some(in_use));
        // Once it was heard with a newer one, it does not go back.
        sessions.hear(in_use, now);
        offer(&mut sessions);
        assert_eq!(sessions.evict(4), Some(heard));
    }

    #[test]
    fn an_offer_is_used_when_it_is_heard_unless_a_newer_one_is() {
        let mut sessions = Sessions::default();
        let now = Instant::now();
        let (older, newer) = (offer(&mut sessions), offer(&mut sessions));
        assert!(matches!(sessions.hear(newer, now), Heard::Confirmed { replaces: false, .. }));
        assert!(matches!(sessions.hear(older, now), Heard::Known));
        assert!(matches!(sessions.hear(SessionId(99), now), Heard::Unknown));
        assert_eq!(sessions.in_use(), Some(newer));
        assert_eq!(sessions.forget_due(now), [older]);
    }
}
