//! How fast packets are between VMs whose networks are encrypted, beside tunnels that anybody can have in user space. `make
//! bench` runs it.
//!
//! In every round everything takes its turn: VMs of a lab on two hosts, encrypted, in clear on the synthetic path and in clear on
//! the accelerated one; a raw veth pair; boringtun and wireguard-go between two namespaces of their own, the tunnel's MTU that of the
//! VMs. Streams, datagrams and round trips are this program's own, by sockets in the namespaces. A tunnel that is not
//! installed is left out, with the reason. After that, a thousand associations between two agents.
//! Medians, ratios and what was wanted go to standard output as Markdown, and with every single figure to `bench/` in the
//! target folder as JSON.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a measurement that fails says so and ends")]

mod associations;
#[path = "../data_path/baselines.rs"]
#[allow(dead_code, reason = "only some of them are compared here")]
mod baselines;
#[path = "../data_path/flood.rs"]
#[allow(dead_code, reason = "the other example measures processors, too")]
mod flood;
mod network;
#[path = "../data_path/ping_pong.rs"]
#[allow(dead_code, reason = "the other example counts the slowest ones, too")]
mod ping_pong;
mod streams;
mod subject;
mod table;
#[path = "../data_path/way.rs"]
mod way;
mod wireguard;

use std::process::Command;
use std::time::Duration;

use integration_tests::Lab;
use integration_tests::figures::{report, rounds};

use crate::subject::Subject;
use crate::table::{Measure, Record};

const USAGE: &str = "encryption [ROUNDS | --quick]";
const ROUNDS: usize = 9;
const QUICK: usize = 1;
/// Round trips of each subject in a round.
const TRIPS: usize = 2000;
/// How long each stream of a round takes, and each flood.
const STREAM: Duration = Duration::from_millis(1000);
const FLOOD: Duration = Duration::from_millis(500);
/// Set in the process that goes before others of the machine, and so do all that it starts.
const FIRST: &str = "VNETLAB_BENCH_FIRST";

fn main() {
    if std::env::var_os(FIRST).is_none() {
        // Not SCHED_FIFO: tunnels in user space would have to wait for whoever sends.
        let mut first = Command::new("nice");
        first.args(["-n", "-10"]).arg(std::env::current_exe().unwrap()).args(std::env::args().skip(1));
        assert!(first.env(FIRST, "1").status().unwrap().success());
        return;
    }
    let quick = std::env::args().nth(1).as_deref() == Some("--quick");
    let rounds = if quick { QUICK } else { rounds(USAGE, ROUNDS) };
    let mut record = Record::default();
    take_turns(rounds, &mut record);
    match associations::measure() {
        Ok(measured) => {
            record.add(table::OURS, Measure::Associations, measured.rate);
            record.add(table::OURS, Measure::Memory, measured.memory);
        }
        Err(why) => record.leave_out("a thousand associations", why),
    }
    report("encryption", &record.markdown(), &record.json());
}

fn take_turns(rounds: usize, record: &mut Record) {
    let lab = network::up();
    let subjects = subjects(&lab, record);
    // A round that does not count wakes everything up.
    round(&subjects, &mut Record::default());
    for number in 1..=rounds {
        eprintln!("encryption: round {number} of {rounds}");
        round(&subjects, record);
    }
}

fn subjects(lab: &Lab, record: &mut Record) -> Vec<Subject> {
    let mut subjects = vec![Subject::kernel(baselines::veth())];
    for tunnel in wireguard::ALL {
        match tunnel.start() {
            Ok(tunnel) => subjects.push(tunnel),
            Err(why) => record.leave_out(tunnel.name, why),
        }
    }
    subjects.push(network::synthetic(lab));
    match network::encrypted(lab) {
        Ok(encrypted) => subjects.push(encrypted),
        Err(why) => record.leave_out(table::OURS, why),
    }
    subjects.push(network::accelerated(lab));
    subjects
}

fn round(subjects: &[Subject], record: &mut Record) {
    for (count, measure) in [(1, Measure::OneStream), (4, Measure::FourStreams)] {
        for subject in subjects {
            let before = subject.cpu();
            let carried = streams::round(&subject.way, count, STREAM);
            record.add(subject.name(), measure, carried.gigabits());
            if let Some((before, after)) = before.zip(subject.cpu())
                && count == 1
            {
                let spent = (after - before).as_nanos() as f64;
                record.add(subject.name(), Measure::Cpu, spent / carried.bytes as f64);
            }
        }
    }
    for subject in subjects {
        record.add(subject.name(), Measure::Packets, subject.flood.round(FLOOD).packets);
    }
    let times: Vec<_> = subjects.iter().map(|subject| subject.ping_pong.round(TRIPS).p50).collect();
    for (subject, time) in subjects.iter().zip(&times) {
        record.add(subject.name(), Measure::P50, *time);
        let plain = subjects.iter().position(|other| Some(other.name()) == subject.plain);
        if let Some(plain) = plain {
            record.add(subject.name(), Measure::Added, time - times[plain]);
        }
    }
}
