//! The threads that seal and open packets, and what they need to know: which TAPs, which sockets, which pairs with which keys.
//!
//! ```text
//!   a network's TAP ── outward, a thread each: cut, seal ──► a NIC's socket ══ records ══► the other host
//!   a network's TAP ◄── inward, one thread: open, join ───── a NIC's socket ◄══ records ══ the other host
//! ```
//!
//! Nothing is allocated, copied or waited for per packet that could be avoided: superpackets are read as such, sealed straight
//! into the buffer from which many datagrams are sent by one call, received by one call, opened where they lie, and written
//! joined. Keys come and go meanwhile; who brings them is told what happens by [`Control`].
//!
//! | module | idea |
//! |---|---|
//! | `virtio` | what a TAP says of a frame |
//! | `packet`, `checksum` | as much of IPv4, TCP and UDP as is needed |
//! | `segment`, `coalesce` | superpackets into packets, and back; pure |
//! | `channel`, `table` | one pair with its keys; which pair a frame belongs to |
//! | `sending`, `receiving` | keys for one direction each |
//! | `queue`, `pace` | what waits for keys; what is told only so often |
//! | `ports`, `send_buffer` | TAPs and sockets; records that leave together |
//! | `outward`, `inward` | the threads |
//! | `core`, `shared`, `counters`, `flags` | what they share |

mod channel;
mod checksum;
mod coalesce;
mod core;
mod counters;
mod flags;
mod inward;
mod outward;
mod pace;
mod packet;
mod ports;
mod queue;
mod receiving;
#[cfg(test)]
mod sample;
mod segment;
mod send_buffer;
mod sending;
mod shared;
mod table;
mod virtio;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddrV4;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use tunnel::receiver::SessionId;

pub use channel::{Channel, Pair};
pub use counters::{Count, DroppedFrames};
pub use ports::{NicSocket, TapPort};
pub use table::Table;

use self::core::{Core, Sockets, Told};
use counters::FrameCounters;
use inward::Inward;
use outward::Outward;
use shared::lock;

/// Who makes keys. Called by the threads that carry packets: what takes time is for another thread. It may call any method of
/// the channel.
pub trait Control: Send + Sync {
    /// Packets wait for keys. Again each tenth of a second while more come.
    fn wanted(&self, channel: &Arc<Channel>);
    /// A datagram came that is no record with a packet. At most some hundred a second.
    fn handshake(&self, channel: &Arc<Channel>, datagram: Vec<u8>);
    /// Records come, and there are no keys to open them. At most ten times a second.
    fn keyless(&self, channel: &Arc<Channel>);
    /// The first record of a session was authentic.
    fn authentic(&self, channel: &Arc<Channel>, session: SessionId);
    /// The other side has closed, authentically.
    fn closed(&self, channel: &Arc<Channel>, session: SessionId);
    /// Datagrams came from an address that belongs to no channel of the port.
    fn stranger(&self);
}

/// The threads of a host. They end with it.
pub struct Engine {
    core: Arc<Core>,
    sockets: Arc<Sockets>,
    /// By address.
    bound: Mutex<HashMap<SocketAddrV4, Arc<NicSocket>>>,
    /// By name.
    taps: Mutex<HashMap<String, OutwardThread>>,
    inward: Option<Thread>,
}

struct OutwardThread {
    port: Arc<TapPort>,
    thread: Thread,
}

/// A thread that can be told something.
struct Thread {
    told: Arc<Told>,
    handle: Option<JoinHandle<()>>,
}

impl Engine {
    /// Starts without TAPs, sockets and channels.
    ///
    /// # Errors
    /// No thread, or no file descriptors.
    pub fn start(control: Arc<dyn Control>) -> io::Result<Self> {
        let core = Arc::new(Core {
            control,
            table: Arc::default(),
            honest: AtomicBool::new(false),
            dropped: FrameCounters::default(),
        });
        let told = Arc::new(Told::new()?);
        let sockets = Arc::new(Sockets::new(&told)?);
        let inward = Inward::new(Arc::clone(&core), Arc::clone(&told), Arc::clone(&sockets));
        let thread = Thread::start("open".to_owned(), told, move || inward.run())?;
        let (bound, taps) = (Mutex::default(), Mutex::default());
        Ok(Self { core, sockets, bound, taps, inward: Some(thread) })
    }

