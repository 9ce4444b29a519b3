//! How many small datagrams arrive when one processor does nothing but send them, and what each costs the machine.

use std::fs;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use integration_tests::proc::cpu_time;

use crate::ping_pong::SIZE;
use crate::way::{Processor, Server, Way};

const PORT: u16 = 7009;

pub(crate) struct Flood {
    client: UdpSocket,
    received: Arc<AtomicU64>,
    _server: Server,
}

/// What arrived.
pub(crate) struct Rate {
    /// Thousands of datagrams a second.
    pub(crate) packets: f64,
    /// Nanoseconds that processors spent on one datagram, from the sender to the receiver.
    pub(crate) cpu: f64,
}

impl Flood {
    pub(crate) fn new(way: &Way) -> Self {
        let [client, server] = way.udp_pair(PORT);
        let received = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&received);
        let count = move |socket: &UdpSocket| {
            let more = socket.recv(&mut [0; SIZE]).is_ok_and(|length| length > 0);
            counter.fetch_add(u64::from(more), Ordering::Relaxed);
            more
        };
        Self { client, received, _server: Server::start(server, count) }
    }

    pub(crate) fn round(&self, time: Duration) -> Rate {
        let (spent, before) = (worked(), self.received.load(Ordering::Relaxed));
        let began = Instant::now();
        Processor::Client.run(|| {
            while began.elapsed() < time {
                // The clock is read now and then.
                (0..64).for_each(|_| drop(self.client.send(&[0; SIZE])));
            }
        });
        let received = (self.received.load(Ordering::Relaxed) - before) as f64;
        let took = began.elapsed().as_secs_f64();
        Rate { packets: received / took / 1e3, cpu: (worked() - spent).as_nanos() as f64 / received }
    }
}

/// How long this program has worked so far, and the kernel's own threads for what it had no time to do at once. What others do
/// meanwhile is not in it.
fn worked() -> Duration {
    let kernel = fs::read_dir("/proc").unwrap().flatten().filter(|process| {
        fs::read_to_string(process.path().join("comm")).is_ok_and(|name| name.starts_with("ksoftirqd/"))
    });
    // Nanoseconds on a processor, and others.
    let on_processor = |process: fs::DirEntry| {
        let times = fs::read_to_string(process.path().join("schedstat")).unwrap();
        Duration::from_nanos(times.split_whitespace().next().unwrap().parse().unwrap())
    };
    cpu_time() + kernel.map(on_processor).sum::<Duration>()
}
