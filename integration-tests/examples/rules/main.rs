//! What the number of rules costs: new TCP connections per second to a VM behind a thousand rules beside one behind ten, and
//! how long the port's ruleset takes to be applied. `make bench` runs it.
//!
//! Ports, guests and their bridge are those of a host in a lab, made by the same code, in namespaces of this program's own.
//! Both VMs of a mix of rules take turns. Each connection is let in by the last rule of its list, and ended by a reset.
//! Medians and ratios go to standard output as Markdown, and with every single figure to `bench/` in the target folder as JSON.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a measurement that fails says so and ends")]

mod mixes;
mod network;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd as _;
use std::process::Command;
use std::time::{Duration, Instant};

use integration_tests::figures::{median_of, milliseconds, report, rounds};
use linux_net::{NetNs, nft};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use vfp::ruleset::{Ruleset, as_nft};

use crate::mixes::{MIXES, Mix, PORT};
use crate::network::{Machine, goal};

/// Rounds when the command line does not say: `rules [ROUNDS]`.
const ROUNDS: usize = 15;
/// Connections of a round.
const CONNECTIONS: u32 = 3000;
/// Connections that are begun together.
const AT_ONCE: u32 = 50;
const FEW: u16 = 10;
const MANY: u16 = 1000;
const INSIDE: &str = "VNETLAB_BENCH_INSIDE";

fn main() {
    if std::env::var_os(INSIDE).is_none() {
        let mut unshare = Command::new("nice");
        unshare.args([
            "-n",
            "-20",
            "unshare",
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
        ]);
        unshare.arg(std::env::current_exe().unwrap()).args(std::env::args().skip(1)).env(INSIDE, "1");
        assert!(unshare.status().unwrap().success());
        return;
    }
    let rounds = rounds("rules [ROUNDS]", ROUNDS);
    assert!(Command::new("mount").args(["-t", "tmpfs", "tmpfs", "/run"]).status().unwrap().success());
    std::fs::create_dir("/run/netns").unwrap();
    let machines = machines();
    let goal = goal(&machines);
    let host = vfp::lower(&goal);
    let outcome = vfp::reconcile(&host, &BTreeSet::new(), &|_, _| ());
    assert_eq!(outcome.problems, Vec::<String>::new());
    let measured = MIXES.iter().map(|mix| measure(mix, &machines, rounds)).collect::<Vec<_>>();
    report("rules", &markdown(&measured, rounds), &measured.into());
}

/// The client, and for each mix of rules a VM behind few of them and one behind many.
fn machines() -> Vec<Machine> {
    let mut machines = vec![Machine { name: "client".into(), last: network::CLIENT, rules: Vec::new() }];
    for (index, mix) in MIXES.iter().enumerate() {
        for (kind, count) in [("few", FEW), ("many", MANY)] {
            let last = 10 + 2 * u8::try_from(index).unwrap() + u8::from(kind == "many");
            let rules = mixes::rules(mix, count, network::address(last));
            machines.push(Machine { name: format!("{kind}{index}"), last, rules });
        }
    }
    machines
}

fn measure(mix: &Mix, machines: &[Machine], rounds: usize) -> Value {
    let index = MIXES.iter().position(|other| other.name == mix.name).unwrap();
    let of = |kind: &str| machines.iter().find(|machine| machine.name == format!("{kind}{index}")).unwrap();
    let subjects = [of("few"), of("many")];
    let listeners = subjects.map(serve);
    let client = NetNs::open("vm-client").unwrap();
    let mut rates: [Vec<f64>; 2] = Default::default();
    for round in 0..=rounds {
        eprintln!("{}: round {round} of {rounds}", mix.name);
        for (address, rates) in listeners.iter().zip(&mut rates) {
            let rate = client.run(|| connect(*address)).unwrap();
            // The first round warms up.
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    let times = subjects.map(|machine| apply(machine, rounds));
    let [few, many] = rates;
    let [few_times, many_times] = times;
    json!({"mix": mix.name, "connectionsPerSecond": {"few": few, "many": many}, "few": few_times, "many": many_times})
}

/// Takes connections in the VM and lets go of them at once.
fn serve(machine: &Machine) -> SocketAddr {
    let address = SocketAddr::from((network::address(machine.last), PORT));
    let guest = NetNs::open(&format!("vm-{}", machine.name)).unwrap();
    let listener = guest.run(|| listen(address)).unwrap();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    address
}

/// With room for all connections of a round: one that has to wait is asked for again after a second.
fn listen(address: SocketAddr) -> TcpListener {
    std::fs::write("/proc/sys/net/core/somaxconn", "65535").unwrap();
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(65_535).unwrap();
    socket.into()
}

/// Connections per second, several at a time, so that what counts is the work and not the waiting.
fn connect(address: SocketAddr) -> f64 {
    let began = Instant::now();
    for _ in 0..CONNECTIONS / AT_ONCE {
        let sockets = (0..AT_ONCE).map(|_| begin(address)).collect::<Vec<_>>();
        sockets.iter().for_each(finish);
    }
    f64::from(CONNECTIONS) / began.elapsed().as_secs_f64()
}

fn begin(address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    // A reset leaves nobody waiting.
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    socket.set_nonblocking(true).unwrap();
    let begun = socket.connect(&address.into());
    assert!(begun.is_err_and(|error| error.raw_os_error() == Some(Errno::EINPROGRESS as i32)));
    socket
}

fn finish(socket: &Socket) {
    let mut polled = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
    assert_eq!(poll(&mut polled, 5000_u16), Ok(1), "no answer");
    assert!(socket.take_error().unwrap().is_none());
}

/// Milliseconds: from the goal state to the ruleset, into an empty namespace, and in place of what is there.
fn apply(machine: &Machine, rounds: usize) -> Value {
    let goal = goal(std::slice::from_ref(machine));
    let (mut lowered, mut fresh, mut replaced) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let began = Instant::now();
        let host = vfp::lower(&goal);
        lowered.push(milliseconds(began));
        let wanted: &[Ruleset] = &host.ports[0].namespace.rulesets;
        let namespace = NetNs::anonymous().unwrap();
        for times in [&mut fresh, &mut replaced] {
            let began = Instant::now();
            nft::apply(&namespace, &as_nft(wanted).unwrap()).unwrap();
            times.push(milliseconds(began));
        }
    }
    json!({"lowerMs": lowered, "applyMs": fresh, "replaceMs": replaced})
}

fn markdown(measured: &[Value], rounds: usize) -> String {
    let mut text = format!(
        "Medians of {rounds} rounds. New TCP connections per second behind {FEW} and behind {MANY} rules; milliseconds for the \
         ruleset of the port with {MANY} rules.\n\n\
         | rules | {FEW} | {MANY} | ratio | goal state to ruleset | apply | replace |\n|---|---|---|---|---|---|---|\n"
    );
    for mix in measured {
        let rates = &mix["connectionsPerSecond"];
        let (few, many) = (median_of(&rates["few"]), median_of(&rates["many"]));
        let time = |what: &str| median_of(&mix["many"][what]);
        writeln!(
            text,
            "| {} | {few:.0} | {many:.0} | {:.2} | {:.1} | {:.1} | {:.1} |",
            mix["mix"].as_str().unwrap(),
            many / few,
            time("lowerMs"),
            time("applyMs"),
            time("replaceMs")
        )
        .unwrap();
    }
    text
}
