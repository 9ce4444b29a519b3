//! Random networks: the model and the packets agree, whatever was drawn.
//!
//! `VNETLAB_RANDOM_NETWORKS` says how many are drawn (24). They are the same ones every time, unless `VNETLAB_RANDOM_SEED` is a
//! number, or `clock` for one that was never used before. A network that fails is made as small as it can be and still fail.
//! Then its seed is kept beside this file, where proptest finds it, and the network in `regressions/`. What was kept is
//! asked again before anything new. A seed is worth as much as the strategies that it was drawn by; a network stays.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::path::{Path, PathBuf};

use integration_tests::random::{Network, network};
use integration_tests::verdict::{Question, as_tests, disagreements};
use integration_tests::{User, Workbench, topologies};
use proptest::test_runner::{
    Config, FileFailurePersistence, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner,
};

/// Seeds of networks that failed.
const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/random_networks.proptest-regressions");
/// Networks that failed.
const NETWORKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/regressions");
/// How long a failed network is made smaller, in milliseconds. Each try brings up a network.
const SHRINKING: u32 = 240_000;
/// Ports that rules of random networks tell apart, and 80/tcp and 53/udp, which a VM with a list listens on.
const TCP_PORTS: [u16; 2] = [80, 443];
const UDP_PORTS: [u16; 2] = [53, 514];
/// Addresses that no VM of a random network has: in the first virtual network, and outside of all.
const STRANGERS: [&str; 2] = ["10.0.1.200", "203.0.113.9"];

#[test]
fn model_and_packets_agree_as_root() {
    what_failed_once_does_not_fail_again();
    let seed = seed();
    let cases = from_environment("VNETLAB_RANDOM_NETWORKS").map_or(24, |text| number(&text));
    println!("{cases} networks of VNETLAB_RANDOM_SEED={seed}");
    let config = Config {
        cases: u32::try_from(cases).unwrap(),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(SEEDS))),
        max_shrink_time: SHRINKING,
        ..Config::default()
    };
    let outcome = TestRunner::new_with_rng(config, rng(seed)).run(&network(), |network| {
        let disagreements = disagreements_on(&network.to_yaml());
        if disagreements.is_empty() { Ok(()) } else { Err(TestCaseError::fail(disagreements)) }
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, network)) => {
            let (file, text) = keep(&network, seed);
            panic!("{reason}\n--- kept in {}\n{text}", file.display());
        }
        Err(error) => panic!("{error}"),
    }
}

fn what_failed_once_does_not_fail_again() {
    for entry in std::fs::read_dir(NETWORKS).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(disagreements_on(&text), "", "{}", path.display());
        }
    }
}

/// Brings up the network, asks everything of it, and takes it down.
fn disagreements_on(network: &str) -> String {
    let bench = Workbench::new(User::Root);
    let questions = questions(&topologies::endpoints(network));
    let file = bench.write("topology.yaml", &format!("{network}{}", as_tests(&questions)));
    let finished = bench.vnetlab(&["test", "-o", "json", "-f", &file.to_string_lossy()]);
    disagreements(&finished, questions.len()).join("\n")
}

/// Each endpoint to each other and to strangers.
fn questions(endpoints: &[String]) -> Vec<Question> {
    let machine = |endpoint: &str| endpoint.split('/').next().unwrap().to_owned();
    let mut questions = Vec::new();
    for from in endpoints {
        for to in endpoints.iter().filter(|to| machine(to) != machine(from)) {
            questions.push(Question::icmp(from, to));
            questions.extend(TCP_PORTS.map(|port| Question::tcp(from, to, port)));
            questions.extend(UDP_PORTS.map(|port| Question::udp(from, to, port)));
        }
        questions.extend(STRANGERS.map(|to| Question::tcp(from, to, TCP_PORTS[0])));
    }
    questions
}

/// Writes the network where it is found by the next run. Its name is the beginning of its seed, which proptest has kept.
fn keep(network: &Network, seed: u64) -> (PathBuf, String) {
    let seeds = std::fs::read_to_string(SEEDS).unwrap_or_default();
    let kept = seeds.lines().rev().find_map(|line| line.strip_prefix("cc ")?.split(' ').next());
    let kept = kept.expect("proptest keeps the seed of a failure");
    let text = format!("# Seed {kept}, drawn with VNETLAB_RANDOM_SEED={seed}.\n{}", network.to_yaml());
    let file = Path::new(NETWORKS).join(&kept[..16]).with_extension("yaml");
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

fn rng(seed: u64) -> TestRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}
