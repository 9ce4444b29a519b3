//! What a record costs: nanoseconds to seal one and to open one, on one thread. `make bench` runs it.
//!
//!     records [ROUNDS]
//!
//! Medians over batches, so that what else the machine does hardly counts; beside them the cipher alone over as many bytes,
//! measured in turn with the rest: on a busy machine the ratio says more than the figure. Keys, buffers and payload stay in
//! the processor's caches, as they do where packets come in batches.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that fails says so and ends")]

use std::hint::black_box;
use std::time::Instant;

use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use tunnel::receiver::{Receiver, SessionId};
use tunnel::record::{Cipher, Content, Opener, Sealer, TrafficSecret, record_len};

/// Rounds when the command line does not say.
const ROUNDS: usize = 7;
/// Batches of a round, each sealed and then opened. A hundred rounds use one key up.
const BATCHES: usize = 6_250;
/// Records of a batch.
const BATCH: usize = 32;
/// Bytes of packet in a record: little, and as much as crosses the underlay of a virtual network.
const PACKETS: [usize; 2] = [64, 1400];

fn main() {
    let rounds = std::env::args().nth(1).map_or(ROUNDS, |text| text.parse().expect("records [ROUNDS]"));
    println!("| cipher | packet | record | seal | open | open, older keys beside | cipher alone, sealing |");
    println!("|---|---|---|---|---|---|---|");
    for cipher in [Cipher::Aes128Gcm, Cipher::Aes256Gcm] {
        for packet in PACKETS {
            let [seal, open, beside, alone] = measure(cipher, packet, rounds);
            let record = record_len(1 + packet);
            let name = cipher.as_str();
            println!(
                "| {name} | {packet} B | {record} B | {seal:.0} ns | {open:.0} ns | {beside:.0} ns | {alone:.0} ns |"
            );
        }
    }
}

/// Nanoseconds to seal a record, to open it, to open it where there are older keys, too, and to encipher as many bytes.
fn measure(cipher: Cipher, packet: usize, rounds: usize) -> [f64; 4] {
    let mut measured = [const { Vec::new() }; 4];
    let secret = TrafficSecret::new(&[7; 48]);
    let mut sealer = Sealer::new(cipher, &secret);
    let mut single = Receiver::new();
    single.add(SessionId(1), Opener::new(cipher, &secret));
    let mut several = Receiver::new();
    several.add(SessionId(0), Opener::new(cipher, &TrafficSecret::new(&[8; 48])));
    several.add(SessionId(1), Opener::new(cipher, &secret));
    let alone = bare(cipher);
    let mut batch = Batch::new(packet);
    for _ in 0..rounds * BATCHES {
        let seal = batch.seal(&mut sealer);
        let mut copy = batch.clone();
        let figures = [seal, batch.open(&mut single), copy.open(&mut several), batch.encipher(&alone)];
        for (all, figure) in measured.iter_mut().zip(figures) {
            all.push(figure / BATCH as f64);
        }
    }
    measured.map(median)
}

/// The cipher without records.
fn bare(cipher: Cipher) -> LessSafeKey {
    let algorithm = match cipher {
        Cipher::Aes128Gcm => &aead::AES_128_GCM,
        Cipher::Aes256Gcm => &aead::AES_256_GCM,
    };
    LessSafeKey::new(UnboundKey::new(algorithm, &[9; 32][..algorithm.key_len()]).unwrap())
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

    /// Nanoseconds for all.
    fn encipher(&mut self, key: &LessSafeKey) -> f64 {
        let len = self.record_len();
        let started = Instant::now();
        for record in self.records.chunks_exact_mut(len) {
            // The header, and where the tag goes.
            let bytes = &mut record[3..len - 16];
            let nonce = Nonce::assume_unique_for_key([1; 12]);
            let tag = key.seal_in_place_separate_tag(nonce, Aad::from([0; 3]), bytes).unwrap();
            black_box(tag.as_ref());
        }
        started.elapsed().as_nanos() as f64
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
