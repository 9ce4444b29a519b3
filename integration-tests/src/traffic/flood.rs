//! A flood of new flows while the policy changes: none may meet a decision that is out of date.
//!
//! Each flow knows what holds when its first packet is sent. While a change is being made nothing is expected of new flows, but
//! they go on being made. Once it is made, every new flow must be judged by it: what is allowed is answered, packet by packet;
//! of what is denied nothing arrives.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::{Echo, End};
use crate::wait;

/// The port that the policy is about, by UDP; the VM has to listen on it by TCP itself.
pub const TESTED: u16 = 7000;
/// The witness's port: what was sent before a datagram there is past when that is answered.
const CONTROL: u16 = 7001;
/// How long an answer may take on a busy machine. A datagram that is lost is not sent again, however long one waits.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Datagrams of a flow: the later ones are carried by what the first one has left behind.
const DATAGRAMS: usize = 4;
/// The machine needs time for others, too: above all while it changes the policy, for as long as that may take.
const PAUSE: Duration = Duration::from_millis(1);
const PAUSE_DURING_CHANGE: Duration = Duration::from_millis(10);
/// Fresh source ports for UDP, which connection tracking remembers for longer than a test takes.
const UDP_PORTS: std::ops::Range<u64> = 2_000..60_000;
/// Connections end by a reset, so that their ports soon belong to new ones. Above those that Linux hands out by itself.
const TCP_PORTS: std::ops::Range<u64> = 61_000..61_512;

/// What new flows meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Every packet arrives and is answered.
    Allowed,
    /// None arrives.
    Denied,
    /// Nobody knows: the policy is being changed.
    Changing,
}

/// A flood from one VM to another. It goes on until it is stopped.
#[derive(Debug)]
pub struct Flood {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    tested: Echo,
    _control: Echo,
}

#[derive(Debug)]
struct Shared {
    fate: RwLock<Fate>,
    stop: AtomicBool,
    next: AtomicU64,
    /// UDP flows and connections since the last change.
    concluded: [AtomicU64; 2],
    denied: Mutex<BTreeSet<u64>>,
    wrong: Mutex<Vec<String>>,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    witness: Ipv4Addr,
}

impl Flood {
    /// Starts it. At first everything is allowed. Packets to `witness` always are.
    ///
    /// # Panics
    /// When sockets cannot be made in the VMs.
    #[must_use]
    pub fn start(from: End<'_>, to: End<'_>, witness: End<'_>) -> Self {
        let (tested, control) = (Echo::start(to, TESTED), Echo::start(witness, CONTROL));
        let shared = Arc::new(Shared {
            fate: RwLock::new(Fate::Allowed),
            stop: AtomicBool::default(),
            next: AtomicU64::default(),
            concluded: [const { AtomicU64::new(0) }; 2],
            denied: Mutex::default(),
            wrong: Mutex::default(),
            source: from.address,
            destination: to.address,
            witness: witness.address,
        });
        let worker = |work: fn(&Shared)| {
            let shared = Arc::clone(&shared);
            from.spawn(move || work(&shared))
        };
        let workers = vec![worker(Shared::datagrams), worker(Shared::datagrams), worker(Shared::connections)];
        Self { shared, workers, tested, _control: control }
    }

    /// Does `change`, after which every new flow meets `fate`; waits until many have.
    ///
    /// # Panics
    /// When the flood has ended, as it does when a flow meets another fate than it should.
    pub fn change(&self, fate: Fate, change: impl FnOnce()) {
        *self.shared.fate.write().unwrap() = Fate::Changing;
        change();
        *self.shared.fate.write().unwrap() = fate;
        self.await_flows();
    }

    /// Waits until many more flows have met the fate that they should.
    ///
    /// # Panics
    /// When they do not.
    pub fn await_flows(&self) {
        for (concluded, wanted) in self.shared.concluded.iter().zip([300, 100]) {
            concluded.store(0, Ordering::Release);
            wait::until("flows to meet their fate", || {
                let wrong = self.shared.wrong.lock().unwrap().join("\n");
                assert!(wrong.is_empty(), "{wrong}");
                assert!(self.workers.iter().all(|worker| !worker.is_finished()), "a worker has ended");
                (concluded.load(Ordering::Acquire) >= wanted).then_some(())
            });
        }
    }

    /// Ends it.
    ///
    /// # Panics
    /// When a flow met another fate than it should.
    pub fn finish(mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.workers.drain(..).for_each(|worker| worker.join().unwrap());
        let wrong = self.shared.wrong.lock().unwrap().join("\n");
        assert!(wrong.is_empty(), "{wrong}");
        let (denied, seen) = (self.shared.denied.lock().unwrap(), self.tested.seen());
        assert!(!denied.is_empty() && !seen.is_empty());
        let arrived: Vec<_> = denied.intersection(&seen).collect();
        assert_eq!(arrived, Vec::<&u64>::new(), "of {} denied flows these arrived", denied.len());
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
    }
}

