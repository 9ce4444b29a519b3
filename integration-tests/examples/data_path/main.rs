//! How fast packets are, on each of a NIC's two paths, beside what the kernel does without vnetlab. `make bench` runs it.
//!
//! In every round everything takes its turn: a raw veth pair, two namespaces on a Linux bridge, a bare VXLAN pair on a fabric
//! such as a lab's, and VMs of a lab with and without accelerated networking, on one host and on two. Sockets are this
//! program's own, made in the namespaces; the client is on the first processor and the server on the second, in all of them, and both go
//! before whatever else the machine does (SCHED_FIFO).
//! Medians, ratios and what was wanted go to standard output as Markdown, and with every single figure to `bench/` in the
//! target folder as JSON.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a measurement that fails says so and ends")]

mod baselines;
mod flood;
mod flows;
mod network;
mod ping_pong;
mod stream;
mod table;
mod way;

use std::process::Command;
use std::time::{Duration, Instant};

use integration_tests::Lab;
use integration_tests::figures::{report, rounds};

use crate::flood::Flood;
use crate::flows::Flows;
use crate::ping_pong::{PingPong, Times};
use crate::table::{Measure, Record};
use crate::way::Way;

const USAGE: &str = "data_path [ROUNDS | --quick]";
/// Many short ones: whatever else the machine does hits all that takes turns alike.
const ROUNDS: usize = 50;
const QUICK: usize = 10;
/// No round begins after that.
const LIMIT: Duration = Duration::from_secs(300);
/// Round trips of each way in a round.
const TRIPS: usize = 2000;
/// How long each stream and each flood of a round takes.
const TIME: Duration = Duration::from_millis(100);
const FLOWS: usize = 100_000;
/// Set in the process that goes before all others of the machine.
const FIRST: &str = "VNETLAB_BENCH_FIRST";

fn main() {
    if std::env::var_os(FIRST).is_none() {
        let mut first = Command::new("chrt");
        first.args(["--fifo", "1"]).arg(std::env::current_exe().unwrap()).args(std::env::args().skip(1));
        assert!(first.env(FIRST, "1").status().unwrap().success());
        return;
    }
    let quick = std::env::args().nth(1).as_deref() == Some("--quick");
    let rounds = if quick { QUICK } else { rounds(USAGE, ROUNDS) };
    let lab = network::up();
    let subjects = Subjects::new(&lab);
    let mut record = Record::default();
    let began = Instant::now();
    // A round that does not count wakes everything up.
    subjects.round(&mut Record::default());
    for round in (1..=rounds).take_while(|_| began.elapsed() < LIMIT) {
        eprintln!("data path: round {round} of {rounds}");
        subjects.round(&mut record);
    }
    drop(subjects);
    report("data_path", &record.markdown(), &record.json());
}

/// Everything that takes turns.
struct Subjects {
    ping_pongs: Vec<(&'static str, PingPong)>,
    streams: Vec<Way>,
    floods: Vec<(&'static str, Flood)>,
    flows: Flows,
}

impl Subjects {
    fn new(lab: &Lab) -> Self {
        let vms = |name, from, to| network::way(lab, name, from, to);
        let on_one_host = [
            vms("accelerated", "accelerated1", "accelerated2"),
            vms("synthetic", "synthetic1", "synthetic2"),
        ];
        let across = [
            vms("accelerated, across hosts", "accelerated1", "accelerated3"),
            vms("synthetic, across hosts", "synthetic1", "synthetic3"),
        ];
        let rules = [vms("1 rule", "few1", "few2"), vms("1000 rules", "many1", "many2")];
        let [accelerated, synthetic] = on_one_host;
        let [accelerated_across, synthetic_across] = across;
        let flows = Flows::new(&accelerated);
        // What is compared stands side by side.
        let paths = [
            baselines::bridge(),
            baselines::veth(),
            accelerated,
            synthetic,
            synthetic_across,
            accelerated_across,
            baselines::vxlan(),
        ];
        let ways = [&paths[..], &rules].concat();
        Self {
            flows,
            ping_pongs: ways.iter().map(|way| (way.name, PingPong::new(way))).collect(),
            floods: paths.iter().map(|way| (way.name, Flood::new(way))).collect(),
            streams: paths.to_vec(),
        }
    }

    fn round(&self, record: &mut Record) {
        for (name, ping_pong) in &self.ping_pongs {
            let Times { p50, p99 } = ping_pong.round(TRIPS);
            record.add(name, Measure::P50, p50);
            record.add(name, Measure::P99, p99);
        }
        for way in &self.streams {
            record.add(way.name, Measure::Throughput, stream::round(way, TIME));
        }
        for (name, flood) in &self.floods {
            let rate = flood.round(TIME);
            record.add(name, Measure::Packets, rate.packets);
            record.add(name, Measure::Cpu, rate.cpu);
        }
        self.flows.open(FLOWS);
        for (name, step) in [("100,000 flows", 1), ("100 flows", FLOWS / 100)] {
            let Times { p50, p99 } = self.flows.round(FLOWS, step, TRIPS);
            record.add(name, Measure::P50, p50);
            record.add(name, Measure::P99, p99);
        }
    }
}
