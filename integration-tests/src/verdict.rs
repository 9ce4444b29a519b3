//! Questions to a lab, and whether the model's answer and the packet's fate are the same.

use std::fmt;

use serde_json::Value;

use crate::lab::Lab;
use crate::output::Finished;

/// A flow to ask about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The sender, as on the command line.
    pub from: String,
    /// The receiver, as on the command line.
    pub to: String,
    /// Tcp, Udp or Icmp.
    pub protocol: &'static str,
    /// The destination port; none for Icmp.
    pub port: Option<u16>,
}

impl Question {
    /// A TCP connection.
    #[must_use]
    pub fn tcp(from: &str, to: &str, port: u16) -> Self {
        Self { from: from.to_owned(), to: to.to_owned(), protocol: "Tcp", port: Some(port) }
    }

    /// A UDP datagram.
    #[must_use]
    pub fn udp(from: &str, to: &str, port: u16) -> Self {
        Self { protocol: "Udp", ..Self::tcp(from, to, port) }
    }

    /// An ICMP echo request.
    #[must_use]
    pub fn icmp(from: &str, to: &str) -> Self {
        Self { protocol: "Icmp", port: None, ..Self::tcp(from, to, 0) }
    }

    /// Every ordered pair of `vms`, by TCP and UDP to these ports and by ICMP.
    #[must_use]
    pub fn every_pair(vms: &[String], tcp: u16, udp: u16) -> Vec<Self> {
        let pairs = vms.iter().flat_map(|from| vms.iter().map(move |to| (from, to)));
        pairs
            .filter(|(from, to)| from != to)
            .flat_map(|(from, to)| [Self::tcp(from, to, tcp), Self::udp(from, to, udp), Self::icmp(from, to)])
            .collect()
    }

    /// The arguments of `vnetlab explain`.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let fixed = ["--from", &self.from, "--to", &self.to, "--protocol", self.protocol].map(str::to_owned);
        let port = self.port.into_iter().flat_map(|port| ["--port".to_owned(), port.to_string()]);
        fixed.into_iter().chain(port).collect()
    }

    /// Why `finished`, the answer of `vnetlab explain --prove -o json`, is not a proof; none when it is one.
    ///
    /// Both must come to the same verdict, and where a rule of a network security group denied, both must name the same
    /// rule at the same VM.
    #[must_use]
    pub fn disagreement(&self, finished: &Finished) -> Option<String> {
        if !matches!(finished.status, Some(0 | 1)) {
            return Some(finished.to_string());
        }
        let answer = finished.json();
        let proof = &answer["proof"];
        let expected_status = if answer["verdict"] == "Allow" { 0 } else { 1 };
        let same_verdict = proof["agrees"] == true && proof["verdict"] == answer["verdict"];
        let reason = &answer["reason"];
        let denied_by_group = answer["verdict"] == "Deny" && reason["layer"] == "networkSecurityGroup";
        let observed = &proof["observed"];
        let same_rule = observed["rule"] == reason["rule"] && observed["at"] == reason["at"];
        let is_proof =
            finished.status == Some(expected_status) && same_verdict && (!denied_by_group || same_rule);
        (!is_proof).then(|| finished.to_string())
    }
}

/// The questions as the `tests:` of a topology file. What they expect is not what is asked of them.
#[must_use]
pub fn as_tests(questions: &[Question]) -> String {
    let line = |Question { from, to, protocol, port }: &Question| {
        let port = port.map(|port| format!(", port: {port}")).unwrap_or_default();
        format!("  - {{from: {from}, to: {to}, protocol: {protocol}{port}, expect: Allow}}\n")
    };
    let lines: String = questions.iter().map(line).collect();
    format!("tests:\n{lines}")
}

/// In what the model and packets disagree, by `finished`, the answer of `vnetlab test -o json` to `count` questions. Whether
/// either is as the file expects does not matter.
///
/// # Panics
/// When it is no answer to that many questions.
#[must_use]
pub fn disagreements(finished: &Finished, count: usize) -> Vec<String> {
    assert!(matches!(finished.status, Some(0 | 1)), "{finished}");
    let answer = finished.json();
    let tests = answer["tests"].as_array().expect("an answer has tests");
    assert_eq!(tests.len(), count, "{finished}");
    tests.iter().flat_map(disagreements_of_test).collect()
}

fn disagreements_of_test(test: &Value) -> Vec<String> {
    let failures = test["failures"].as_array().expect("a test has failures").iter();
    let failures = failures.map(|failure| failure.as_str().expect("a failure is a sentence"));
    let about_agreement = failures.filter(|failure| !failure.starts_with("expected "));
    about_agreement.map(|failure| format!("* {}: {failure}", test["name"])).collect()
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, protocol, port } = self;
        let port = port.map(|port| format!(" {port}")).unwrap_or_default();
        write!(f, "{from} to {to}, {protocol}{port}")
    }
}

/// Asks every question and fails with all disagreements, not only the first. Returns how many were allowed.
///
/// # Panics
/// When the model and a packet disagree.
#[must_use]
pub fn all_agree(lab: &Lab, questions: &[Question]) -> usize {
    assert!(!questions.is_empty(), "a lab without questions proves nothing");
    let answers: Vec<_> = questions.iter().map(|question| (question, lab.prove(question))).collect();
    let disagreements: Vec<_> = answers
        .iter()
        .filter_map(|(question, answer)| Some(format!("* {question}\n{}", question.disagreement(answer)?)))
        .collect();
    assert!(
        disagreements.is_empty(),
        "{} of {} proofs failed\n{}",
        disagreements.len(),
        questions.len(),
        disagreements.join("\n")
    );
    answers.iter().filter(|(_, answer)| answer.status == Some(0)).count()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn questions_are_tests_of_a_file() {
        let questions = [Question::tcp("a", "b", 80), Question::icmp("a", "b/nic1")];
        let text = as_tests(&questions);
        assert_eq!(
            text,
            "tests:\n  - {from: a, to: b, protocol: Tcp, port: 80, expect: Allow}\n  - {from: a, to: b/nic1, protocol: Icmp, expect: Allow}\n"
        );
    }

    #[test]
    fn an_expectation_is_no_disagreement() {
        let answer = serde_json::json!({"tests": [
            {"name": "a", "failures": ["expected Allow, the model says Deny"]},
            {"name": "b", "failures": ["expected Allow, the packet says Deny", "disagreement: x"]},
            {"name": "c", "failures": ["the packet could not be sent: y"]},
            {"name": "d", "failures": []},
        ]});
        let finished = Finished::run(Command::new("echo").arg(answer.to_string()));
        assert_eq!(
            disagreements(&finished, 4),
            ["* \"b\": disagreement: x", "* \"c\": the packet could not be sent: y"]
        );
    }
}
