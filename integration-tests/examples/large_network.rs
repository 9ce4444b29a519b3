//! How long the model alone takes over a large network: to read its file, to compile it, and to answer questions about it.
//! `make bench` runs it.
//!
//! The network is `integration_tests::large`: 1,000 virtual networks, 10,000 network interfaces, 5,000 groups of 200 rules, 500
//! route tables of 400 routes. Every round does everything once; medians and the slowest round go to standard output as Markdown,
//! and with every single figure to `bench/` in the target folder as JSON. CPU time is that of all threads together: on a machine
//! that others use it says more than the clock.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a measurement that fails says so and ends")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time::Instant;

use goal_state::Generation;
use goal_state::nsg::Direction;
use integration_tests::figures::{median, report};
use integration_tests::large::{Size, topology};
use integration_tests::proc::cpu_time;
use model::effective::Policy;
use model::network::{Network, NicIndex, NicRef, VmId};
use model::network_watcher::ip_flow::ip_flow;
use model::verdict::{IpProtocol, Packet, Question, explain};
use serde_json::{Value, json};

/// Rounds when the command line does not say: `large_network [ROUNDS [PART]]`.
const ROUNDS: usize = 5;
/// Questions of each kind in a round.
const QUESTIONS: usize = 500;
/// Packets of a round and core.
const PACKETS: usize = 2_000_000;

/// What is measured: a name, its unit, and what it has to be.
const FIGURES: [(&str, &str, &str); 10] = [
    ("read the file", "s", ""),
    ("read and validate the file", "s", ""),
    ("the same, CPU time", "s", ""),
    ("compile", "s", ""),
    ("the same, CPU time", "s", ""),
    ("read, validate and compile", "s", "< 5"),
    ("the first explain of a network", "ms", ""),
    ("explain about machines not asked about before", "ms", "< 1"),
    ("explain again", "ms", "< 1"),
    ("test-ip-flow on one network interface, per core", "million/s", "> 1"),
];

fn main() {
    let mut arguments =
        std::env::args().skip(1).map(|text| text.parse().expect("large_network [ROUNDS [PART]]"));
    let rounds: usize = arguments.next().unwrap_or(ROUNDS);
    let size = Size::part(arguments.next().unwrap_or(1));
    let text = topology(size);
    let mut measured: Vec<[f64; FIGURES.len()]> = Vec::new();
    for round in 0..rounds {
        eprintln!("large network: round {} of {rounds}", round + 1);
        measured.push(measure(&text));
    }
    let table = markdown(size, text.len(), &measured);
    report("large_network", &table, &in_json(size, text.len(), &measured));
}

fn measure(text: &str) -> [f64; FIGURES.len()] {
    let (parsed, read, _) = timed(|| model::topology::parse(text));
    assert!(parsed.topology.is_some() && parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics.first());
    drop(parsed);
    let (loaded, load, load_cpu) = timed(|| model::validate::load(text));
    let network = loaded.network.expect("a valid network");
    let (goals, compile, compile_cpu) = timed(|| model::compile::compile(&network, Generation(1)));
    assert_eq!(goals.len(), network.hosts.len());
    drop(goals);

    let policy = Policy::new(&network);
    let questions: Vec<_> = (0..QUESTIONS).map(|number| question(&network, number)).collect();
    let (_, first, _) = timed(|| black_box(explain(&policy, &questions[0]).unwrap()));
    let of_each = || {
        let times =
            questions[1..].iter().map(|one| timed(|| black_box(explain(&policy, one).unwrap())).1 * 1e3);
        median(times.collect())
    };
    let (cold, warm) = (of_each(), of_each());
    let rate = std::thread::scope(|scope| {
        let network = &network;
        let cores: Vec<_> = (0..2).map(|core| scope.spawn(move || ip_flows(network, core))).collect();
        cores.into_iter().map(|core| core.join().unwrap()).fold(f64::INFINITY, f64::min)
    });
    [read, load, load_cpu, compile, compile_cpu, load + compile, first * 1e3, cold, warm, rate]
}

/// What `work` gives, and how many seconds it took by the clock and of processors.
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64, f64) {
    let (began, cpu) = (Instant::now(), cpu_time());
    let done = work();
    (done, began.elapsed().as_secs_f64(), (cpu_time() - cpu).as_secs_f64())
}

