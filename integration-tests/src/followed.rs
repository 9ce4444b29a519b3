//! A command with `--follow`, which goes on telling until it is let go of.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};

use serde_json::Value;

use crate::output::LIMIT;
use crate::{Lab, wait};

/// `vnetlab drops --follow` or `vnetlab events --follow`.
#[derive(Debug)]
pub struct Followed {
    child: Child,
    values: Receiver<String>,
    told: Receiver<String>,
}

impl Followed {
    /// Starts it with these arguments.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(lab: &Lab, arguments: &[&str]) -> Self {
        let mut command = lab.bench().command(&[arguments, &["--follow", "-o", "json"]].concat());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (values, told) = (lines(child.stdout.take().unwrap()), lines(child.stderr.take().unwrap()));
        Self { child, values, told }
    }

    /// Waits for a value that is wanted; those before it are passed over.
    ///
    /// # Panics
    /// When it does not come.
    #[must_use]
    pub fn await_value(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.values.recv_timeout(LIMIT).expect("a line on standard output");
            let value = serde_json::from_str(&line).unwrap();
            if wanted(&value) {
                return value;
            }
        }
    }

    /// Waits for a sentence on standard error.
    ///
    /// # Panics
    /// When it does not come.
    pub fn await_sentence(&self, part: &str) {
        while !self.told.recv_timeout(LIMIT).expect("a sentence").contains(part) {}
    }

    /// Its exit status, once it has ended by itself.
    ///
    /// # Panics
    /// When it does not end.
    #[must_use]
    pub fn status(&mut self) -> Option<i32> {
        wait::until("the command to end", || self.child.try_wait().unwrap()).code()
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads on a thread, so that a line can be waited for and not for ever.
fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (to, lines) = mpsc::channel();
    std::thread::spawn(move || {
        let mut read = BufReader::new(pipe).lines().map_while(Result::ok);
        read.try_for_each(|line| to.send(line))
    });
    lines
}
