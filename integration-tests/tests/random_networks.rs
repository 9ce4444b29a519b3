//! Random networks: the model and the packets agree, whatever was drawn.
//!
//! `VNETLAB_RANDOM_NETWORKS` says how many are drawn (500, and 200 of which half have an edge). They are the same ones every time, unless `VNETLAB_RANDOM_SEED` is a
//! number, or `clock` for one that was never used before. A network that fails is made as small as it can be and still fail,
//! and kept in `regressions/`. What was kept is asked again before anything new, by a test of its own.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]
#![allow(clippy::print_stdout, reason = "totals are worth reading when it passes, too")]

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use integration_tests::output::Finished;
use integration_tests::random::{Network, network};
use integration_tests::user::offload;
use integration_tests::verdict::{Question, as_tests, disagreements};
use integration_tests::{User, Workbench, topologies};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

/// Networks that failed.
const NETWORKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/regressions");
/// How many networks are up at a time. A packet that nobody answers is waited for, and others use the time.
const AT_A_TIME: u64 = 4;
/// How long a failed network is made smaller, in milliseconds. Each try brings up a network.
const SHRINKING: u32 = 90_000;
/// The most questions that one network is asked.
const QUESTIONS: usize = 60;
/// Layers that must deny some packet of enough networks; and some questions must be about what packets do not do yet.
const LAYERS: [&str; 13] = [
    "encryption",
    "gateway",
    "guest",
    "ipForwarding",
    "networkSecurityGroup",
    "nextHop",
    "noDestination",
    "outboundAccess",
    "peering",
    "route",
    "securityAdminRule",
    "skipped",
    "sourceAddress",
];
/// The same of networks with an edge.
const EDGE_LAYERS: [&str; 6] =
    ["ipForwarding", "loadBalancer", "noDestination", "outboundAccess", "privateEndpoint", "publicAddress"];
/// Ports that rules of random networks tell apart, and 80/tcp and 53/udp, which a VM with a list listens on.
const TCP_PORTS: [u16; 2] = [80, 443];
const UDP_PORTS: [u16; 2] = [53, 514];
/// What the platform lets out for some subscriptions only.
const MAIL: u16 = 25;
/// Addresses that no VM of a random network has: in the first virtual network, behind its gateway, behind an appliance
/// that speaks BGP, and outside of all.
const STRANGERS: [&str; 4] = ["10.0.1.200", "10.50.1.10", "10.250.0.9", "203.0.113.9"];

/// How many more packets are sent of each flow, and of one network in how many.
const FOLLOW_UP: u32 = 3;
const FOLLOWED: u64 = 4;

/// No part of the networks has failed.
const NOBODY: u64 = u64::MAX;

/// What was asked and what came of it.
#[derive(Debug, Default)]
struct Totals {
    networks: u64,
    probes: u64,
    /// By what packets met: `Allow`, or the layer that denied. What packets cannot show yet is `skipped`.
    fates: BTreeMap<String, u64>,
    /// Flows of which more packets were sent than the first: allowed and denied ones.
    followed: [u64; 2],
    /// Allowed ones whose later packets took a unified flow, of those that could.
    offloaded: [u64; 2],
}

#[test]
fn model_and_packets_agree_as_root() {
    agree(500, false, &LAYERS);
}

#[test]
fn model_and_packets_agree_at_the_edge_as_root() {
    agree(200, true, &EDGE_LAYERS);
}

/// Draws so many networks unless the environment says how many, with or without what is outside of virtual networks. Enough of them have
/// packets that meet each of `layers`.
fn agree(usually: u64, outside: bool, layers: &[&str]) {
    let seed = seed();
    let networks = from_environment("VNETLAB_RANDOM_NETWORKS").map_or(usually, |text| number(&text));
    println!("{networks} networks of VNETLAB_RANDOM_SEED={seed}");
    let (totals, failed) = (Mutex::default(), AtomicU64::new(NOBODY));
    let failures: Vec<String> = std::thread::scope(|scope| {
        let (totals, failed) = (&totals, &failed);
        let share = |part| networks / AT_A_TIME + u64::from(part < networks % AT_A_TIME);
        let parts = (0..AT_A_TIME)
            .map(|part| scope.spawn(move || failure(seed, (part, share(part)), outside, totals, failed)));
        let parts: Vec<_> = parts.collect();
        parts.into_iter().filter_map(|part| part.join().unwrap()).collect()
    });
    let totals: Totals = totals.into_inner().unwrap();
    println!("{} networks, {} probes: {:?}", totals.networks, totals.probes, totals.fates);
    let [allowed, denied] = totals.followed;
    let [hit, missed] = totals.offloaded;
    println!(
        "{allowed} allowed flows and {denied} denied ones were followed by {FOLLOW_UP} more packets; {hit} took a unified flow, {missed} did not"
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let missing = layers.iter().filter(|layer| !totals.fates.contains_key(**layer)).collect::<Vec<_>>();
    assert!(missing.is_empty() || networks < usually, "no packet was denied by {missing:?}");
    assert!((allowed > 50 && denied > 50) || networks < usually, "too few flows were followed");
    assert!(!offload() || hit > 20 * missed, "later packets take unified flows");
}

#[test]
fn what_failed_once_does_not_fail_again_as_root() {
    for entry in std::fs::read_dir(NETWORKS).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = std::fs::read_to_string(&path).unwrap();
            let (_, disagreements) = asked(&text, &questions(&text), true);
            assert_eq!(disagreements, "", "{}", path.display());
        }
    }
}

