//! Two endpoints and what is between them, on a clock of the test's own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::super::attempt::Negotiation;
use super::super::{Settings, State};
use super::node::{Node, Outgoing, Packet};
use super::script::{Script, Scripted};
use crate::identity::PeerName;
use crate::record::is_ours;

/// How often counters are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// What a link does to datagrams.
#[derive(Debug, Clone)]
pub(super) struct Link {
    /// Of a thousand, how many are lost.
    pub(super) loss: u64,
    /// Of a thousand, how many come twice.
    pub(super) twice: u64,
    /// How long they take at least, in microseconds.
    pub(super) latency: u64,
    /// How much longer at most. More than the time between two datagrams reorders them.
    pub(super) jitter: u64,
}

impl Link {
    /// 1 ms, and nothing is lost.
    pub(super) const GOOD: Self = Self { loss: 0, twice: 0, latency: 1000, jitter: 0 };
}

pub(super) struct Network<H: Negotiation> {
    pub(super) now: Instant,
    pub(super) nodes: [Node<H>; 2],
    pub(super) settings: Settings,
    pub(super) link: Link,
    pub(super) cut: bool,
    /// By time of arrival and number: for whom, and what.
    flying: BTreeMap<(Instant, u64), (usize, Outgoing)>,
    next_look: Instant,
    random: u64,
    sent: u64,
    packets: Packet,
    /// Packets whose records have arrived, whether they were opened or not.
    pub(super) arrived: BTreeSet<Packet>,
    /// Datagrams that were handed to the link, by sender: of handshakes, and records.
    pub(super) handshakes: [u64; 2],
    pub(super) records: [u64; 2],
    /// Datagrams of handshakes that were handed over, for those who keep them.
    pub(super) seen: Vec<(usize, Vec<u8>)>,
}

impl Network<Scripted> {
    /// Of two that know their handshakes by heart. The first goes first.
    pub(super) fn scripted(settings: &Settings, link: Link, random: u64) -> Self {
        let side = |seed: u64| {
            let script = Script::default();
            script.seed.set(random.wrapping_mul(2).wrapping_add(seed));
            (script, PeerName::new("vnetlab://nic/peer/nic0"))
        };
        Self::new(settings, link, random, [side(0), side(1)])
    }

    /// Handshakes begun, on both sides.
    pub(super) fn begun(&self) -> u64 {
        self.nodes.iter().map(|node| node.identity.begun.get()).sum()
    }
}

impl<H: Negotiation> Network<H> {
    pub(super) fn new(
        settings: &Settings,
        link: Link,
        random: u64,
        sides: [(H::Identity, PeerName); 2],
    ) -> Self {
        let now = Instant::now();
        let [first, second] = sides;
        let node =
            |goes_first, (identity, expected)| Node::new(settings.clone(), goes_first, identity, expected);
        Self {
            now,
            nodes: [node(true, first), node(false, second)],
            settings: settings.clone(),
            link,
            cut: false,
            flying: BTreeMap::new(),
            next_look: now + LOOK,
            random,
            sent: 0,
            packets: 0,
            arrived: BTreeSet::new(),
            handshakes: [0; 2],
            records: [0; 2],
            seen: Vec::new(),
        }
    }

    /// A number below `limit`, by chance.
    pub(super) fn random(&mut self, limit: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) % limit.max(1)
    }

    /// A packet wants to go.
    pub(super) fn packet(&mut self, from: usize) -> Packet {
        self.packets += 1;
        self.nodes[from].send_packet(self.packets, self.now);
        self.collect();
        self.packets
    }

    /// A datagram that nobody knows the sender of.
    pub(super) fn inject(&mut self, to: usize, datagram: Vec<u8>) {
        self.nodes[to].handle(datagram, self.now);
        self.collect();
    }

    pub(super) fn restart(&mut self, side: usize) {
        self.nodes[side].restart(self.settings.clone(), side == 0);
    }

    fn collect(&mut self) {
        for side in 0..2 {
            for outgoing in std::mem::take(&mut self.nodes[side].outbox) {
                if is_ours(&outgoing.datagram) {
                    self.records[side] += 1;
                } else {
                    self.handshakes[side] += 1;
                    self.seen.push((side, outgoing.datagram.clone()));
                }
                self.carry(1 - side, &outgoing);
            }
        }
    }

    fn carry(&mut self, to: usize, outgoing: &Outgoing) {
        let copies = match () {
            () if self.cut || self.random(1000) < self.link.loss => 0,
            () if self.random(1000) < self.link.twice => 2,
            () => 1,
        };
        for _ in 0..copies {
            let delay = self.link.latency + self.random(self.link.jitter + 1);
            self.sent += 1;
            self.flying.insert((self.now + Duration::from_micros(delay), self.sent), (to, outgoing.clone()));
        }
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
    }

    /// Lets time pass until `condition`, at most so long. Says how long it was.
    pub(super) fn run_until(&mut self, most: Duration, mut condition: impl FnMut(&Self) -> bool) -> Duration {
        let (begin, end) = (self.now, self.now + most);
        while !condition(self) {
            assert!(self.step(end), "not within {most:?}");
        }
        self.now - begin
    }

    /// Up to the next event, or the end.
    fn step(&mut self, end: Instant) -> bool {
        let timeouts = self.nodes.iter().filter_map(|node| node.machine.next_timeout());
        let arrival = self.flying.first_key_value().map(|((at, _), _)| *at);
        let next = timeouts.chain(arrival).chain([self.next_look]).min().unwrap_or(end);
        if next > end {
            self.now = self.now.max(end);
            return false;
        }
        self.now = self.now.max(next);
        let now = self.now;
        if arrival.is_some_and(|at| at <= now)
            && let Some((_, (to, outgoing))) = self.flying.pop_first()
        {
            self.arrived.extend(outgoing.packet);
            self.nodes[to].handle(outgoing.datagram, now);
        } else if self.next_look <= now {
            self.next_look = now + LOOK;
            self.nodes.iter_mut().for_each(|node| node.observe(now));
        } else {
            for node in &mut self.nodes {
                if node.machine.next_timeout().is_some_and(|at| at <= now) {
                    node.handle_timeout(now);
                    let next = node.machine.next_timeout();
                    assert!(
                        next.is_none_or(|next| next > now),
                        "a timeout that is not over after it was handled"
                    );
                }
            }
        }
        self.collect();
        true
    }

    pub(super) fn established(&self) -> bool {
        self.nodes.iter().all(|node| node.state() == State::Established)
    }

    /// Sends a packet from one side and waits until it has come, and one from there and waits again.
    pub(super) fn ping(&mut self, from: usize) -> Duration {
        let begin = self.now;
        for from in [from, 1 - from] {
            let packet = self.packet(from);
            self.run_until(Duration::from_secs(20), |network| {
                network.nodes[1 - from].received.contains(&packet)
            });
        }
        self.now - begin
    }

    /// Everything that both sides have received.
    pub(super) fn received(&self) -> BTreeSet<Packet> {
        self.nodes.iter().flat_map(|node| node.received.iter().copied()).collect()
    }
}
