//! VNet encryption on this host: what NICs send to NICs of other hosts crosses the underlay in DTLS 1.3 records.
//!
//! ```text
//!   p… ──► enc<vni> ──► outward ──► UDP ──► underlay        handshakes, timers, new keys
//!   p… ◄── enc<vni> ◄── inward  ◄── UDP ◄── underlay    ◄──────────── control ────────────►  associations (`tunnel`)
//! ```
//!
//! The fast threads hold keys and nothing else; what they cannot do by themselves they tell control, which owns the life of every
//! association. Keys are in memory only, and an agent that comes back agrees on new ones.
//!
//! | module | idea |
//! |---|---|
//! | [`pairs`] | which NICs a goal state wants encrypted. Pure |
//! | [`engine`] | the threads that carry packets |
//! | [`control`] | the thread that opens associations, changes keys, and closes |
//! | [`admission`] | how many open at once |
//! | [`supervised`] | one association, its channel, and what is told of it |
//! | [`credentials`] | the host's key and its NICs' certificates |

mod admission;
mod control;
mod credentials;
pub mod engine;
mod pairs;
mod supervised;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use goal_state::encryption::{EncryptionStatus, NicCertificate};
use goal_state::{HostGoalState, Vni};
use linux_net::MacAddr;
use tunnel::association::Settings;

use control::{Channels, News, Supervisor, Teller};
use credentials::Credentials;
use engine::{Channel, Engine, Table, TapPort};
use pairs::{Pair, Seat};

/// The encryption of this host's NICs.
#[derive(Debug)]
pub struct Encryption {
    public_key: Vec<u8>,
    news: Sender<News>,
    /// Why there are no TAP devices here, as a sentence.
    unavailable: Option<String>,
    wiring: Mutex<Wiring>,
}

/// What the fast threads were told last.
#[derive(Debug, Default)]
struct Wiring {
    /// Made when the first NIC encrypts.
    engine: Option<Engine>,
    channels: Channels,
    seats: BTreeSet<Seat>,
    /// The goal state has NICs that should encrypt.
    wanted: bool,
}

impl Encryption {
    /// Makes a key, and begins to wait for NICs that encrypt.
    ///
    /// # Errors
    /// When the kernel gives no random numbers, or no thread.
    pub fn start() -> io::Result<Self> {
        let credentials = Credentials::new().map_err(io::Error::other)?;
        let public_key = credentials.public_key();
        let (news, heard) = channel();
        let supervisor = Supervisor::new(credentials, settings());
        std::thread::Builder::new().name("associations".into()).spawn(move || supervisor.run(&heard))?;
        let unavailable = linux_net::tap::available().err().map(|error| format!("/dev/net/tun: {error}"));
        Ok(Self { public_key, news, unavailable, wiring: Mutex::default() })
    }

    /// What certificates are to be made out to: a SubjectPublicKeyInfo, DER.
    #[must_use]
    pub fn public_key(&self) -> Vec<u8> {
        self.public_key.clone()
    }

    /// Uses these certificates from now on, and no others. Associations stay.
    ///
    /// # Errors
    /// A sentence, when one of them is none for this host's key.
    pub fn certify(&self, authority: Vec<u8>, certificates: Vec<NicCertificate>) -> Result<(), String> {
        let (done, answer) = channel();
        let _ = self.news.send(News::Certify { authority, certificates, done });
        answer.recv().unwrap_or_else(|_| Err("encryption has ended".to_owned()))
    }

    /// How associations are.
    #[must_use]
    pub fn status(&self) -> EncryptionStatus {
        let (asker, answer) = channel();
        let _ = self.news.send(News::Status(asker));
        answer.recv().unwrap_or_default()
    }

    /// Why nothing is encrypted that should be, as a sentence; none when it is, or when nothing should be.
    #[must_use]
    pub fn why_not(&self) -> Option<String> {
        self.unavailable.clone().filter(|_| self.wiring().wanted)
    }

    /// The goal state as far as this host can follow it: without TAP devices everything goes in clear.
    #[must_use]
    pub fn admit(&self, goal: HostGoalState) -> HostGoalState {
        self.wiring().wanted = !pairs::seats(&goal).is_empty();
        if self.unavailable.is_some() { pairs::in_clear(goal) } else { goal }
    }

    /// Now that the devices are as `goal` wants them: seals and opens for its pairs, and for no others. Pairs that stay keep
    /// their keys. What could not be done, as a sentence. Where nothing can be encrypted that is no failure: the status says it.
    pub fn follow(&self, goal: &HostGoalState) -> Option<String> {
        if let Some(why) = self.why_not() {
            tracing::warn!(%why, "packets that should be encrypted are in clear");
        }
        self.wire(goal).err().map(|error| format!("encryption: {error}"))
    }

    fn wire(&self, goal: &HostGoalState) -> io::Result<()> {
        let seats = BTreeSet::from_iter(pairs::seats(goal));
        let mut wiring = self.wiring();
        let wiring = &mut *wiring;
        let engine = match &mut wiring.engine {
            None if seats.is_empty() => return Ok(()),
            Some(engine) => engine,
            none => none.insert(Engine::start(Arc::new(Teller(self.news.clone())))?),
        };
        engine.set_honest(goal.honest_packets);
        let networks: BTreeSet<Vni> = seats.iter().map(|seat| seat.vni).collect();
        let mut taps = BTreeMap::new();
        for &vni in &networks {
            taps.insert(vni, engine.add_tap(&vfp::names::encryptor(vni))?);
        }
        let mut channels = Channels::new();
        for pair in pairs::pairs(goal) {
            let known = wiring.channels.get(&pair.key()).filter(|(known, _)| *known == pair);
            let channel = match known {
                Some((_, channel)) => Arc::clone(channel),
                None => new_channel(engine, &taps, &pair)?,
            };
            channels.insert(pair.key(), (pair, channel));
        }
        for seat in &seats {
            engine.add_socket(seat.address)?;
        }
        engine.set_table(Table::new(channels.values().map(|(_, channel)| Arc::clone(channel))));
        let _ = self.news.send(News::Pairs(channels.clone()));
        for seat in wiring.seats.difference(&seats) {
            engine.remove_socket(seat.address);
        }
        for seat in wiring.seats.iter().filter(|seat| !networks.contains(&seat.vni)) {
            engine.remove_tap(&vfp::names::encryptor(seat.vni));
        }
        (wiring.channels, wiring.seats) = (channels, seats);
        Ok(())
    }

    fn wiring(&self) -> MutexGuard<'_, Wiring> {
        self.wiring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For tests: agree on new keys after so many records.
const REKEY_RECORDS: &str = "VNETLAB_REKEY_RECORDS";

fn settings() -> Settings {
    let settings = Settings::default();
    let sooner = std::env::var(REKEY_RECORDS).ok().and_then(|records| records.parse().ok());
    Settings { rekey_records: sooner.unwrap_or(settings.rekey_records), ..settings }
}

fn new_channel(engine: &Engine, taps: &BTreeMap<Vni, Arc<TapPort>>, pair: &Pair) -> io::Result<Arc<Channel>> {
    let tap = taps.get(&pair.vni).ok_or_else(|| io::Error::other("a pair of no network"))?;
    Ok(Arc::new(Channel::new(engine::Pair {
        mac: MacAddr(pair.nic_mac.0),
        peer_mac: MacAddr(pair.peer_mac.0),
        peer_address: pair.peer_address,
        socket: engine.add_socket(pair.address)?,
        tap: Arc::clone(tap),
    })))
}
