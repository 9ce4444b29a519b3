//! What a record costs: nanoseconds to seal one and to open one, on one thread, medians. `make bench` runs it.
//!
//!     records [ROUNDS]
//!
//! Keys, buffers and payload stay in the processor's caches, as they do where packets come in batches.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that fails says so and ends")]

use std::hint::black_box;
use std::time::Instant;

use tunnel::receiver::{Receiver, SessionId};
use tunnel::record::{Cipher, Content, Opener, Sealer, TrafficSecret, record_len};

/// Rounds when the command line does not say.
const ROUNDS: usize = 7;
/// Batches of a round, each sealed and then opened. All rounds together stay below what one key may seal.
const BATCHES: usize = 6_250;
/// Records of a batch.
const BATCH: usize = 32;
/// Bytes of packet in a record: little, and as much as crosses the underlay of a virtual network.
const PACKETS: [usize; 2] = [64, 1400];

fn main() {
    let rounds = std::env::args().nth(1).map_or(ROUNDS, |text| text.parse().expect("records [ROUNDS]"));
    println!("| cipher | packet | record | seal | open | open, keys just changed |");
    println!("|---|---|---|---|---|---|");
    for cipher in [Cipher::Aes128Gcm, Cipher::Aes256Gcm] {
        for packet in PACKETS {
            let [seal, open, beside] = measure(cipher, packet, rounds);
            let record = record_len(1 + packet);
            let name = cipher.as_str();
            println!("| {name} | {packet} B | {record} B | {seal:.0} ns | {open:.0} ns | {beside:.0} ns |");
        }
    }
}

/// Medians of all rounds: nanoseconds to seal a record, to open it, and to open it beside older keys.
fn measure(cipher: Cipher, packet: usize, rounds: usize) -> [f64; 3] {
    let mut measured = [const { Vec::new() }; 3];
    let secret = TrafficSecret::new(&[7; 48]);
    let mut sealer = Sealer::new(cipher, &secret);
    let mut single = Receiver::new();
    single.add(SessionId(1), Opener::new(cipher, &secret));
    let mut several = Receiver::new();
    several.add(SessionId(0), Opener::new(cipher, &TrafficSecret::new(&[8; 48])));
    several.add(SessionId(1), Opener::new(cipher, &secret));
    for _ in 0..rounds {
        let [mut seal, mut open, mut beside] = [0.0; 3];
        for _ in 0..BATCHES {
            let mut batch = Batch::new(packet);
            seal += batch.seal(&mut sealer);
            let mut copy = batch.clone();
            open += batch.open(&mut single);
            beside += copy.open(&mut several);
        }
        for (all, round) in measured.iter_mut().zip([seal, open, beside]) {
            all.push(round / (BATCHES * BATCH) as f64);
        }
    }
    measured.map(median)
}

/// Records one behind the other, as they lie in the buffer of one system call.
#[derive(Clone)]
struct Batch {
    packet: Vec<u8>,
    records: Vec<u8>,
}

impl Batch {
    fn new(packet: usize) -> Self {
        Self { packet: vec![0x5a; packet], records: vec![0; BATCH * record_len(1 + packet)] }
    }

    fn record_len(&self) -> usize {
        self.records.len() / BATCH
    }

    /// Nanoseconds for all.
    fn seal(&mut self, sealer: &mut Sealer) -> f64 {
        let len = self.record_len();
        let started = Instant::now();
        for record in self.records.chunks_exact_mut(len) {
            let (header, data) = self.packet.split_at(40);
            sealer.seal(black_box(record), Content::ApplicationData, [&[1], header, data]).unwrap();
        }
        started.elapsed().as_nanos() as f64
    }

    /// Nanoseconds for all.
    fn open(&mut self, receiver: &mut Receiver) -> f64 {
        let len = self.record_len();
        let started = Instant::now();
        for record in self.records.chunks_exact_mut(len) {
            black_box(receiver.open(record).unwrap());
        }
        started.elapsed().as_nanos() as f64
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
