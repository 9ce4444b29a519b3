//! Two hosts, each a namespace with an engine, joined by a veth pair. A host's only VM is the host itself: its network's TAP
//! has the VM's addresses.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use agent::encryption::engine::{Channel, Control, Engine, Pair, Table};
use linux_net::netlink::{Address, LinkChange, LinkStatistics, Neighbour, NewLink, Request, VethEnd};
use linux_net::{MacAddr, NetNs, Netlink, tap};
use tunnel::receiver::SessionId;
use tunnel::record::{Cipher, Opener, Sealer, TrafficSecret};

/// The network's TAP, the same name on both hosts, and the device to the other host.
pub(crate) const TAP: &str = "enc100";
pub(crate) const UNDERLAY: &str = "underlay0";

/// The session that both have from the beginning on.
pub(crate) const FIRST: SessionId = SessionId(1);

/// What a controller of keys was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    Wanted,
    Handshake(Vec<u8>),
    Keyless,
    Authentic(SessionId),
    Closed(SessionId),
    Stranger,
}

/// Writes down what it is told.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<Vec<Word>>);

impl Notes {
    fn note(&self, word: Word) {
        self.0.lock().unwrap().push(word);
    }

    pub(crate) fn words(&self) -> Vec<Word> {
        self.0.lock().unwrap().clone()
    }
}

impl Control for Notes {
    fn wanted(&self, _: &Arc<Channel>) {
        self.note(Word::Wanted);
    }

    fn handshake(&self, _: &Arc<Channel>, datagram: Vec<u8>) {
        self.note(Word::Handshake(datagram));
    }

    fn keyless(&self, _: &Arc<Channel>) {
        self.note(Word::Keyless);
    }

    fn authentic(&self, _: &Arc<Channel>, session: SessionId) {
        self.note(Word::Authentic(session));
    }

    fn closed(&self, _: &Arc<Channel>, session: SessionId) {
        self.note(Word::Closed(session));
    }

    fn stranger(&self) {
        self.note(Word::Stranger);
    }
}

/// One of the two hosts.
pub(crate) struct End {
    pub(crate) namespace: NetNs,
    number: u8,
    engine: Option<Engine>,
    channel: Option<Arc<Channel>>,
    pub(crate) notes: Arc<Notes>,
}

impl End {
    /// Host 1 or 2 without an engine.
    fn new(namespace: NetNs, number: u8) -> Self {
        Self { namespace, number, engine: None, channel: None, notes: Arc::default() }
    }

    /// Its VM's address.
    pub(crate) fn customer(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, self.number)
    }

    /// Its NIC's own port on its provider address.
    pub(crate) fn provider(&self) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::new(198, 18, 0, self.number), 40_000 + u16::from(self.number))
    }

    pub(crate) fn mac(&self) -> MacAddr {
        MacAddr([0, 0x0d, 0x3a, 0, 0, self.number])
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.engine.as_ref().unwrap()
    }

    pub(crate) fn channel(&self) -> &Arc<Channel> {
        self.channel.as_ref().unwrap()
    }

    /// Makes the TAP, with addresses.
    pub(crate) fn make_tap(&self, peer: &End) {
        self.inside(|| tap::create(TAP)).unwrap();
        let device = || TAP.to_owned();
        let address = format!("{}/24", self.customer()).parse().unwrap();
        self.apply(&[
            Request::set_link(TAP, LinkChange::Mac(self.mac())),
            Request::set_up(TAP),
            Request::PutAddress(Address { device: device(), address }),
            Request::PutNeighbour(Neighbour { device: device(), address: peer.customer(), mac: peer.mac() }),
        ]);
    }

    /// Starts an engine with one channel, without keys.
    pub(crate) fn start(&mut self, peer: &End) {
        let control: Arc<dyn Control> = self.notes.clone();
        let engine = Engine::start(control).unwrap();
        let tap = self.inside(|| engine.add_tap(TAP)).unwrap();
        let socket = self.inside(|| engine.add_socket(self.provider())).unwrap();
        let (mac, peer_mac, peer_address) = (self.mac(), peer.mac(), peer.provider());
        let channel = Arc::new(Channel::new(Pair { mac, peer_mac, peer_address, socket, tap }));
        engine.set_table(Table::new([Arc::clone(&channel)]));
        (self.engine, self.channel) = (Some(engine), Some(channel));
    }

    /// Lets go of the channel.
    pub(crate) fn forget_channel(&mut self) {
        self.channel = None;
    }

    /// Ends the engine.
    pub(crate) fn stop(&mut self) {
        self.channel = None;
        self.engine.take().unwrap().stop();
    }

    /// What this host sends with.
    pub(crate) fn sealer(&self, cipher: Cipher) -> Sealer {
        Sealer::new(cipher, &secret(cipher, self.number))
    }

    /// What opens that.
    pub(crate) fn opener(&self, cipher: Cipher) -> Opener {
        Opener::new(cipher, &secret(cipher, self.number))
    }

    /// Runs something in the host's namespace.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.namespace.run(work).unwrap()
    }

    pub(crate) fn apply(&self, requests: &[Request]) {
        Netlink::open(&self.namespace).unwrap().apply(requests).unwrap();
    }

    pub(crate) fn statistics(&self, device: &str) -> LinkStatistics {
        Netlink::open(&self.namespace).unwrap().statistics(device).unwrap().unwrap()
    }
}

fn secret(cipher: Cipher, number: u8) -> TrafficSecret {
    let length = match cipher {
        Cipher::Aes128Gcm => 32,
        Cipher::Aes256Gcm => 48,
    };
    TrafficSecret::new(&vec![number; length])
}

/// Two hosts with TAPs and an underlay between them, and no engines. `None` where that is not allowed.
pub(crate) fn hosts() -> Option<(End, End)> {
    let (Ok(one), Ok(two)) = (NetNs::anonymous(), NetNs::anonymous()) else { return None };
    if one.run(|| tap::create("try")).unwrap().is_err() {
        return None;
    }
    let (one, two) = (End::new(one, 1), End::new(two, 2));
    let underlay = |end: &End| VethEnd {
        namespace: Some(end.namespace.clone()),
        name: UNDERLAY.into(),
        mac: None,
        mtu: 9000,
        up: true,
        arp: true,
    };
    one.apply(&[Request::AddLink(NewLink::Veth(underlay(&one), underlay(&two)))]);
    for (end, peer) in [(&one, &two), (&two, &one)] {
        let address = format!("{}/15", end.provider().ip()).parse().unwrap();
        end.apply(&[Request::PutAddress(Address { device: UNDERLAY.into(), address })]);
        end.make_tap(peer);
    }
    Some((one, two))
}

/// The same with engines.
pub(crate) fn engines() -> Option<(End, End)> {
    let (mut one, mut two) = hosts()?;
    one.start(&two);
    two.start(&one);
    Some((one, two))
}

/// Gives both the keys of the first session.
pub(crate) fn give_keys(one: &End, two: &End, cipher: Cipher) {
    for (end, peer) in [(one, two), (two, one)] {
        end.channel().receive_with(FIRST, peer.opener(cipher));
    }
    for end in [one, two] {
        end.channel().send_with(end.sealer(cipher));
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !so() {
        assert!(Instant::now() < end, "{what}: not so for ten seconds");
        std::thread::sleep(Duration::from_millis(2));
    }
}
