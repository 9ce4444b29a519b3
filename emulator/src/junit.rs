//! Test results as JUnit XML, for programs that collect them.

use anyhow::{Context, Result};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::test_run::{TestResult, TestRun};

/// The XML of a run.
///
/// # Errors
/// When it cannot be written as XML.
pub(crate) fn report(run: &TestRun) -> Result<String> {
    let mut suite = TestSuite::new(run.lab.as_str());
    suite.add_test_cases(run.tests.iter().map(test_case));
    let mut report = Report::new("vnetlab test");
    report.add_test_suite(suite);
    report.to_string().context("writing JUnit XML")
}

/// Two tests of a file may ask the same, so the line is part of the name.
fn test_case(result: &TestResult) -> TestCase {
    let status = if result.passed {
        TestCaseStatus::success()
    } else if let Some(reason) = &result.skipped {
        let mut skipped = TestCaseStatus::skipped();
        skipped.set_message(reason.as_str());
        skipped
    } else {
        let mut failure = TestCaseStatus::non_success(NonSuccessKind::Failure);
        failure.set_message(result.failures.first().map_or("failed", String::as_str));
        failure.set_description(result.failures.join("\n"));
        failure
    };
    TestCase::new(format!("line {}: {}", result.line, result.name), status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_written_like_this() {
        insta::assert_snapshot!(report(&crate::test_run::tests::example()).unwrap());
    }
}
