//! How long a datagram takes there and back.

use std::io;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use crate::way::{Processor, Server, Way};

/// Bytes of payload, there and back.
pub(crate) const SIZE: usize = 64;
const PORT: u16 = 7007;
/// Round trips before those that count: processors wake up, flows are learnt.
const WARM_UP: usize = 200;
/// A datagram that takes longer is lost, and sent again.
pub(crate) const LOST: Duration = Duration::from_secs(1);

pub(crate) struct PingPong {
    client: UdpSocket,
    _server: Server,
}

/// Round trips, in microseconds.
pub(crate) struct Times {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl PingPong {
    pub(crate) fn new(way: &Way) -> Self {
        let [client, server] = way.udp_pair(PORT);
        client.set_read_timeout(Some(LOST)).unwrap();
        Self { client, _server: Server::start(server, echo) }
    }

    pub(crate) fn round(&self, trips: usize) -> Times {
        let times = Processor::Client.run(|| {
            (0..WARM_UP + trips)
                .map(|number| trip(&self.client, number, |data| self.client.send(data)))
                .collect::<Vec<_>>()
        });
        Times::of(times[WARM_UP..].to_vec())
    }
}

impl Times {
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e6;
        Self { p50: at(50), p99: at(99) }
    }
}

fn echo(socket: &UdpSocket) -> bool {
    let mut data = [0; SIZE];
    match socket.recv(&mut data) {
        Ok(0) => false,
        Ok(length) => socket.send(&data[..length]).is_ok(),
        Err(_) => false,
    }
}

/// Sends `number`, and waits until it has come back.
pub(crate) fn trip(
    socket: &UdpSocket,
    number: usize,
    send: impl Fn(&[u8; SIZE]) -> io::Result<usize>,
) -> Duration {
    let number = number.to_le_bytes();
    let mut data = [0; SIZE];
    for _ in 0..5 {
        data[..number.len()].copy_from_slice(&number);
        let began = Instant::now();
        send(&data).unwrap();
        while socket.recv(&mut data).is_ok() {
            if data.starts_with(&number) {
                return began.elapsed();
            }
        }
    }
    panic!("five datagrams in a row were lost");
}
