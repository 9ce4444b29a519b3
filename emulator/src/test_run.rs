//! The tests of a topology: each asked of the model and of a real packet, and both held against what the file expects.

use std::time::Duration;

use anyhow::Result;
use goal_state::nsg::{Access, Protocol};
use model::effective::Policy;
use model::network::{Network, TestCase};
use model::verdict::{Explanation, IpProtocol, Question, explain};
use serde::Serialize;

use crate::proof::{Judgement, Prober, judge};

/// What came of a topology's tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TestRun {
    /// The topology's name.
    pub(crate) lab: String,
    /// One per test, in the order of the file.
    pub(crate) tests: Vec<TestResult>,
    /// How many passed.
    pub(crate) passed: usize,
    /// How many did not.
    pub(crate) failed: usize,
    /// How long they took together.
    pub(crate) milliseconds: u64,
}

/// What came of one test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TestResult {
    /// `web1 to app1, Tcp 22: Deny`.
    pub(crate) name: String,
    /// Where it is in the file.
    pub(crate) line: usize,
    /// What the file expects.
    pub(crate) expect: Access,
    /// What the model says; null when it could not be asked.
    pub(crate) model: Option<Access>,
    /// What the packet met; null when it could not be sent.
    pub(crate) packet: Option<Access>,
    /// The VMs that the packet came to, the sender first.
    pub(crate) path: Vec<String>,
    /// The rule that denied the packet.
    pub(crate) by: Option<String>,
    /// Whether everything is as expected.
    pub(crate) passed: bool,
    /// What is not, as sentences.
    pub(crate) failures: Vec<String>,
}

impl TestRun {
    /// These results, counted.
    pub(crate) fn of(lab: &str, tests: Vec<TestResult>, took: Duration) -> Self {
        let passed = tests.iter().filter(|result| result.passed).count();
        let failed = tests.len() - passed;
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        Self { lab: lab.to_owned(), tests, passed, failed, milliseconds }
    }
}

/// Runs the tests of `network` in the lab that `prober` is connected to.
///
/// # Errors
/// When the lab goes away. A test that fails is no error.
pub(crate) fn run(network: &Network, prober: &mut Prober) -> Result<Vec<TestResult>> {
    let policy = Policy::new(network);
    let answers: Vec<_> =
        network.tests.iter().map(|test| explain(&policy, &question(test, prober.source_port()))).collect();
    let explanations: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
    let mut observations = prober.probe(network, &explanations)?.into_iter();
    let results = network.tests.iter().zip(&answers).map(|(test, answer)| match answer {
        Ok(explanation) => {
            let judged = observations.next().map(|observation| judge(explanation, &observation));
            result(test, explanation, judged.unwrap_or_else(|| Err("it was not sent".to_owned())))
        }
        Err(error) => TestResult { failures: vec![error.to_string()], ..nothing_known(test) },
    });
    Ok(results.collect())
}

fn question(test: &TestCase, source_port: u16) -> Question {
    Question {
        from: test.from.clone(),
        to: test.to.clone(),
        protocol: IpProtocol::of(test.protocol).unwrap_or(IpProtocol::ICMP),
        port: test.port,
        source_port: Some(source_port),
        source_ip: None,
    }
}

fn result(test: &TestCase, explanation: &Explanation, judged: Result<Judgement, String>) -> TestResult {
    let model = TestResult { model: Some(explanation.verdict), ..nothing_known(test) };
    match judged {
        Err(error) => {
            TestResult { failures: vec![format!("the packet could not be sent: {error}")], ..model }
        }
        Ok(judgement) => {
            let failures = failures(test, explanation, &judgement);
            TestResult {
                packet: Some(judgement.proof.verdict),
                by: judgement.proof.observed.as_ref().and_then(|observed| observed.rule.clone()),
                path: judgement.path,
                passed: failures.is_empty(),
                failures,
                ..model
            }
        }
    }
}

fn nothing_known(test: &TestCase) -> TestResult {
    TestResult {
        name: name(test),
        line: test.line,
        expect: test.expect,
        model: None,
        packet: None,
        path: Vec::new(),
        by: None,
        passed: false,
        failures: Vec::new(),
    }
}

fn name(TestCase { from, to, protocol, port, expect, .. }: &TestCase) -> String {
    let port =
        port.filter(|_| *protocol != Protocol::Icmp).map(|port| format!(" {port}")).unwrap_or_default();
    format!("{from} to {to}, {protocol}{port}: {expect:?}")
}

/// Everything in which the model or the packet is not as the file expects, or they disagree.
fn failures(test: &TestCase, explanation: &Explanation, judgement: &Judgement) -> Vec<String> {
    let mut failures = Vec::new();
    let rule_of_model = explanation.reason.as_ref().and_then(|reason| reason.rule.as_deref());
    let rule_of_packet = judgement.proof.observed.as_ref().and_then(|observed| observed.rule.as_deref());
    for (who, verdict, rule, path) in [
        ("model", explanation.verdict, rule_of_model, &explanation.path),
        ("packet", judgement.proof.verdict, rule_of_packet, &judgement.path),
    ] {
        if verdict != test.expect {
            failures.push(format!("expected {:?}, the {who} says {verdict:?}", test.expect));
        }
        failures.extend(failure_of_rule(test, who, rule));
        if !passes(path, &test.via) {
            let (via, path) = (test.via.join(" → "), path.join(" → "));
            failures.push(format!("expected a way via {via}, the {who}'s is {path}"));
        }
    }
    failures.extend(judgement.differences.iter().map(|difference| format!("disagreement: {difference}")));
    failures
}

