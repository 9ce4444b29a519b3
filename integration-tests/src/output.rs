//! What a finished command said.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long any command may take: far more than it takes.
pub const LIMIT: Duration = Duration::from_secs(90);

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
    /// When it cannot be started, or does not end within [`LIMIT`].
    #[must_use]
    pub fn run(command: &mut Command) -> Self {
        let line = format!("{command:?}");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{line}: {error}"));
        let stdout = read_all(child.stdout.take().expect("a pipe"));
        let stderr = read_all(child.stderr.take().expect("a pipe"));
        let status = end_of(&mut child);
        let [stdout, stderr] = [stdout, stderr].map(|reader| reader.join().expect("a reader does not panic"));
        let finished = Self { line, status: status.and_then(|status| status.code()), stdout, stderr };
        assert!(status.is_some(), "did not end within {LIMIT:?}: {finished}");
        finished
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

/// Reads to the end on a thread, so that the writer never waits.
fn read_all(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The exit status of `child`; none when it had to be killed.
fn end_of(child: &mut Child) -> Option<ExitStatus> {
    let began = Instant::now();
    while began.elapsed() < LIMIT {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}
