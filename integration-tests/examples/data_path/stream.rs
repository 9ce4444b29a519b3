//! How much a TCP connection carries.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::way::{Processor, Way};

const PORT: u16 = 7005;
/// Bytes of a write and of a read.
const PIECE: usize = 256 << 10;
/// From the first byte until it counts: the connection has become as fast as it will be.
const WARM_UP: Duration = Duration::from_millis(20);
/// Whoever waits longer has lost the other side.
const PATIENCE: Duration = Duration::from_secs(5);

/// Gbit/s of payload, received in `time` or a little more after the warm-up.
pub(crate) fn round(way: &Way, time: Duration) -> f64 {
    let (from, to) = (&way.client, &way.server);
    let listener = to.namespace.run(|| TcpListener::bind((to.address, PORT))).unwrap().unwrap();
    let sender = from.namespace.run(|| TcpStream::connect((to.address, PORT))).unwrap().unwrap();
    let (receiver, _) = listener.accept().unwrap();
    sender.set_write_timeout(Some(PATIENCE)).unwrap();
    receiver.set_read_timeout(Some(PATIENCE)).unwrap();
    std::thread::scope(|scope| {
        let received = scope.spawn(|| Processor::Server.run(|| receive(receiver)));
        Processor::Client.run(|| send(sender, time));
        received.join().unwrap()
    })
}

fn send(mut stream: TcpStream, time: Duration) {
    let data = vec![0; PIECE];
    let began = Instant::now();
    while began.elapsed() < WARM_UP + time {
        stream.write_all(&data).unwrap();
    }
}

fn receive(mut stream: TcpStream) -> f64 {
    let mut data = vec![0; PIECE];
    let mut read = || stream.read(&mut data).unwrap();
    let _ = read();
    let began = Instant::now();
    while began.elapsed() < WARM_UP {
        let _ = read();
    }
    let (began, mut bytes) = (Instant::now(), 0);
    loop {
        match read() {
            0 => return bytes as f64 * 8.0 / began.elapsed().as_secs_f64() / 1e9,
            more => bytes += more,
        }
    }
}