fn failure_of_rule(test: &TestCase, who: &str, rule: Option<&str>) -> Option<String> {
    let expected = test.rule.as_deref()?;
    let same = rule.is_some_and(|rule| rule.eq_ignore_ascii_case(expected));
    let found = rule.unwrap_or("none");
    (!same).then(|| format!("expected the rule {expected} to decide, the {who}'s is {found}"))
}

/// Whether `path`, after the sender, has all of `via` in this order.
fn passes(path: &[String], via: &[String]) -> bool {
    let mut rest = path.iter().skip(1);
    via.iter().all(|wanted| rest.any(|vm| vm.eq_ignore_ascii_case(wanted)))
}

#[cfg(test)]
pub(crate) mod tests {
    use model::verdict::{Observed, Proof};

    use super::*;

    const TOPOLOGY: &str = "
name: tests
virtualNetworks:
  net: {addressSpace: [10.0.0.0/16], subnets: {a: {addressPrefix: 10.0.1.0/24, networkSecurityGroup: nsg}}}
networkSecurityGroups:
  nsg: {securityRules: {deny-ssh: {priority: 100, direction: Inbound, access: Deny, protocol: Tcp, destinationPortRange: 22}}}
virtualMachines:
  web: {subnet: net/a}
  db: {subnet: net/a}
tests:
  - {from: web, to: db, protocol: Tcp, port: 22, expect: Deny, rule: deny-ssh}
  - {from: web, to: db, protocol: Icmp, expect: Allow}
";

    /// web may not open SSH to db.
    pub(crate) fn network() -> Network {
        crate::topology::from_text(TOPOLOGY, std::path::Path::new("tests.yaml")).unwrap().network
    }

    fn denied_by(rule: &str) -> Judgement {
        let observed = Some(Observed { rule: Some(rule.to_owned()), at: "db".into() });
        let proof = Proof { verdict: Access::Deny, agrees: true, observed };
        Judgement { proof, path: vec!["web".into(), "db".into()], differences: Vec::new() }
    }

    fn judged(change: impl FnOnce(&mut TestCase), judgement: Judgement) -> TestResult {
        let network = network();
        let mut test = network.tests[0].clone();
        let explanation = explain(&Policy::new(&network), &question(&test, 61_000)).unwrap();
        change(&mut test);
        result(&test, &explanation, Ok(judgement))
    }

    /// One that passed and one that failed.
    pub(crate) fn example() -> TestRun {
        let passed = judged(|_| {}, denied_by("deny-ssh"));
        let failed = judged(|test| test.rule = Some("deny-all".into()), denied_by("deny-ssh"));
        TestRun::of("tests", vec![passed, failed], Duration::from_millis(1234))
    }

    #[test]
    fn a_test_passes_when_model_and_packet_are_as_expected() {
        let result = judged(|_| {}, denied_by("deny-ssh"));
        assert_eq!(result.failures, [""; 0]);
        assert!(result.passed);
        assert_eq!(result.name, "web to db, Tcp 22: Deny");
        assert_eq!(name(&network().tests[1]), "web to db, Icmp: Allow");
    }

    #[test]
    fn a_test_fails_by_verdict_rule_way_and_disagreement() {
        let by_verdict = judged(|test| test.expect = Access::Allow, denied_by("deny-ssh"));
        assert_eq!(
            by_verdict.failures,
            ["expected Allow, the model says Deny", "expected Allow, the packet says Deny"]
        );
        let by_rule = judged(|_| {}, denied_by("DenyAllInBound"));
        assert_eq!(
            by_rule.failures,
            ["expected the rule deny-ssh to decide, the packet's is DenyAllInBound"]
        );
        let by_way = judged(|test| test.via = vec!["nva".into()], denied_by("deny-ssh"));
        assert_eq!(by_way.failures.len(), 2);
        let mut judgement = denied_by("deny-ssh");
        judgement.differences = vec!["x".into()];
        assert_eq!(judged(|_| {}, judgement).failures, ["disagreement: x"]);
    }

    #[test]
    fn a_packet_that_could_not_be_sent_is_a_failure() {
        let network = network();
        let explanation = explain(&Policy::new(&network), &question(&network.tests[0], 61_000)).unwrap();
        let result = result(&network.tests[0], &explanation, Err("no such VM".into()));
        assert!(!result.passed);
        assert_eq!(result.failures, ["the packet could not be sent: no such VM"]);
    }

    #[test]
    fn a_way_passes_its_stations_in_order() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let path = names(&["web", "nva1", "nva2", "db"]);
        assert!(passes(&path, &names(&[])));
        assert!(passes(&path, &names(&["NVA1", "nva2"])));
        assert!(!passes(&path, &names(&["nva2", "nva1"])));
        assert!(!passes(&path, &names(&["web"])), "the sender is where it begins");
    }

    #[test]
    fn results_read_like_this() {
        use crate::output::Show;
        insta::assert_snapshot!(example().table());
        insta::assert_json_snapshot!(example());
    }
}