/// Asks `count` networks; why the first one of them failed. A failure ends the other parts.
fn failure(
    seed: u64,
    (part, count): (u64, u64),
    outside: bool,
    totals: &Mutex<Totals>,
    failed: &AtomicU64,
) -> Option<String> {
    let config = Config {
        cases: u32::try_from(count).unwrap(),
        failure_persistence: None,
        max_shrink_time: SHRINKING,
        ..Config::default()
    };
    let outcome = TestRunner::new_with_rng(config, rng(seed, part)).run(&network(outside), |network| {
        if ![NOBODY, part].contains(&failed.load(Ordering::Relaxed)) {
            return Ok(());
        }
        let text = network.to_yaml();
        let (finished, disagreements) =
            asked(&text, &some_of(questions(&text), network.lot), network.lot % FOLLOWED == 0);
        if disagreements.is_empty() {
            totals.lock().unwrap().count(&finished);
            return Ok(());
        }
        let _ = failed.compare_exchange(NOBODY, part, Ordering::Relaxed, Ordering::Relaxed);
        Err(TestCaseError::fail(disagreements))
    });
    match outcome {
        Ok(()) => None,
        Err(TestError::Fail(reason, network)) => {
            let (file, text) = keep(&network, seed);
            Some(format!("{reason}\n--- kept in {}\n{text}", file.display()))
        }
        Err(error) => Some(error.to_string()),
    }
}

impl Totals {
    fn count(&mut self, finished: &Finished) {
        self.networks += 1;
        for test in finished.json()["tests"].as_array().unwrap() {
            self.probes += 1;
            let word = |field: &str| test[field].as_str().map(str::to_owned);
            let fate = match word("packet") {
                None => "skipped".to_owned(),
                Some(verdict) => word("layer").unwrap_or(verdict),
            };
            *self.fates.entry(fate).or_default() += 1;
            if test["followUp"].is_object() {
                self.followed[usize::from(test["packet"] == "Deny")] += 1;
                if let Some(hits) = test["followUp"]["hits"].as_u64()
                    && test["packet"] == "Allow"
                {
                    self.offloaded[usize::from(hits == 0)] += 1;
                }
            }
        }
    }
}

/// Asks the network, and once more if model and packets disagree: a proof puts together what several hosts tell of many packets
/// at once, and on a busy machine their news may come too late for it. What does not show again is printed, and counts as
/// agreement.
#[allow(clippy::print_stdout, reason = "what a test prints is shown with it")]
fn asked(network: &str, questions: &[Question], follow: bool) -> (Finished, String) {
    let (finished, first) = asked_once(network, questions, follow);
    if first.is_empty() {
        return (finished, first);
    }
    let (finished, again) = asked_once(network, questions, follow);
    if again.is_empty() {
        println!("seen once, and not again:\n{first}\n{network}");
    }
    (finished, again)
}

/// Brings up the network, asks everything of it, and takes it down.
fn asked_once(network: &str, questions: &[Question], follow: bool) -> (Finished, String) {
    let bench = Workbench::new(User::Root);
    let file = bench.write("topology.yaml", &format!("{network}{}", as_tests(questions)));
    let follow_up = if follow { FOLLOW_UP } else { 0 }.to_string();
    let finished =
        bench.vnetlab(&["test", "-o", "json", "--follow-up", &follow_up, "-f", &file.to_string_lossy()]);
    let disagreements = disagreements(&finished, questions.len()).join("\n");
    (finished, disagreements)
}

/// Each endpoint to each other and to strangers.
fn questions(network: &str) -> Vec<Question> {
    let machine = |endpoint: &str| endpoint.split('/').next().unwrap().to_owned();
    let (mut endpoints, outside) = (topologies::endpoints(network), topologies::outside(network));
    let running = topologies::running_machines(network);
    let mut senders: Vec<_> =
        endpoints.iter().filter(|from| running.contains(&machine(from))).cloned().collect();
    senders.extend(outside.iter().cloned());
    endpoints.extend(outside);
    endpoints.extend(topologies::addresses_at_edge(network));
    let mut questions = Vec::new();
    for from in &senders {
        for to in endpoints.iter().filter(|to| machine(to) != machine(from)) {
            questions.push(Question::icmp(from, to));
            questions.extend(TCP_PORTS.map(|port| Question::tcp(from, to, port)));
            questions.extend(UDP_PORTS.map(|port| Question::udp(from, to, port)));
        }
        questions.push(Question::tcp(from, STRANGERS[3], MAIL));
        questions.extend(STRANGERS.map(|to| Question::tcp(from, to, TCP_PORTS[0])));
    }
    questions
}

/// Not too many of them, drawn by lot. One that is asked is asked of the network made smaller, too, if it has it.
fn some_of(mut questions: Vec<Question>, lot: u64) -> Vec<Question> {
    questions.sort_by_cached_key(|question| {
        let mut hasher = DefaultHasher::new();
        (lot, question.to_string()).hash(&mut hasher);
        hasher.finish()
    });
    questions.truncate(QUESTIONS);
    questions
}

/// Writes the network where it is found by the next run.
fn keep(network: &Network, seed: u64) -> (PathBuf, String) {
    let mut hasher = DefaultHasher::new();
    let text = format!("# Drawn with VNETLAB_RANDOM_SEED={seed}.\n{}", network.to_yaml());
    text.hash(&mut hasher);
    let file = Path::new(NETWORKS).join(format!("{:016x}.yaml", hasher.finish()));
    std::fs::write(&file, &text).unwrap();
    (file, text)
}

fn from_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{text} is not a number"))
}

/// The same one for everybody, if nobody wants another. Small enough to be typed.
fn seed() -> u64 {
    match from_environment("VNETLAB_RANDOM_SEED").as_deref() {
        None => 1,
        Some("clock") => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            now.as_secs() % 1_000_000_000
        }
        Some(text) => number(text),
    }
}

fn rng(seed: u64, part: u64) -> TestRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&part.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}
