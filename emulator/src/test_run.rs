//! The tests of a topology: each asked of the model and of a real packet, and both held against what the file expects.

use std::time::Duration;

use anyhow::Result;
use goal_state::DropReason;
use goal_state::nsg::{Access, Protocol};
use model::effective::Policy;
use model::network::{Network, TestCase};
use model::verdict::{Explanation, IpProtocol, Question, explain_all};
use serde::Serialize;

use crate::proof::{FollowUp, Judgement, Observation, Prober, judge, not_carried};

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
    /// How many could not be proved, because packets do not do it yet. The model's answer is as expected.
    pub(crate) skipped: usize,
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
    /// The layer that denies it, as the model says.
    pub(crate) layer: Option<DropReason>,
    /// The VMs that the packet came to, the sender first.
    pub(crate) path: Vec<String>,
    /// The rule that denied the packet.
    pub(crate) by: Option<String>,
    /// What became of more packets of the flow; null when none were sent.
    pub(crate) follow_up: Option<FollowUp>,
    /// Whether everything is as expected.
    pub(crate) passed: bool,
    /// Why no packet was sent, when the model is as expected; null when one was.
    pub(crate) skipped: Option<String>,
    /// What is not, as sentences.
    pub(crate) failures: Vec<String>,
}

impl TestRun {
    /// These results, counted.
    pub(crate) fn of(lab: &str, tests: Vec<TestResult>, took: Duration) -> Self {
        let passed = tests.iter().filter(|result| result.passed).count();
        let skipped = tests.iter().filter(|result| result.skipped.is_some()).count();
        let failed = tests.len() - passed - skipped;
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        Self { lab: lab.to_owned(), tests, passed, failed, skipped, milliseconds }
    }
}

