//! A VF that is gone without a warning: its veth is deleted by hand, under traffic.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::time::Duration;

use integration_tests::data_path::{await_path, path};
use integration_tests::proc::Process;
use integration_tests::traffic::{End, Losses, Stream};
use integration_tests::{Lab, User, wait};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How much traffic it may cost.
const LIMIT: Duration = Duration::from_millis(50);

const TOPOLOGY: &str = "\
name: torn
hosts: 2
virtualNetworks:
  net: {addressSpace: [10.0.0.0/16], subnets: {a: {addressPrefix: 10.0.0.0/24}}}
virtualMachines:
  here: {subnet: net/a, privateIPAddress: 10.0.0.4, host: host1}
  neighbour: {subnet: net/a, privateIPAddress: 10.0.0.5, host: host1}
  far: {subnet: net/a, privateIPAddress: 10.0.0.6, host: host2}
";

/// Deletes the VF of `here` in its VM.
fn tear(lab: &Lab) {
    let _ = lab.in_namespace("vm-here", &["ip", "link", "delete", "enP1s1np0"]).ok();
}

fn stream(lab: &Lab, peer: &str, address: &str) -> Stream {
    Stream::start(End::of(lab, "here", "10.0.0.4"), End::of(lab, peer, address))
}

fn assert_little(losses: Losses) {
    assert!(losses.span < LIMIT, "more than {LIMIT:?} of traffic lost: {losses:?}");
}

/// In the VM, or at the port's end of it: the other end goes with it.
fn costs_little(peer: &str, address: &str) {
    let mut lab = Lab::up(User::Root, TOPOLOGY);
    await_path(&lab, "here", "vf");
    for (namespace, device) in [("vm-here", "enP1s1np0"), ("port-here-nic0", "vf")] {
        let stream = stream(&lab, peer, address);
        let _ = lab.in_namespace(namespace, &["ip", "link", "delete", "dev", device]).ok();
        stream.await_answers(100);
        await_path(&lab, "here", "failed");
        assert_little(stream.finish());

        let same = lab.topology().to_owned();
        let _ = lab.change(&same).ok();
        await_path(&lab, "here", "vf");
        let _ = lab.in_namespace("vm-here", &["ip", "link", "show", "enP1s1np0"]).ok();
    }
}

#[test]
fn it_costs_little_on_one_host_as_root() {
    costs_little("neighbour", "10.0.0.5");
}

#[test]
fn it_costs_little_across_hosts_as_root() {
    costs_little("far", "10.0.0.6");
}

/// `up` of the same file returns it without a packet lost.
#[test]
fn its_return_costs_nothing_as_root() {
    let mut lab = Lab::up(User::Root, TOPOLOGY);
    await_path(&lab, "here", "vf");
    tear(&lab);
    await_path(&lab, "here", "failed");
    let stream = stream(&lab, "far", "10.0.0.6");
    let same = lab.topology().to_owned();
    let _ = lab.change(&same).ok();
    await_path(&lab, "here", "vf");
    stream.await_answers(100);
    assert_eq!(stream.finish().lost, 0);
}

/// A process that is stopped, and goes on when this goes out of scope.
struct Stopped(Process);

impl Stopped {
    fn new(process: Process) -> Self {
        kill(Pid::from_raw(process.pid), Signal::SIGSTOP).unwrap();
        Self(process)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.0.pid), Signal::SIGCONT);
    }
}

/// Nobody is there to notice: the packets find the other way by themselves. When the agent goes on it says what it finds.
#[test]
fn it_costs_little_while_the_agent_is_stopped_offloaded_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    await_path(&lab, "here", "vf");
    let stream = stream(&lab, "far", "10.0.0.6");
    let stopped = Stopped::new(lab.process(&["vnetlab-agent", "--host host1"]));
    tear(&lab);
    stream.await_answers(500);
    drop(stopped);
    await_path(&lab, "here", "failed");
    assert_little(stream.finish());
}

/// An agent that comes back finds the VF gone.
#[test]
fn an_agent_that_was_killed_notices_as_root() {
    let mut lab = Lab::up(User::Root, TOPOLOGY);
    await_path(&lab, "here", "vf");
    let agent = lab.process(&["vnetlab-agent", "--host host1"]);
    let stopped = Stopped::new(agent.clone());
    tear(&lab);
    stopped.0.kill();
    wait::until("a successor", || {
        lab.find_process(&["vnetlab-agent", "--host host1"]).filter(|new| new.pid != agent.pid)
    });
    wait::until("the lab to have found its way", || {
        ["failed", "vf"].contains(&path(&lab, "here").as_str()).then_some(())
    });
    let same = lab.topology().to_owned();
    let _ = lab.change(&same).ok();
    await_path(&lab, "here", "vf");
    let _ = lab.exec("here", &["ping", "-c", "3", "-i", "0.01", "-W", "2", "10.0.0.6"]).ok();
}