    /// Attaches to the TAP `name` of the calling thread's namespace and seals what comes from it. One that is attached to
    /// already is left as it is; one that went away and came back is attached to again.
    ///
    /// # Errors
    /// Those of [`linux_net::tap::Tap::attach`]; no thread.
    pub fn add_tap(&self, name: &str) -> io::Result<Arc<TapPort>> {
        let mut taps = lock(&self.taps);
        if let Some(OutwardThread { port, thread }) = taps.get(name) {
            if port.attach_again()? {
                thread.told.tell();
            }
            return Ok(Arc::clone(port));
        }
        let port = Arc::new(TapPort::attach(name)?);
        let told = Arc::new(Told::new()?);
        let outward = Outward::new(Arc::clone(&self.core), Arc::clone(&told), Arc::clone(&port));
        let thread = Thread::start(format!("seal {name}"), told, move || outward.run())?;
        taps.insert(name.to_owned(), OutwardThread { port: Arc::clone(&port), thread });
        Ok(port)
    }

    /// Seals no more what comes from a TAP. It stays attached to as long as a channel has it.
    pub fn remove_tap(&self, name: &str) {
        // The thread is waited for after the lock is free.
        let removed = lock(&self.taps).remove(name);
        drop(removed);
    }

    /// Binds a NIC's socket in the calling thread's namespace and opens what comes to it. One that is bound already is returned.
    ///
    /// # Errors
    /// Those of [`linux_net::udp::Socket::bind`].
    pub fn add_socket(&self, address: SocketAddrV4) -> io::Result<Arc<NicSocket>> {
        let mut bound = lock(&self.bound);
        if let Some(socket) = bound.get(&address) {
            return Ok(Arc::clone(socket));
        }
        let socket = Arc::new(NicSocket::bind(address)?);
        self.sockets.add(&socket)?;
        bound.insert(address, Arc::clone(&socket));
        Ok(socket)
    }

    /// Opens no more what comes to a NIC's socket. Its port is taken until no channel has it, and the table is another one.
    pub fn remove_socket(&self, address: SocketAddrV4) {
        if let Some(socket) = lock(&self.bound).remove(&address) {
            self.sockets.remove(&socket);
            self.tell_inward();
        }
    }

    /// Replaces all channels. The threads let go of those that are no more soon after.
    pub fn set_table(&self, table: Table) {
        self.core.table.replace(table);
        lock(&self.taps).values().for_each(|tap| tap.thread.told.tell());
        self.tell_inward();
    }

    /// Whether each record goes out as a packet by itself, or many as one.
    pub fn set_honest(&self, honest: bool) {
        self.core.honest.store(honest, Ordering::Relaxed);
    }

    /// Frames from TAPs that were dropped because they belong to no channel.
    #[must_use]
    pub fn dropped_frames(&self) -> DroppedFrames {
        self.core.dropped.read()
    }

    /// Ends all threads, and waits for them.
    pub fn stop(mut self) {
        self.end();
    }

    fn tell_inward(&self) {
        if let Some(inward) = &self.inward {
            inward.told.tell();
        }
    }

    fn end(&mut self) {
        let taps = std::mem::take(&mut *lock(&self.taps));
        // All are told before one is waited for.
        taps.values().for_each(|tap| tap.thread.told.stop());
        drop(taps);
        drop(self.inward.take());
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let taps: Vec<String> = lock(&self.taps).keys().cloned().collect();
        let sockets: Vec<SocketAddrV4> = lock(&self.bound).keys().copied().collect();
        formatter
            .debug_struct("Engine")
            .field("taps", &taps)
            .field("sockets", &sockets)
            .finish_non_exhaustive()
    }
}

impl Thread {
    fn start(name: String, told: Arc<Told>, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let handle = thread::Builder::new().name(name).spawn(work)?;
        Ok(Self { told, handle: Some(handle) })
    }
}

impl Drop for Thread {
    /// Tells it to end, and waits for it.
    fn drop(&mut self) {
        self.told.stop();
        if let Some(handle) = self.handle.take() {
            // It has said why it panicked.
            let _ = handle.join();
        }
    }
}