/// A question about two machines here and there: of one virtual network, of a hub and its spoke, of two spokes.
fn question(network: &Network, number: usize) -> Question {
    let machines = network.virtual_machines.len();
    let from = number * 7919 % machines;
    let to = if number.is_multiple_of(2) {
        (from + 3) % machines
    } else {
        (from + 10 * (1 + number % 9)) % machines
    };
    let name = |machine: usize| network.virtual_machines[machine].name.to_string();
    let port = u16::try_from(1000 + number * 17 % 4000).unwrap();
    Question {
        from: name(from),
        to: name(to),
        protocol: IpProtocol::TCP,
        port: Some(port),
        source_port: None,
        source_ip: None,
    }
}

/// Millions of answers of test-ip-flow per second about one network interface, by one thread.
fn ip_flows(network: &Network, core: usize) -> f64 {
    let policy = Policy::new(network);
    let nic = NicRef { vm: VmId(network.virtual_machines.len() / 2), index: NicIndex(0) };
    let here = network.nic(nic).addresses[0];
    let packets: Vec<_> = (0..4096).map(|number| packet(number + core, here)).collect();
    let ask = |packet: &Packet| black_box(ip_flow(&policy, nic, Direction::Inbound, black_box(packet)));
    let _ = ask(&packets[0]);
    let began = Instant::now();
    for packet in packets.iter().cycle().take(PACKETS) {
        let _ = ask(packet);
    }
    PACKETS as f64 / began.elapsed().as_secs_f64() / 1e6
}

/// A packet as the rules are about: from its network, from others, from outside, to the ports that rules name.
fn packet(number: usize, destination: Ipv4Addr) -> Packet {
    let mixed = u32::try_from(number).unwrap().wrapping_mul(2_654_435_761);
    let [a, b, c, _] = mixed.to_be_bytes();
    let source = [[10, a, b, c], [172, 16, a, b], [203, 0, 113, a], [192, 168, b, c]][number % 4];
    Packet {
        protocol: [IpProtocol::TCP, IpProtocol::TCP, IpProtocol::UDP, IpProtocol::ICMP][number / 4 % 4],
        source: source.into(),
        source_port: 49152,
        destination,
        destination_port: u16::try_from(1000 + mixed % 3500).unwrap(),
    }
}

/// The most memory that this process has had at once, in MB.
fn peak_megabytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

/// One figure over all rounds.
fn over_rounds(measured: &[[f64; FIGURES.len()]], index: usize) -> Vec<f64> {
    measured.iter().map(|round| round[index]).collect()
}

fn in_json(size: Size, bytes: usize, measured: &[[f64; FIGURES.len()]]) -> Value {
    let figures: Vec<_> = FIGURES
        .iter()
        .enumerate()
        .map(|(index, (name, unit, wanted))| {
            let rounds = over_rounds(measured, index);
            json!({"what": name, "unit": unit, "wanted": wanted, "median": median(rounds.clone()), "rounds": rounds})
        })
        .collect();
    json!({
        "virtualNetworks": size.vnets(), "networkInterfaces": size.nics(), "networkSecurityGroups": size.groups(),
        "rulesPerGroup": size.rules_per_group, "routeTables": size.route_tables, "routesPerTable": size.routes_per_table,
        "bytes": bytes, "peakMegabytes": peak_megabytes().round(), "figures": figures,
    })
}

fn markdown(size: Size, bytes: usize, measured: &[[f64; FIGURES.len()]]) -> String {
    let mut text = format!(
        "{} virtual networks, {} network interfaces, {} groups of {} rules, {} route tables of {} routes; a file of {} MB. \
         Medians of {} rounds; at most {:.0} MB of memory.\n\n| | unit | median | lowest | highest | wanted |\n|---|---|---|---|---|---|\n",
        size.vnets(),
        size.nics(),
        size.groups(),
        size.rules_per_group,
        size.route_tables,
        size.routes_per_table,
        bytes / 1_000_000,
        measured.len(),
        peak_megabytes(),
    );
    for (index, (name, unit, wanted)) in FIGURES.iter().enumerate() {
        let rounds = over_rounds(measured, index);
        let (lowest, highest) = rounds
            .iter()
            .fold((f64::INFINITY, 0.0_f64), |(low, high), &value| (low.min(value), high.max(value)));
        writeln!(text, "| {name} | {unit} | {:.3} | {lowest:.3} | {highest:.3} | {wanted} |", median(rounds))
            .unwrap();
    }
    text
}
