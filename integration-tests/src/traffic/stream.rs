//! One datagram each millisecond, sent back by the receiver: what is missing says for how long a path was broken.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Echo, End};
use crate::wait;

const PORT: u16 = 7007;
const EVERY: Duration = Duration::from_millis(1);
/// A number that no datagram of a stream has.
const UNCOUNTED: u64 = u64::MAX;
/// How long the last answers are waited for.
const LAST: Duration = Duration::from_millis(500);

/// A stream of one flow between two VMs.
#[derive(Debug)]
pub struct Stream {
    _echo: Echo,
    stop: Arc<AtomicBool>,
    answered: Arc<Mutex<BTreeSet<u64>>>,
    count: Arc<AtomicUsize>,
    sender: Option<JoinHandle<Vec<Instant>>>,
    receiver: Option<JoinHandle<()>>,
}

/// What was lost of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Losses {
    /// Datagrams that were sent.
    pub sent: usize,
    /// Datagrams without an answer.
    pub lost: usize,
    /// From when the first of them was sent until when the last one was; one of them alone counts as a millisecond.
    pub span: Duration,
}

impl Stream {
    /// Starts it when the other end answers, and waits for the first answers. Where packets are encrypted, the first ones wait for
    /// keys, and few at a time can: none of those is counted.
    ///
    /// # Panics
    /// When none come.
    #[must_use]
    pub fn start(from: End<'_>, to: End<'_>) -> Self {
        let echo = Echo::start(to, PORT);
        let source = from.address;
        let socket = from.inside(move || UdpSocket::bind((source, 0)).unwrap());
        socket.connect((to.address, PORT)).unwrap();
        socket.set_read_timeout(Some(EVERY * 20)).unwrap();
        wait::until("an answer before a stream", || {
            socket.send(&UNCOUNTED.to_be_bytes()).and_then(|_| socket.recv(&mut [0; 64])).ok()
        });
        let (stop, answered, count) = (Arc::<AtomicBool>::default(), Arc::default(), Arc::default());
        let sender = spawn_sender(socket.try_clone().unwrap(), Arc::clone(&stop));
        let receiver = spawn_receiver(socket, Arc::clone(&stop), Arc::clone(&answered), Arc::clone(&count));
        let stream =
            Self { _echo: echo, stop, answered, count, sender: Some(sender), receiver: Some(receiver) };
        stream.await_answers(100);
        stream
    }

    /// Waits for so many more answers.
    ///
    /// # Panics
    /// When they do not come.
    pub fn await_answers(&self, more: usize) {
        let wanted = self.count.load(Ordering::Acquire) + more;
        wait::until("answers to a stream", || (self.count.load(Ordering::Acquire) >= wanted).then_some(()));
    }

    /// Ends it.
    ///
    /// # Panics
    /// When one of its threads has.
    #[must_use]
    pub fn finish(mut self) -> Losses {
        self.stop.store(true, Ordering::Release);
        let sent = self.sender.take().unwrap().join().unwrap();
        self.receiver.take().unwrap().join().unwrap();
        let answered = self.answered.lock().unwrap();
        let lost = sent.iter().zip(0_u64..).filter(|(_, number)| !answered.contains(number));
        let times: Vec<Instant> = lost.map(|(time, _)| *time).collect();
        let span = match (times.first(), times.last()) {
            (Some(first), Some(last)) => last.duration_since(*first) + EVERY,
            _ => Duration::ZERO,
        };
        Losses { sent: sent.len(), lost: times.len(), span }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

/// When each datagram was sent. A sender that was late does not catch up, so that none is sent less than a millisecond after
/// the one before.
fn spawn_sender(socket: UdpSocket, stop: Arc<AtomicBool>) -> JoinHandle<Vec<Instant>> {
    std::thread::spawn(move || {
        let mut sent = Vec::new();
        while !stop.load(Ordering::Acquire) {
            let number = sent.len() as u64;
            sent.push(Instant::now());
            // While a path changes the guest itself may refuse; that counts as lost.
            let _ = socket.send(&number.to_be_bytes());
            std::thread::sleep(EVERY);
        }
        sent
    })
}

fn spawn_receiver(
    socket: UdpSocket,
    stop: Arc<AtomicBool>,
    answered: Arc<Mutex<BTreeSet<u64>>>,
    count: Arc<AtomicUsize>,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        let mut ended = None::<Instant>;
        while ended.is_none_or(|ended| ended.elapsed() < LAST) {
            if ended.is_none() && stop.load(Ordering::Acquire) {
                ended = Some(Instant::now());
            }
            let Ok(length) = socket.recv(&mut buffer) else { continue };
            if let Some(number) = buffer[..length].first_chunk() {
                answered.lock().unwrap().insert(u64::from_be_bytes(*number));
                count.fetch_add(1, Ordering::Release);
            }
        }
    })
}
