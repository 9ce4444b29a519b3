//! The VM's own `ping`, which runs until it is stopped.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lab::Lab;
use crate::wait;

/// A ping that runs until it is stopped.
#[derive(Debug)]
pub struct Ping {
    child: Child,
    answers: Arc<Mutex<Vec<u16>>>,
    count: Arc<AtomicUsize>,
    reader: Option<JoinHandle<()>>,
}

impl Ping {
    /// Pings `address` from `vm` every `interval` seconds, and waits for the first answer.
    ///
    /// # Panics
    /// When none comes.
    #[must_use]
    pub fn start(lab: &Lab, vm: &str, address: &str, interval: &str) -> Self {
        Self::with_options(lab, vm, address, &["-i", interval])
    }

    /// The same with payloads that can be told on the wire, see [`super::MARKER`].
    ///
    /// # Panics
    /// When no answer comes.
    #[must_use]
    pub fn marked(lab: &Lab, vm: &str, address: &str, interval: &str) -> Self {
        let marked = super::ping_options();
        let marked: Vec<&str> = marked.iter().map(String::as_str).collect();
        Self::with_options(lab, vm, address, &[&marked[..], &["-i", interval]].concat())
    }

    fn with_options(lab: &Lab, vm: &str, address: &str, options: &[&str]) -> Self {
        // Where packets are encrypted, the first ones wait for keys, and few at a time can.
        let _ = lab.exec(vm, &["ping", "-c", "1", "-W", "5", address]).ok();
        let mut command = lab.exec_command(vm, &[&["ping"], options, &[address]].concat());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (answers, count) = (Arc::<Mutex<Vec<u16>>>::default(), Arc::<AtomicUsize>::default());
        let (of_reader, counted) = (Arc::clone(&answers), Arc::clone(&count));
        let reader = std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if let Some(number) = sequence_number(&line) {
                    of_reader.lock().unwrap().push(number);
                    counted.fetch_add(1, Ordering::Release);
                }
            }
        });
        let ping = Self { child, answers, count, reader: Some(reader) };
        ping.await_answers(1);
        ping
    }

    /// How many answers came so far.
    #[must_use]
    pub fn answers(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Waits for so many more.
    ///
    /// # Panics
    /// When they do not come.
    pub fn await_answers(&self, more: usize) {
        let wanted = self.answers() + more;
        wait::until("answers to a ping", || (self.answers() >= wanted).then_some(()));
    }

    /// Ends it: the sequence numbers between the first and the last answer that were never answered.
    ///
    /// # Panics
    /// When an answer came twice.
    #[must_use]
    pub fn lost(mut self) -> Vec<u16> {
        self.end();
        let mut answers = std::mem::take(&mut *self.answers.lock().unwrap());
        answers.sort_unstable();
        let twice: Vec<_> =
            answers.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        assert_eq!(twice, Vec::<u16>::new(), "answered twice");
        answers.windows(2).flat_map(|pair| pair[0] + 1..pair[1]).collect()
    }

    /// `vnetlab exec` hands SIGTERM on to ping; SIGKILL would leave ping behind.
    fn end(&mut self) {
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Ping {
    fn drop(&mut self) {
        self.end();
    }
}

/// `64 bytes from 10.0.0.5: icmp_seq=7 ttl=64 time=0.05 ms`.
fn sequence_number(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("icmp_seq=")?;
    line.contains("bytes from").then(|| rest.split(' ').next()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_from_errors() {
        let answer = "64 bytes from 10.0.0.5: icmp_seq=7 ttl=64 time=0.05 ms";
        assert_eq!(sequence_number(answer), Some(7));
        assert_eq!(sequence_number("From 10.0.0.4 icmp_seq=8 Destination Host Unreachable"), None);
    }
}
