//! The thread that opens associations, changes their keys, and closes them. It alone owns them; others send it news.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use goal_state::encryption::{EncryptionStatus, NicCertificate};
use tunnel::association::Settings;
use tunnel::receiver::SessionId;

use super::admission::Admission;
use super::credentials::Credentials;
use super::engine::{Channel, Control};
use super::pairs::Pair;
use super::supervised::{Now, Outcome, Supervised};

/// How often associations look at what their channels have carried.
const OBSERVE: Duration = Duration::from_millis(250);

/// What names a pair on this host: its own end and the other.
pub(super) type Key = (SocketAddrV4, SocketAddrV4);

/// Pairs that are wanted, each with its channel.
pub(super) type Channels = HashMap<Key, (Pair, Arc<Channel>)>;

/// News for the thread.
pub(super) enum News {
    /// From now on these pairs are wanted, and no others.
    Pairs(Channels),
    /// From now on these certificates.
    Certify { authority: Vec<u8>, certificates: Vec<NicCertificate>, done: Sender<Result<(), String>> },
    /// How is everything?
    Status(Sender<EncryptionStatus>),
    /// Something about one pair.
    Pair(Key, PairNews),
    /// A datagram came from nobody that is known.
    Stranger,
}

/// News about one pair.
pub(super) enum PairNews {
    /// A packet has no keys to go with, or a record none to be opened with.
    Wanted,
    /// A datagram that is no record of epoch 3.
    Handshake(Vec<u8>),
    /// The first authentic record of a session.
    Authentic(SessionId),
    /// The peer has closed it.
    Closed(SessionId),
}

/// The fast threads' way to tell. What is told too late is told to nobody.
#[derive(Debug, Clone)]
pub(super) struct Teller(pub(super) Sender<News>);

impl Teller {
    fn tell(&self, channel: &Channel, news: PairNews) {
        let _ = self.0.send(News::Pair((channel.pair().socket.address(), channel.pair().peer_address), news));
    }
}

impl Control for Teller {
    fn wanted(&self, channel: &Arc<Channel>) {
        self.tell(channel, PairNews::Wanted);
    }

    fn handshake(&self, channel: &Arc<Channel>, datagram: Vec<u8>) {
        self.tell(channel, PairNews::Handshake(datagram));
    }

    fn keyless(&self, channel: &Arc<Channel>) {
        self.tell(channel, PairNews::Wanted);
    }

    fn authentic(&self, channel: &Arc<Channel>, session: SessionId) {
        self.tell(channel, PairNews::Authentic(session));
    }

    fn closed(&self, channel: &Arc<Channel>, session: SessionId) {
        self.tell(channel, PairNews::Closed(session));
    }

    fn stranger(&self) {
        let _ = self.0.send(News::Stranger);
    }
}

/// What the thread knows.
pub(super) struct Supervisor {
    settings: Settings,
    credentials: Credentials,
    channels: Channels,
    /// Pairs that were opened at least once.
    supervised: HashMap<Key, Supervised>,
    /// When which of them wants to be looked at.
    timers: BTreeSet<(Instant, Key)>,
    timer_of: HashMap<Key, Instant>,
    /// Who of them may open.
    admission: Admission<Key>,
    /// Pairs whose NIC has no certificate yet.
    waiting: HashSet<Key>,
    observed: Instant,
    from_strangers: u64,
    refused: u64,
}

impl Supervisor {
    pub(super) fn new(credentials: Credentials, settings: Settings) -> Self {
        Self {
            settings,
            credentials,
            channels: Channels::new(),
            supervised: HashMap::new(),
            timers: BTreeSet::new(),
            timer_of: HashMap::new(),
            admission: Admission::new(),
            waiting: HashSet::new(),
            observed: Instant::now(),
            from_strangers: 0,
            refused: 0,
        }
    }

    /// Until nobody can send news any more.
    pub(super) fn run(mut self, news: &Receiver<News>) {
        loop {
            let heard = match self.next_wake() {
                Some(at) => news.recv_timeout(at.saturating_duration_since(Instant::now())),
                None => news.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match heard {
                Ok(news) => self.hear(news),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.wake();
            self.admit();
        }
    }

    /// Nothing is to be observed where nothing was ever opened.
    fn next_wake(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|(at, _)| *at);
        let observe = (!self.supervised.is_empty()).then(|| self.observed + OBSERVE);
        timer.into_iter().chain(observe).min()
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Pairs(channels) => self.replace(channels),
            News::Certify { authority, certificates, done } => {
                let _ = done.send(self.credentials.replace(&authority, &certificates));
                for key in std::mem::take(&mut self.waiting) {
                    self.pair_news(key, PairNews::Wanted);
                }
            }
            News::Status(asker) => drop(asker.send(self.status())),
            News::Pair(key, news) => self.pair_news(key, news),
            News::Stranger => self.from_strangers += 1,
        }
    }

