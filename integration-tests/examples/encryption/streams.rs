//! How much TCP connections carry together.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::way::Way;

const PORT: u16 = 7005;
/// Bytes of a write and of a read.
const PIECE: usize = 256 << 10;
/// Whoever waits longer has lost the other side.
const PATIENCE: Duration = Duration::from_secs(10);

/// What arrived of all connections.
pub(crate) struct Carried {
    pub(crate) bytes: u64,
    time: Duration,
}

impl Carried {
    pub(crate) fn gigabits(&self) -> f64 {
        self.bytes as f64 * 8.0 / self.time.as_secs_f64() / 1e9
    }
}

/// So many connections at once that send for `time`, until the last byte is there. Nobody is kept on a processor: what runs
/// between the two ends needs some, too.
pub(crate) fn round(way: &Way, count: usize, time: Duration) -> Carried {
    let (from, to) = (&way.client, &way.server);
    let listener = to.namespace.run(|| TcpListener::bind((to.address, PORT))).unwrap().unwrap();
    let pairs: Vec<_> = (0..count)
        .map(|_| {
            let sender = from.namespace.run(|| TcpStream::connect((to.address, PORT))).unwrap().unwrap();
            let (receiver, _) = listener.accept().unwrap();
            sender.set_write_timeout(Some(PATIENCE)).unwrap();
            receiver.set_read_timeout(Some(PATIENCE)).unwrap();
            (sender, receiver)
        })
        .collect();
    let began = Instant::now();
    let bytes = std::thread::scope(|scope| {
        let receivers: Vec<_> = pairs
            .into_iter()
            .map(|(sender, receiver)| {
                scope.spawn(move || send(sender, time));
                scope.spawn(move || receive(receiver))
            })
            .collect();
        receivers.into_iter().map(|receiver| receiver.join().unwrap()).sum()
    });
    Carried { bytes, time: began.elapsed() }
}

fn send(mut stream: TcpStream, time: Duration) {
    let data = vec![0; PIECE];
    let began = Instant::now();
    while began.elapsed() < time {
        stream.write_all(&data).unwrap();
    }
}

fn receive(mut stream: TcpStream) -> u64 {
    let mut data = vec![0; PIECE];
    let mut bytes = 0;
    loop {
        match stream.read(&mut data).unwrap() {
            0 => return bytes,
            more => bytes += more as u64,
        }
    }
}
