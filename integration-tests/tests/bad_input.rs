//! Files and questions that are refused: with what is wrong, where, and quickly. No privileges, no lab.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::time::Duration;

use integration_tests::proc::children_cpu_time;
use integration_tests::{Finished, User, Workbench, topologies};

/// This process' own user, so that these tests run everywhere.
fn me() -> User {
    if nix::unistd::geteuid().is_root() { User::Root } else { User::Ordinary }
}

/// A second; the dev build takes several times as long for the same, and more where a neighbour shares the processor's caches.
const PATIENCE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 4 } else { 1 });

fn check(text: &str) -> Finished {
    let bench = Workbench::new(me());
    let file = bench.write("bad.yaml", text);
    let before = children_cpu_time();
    let finished = bench.vnetlab(&["check", &file.to_string_lossy(), "-o", "json"]);
    let took = children_cpu_time() - before;
    // Of processor time: what else the machine does is not the file's.
    assert!(took < PATIENCE, "an answer within {PATIENCE:?}, not {took:?}");
    finished
}

/// Every problem of a file at once, each with its line.
#[test]
fn all_problems_are_reported_with_their_lines() {
    let good = topologies::text("hub-spoke");
    let bad = good
        .replace(
            "subnet: spoke1/web, privateIPAddress: 10.1.1.4",
            "subnet: spoke1/webb, privateIPAddress: 10.1.1.4",
        )
        .replace("addressPrefix: 10.0.1.0/24}", "addressPrefix: 10.9.1.0/24}");
    let line = |needle: &str| bad.lines().position(|line| line.contains(needle)).unwrap() as u64 + 1;

    let finished = check(&bad);

    assert_eq!(finished.status, Some(1), "{finished}");
    let report = finished.json();
    let errors = report["errors"].as_array().unwrap();
    let lines: Vec<u64> = errors.iter().filter_map(|error| error["line"].as_u64()).collect();
    assert!(lines.contains(&line("spoke1/webb")) && lines.contains(&line("10.9.1.0/24")), "{finished}");
    let said = finished.stdout;
    assert!(said.contains("spoke1/web") || said.contains("did you mean"), "{said}");
}

/// The shipped topologies have no errors.
#[test]
fn shipped_topologies_are_free_of_errors() {
    for name in topologies::SHIPPED {
        let finished = check(&topologies::text(name));
        assert_eq!(finished.status, Some(0), "{name}: {finished}");
        assert_eq!(finished.json()["errors"], serde_json::json!([]), "{finished}");
    }
}

/// What the format names and is not built is refused by name, never ignored.
#[test]
fn what_is_not_built_yet_is_named() {
    let finished = check(&(topologies::text("three-tier") + "\nbackbone: {latency: published}\n"));
    assert_eq!(finished.status, Some(1), "{finished}");
    assert!(
        finished.stdout.contains("backbone.latency") && finished.stdout.contains("not built yet"),
        "{finished}"
    );
}

/// Malformed, enormous and explosive YAML ends in an error within a second.
#[test]
fn hostile_yaml_is_refused_within_a_second() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    let cases = [
        ("bomb", bomb),
        ("cycle", "name: &a\n  b: *a\n".to_owned()),
        ("deep", "[".repeat(200_000)),
        ("deep maps", "{a: ".repeat(100_000)),
        ("enormous", format!("name: {}\n", "x".repeat(20_000_000))),
        ("many keys", (0..200_000).map(|key| format!("k{key}: 1\n")).collect()),
        ("not YAML", "name: [\n".to_owned()),
        ("tabs", "name:\n\t- x\n".to_owned()),
        ("binary", "\0\u{1}\u{2}".to_owned()),
        ("empty", String::new()),
        ("two documents", "name: a\n---\nname: b\n".to_owned()),
        ("duplicate key", "name: a\nname: b\n".to_owned()),
    ];
    for (what, text) in cases {
        let finished = check(&text);
        assert!(
            matches!(finished.status, Some(1 | 2)),
            "{what}: status {:?}\n{}",
            finished.status,
            finished.stderr
        );
        assert!(!finished.stderr.contains("panicked"), "{what}: {}", finished.stderr);
        let said = finished.stdout.len() + finished.stderr.len();
        assert!((1..100_000).contains(&said), "{what}: {said} bytes of explanation");
    }
}

/// A file that is not there, a folder, a question about nobody: status 2, the name, and nothing on stdout.
#[test]
fn refused_questions_have_status_2_and_no_output() {
    let bench = Workbench::new(me());
    let file = topologies::path("hub-spoke");
    let file = bench.write("topology.yaml", &std::fs::read_to_string(file).unwrap());
    let file = file.to_string_lossy();
    let cases: [(&[&str], &str); 6] = [
        (&["up", "/nonexistent.yaml"], "/nonexistent.yaml"),
        (&["up", "/"], "/"),
        (&["explain", "-f", &file, "--from", "web9", "--to", "app1", "--protocol", "Icmp"], "web9"),
        (&["explain", "-f", &file, "--from", "web1", "--to", "app1", "--protocol", "Sctpp"], "Sctpp"),
        (
            &[
                "explain",
                "-f",
                &file,
                "--from",
                "web1",
                "--to",
                "app1",
                "--protocol",
                "Tcp",
                "--port",
                "70000",
            ],
            "70000",
        ),
        (&["status", "-l", "nowhere"], "nowhere"),
    ];
    for (arguments, name) in cases {
        let finished = bench.vnetlab(arguments);
        assert_eq!((finished.status, finished.stdout.as_str()), (Some(2), ""), "{finished}");
        assert!(finished.stderr.contains(name), "{finished}");
    }
}

/// A question asked of the file needs no lab and gives the verdict, its reason and the path.
#[test]
fn a_question_asked_of_the_file_needs_no_lab() {
    let bench = Workbench::new(me());
    let file = bench.write("topology.yaml", &topologies::text("hub-spoke"));
    let question = ["--from", "web1", "--to", "app1", "--protocol", "Tcp", "--port", "22", "-o", "json"];
    let finished = bench.vnetlab(&[&["explain", "-f", &file.to_string_lossy()], &question[..]].concat());
    assert_eq!(finished.status, Some(1), "{finished}");
    let answer = finished.json();
    assert_eq!(answer["path"], serde_json::json!(["web1", "nva", "app1"]));
    let reason = &answer["reason"];
    assert_eq!(
        (
            reason["layer"].as_str(),
            reason["resource"].as_str(),
            reason["rule"].as_str(),
            reason["at"].as_str()
        ),
        (Some("networkSecurityGroup"), Some("nsg-app"), Some("deny-inbound"), Some("app1"))
    );
    assert!(answer.get("proof").is_none(), "{answer}");
}