/// Runs the tests of `network` in the lab that `prober` is connected to. Of each flow as many more packets are sent as
/// `follow_up` says, once the fate of the first one is known.
///
/// # Errors
/// When the lab goes away. A test that fails is no error.
pub(crate) fn run(network: &Network, prober: &mut Prober, follow_up: u32) -> Result<Vec<TestResult>> {
    let policy = Policy::new(network);
    let answers: Vec<_> = network
        .tests
        .iter()
        .map(|test| explain_all(&policy, &question(test, prober.source_port())))
        .collect();
    let carried = answers.iter().filter_map(|answer| answer.as_deref().ok());
    let carried: Vec<_> = carried.filter(|answer| not_carried(answer).is_none()).collect();
    let observations = prober.probe(network, &carried)?;
    let followed = match follow_up {
        0 => vec![None; observations.len()],
        packets => prober.follow_up(network, &carried, &observations, packets)?,
    };
    let mut observations = observations.iter().zip(followed);
    let results = network.tests.iter().zip(&answers).map(|(test, answer)| match answer {
        Ok(explanations) => match not_carried(explanations) {
            Some(what) => without_packet(test, explanations, what),
            None => result(test, explanations, observations.next()),
        },
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

/// The model alone, as packets do not do this yet: never a test that passed.
fn without_packet(test: &TestCase, explanations: &[Explanation], what: &str) -> TestResult {
    let Some(explanation) = explanations.first() else { return nothing_known(test) };
    let rule = explanation.reason.as_ref().and_then(|reason| reason.rule.clone());
    let failures = failures_of("model", test, explanation.verdict, rule.as_deref(), &explanation.path);
    TestResult {
        model: Some(explanation.verdict),
        layer: layer(explanation),
        path: explanation.path.clone(),
        by: rule,
        skipped: failures.is_empty().then(|| format!("packets are not carried yet by {what}")),
        failures,
        ..nothing_known(test)
    }
}

fn result(
    test: &TestCase,
    explanations: &[Explanation],
    seen: Option<(&Observation, Option<FollowUp>)>,
) -> TestResult {
    let first = explanations.first();
    let layer = first.and_then(layer);
    let model = TestResult { model: first.map(|first| first.verdict), layer, ..nothing_known(test) };
    let Some((observation, follow_up)) = seen else {
        return TestResult { failures: vec!["the packet was not sent".to_owned()], ..model };
    };
    match judge(explanations, observation) {
        Err(error) => {
            TestResult { failures: vec![format!("the packet could not be sent: {error}")], ..model }
        }
        Ok((explanation, mut judgement)) => {
            judgement.differences.extend(follow_up.and_then(|follow_up| follow_up.difference()));
            TestResult { follow_up, ..judged(test, explanation, judgement) }
        }
    }
}

fn layer(explanation: &Explanation) -> Option<DropReason> {
    explanation.reason.as_ref().map(|reason| reason.layer)
}

fn judged(test: &TestCase, explanation: &Explanation, judgement: Judgement) -> TestResult {
    let failures = failures(test, explanation, &judgement);
    TestResult {
        model: Some(explanation.verdict),
        packet: Some(judgement.proof.verdict),
        layer: layer(explanation),
        by: judgement.proof.observed.as_ref().and_then(|observed| observed.rule.clone()),
        path: judgement.path,
        passed: failures.is_empty(),
        failures,
        ..nothing_known(test)
    }
}

fn nothing_known(test: &TestCase) -> TestResult {
    TestResult {
        name: name(test),
        line: test.line,
        expect: test.expect,
        model: None,
        packet: None,
        layer: None,
        path: Vec::new(),
        by: None,
        follow_up: None,
        passed: false,
        skipped: None,
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
    let rule_of_model = explanation.reason.as_ref().and_then(|reason| reason.rule.as_deref());
    let rule_of_packet = judgement.proof.observed.as_ref().and_then(|observed| observed.rule.as_deref());
    let mut failures = failures_of("model", test, explanation.verdict, rule_of_model, &explanation.path);
    failures.extend(failures_of("packet", test, judgement.proof.verdict, rule_of_packet, &judgement.path));
    failures.extend(judgement.differences.iter().map(|difference| format!("disagreement: {difference}")));
    failures
}

/// In what one answer is not as the file expects.
fn failures_of(
    who: &str,
    test: &TestCase,
    verdict: Access,
    rule: Option<&str>,
    path: &[String],
) -> Vec<String> {
    let mut failures = Vec::new();
    if verdict != test.expect {
        failures.push(format!("expected {:?}, the {who} says {verdict:?}", test.expect));
    }
    failures.extend(failure_of_rule(test, who, rule));
    if !passes(path, &test.via) {
        let (via, path) = (test.via.join(" → "), path.join(" → "));
        failures.push(format!("expected a way via {via}, the {who}'s is {path}"));
    }
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
    use model::verdict::{Observed, Proof, explain};

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

    fn seen(change: impl FnOnce(&mut TestCase), judgement: Judgement) -> TestResult {
        let network = network();
        let mut test = network.tests[0].clone();
        let explanation = explain(&Policy::new(&network), &question(&test, 61_000)).unwrap();
        change(&mut test);
        judged(&test, &explanation, judgement)
    }

    /// A test that the model alone can answer.
    fn unproved(expect: Access) -> TestResult {
        let network = network();
        let test = TestCase { expect, ..network.tests[1].clone() };
        let explanation = explain(&Policy::new(&network), &question(&test, 61_000)).unwrap();
        without_packet(&test, &[explanation], "the internet")
    }

    /// One that passed, one that failed and one that was skipped.
    pub(crate) fn example() -> TestRun {
        let passed = seen(|_| {}, denied_by("deny-ssh"));
        let failed = seen(|test| test.rule = Some("deny-all".into()), denied_by("deny-ssh"));
        TestRun::of("tests", vec![passed, failed, unproved(Access::Allow)], Duration::from_millis(1234))
    }

    #[test]
    fn a_test_passes_when_model_and_packet_are_as_expected() {
        let result = seen(|_| {}, denied_by("deny-ssh"));
        assert_eq!(result.failures, [""; 0]);
        assert!(result.passed);
        assert_eq!(result.name, "web to db, Tcp 22: Deny");
        assert_eq!(name(&network().tests[1]), "web to db, Icmp: Allow");
    }

    #[test]
    fn a_test_fails_by_verdict_rule_way_and_disagreement() {
        let by_verdict = seen(|test| test.expect = Access::Allow, denied_by("deny-ssh"));
        assert_eq!(
            by_verdict.failures,
            ["expected Allow, the model says Deny", "expected Allow, the packet says Deny"]
        );
        let by_rule = seen(|_| {}, denied_by("DenyAllInBound"));
        assert_eq!(
            by_rule.failures,
            ["expected the rule deny-ssh to decide, the packet's is DenyAllInBound"]
        );
        let by_way = seen(|test| test.via = vec!["nva".into()], denied_by("deny-ssh"));
        assert_eq!(by_way.failures.len(), 2);
        let mut judgement = denied_by("deny-ssh");
        judgement.differences = vec!["x".into()];
        assert_eq!(seen(|_| {}, judgement).failures, ["disagreement: x"]);
    }

    #[test]
    fn a_packet_that_could_not_be_sent_is_a_failure() {
        use goal_state::probe::{ProbeOutcome, ProbeResult};

        let network = network();
        let explanation = explain(&Policy::new(&network), &question(&network.tests[0], 61_000)).unwrap();
        let packet = explanation.evidence.packet;
        let mut observation = crate::proof::observation::tests::observation(packet, &[]);
        let outcome = ProbeOutcome::Failed { error: "no such VM".into() };
        observation.result = Some(ProbeResult { source_port: 0, outcome });
        let result = result(&network.tests[0], &[explanation], Some((&observation, None)));
        assert!(!result.passed);
        assert_eq!(result.failures, ["the packet could not be sent: no such VM"]);
    }

    #[test]
    fn what_packets_do_not_do_yet_is_skipped_unless_the_model_is_wrong() {
        let skipped = unproved(Access::Allow);
        assert_eq!(skipped.skipped.as_deref(), Some("packets are not carried yet by the internet"));
        assert!(!skipped.passed && skipped.failures.is_empty() && skipped.packet.is_none());
        let wrong = unproved(Access::Deny);
        assert_eq!(wrong.skipped, None);
        assert_eq!(wrong.failures, ["expected Deny, the model says Allow"]);
        let run = TestRun::of("tests", vec![skipped, wrong], Duration::ZERO);
        assert_eq!((run.passed, run.failed, run.skipped), (0, 1, 1));
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
