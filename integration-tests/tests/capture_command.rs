//! `vnetlab capture`: packets on the underlay and at a VM, as text and as pcap.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use integration_tests::proc::Process;
use integration_tests::{Lab, User};

const PATIENCE: Duration = Duration::from_secs(20);
/// How a file of libpcap begins where the machine is little-endian: microseconds.
const PCAP: [u8; 4] = [0xd4, 0xc3, 0xb2, 0xa1];

/// A capture that has begun. It is ended as Ctrl-C ends it.
struct Capture {
    child: Option<Child>,
    said: Receiver<String>,
}

impl Capture {
    fn begin(lab: &Lab, arguments: &[&str]) -> Self {
        let mut command = lab.bench().command(&[&["capture"], arguments].concat());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = listen(child.stderr.take().unwrap());
        let mut capture = Self { child: Some(child), said };
        capture.await_word("listening on");
        capture
    }

    /// What it says up to the line with this word.
    fn await_word(&mut self, word: &str) -> String {
        let mut all = String::new();
        loop {
            let line = self.said.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no {word:?} in {all}"));
            all += &line;
            if line.contains(word) {
                return all;
            }
        }
    }

    /// The tcpdump behind it.
    fn tcpdump(&self) -> Process {
        let pid = self.child.as_ref().unwrap().id().cast_signed();
        let tree = Process::find(pid).unwrap().tree();
        tree.into_iter().find(|process| process.command_line.starts_with("tcpdump")).unwrap()
    }

    /// Ends it; its output.
    fn interrupt(mut self) -> Vec<u8> {
        let mut child = self.child.take().unwrap();
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        output_of(&mut child)
    }

    /// Waits until it has ended by itself; its output.
    fn output(mut self) -> Vec<u8> {
        output_of(&mut self.child.take().unwrap())
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn listen(stderr: ChildStderr) -> Receiver<String> {
    let (told, said) = channel();
    std::thread::spawn(move || {
        BufReader::new(stderr).lines().map_while(Result::ok).for_each(|line| drop(told.send(line)));
    });
    said
}

fn output_of(child: &mut Child) -> Vec<u8> {
    let mut output = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut output).unwrap();
    child.wait().unwrap();
    output
}

fn ping(lab: &Lab, destination: &str) {
    let _ = lab.exec("web1", &["ping", "-c", "1", "-W", "5", destination]).ok();
}

/// The same ping of web1 (host2) to web2 (host3): between the hosts, in the fabric where each packet passes once, at a VM.
#[test]
fn packets_are_seen_on_the_underlay_and_at_a_vm_as_root() {
    let lab = Lab::shipped(User::Root, "hub-spoke");
    let echo = "10.1.1.4 > 10.1.1.5: ICMP echo request";
    let reply = "10.1.1.5 > 10.1.1.4: ICMP echo reply";
    for place in [
        &["--underlay", "HOST2", "-c", "2", "udp", "port", "4789"][..],
        &["--underlay", "-c", "2", "--", "udp port 4789"],
        &["web1", "-c", "2", "icmp"],
        &["web2/nic0", "-c", "2", "icmp"],
    ] {
        let capture = Capture::begin(&lab, place);
        ping(&lab, "10.1.1.5");
        let text = String::from_utf8(capture.output()).unwrap();
        for wanted in [echo, reply] {
            assert_eq!(text.matches(wanted).count(), 1, "{place:?}: {wanted} in\n{text}");
        }
    }
}

#[test]
fn packets_are_written_to_a_file_or_to_standard_output_and_nothing_is_left_as_root() {
    let lab = Lab::shipped(User::Root, "hub-spoke");
    let path = lab.bench().folder().join("web1.pcap");
    let to_file = Capture::begin(&lab, &["web1", "-w", path.to_str().unwrap(), "-c", "1", "icmp"]);
    let to_pipe = Capture::begin(&lab, &["web1", "-w", "-"]);
    let tcpdump = to_pipe.tcpdump();
    ping(&lab, "10.1.1.5");
    assert_eq!(to_file.output(), b"", "packets go to the file alone");
    let file = std::fs::read(&path).unwrap();
    assert!(file.starts_with(&PCAP) && file.len() > 24 + 16, "{file:?}");
    assert!(to_pipe.interrupt().starts_with(&PCAP));
    assert!(!tcpdump.is_alive());
}

#[test]
fn what_is_not_there_is_refused_as_root() {
    let lab = Lab::shipped(User::Root, "hub-spoke");
    for (arguments, word) in [
        (&["capture"][..], "--underlay"),
        (&["capture", "web9"], "web9"),
        (&["capture", "--underlay", "udp"], "udp"),
    ] {
        let refused = lab.vnetlab(arguments).expect_status(2);
        assert!(refused.stderr.contains(word), "{refused}");
    }
    let finished = lab.vnetlab(&["capture", "web1", "no", "such", "filter"]);
    assert_ne!(finished.status, Some(0));
}