impl Shared {
    fn tested(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.destination, TESTED)
    }

    /// A socket that asks the witness.
    fn control(&self) -> UdpSocket {
        let socket = UdpSocket::bind((self.source, 0)).unwrap();
        socket.connect((self.witness, CONTROL)).unwrap();
        socket
    }

    fn says_wrong(&self, what: String) {
        self.wrong.lock().unwrap().push(what);
        self.stop.store(true, Ordering::Release);
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn datagrams(&self) {
        let control = self.control();
        while !self.is_over() {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let port = UDP_PORTS.start + number;
            assert!(port < UDP_PORTS.end, "source ports are used up");
            let port = u16::try_from(port).unwrap();
            let Ok(socket) = UdpSocket::bind((self.source, port)) else { continue };
            socket.connect(self.tested()).unwrap();
            // Held while the flow is looked at: nobody changes what holds meanwhile.
            let fate = self.fate.read().unwrap();
            self.new_flow(&socket, number, *fate, &control);
            if *fate != Fate::Changing {
                self.concluded[0].fetch_add(1, Ordering::Release);
            }
            let pause = if *fate == Fate::Changing { PAUSE_DURING_CHANGE } else { PAUSE };
            drop(fate);
            std::thread::sleep(pause);
        }
    }

    fn new_flow(&self, socket: &UdpSocket, number: u64, fate: Fate, control: &UdpSocket) {
        match fate {
            Fate::Changing => {
                let _ = exchange(socket, number, Duration::from_millis(1));
                let _ = exchange(socket, number, Duration::from_millis(1));
            }
            Fate::Allowed => {
                for datagram in 1..=DATAGRAMS {
                    if let Err(error) = exchange(socket, number, PATIENCE) {
                        let which = format!("datagram {datagram} of new flow {number}");
                        self.says_wrong(format!("{which} was denied after allow: {error}"));
                    }
                }
            }
            Fate::Denied => {
                self.denied.lock().unwrap().insert(number);
                for _ in 0..DATAGRAMS {
                    socket.send(&number.to_be_bytes()).unwrap();
                }
                if let Err(error) = exchange(control, number, PATIENCE) {
                    self.says_wrong(format!("a datagram that is always allowed was lost: {error}"));
                }
                if is_answered(socket, number) {
                    self.says_wrong(format!("new flow {number} was allowed after deny"));
                }
            }
        }
    }

    fn connections(&self) {
        let control = self.control();
        for number in (0_u64..).take_while(|_| !self.is_over()) {
            let port = TCP_PORTS.start + number % (TCP_PORTS.end - TCP_PORTS.start);
            let source = SocketAddrV4::new(self.source, u16::try_from(port).unwrap());
            let fate = self.fate.read().unwrap();
            let connected = match *fate {
                Fate::Allowed => Some(connect(source, self.tested())),
                fate => {
                    let connecting = begin_to_connect(source, self.tested());
                    let past = exchange(&control, number, PATIENCE).is_ok() || fate == Fate::Changing;
                    let connected = connecting.peer_addr().is_ok();
                    (past && fate == Fate::Denied).then_some(connected)
                }
            };
            match (*fate, connected) {
                (Fate::Allowed, Some(false)) => {
                    self.says_wrong(format!("a connection from {source} was denied after allow"));
                }
                (Fate::Denied, Some(true)) => {
                    self.says_wrong(format!("a connection from {source} was allowed after deny"));
                }
                _ => {}
            }
            if *fate != Fate::Changing {
                self.concluded[1].fetch_add(1, Ordering::Release);
            }
            let pause = if *fate == Fate::Changing { PAUSE_DURING_CHANGE } else { PAUSE };
            drop(fate);
            std::thread::sleep(pause);
        }
    }
}

/// Sends a number and waits for it to come back.
pub(super) fn exchange(socket: &UdpSocket, number: u64, patience: Duration) -> io::Result<()> {
    socket.set_read_timeout(Some(patience))?;
    socket.send(&number.to_be_bytes())?;
    receive(socket, number)
}

/// Whether an answer is there already.
fn is_answered(socket: &UdpSocket, number: u64) -> bool {
    socket.set_nonblocking(true).unwrap();
    receive(socket, number).is_ok()
}

fn receive(socket: &UdpSocket, number: u64) -> io::Result<()> {
    let mut buffer = [0; 64];
    let length = socket.recv(&mut buffer)?;
    let answer = buffer[..length].first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
    if answer == Some(number) {
        Ok(())
    } else {
        Err(io::Error::other(format!("the answer is {answer:?} and not {number}")))
    }
}

fn socket(source: SocketAddrV4) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    socket.bind(&SockAddr::from(source)).unwrap();
    socket
}

/// Connects, and has a few words echoed.
fn connect(source: SocketAddrV4, destination: SocketAddrV4) -> bool {
    let socket = socket(source);
    if socket.connect_timeout(&SockAddr::from(destination), PATIENCE).is_err() {
        return false;
    }
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut buffer = [0; 4];
    (0..DATAGRAMS).all(|_| (&socket).write_all(b"word").is_ok() && (&socket).read_exact(&mut buffer).is_ok())
}

fn begin_to_connect(source: SocketAddrV4, destination: SocketAddrV4) -> Socket {
    let socket = socket(source);
    socket.set_nonblocking(true).unwrap();
    let _ = socket.connect(&SockAddr::from(destination));
    socket
}
