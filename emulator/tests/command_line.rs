//! The command as a whole, as far as it needs neither rights nor a lab: results on standard output, and exit statuses.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::path::PathBuf;

use assert_cmd::Command;
use serde_json::Value;

const GOOD: &str = "
name: good
virtualNetworks:
  net: {addressSpace: [10.0.0.0/16], subnets: {a: {addressPrefix: 10.0.1.0/24, networkSecurityGroup: nsg}}}
networkSecurityGroups:
  nsg: {securityRules: {deny: {priority: 100, direction: Inbound, access: Deny, protocol: Tcp, destinationPortRange: 22}}}
virtualMachines:
  web: {subnet: net/a}
  db: {subnet: net/a}
";

/// A `vnetlab` with a state folder of its own.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, text: &str) -> PathBuf {
        let path = self.0.path().join("topology.yaml");
        std::fs::write(&path, text).unwrap();
        path
    }

    fn vnetlab(&self, arguments: &[&str]) -> Command {
        let mut command = Command::cargo_bin("vnetlab").unwrap();
        command.env("VNETLAB_STATE_DIR", self.0.path().join("state")).args(arguments);
        command
    }

    /// Runs it, and expects this exit status; standard output as JSON.
    fn json(&self, arguments: &[&str], status: i32) -> Value {
        let output = self.vnetlab(arguments).args(["-o", "json"]).assert().code(status).get_output().clone();
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Runs it, and expects to be refused; what it says.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.vnetlab(arguments).assert().code(2).stdout("").get_output().clone();
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn check_has_status_0_without_errors_and_1_with() {
    let bench = Bench::new();
    let good = bench.write(GOOD);
    let report = bench.json(&["check", good.to_str().unwrap()], 0);
    assert_eq!(report["errors"], serde_json::json!([]));

    let bad = bench.write(&GOOD.replace("net/a}", "net/b}"));
    let report = bench.json(&["check", bad.to_str().unwrap()], 1);
    let errors = report["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2, "{report}");
    let keys =
        |value: &Value| value.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(keys(&report), ["errors", "warnings"].map(str::to_owned).into());
    for problem in errors.iter().chain(report["warnings"].as_array().unwrap()) {
        assert_eq!(keys(problem), ["code", "message", "path", "line", "column"].map(str::to_owned).into());
        assert!(problem["line"].as_u64() > Some(0) && problem["column"].as_u64() > Some(0), "{problem}");
        assert!(!problem["code"].as_str().unwrap().is_empty() && problem["path"].is_string(), "{problem}");
    }
    bench.vnetlab(&["check", bad.to_str().unwrap()]).assert().code(1);
}

#[test]
fn a_file_that_is_not_there_is_refused() {
    let bench = Bench::new();
    for command in ["check", "up"] {
        assert!(bench.refused(&[command, "/nonexistent.yaml"]).contains("/nonexistent.yaml"));
    }
    let bad = bench.write("name: Bad Name\n");
    assert!(bench.refused(&["up", bad.to_str().unwrap()]).contains("topology.yaml"));
    assert!(!bench.0.path().join("state").exists(), "nothing was made");
}

#[test]
fn questions_about_labs_that_do_not_run_are_refused() {
    let bench = Bench::new();
    assert!(bench.refused(&["status"]).contains("vnetlab up"));
    assert!(bench.refused(&["status", "-l", "nowhere"]).contains("nowhere"));
    assert!(bench.refused(&["exec", "web", "--", "true"]).contains("no lab is running"));
}

#[test]
fn down_of_a_lab_that_is_gone_says_so() {
    let bench = Bench::new();
    let output = bench.vnetlab(&["down", "gone"]).assert().code(1).stdout("").get_output().clone();
    assert!(String::from_utf8(output.stderr).unwrap().contains("lab gone is not running"));
    bench.vnetlab(&["down", "--all"]).assert().code(0);
}

#[test]
fn what_a_dead_lab_has_left_is_removed() {
    let bench = Bench::new();
    let folder = bench.0.path().join("state/dead");
    std::fs::create_dir_all(folder.join("agents")).unwrap();
    let output = bench.vnetlab(&["down", "dead"]).assert().code(1).get_output().clone();
    assert!(String::from_utf8(output.stderr).unwrap().contains("what it had left is removed"));
    assert!(!folder.exists());
}

#[test]
fn list_of_none_is_empty() {
    assert_eq!(Bench::new().json(&["list"], 0), serde_json::json!({"value": []}));
}

#[test]
fn explain_of_a_file_has_the_verdicts_status() {
    let bench = Bench::new();
    let file = bench.write(GOOD);
    let file = file.to_str().unwrap();
    let ask = ["explain", "-f", file, "--from", "web", "--to", "db", "--protocol", "Tcp", "--port"];
    let denied = bench.json(&[&ask[..], &["22"]].concat(), 1);
    assert_eq!(denied["reason"]["rule"], "deny");
    let allowed = bench.json(&[&ask[..], &["80"]].concat(), 0);
    assert_eq!(allowed["verdict"], "Allow");
    let said = bench.refused(&["explain", "-f", file, "--from", "wbe", "--to", "db"]);
    assert!(said.contains("wbe"), "{said}");
}

#[test]
fn a_dry_run_says_what_would_be_created_and_makes_nothing() {
    let bench = Bench::new();
    let file = bench.write(GOOD);
    let plan = bench.json(&["up", "--dry-run", file.to_str().unwrap()], 0);
    let changes = plan["changes"].as_array().unwrap();
    assert!(changes.iter().all(|change| change["action"] == "create"), "{plan}");
    assert!(changes.iter().any(|change| change["name"] == "web"), "{plan}");
    assert!(!bench.0.path().join("state").exists());
}

/// Whether the description of the first host that `up` would make has this word, with these options and this variable.
fn plans_with(bench: &Bench, word: &str, options: &[&str], variable: (&str, Option<&str>)) -> bool {
    let file = bench.write(GOOD);
    let mut command = bench.vnetlab(&["up", "--dry-run", file.to_str().unwrap(), "-o", "json"]);
    command.env_remove("VNETLAB_NO_OFFLOAD").env_remove("VNETLAB_HONEST_PACKETS").args(options);
    variable.1.map(|value| command.env(variable.0, value));
    let plan: Value = serde_json::from_slice(&command.assert().code(0).get_output().stdout).unwrap();
    plan["changes"][0]["why"].as_str().unwrap().contains(word)
}

#[test]
fn how_packets_are_carried_is_chosen_by_option_or_variable() {
    let bench = Bench::new();
    for (option, variable, word) in [
        ("--no-offload", "VNETLAB_NO_OFFLOAD", "nothing is offloaded"),
        ("--honest-packets", "VNETLAB_HONEST_PACKETS", "one by one"),
    ] {
        for (options, value, chosen) in [
            (&[][..], None, false),
            (&[], Some(""), false),
            (&[], Some("0"), false),
            (&[], Some("1"), true),
            (&[option], None, true),
            (&[option], Some("0"), true),
        ] {
            assert_eq!(
                plans_with(&bench, word, options, (variable, value)),
                chosen,
                "{option} {options:?} {value:?}"
            );
        }
    }
}

#[test]
fn the_schema_is_json_that_names_the_sections() {
    let output = Bench::new().vnetlab(&["schema"]).assert().code(0).get_output().clone();
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(schema["properties"]["virtualNetworks"].is_object());
}

#[test]
fn completions_are_a_script() {
    for shell in ["bash", "zsh", "fish"] {
        let output = Bench::new().vnetlab(&["completions", shell]).assert().code(0).get_output().clone();
        let script = String::from_utf8(output.stdout).unwrap();
        for command in
            ["explain", "test-ip-flow", "list-effective-security-admin-rules", "service-host", "capture"]
        {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
    Bench::new().vnetlab(&["completions", "nosuchshell"]).assert().code(2);
}

/// What is missing comes with what mends it, whatever this machine has. System folders are searched without `PATH` too.
#[test]
fn doctor_names_everything_that_it_looked_at() {
    let bench = Bench::new();
    let output = bench.vnetlab(&["doctor", "-o", "json"]).env("PATH", bench.0.path()).output().unwrap();
    let checkup: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = checkup["findings"].as_array().unwrap();
    for name in ["nft", "network namespaces", "vnetlab-agent"] {
        assert!(findings.iter().any(|finding| finding["name"] == name), "{name}: {checkup}");
    }
    let unfit = |finding: &Value| finding["works"] == false && finding["required"] == true;
    assert_eq!(output.status.code(), Some(i32::from(findings.iter().any(unfit))), "{checkup}");
    for missing in findings.iter().filter(|finding| finding["works"] == false) {
        assert!(missing["problem"].is_string() && missing["mend"].is_string(), "{missing}");
    }
}

/// A reader that goes away is no failure.
#[test]
fn a_closed_pipe_is_no_failure() {
    let bench = Bench::new();
    let mut child = std::process::Command::new(bench.vnetlab(&[]).get_program())
        .arg("schema")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
