//! Random networks: the model and the packets agree, whatever was drawn.
//!
//! `VNETLAB_RANDOM_NETWORKS` says how many are drawn (8), `VNETLAB_RANDOM_SEED` where to begin (else the clock says). The network
//! of a failed seed is written to `regressions/`, and what is there is tested first from then on.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::path::{Path, PathBuf};

use integration_tests::random::{Dice, topology};
use integration_tests::verdict::{Question, all_agree};
use integration_tests::{Lab, User, topologies};

/// Questions for each network. All pairs of a large one would take a minute.
const QUESTIONS: usize = 24;

fn regressions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions")
}

fn number_from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// Pairs of different VMs, by all three protocols, to ports that the generator's rules know and one that they do not.
fn questions(text: &str, mut dice: Dice, count: usize) -> Vec<Question> {
    let vms = topologies::virtual_machines(text);
    let (tcp, udp) = (*dice.one(&[22, 80, 443, 8080]), *dice.one(&[53, 80, 514]));
    let mut all = Question::every_pair(&vms, tcp, udp);
    while all.len() > count {
        all.swap_remove(dice.below(all.len()));
    }
    all
}

/// Draws networks, brings each up, and asks. On a failure the network is kept in `regressions/`.
#[test]
fn model_and_packets_agree_as_root() {
    let count = number_from_environment("VNETLAB_RANDOM_NETWORKS").unwrap_or(8);
    let first = number_from_environment("VNETLAB_RANDOM_SEED").unwrap_or_else(seed_of_the_clock);
    for seed in first..first + count {
        let text = topology(seed);
        println!("seed {seed}");
        let outcome = std::panic::catch_unwind(|| {
            let lab = Lab::up(User::Root, &text);
            let _ = all_agree(&lab, &questions(&text, Dice::new(seed), QUESTIONS));
        });
        if outcome.is_err() {
            let file = regressions().join(format!("{seed}.yaml"));
            std::fs::write(&file, &text).unwrap();
            panic!("seed {seed} failed; its network is kept in {}", file.display());
        }
    }
}

/// What failed once is asked again, all of it.
#[test]
fn what_failed_once_does_not_fail_again_as_root() {
    for entry in std::fs::read_dir(regressions()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            println!("{}", path.display());
            let text = std::fs::read_to_string(&path).unwrap();
            let lab = Lab::up(User::Root, &text);
            for seed in 0..3 {
                let _ = all_agree(&lab, &questions(&text, Dice::new(seed), usize::MAX));
            }
        }
    }
}

/// Small enough to be typed.
fn seed_of_the_clock() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_secs() % 1_000_000_000
}