    /// Pairs that are the same as before keep their associations.
    fn replace(&mut self, channels: Channels) {
        let same =
            |key: &Key, one: &Supervised| channels.get(key).is_some_and(|(pair, _)| pair == one.pair());
        let gone: Vec<_> =
            self.supervised.iter().filter(|(key, one)| !same(key, one)).map(|(key, _)| *key).collect();
        self.waiting.retain(|key| channels.contains_key(key));
        self.channels = channels;
        for key in gone {
            self.supervised.remove(&key);
            self.set_timer(key, None);
            self.admission.over(key);
        }
    }

    fn pair_news(&mut self, key: Key, news: PairNews) {
        let Some((pair, channel)) = self.channels.get(&key) else { return };
        let Some(identity) = self.credentials.of(&pair.nic) else {
            self.waiting.insert(key);
            return;
        };
        let (settings, now) = (&self.settings, Now::new());
        let new = || Supervised::new(pair.clone(), Arc::clone(channel), settings.clone());
        let supervised = self.supervised.entry(key).or_insert_with(new);
        if matches!(news, PairNews::Wanted) && !supervised.has_keys() && !self.admission.admits(key) {
            return;
        }
        let outcome = supervised.step(now, |association, expected| match news {
            PairNews::Wanted => association.want(&identity, expected, now.instant, now.wall),
            PairNews::Handshake(datagram) => {
                association.handle_datagram(&datagram, &identity, expected, now.instant, now.wall);
            }
            PairNews::Authentic(session) => association.handle_authentic(session, now.instant),
            PairNews::Closed(session) => association.handle_close(session, now.instant),
        });
        self.settle(key, outcome);
    }

    /// Timers that have come, and the regular look at everything.
    fn wake(&mut self) {
        let now = Now::new();
        while let Some(&(at, key)) = self.timers.first()
            && at <= now.instant
        {
            self.set_timer(key, None);
            self.step(key, |one, identity| {
                one.step(now, |association, expected| {
                    association.handle_timeout(identity, expected, now.instant, now.wall);
                })
            });
        }
        if now.instant.saturating_duration_since(self.observed) >= OBSERVE {
            self.observed = now.instant;
            let keys: Vec<_> = self.supervised.keys().copied().collect();
            for key in keys {
                self.step(key, |one, identity| one.observe(identity, now));
            }
        }
    }

    fn step(&mut self, key: Key, act: impl FnOnce(&mut Supervised, &tunnel::identity::Identity) -> Outcome) {
        let Some(one) = self.supervised.get_mut(&key) else { return };
        // Without a certificate it was never opened; one that was withdrawn opens nothing more.
        let Some(identity) = self.credentials.of(&one.pair().nic) else { return };
        let outcome = act(one, &identity);
        self.settle(key, outcome);
    }

    fn settle(&mut self, key: Key, outcome: Outcome) {
        if outcome == Outcome::Refused {
            self.refused += 1;
        }
        let one = self.supervised.get(&key);
        let (next, opens) = (one.and_then(Supervised::next_timeout), one.is_some_and(Supervised::opens));
        self.set_timer(key, next);
        if !opens {
            self.admission.over(key);
        }
    }

    /// Those who wait begin, as far as there is room.
    fn admit(&mut self) {
        while let Some(next) = self.admission.next() {
            self.pair_news(next, PairNews::Wanted);
        }
    }

    fn set_timer(&mut self, key: Key, at: Option<Instant>) {
        if let Some(before) = self.timer_of.remove(&key) {
            self.timers.remove(&(before, key));
        }
        if let Some(at) = at {
            self.timers.insert((at, key));
            self.timer_of.insert(key, at);
        }
    }

    fn status(&self) -> EncryptionStatus {
        let now = Now::new();
        let mut associations: Vec<_> = self.supervised.values().map(|one| one.status(now)).collect();
        associations.sort_by(|one, other| (&one.nic, &one.peer).cmp(&(&other.nic, &other.peer)));
        EncryptionStatus {
            associations,
            from_strangers: self.from_strangers,
            handshakes_refused: self.refused,
        }
    }
}
