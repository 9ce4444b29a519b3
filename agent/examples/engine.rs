//! How fast packets are through two engines, beside a bare veth pair between the same two namespaces, and what the engines'
//! threads spend on a byte. Needs root. The argument is the number of rounds.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    dead_code,
    reason = "a measurement that cannot be made is not made; its output is a table; the tests use more of what is shared"
)]

#[path = "../tests/encryption_engine/ends.rs"]
mod ends;

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use ends::{End, give_keys};
use linux_net::netlink::{Address, NewLink, Request, VethEnd};
use tunnel::record::Cipher;

/// How long each measurement takes.
const TIME: Duration = Duration::from_secs(2);

/// Bytes of a small datagram.
const SMALL: usize = 64;

/// One way between the two namespaces: the addresses of its ends.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    from: Ipv4Addr,
    to: Ipv4Addr,
}

/// What was measured of one way, a number for each round.
#[derive(Default)]
struct Series {
    gigabits: Vec<f64>,
    /// Nanoseconds that engines spent on a byte.
    per_byte: Vec<f64>,
    /// Round trips: the median and one in a hundred, in microseconds.
    median: Vec<f64>,
    slow: Vec<f64>,
    /// Thousands of small datagrams received in a second.
    kilopackets: Vec<f64>,
    /// Microseconds that engines spent on one of them.
    per_packet: Vec<f64>,
}

fn main() {
    let rounds = std::env::args().nth(1).map_or(5, |rounds| rounds.parse().expect("a number of rounds"));
    let (one, two) = ends::engines().expect("root");
    give_keys(&one, &two, Cipher::Aes128Gcm);
    bare_cable(&one, &two);
    let ways = [
        Way { name: "veth", from: Ipv4Addr::new(10, 1, 0, 1), to: Ipv4Addr::new(10, 1, 0, 2) },
        Way { name: "encrypted", from: one.customer(), to: two.customer() },
    ];
    let mut series = [Series::default(), Series::default()];
    for _ in 0..rounds {
        for (way, series) in ways.iter().zip(&mut series) {
            series.measure(&one, &two, *way);
        }
    }
    println!(
        "{:10} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "way", "Gbit/s", "ns/B", "rtt p50", "rtt p99", "kpps", "us/pkt"
    );
    for (way, series) in ways.iter().zip(&mut series) {
        let [a, b, c, d, e, f] = series.medians();
        println!("{:10} {a:8.2} {b:8.2} {c:8.1} {d:8.1} {e:8.1} {f:8.2}", way.name);
    }
    let [veth, encrypted] = series.each_mut().map(|series| series.medians()[0]);
    println!("encrypted / veth: {:.2}", encrypted / veth);
}

impl Series {
    fn measure(&mut self, one: &End, two: &End, way: Way) {
        let (bytes, time, spent) = watched(|| stream(one, two, way));
        self.gigabits.push(bytes * 8.0 / time.as_nanos() as f64);
        self.per_byte.push(spent / bytes);
        let (median, slow) = ping_pong(one, two, way);
        self.median.push(median);
        self.slow.push(slow);
        let (packets, time, spent) = watched(|| flood(one, two, way));
        self.kilopackets.push(packets / time.as_secs_f64() / 1e3);
        self.per_packet.push(spent / packets / 1e3);
    }

    fn medians(&mut self) -> [f64; 6] {
        let Self { gigabits, per_byte, median: middle, slow, kilopackets, per_packet } = self;
        [gigabits, per_byte, middle, slow, kilopackets, per_packet].map(|values| quantile(values, 0.5))
    }
}

fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() as f64 * part) as usize]
}

/// A second veth pair between the two.
fn bare_cable(one: &End, two: &End) {
    let end = |end: &End| VethEnd {
        namespace: Some(end.namespace.clone()),
        name: "bare0".into(),
        mac: None,
        mtu: 1500,
        up: true,
        arp: true,
    };
    one.apply(&[Request::AddLink(NewLink::Veth(end(one), end(two)))]);
    for (end, address) in [(one, "10.1.0.1/24"), (two, "10.1.0.2/24")] {
        let address = address.parse().unwrap();
        end.apply(&[Request::PutAddress(Address { device: "bare0".into(), address })]);
    }
}

/// What something has counted, how long it took, and nanoseconds that engines spent on it.
fn watched(work: impl FnOnce() -> u64) -> (f64, Duration, f64) {
    let (before, start) = (spent(), Instant::now());
    let counted = work();
    let time = start.elapsed();
    (counted as f64, time, (spent() - before) as f64)
}

/// Nanoseconds that the threads of engines have run.
fn spent() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let ours = tasks.filter(|task| {
        let name = fs::read_to_string(task.join("comm")).unwrap_or_default();
        name.starts_with("seal") || name.starts_with("open")
    });
    ours.map(|task| {
        let text = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0)
    })
    .sum()
}

/// Bytes that one TCP connection carried.
fn stream(one: &End, two: &End, way: Way) -> u64 {
    let to = SocketAddrV4::new(way.to, 5001);
    let listener = two.inside(|| TcpListener::bind(to)).unwrap();
    let mut sender = one.inside(|| TcpStream::connect(to)).unwrap();
    let (mut receiver, _) = listener.accept().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            let (buffer, start) = (vec![7; 128 << 10], Instant::now());
            while start.elapsed() < TIME {
                sender.write_all(&buffer).unwrap();
            }
        });
        let (mut buffer, mut total) = (vec![0; 128 << 10], 0);
        loop {
            match receiver.read(&mut buffer).unwrap() {
                0 => return total,
                length => total += length as u64,
            }
        }
    })
}

fn udp_pair(one: &End, two: &End, way: Way) -> (UdpSocket, UdpSocket) {
    let [from, to] = [way.from, way.to].map(|address| SocketAddrV4::new(address, 5002));
    let client = one.inside(|| UdpSocket::bind(from)).unwrap();
    let server = two.inside(|| UdpSocket::bind(to)).unwrap();
    client.connect(to).unwrap();
    server.connect(from).unwrap();
    for socket in [&client, &server] {
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    }
    (client, server)
}

/// Microseconds of a round trip: the median, and one in a hundred.
fn ping_pong(one: &End, two: &End, way: Way) -> (f64, f64) {
    let (client, server) = udp_pair(one, two, way);
    let mut times = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut buffer = [0; SMALL];
            while server.recv(&mut buffer).is_ok() {
                server.send(&buffer).unwrap();
            }
        });
        let begin = Instant::now();
        while begin.elapsed() < TIME {
            let start = Instant::now();
            client.send(&[7; SMALL]).unwrap();
            if client.recv(&mut [0; SMALL]).is_ok() {
                times.push(start.elapsed().as_nanos() as f64 / 1e3);
            }
        }
    });
    (quantile(&mut times, 0.5), quantile(&mut times, 0.99))
}

/// Small datagrams that arrived while one thread did nothing but send them.
fn flood(one: &End, two: &End, way: Way) -> u64 {
    let (client, server) = udp_pair(one, two, way);
    let received = AtomicU64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            while server.recv(&mut [0; SMALL]).is_ok() {
                received.fetch_add(1, Relaxed);
            }
        });
        let begin = Instant::now();
        while begin.elapsed() < TIME {
            // A full queue is what a flood is for.
            let _ = client.send(&[7; SMALL]);
        }
        received.load(Relaxed)
    })
}
