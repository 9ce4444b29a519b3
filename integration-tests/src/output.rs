//! What a finished command said.

use std::process::{Command, Output};

use serde_json::Value;

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    line: String,
    /// Its exit status; none when a signal ended it.
    pub status: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Finished {
    /// Runs `command` to its end, without a terminal and with nothing to read.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn run(command: &mut Command) -> Self {
        let line = format!("{command:?}");
        let output = command.stdin(std::process::Stdio::null()).output();
        let Output { status, stdout, stderr } = output.unwrap_or_else(|error| panic!("{line}: {error}"));
        let [stdout, stderr] = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Self { line, status: status.code(), stdout, stderr }
    }

    /// Itself, if the exit status is `expected`.
    ///
    /// # Panics
    /// Otherwise, with everything that it said.
    #[must_use]
    pub fn expect_status(self, expected: i32) -> Self {
        assert_eq!(self.status, Some(expected), "{self}");
        self
    }

    /// Standard output, if the exit status is 0.
    ///
    /// # Panics
    /// Otherwise, with everything that it said.
    #[must_use]
    pub fn ok(self) -> String {
        self.expect_status(0).stdout
    }

    /// Standard output as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("not JSON: {error}\n{self}"))
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, status, stdout, stderr } = self;
        write!(f, "{line}\nexit status {status:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}
