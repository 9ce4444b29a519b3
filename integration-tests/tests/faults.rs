//! `kill -9` of the controller, an agent and the init, with a ping running: packets flow on, the process comes back and
//! re-applies; after the init nothing is left.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};

use integration_tests::proc::Process;
use integration_tests::verdict::Question;
use integration_tests::{Lab, User, wait};

/// A ping that runs until it is stopped.
struct Ping {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Ping {
    /// Starts it and waits for its first answer.
    fn start(lab: &Lab, vm: &str, address: &str) -> Self {
        let mut command = lab.exec_command(vm, &["ping", "-i", "0.1", address]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut ping = Self { child, lines };
        ping.next_answer();
        ping
    }

    /// Waits for the next answer and gives its sequence number.
    fn next_answer(&mut self) -> u32 {
        loop {
            let line = self.lines.next().expect("the ping runs").unwrap();
            if let Some((_, rest)) = line.split_once("icmp_seq=") {
                return rest.split(' ').next().unwrap().parse().unwrap();
            }
        }
    }

    /// Fails unless the next answers follow each other without a gap from `last` on.
    fn goes_on_without_loss(&mut self, mut last: u32, answers: u32) -> u32 {
        for _ in 0..answers {
            let next = self.next_answer();
            assert_eq!(next, last + 1, "an echo request was lost");
            last = next;
        }
        last
    }
}

impl Drop for Ping {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Kills the process that `words` tell and waits until another one is there in its place.
fn kill_and_await_successor(lab: &Lab, words: &[&str]) -> Process {
    let old = lab.process(words);
    old.kill();
    wait::until("a successor", || lab.find_process(words).filter(|new| new.pid != old.pid))
}

/// Without its controller the lab carries packets as before; a new one picks up the agents and answers questions.
#[test]
fn the_controller_comes_back_as_root() {
    let lab = Lab::shipped(User::Root, "hub-spoke");
    let mut ping = Ping::start(&lab, "web1", "10.2.1.4");
    let last = ping.next_answer();
    let agent = lab.process(&["vnetlab-agent", "--host host2"]);

    let _ = kill_and_await_successor(&lab, &["__controller"]);

    let _ = ping.goes_on_without_loss(last, 10);
    wait::until("the new controller to answer", || {
        (lab.vnetlab(&["status", "-o", "json"]).status == Some(0)).then_some(())
    });
    let denied = lab.prove_agreed(&Question::tcp("web1", "app1", 22));
    assert_eq!(denied["reason"]["rule"], "deny-inbound");
    assert!(agent.is_alive(), "agents survive their controller");
}

/// Without its agent a host carries packets as before. What somebody broke meanwhile, here a route, is mended by the new agent,
/// because it applies the goal state again.
#[test]
fn an_agent_comes_back_and_applies_again_as_root() {
    let lab = Lab::shipped(User::Root, "hub-spoke");
    let mut ping = Ping::start(&lab, "web1", "10.2.1.4");
    let last = ping.next_answer();
    let hub_route = || lab.in_namespace("port-web1-nic0", &["ip", "route", "show", "10.0.0.0/16"]).ok();
    assert_ne!(hub_route(), "");
    let _ = lab.in_namespace("port-web1-nic0", &["ip", "route", "del", "10.0.0.0/16"]).ok();
    let vm = lab.process(&["vm-init", "web1"]);

    let _ = kill_and_await_successor(&lab, &["vnetlab-agent", "--host host2"]);

    let _ = ping.goes_on_without_loss(last, 10);
    wait::until("the route to be back", || (!hub_route().is_empty()).then_some(()));
    assert!(vm.is_alive(), "VMs survive their agent");
    let allowed = wait::until("the host to answer questions", || {
        let answer = lab.prove(&Question::icmp("web1", "jump"));
        (answer.status == Some(0)).then_some(answer)
    });
    assert_eq!(allowed.json()["proof"]["agrees"], true);
}

/// When the init dies the kernel removes everything, and the lab can be brought up again.
fn nothing_survives_the_init(user: User) {
    let lab = Lab::shipped(user, "hub-spoke");
    let belongings = lab.belongings();
    assert!(belongings.process_count() > 8 && belongings.namespace_count() > 14, "{belongings:?}");

    lab.init().kill();

    wait::until("the kernel to remove the lab", || belongings.left_in_kernel().is_empty().then_some(()));
    let down = lab.vnetlab(&["down", lab.name()]);
    assert!(format!("{}{}", down.stdout, down.stderr).contains(lab.name()), "{down}");
    let list = lab.vnetlab(&["list", "-o", "json"]).ok();
    assert!(!list.contains(lab.name()), "{list}");
    let _ = lab.vnetlab(&["up", &lab.file().to_string_lossy()]).ok();
}

#[test]
fn nothing_survives_the_init_as_root() {
    nothing_survives_the_init(User::Root);
}

#[test]
fn nothing_survives_the_init_rootless() {
    nothing_survives_the_init(User::Ordinary);
}
