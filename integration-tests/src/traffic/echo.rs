//! Sockets of a VM that send back what they get, and keep what the sender has written into it.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::End;

/// How long it takes at most to notice that it is to end.
const GLANCE: Duration = Duration::from_millis(50);

/// A UDP port of a VM that answers every datagram with itself.
#[derive(Debug)]
pub struct Echo {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<BTreeSet<u64>>>,
    thread: Option<JoinHandle<()>>,
}

impl Echo {
    /// Listens.
    ///
    /// # Panics
    /// When the port is taken.
    #[must_use]
    pub fn start(end: End<'_>, port: u16) -> Self {
        let address = end.address;
        let socket = end.inside(move || UdpSocket::bind((address, port)).unwrap());
        socket.set_read_timeout(Some(GLANCE)).unwrap();
        let (stop, seen) = (Arc::<AtomicBool>::default(), Arc::<Mutex<BTreeSet<u64>>>::default());
        let (stopped, kept) = (Arc::clone(&stop), Arc::clone(&seen));
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 64];
            while !stopped.load(Ordering::Acquire) {
                // A timeout, or an ICMP error about an earlier answer.
                let Ok((length, sender)) = socket.recv_from(&mut buffer) else { continue };
                if let Some(first) = buffer[..length].first_chunk() {
                    kept.lock().unwrap().insert(u64::from_be_bytes(*first));
                }
                let _ = socket.send_to(&buffer[..length], sender);
            }
        });
        Self { stop, seen, thread: Some(thread) }
    }

    /// The first eight bytes of everything that came, as numbers.
    ///
    /// # Panics
    /// When the thread that listens has.
    #[must_use]
    pub fn seen(&self) -> BTreeSet<u64> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
