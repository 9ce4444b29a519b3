//! An agent on another machine: here in another set of namespaces, reached by TCP through a cable that the test lays.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use integration_tests::{Lab, User, wait};
use serde_json::Value;

const ALONE: &str = "
name: remote
hosts: {host1: {}}
virtualNetworks: {net: {addressSpace: [10.0.0.0/16], subnets: {a: {addressPrefix: 10.0.1.0/24}}}}
virtualMachines:
  near: {subnet: net/a, host: host1}
";
const ADDRESS: &str = "192.0.2.2:4700";

fn both() -> String {
    ALONE.replace("{host1: {}}", "{host1: {}, host2: {}}") + "  far: {subnet: net/a, host: host2}\n"
}

/// Another machine, as far as an agent can tell: network, mounts and processes of its own.
struct Machine(Child);

impl Machine {
    /// Makes it, and lays a cable from the lab's root to it: 192.0.2.1 there, 192.0.2.2 here.
    fn joined_to(lab: &Lab) -> Self {
        let script = "mount -t tmpfs tmpfs /run && mkdir /run/netns && mount -t proc proc /proc && ip link set lo up &&
            ip link add underlay0 mtu 9000 type veth peer name cable0 && ip addr add 198.18.0.2/15 dev underlay0 &&
            ip link set underlay0 up && echo made && read word && exec sh -c \"$word\"";
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", script]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut machine = Self(child);
        assert_eq!(machine.line(), "made");
        let (there, here) = (lab.init().pid.to_string(), machine.0.id().to_string());
        run(&[
            "ip", "link", "add", "wire", "netns", &there, "type", "veth", "peer", "name", "wire", "netns",
            &here,
        ]);
        for (pid, address) in [(&there, "192.0.2.1/24"), (&here, "192.0.2.2/24")] {
            run(&["nsenter", "-n", "-t", pid, "ip", "addr", "add", address, "dev", "wire"]);
            run(&["nsenter", "-n", "-t", pid, "ip", "link", "set", "wire", "up"]);
        }
        machine
    }

    /// Starts the agent of host2; returns when it listens.
    fn start_agent(&mut self, programs: &Path, identity: &Path) {
        let agent = programs.join("vnetlab-agent");
        let (agent, identity) = (agent.display(), identity.display());
        let line = format!(
            "exec {agent} --host host2 --listen {ADDRESS} --identity {identity} --state-dir /run/state"
        );
        writeln!(self.0.stdin.as_mut().unwrap(), "{line}").unwrap();
        assert_eq!(self.line(), "ready");
    }

    /// What is said next in it.
    fn line(&mut self) -> String {
        let mut line = String::new();
        // One line at a time is there, so nothing is read too early.
        BufReader::with_capacity(1, self.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(command: &[&str]) {
    assert!(Command::new(command[0]).args(&command[1..]).status().unwrap().success(), "{command:?}");
}

fn identity_of(lab: &Lab, host: &str) -> std::path::PathBuf {
    let folder = lab.bench().folder().join(host);
    let issued = lab.vnetlab(&["agent-identity", host, "--out", folder.to_str().unwrap(), "-o", "json"]);
    assert_eq!(issued.expect_status(0).json()["validSeconds"], 48 * 3600);
    folder
}

fn up(lab: &Lab) -> integration_tests::output::Finished {
    let file = lab.bench().write("both.yaml", &both());
    lab.vnetlab(&["up", &file.to_string_lossy(), "--agent", &format!("host2={ADDRESS}")])
}

/// The host2 of `status`.
fn host2(lab: &Lab) -> Value {
    let status = lab.vnetlab(&["status", "-o", "json"]).expect_status(0).json();
    status["hosts"].as_array().unwrap().iter().find(|host| host["name"] == "host2").unwrap().clone()
}

#[test]
fn an_agent_elsewhere_is_told_what_to_make_true_and_says_how_it_is_as_root() {
    let lab = Lab::up(User::Root, ALONE);
    let mut machine = Machine::joined_to(&lab);
    machine.start_agent(lab.bench().programs(), &identity_of(&lab, "host2"));
    let _ = up(&lab).expect_status(0);
    let status = lab.vnetlab(&["status", "-o", "json"]).expect_status(0).json();
    assert_eq!(host2(&lab)["agent"]["state"], "connected", "{status}");
    assert_eq!(host2(&lab)["agent"]["applied"], status["generation"], "{status}");
    let running = |name: &str| {
        let mut machines = status["virtualMachines"].as_array().unwrap().iter();
        machines.find(|vm| vm["name"] == name).unwrap()["running"].clone()
    };
    assert_eq!((running("near"), running("far")), (true.into(), true.into()), "{status}");

    // Another controller finds it again, without being told.
    let controller = lab.process(&["__controller"]);
    controller.kill();
    wait::until("the controller is gone", || (!controller.is_alive()).then_some(()));
    let file = lab.bench().write("both.yaml", &both());
    let _ = lab.vnetlab(&["up", &file.to_string_lossy()]).expect_status(0);
    assert_eq!(host2(&lab)["agent"]["state"], "connected");

    // A host that is no longer wanted is forgotten.
    let file = lab.bench().write("alone.yaml", ALONE);
    let _ = lab.vnetlab(&["up", &file.to_string_lossy()]).expect_status(0);
}

/// The agent has an identity of another lab, and one for another host.
#[test]
fn an_agent_that_is_not_the_hosts_is_refused_as_root() {
    let foreign = Lab::up(User::Root, ALONE);
    for (issuer, host, why) in [(Some(&foreign), "host2", "BadSignature"), (None, "host3", "host3")] {
        let lab = Lab::up(User::Root, ALONE);
        let mut machine = Machine::joined_to(&lab);
        machine.start_agent(lab.bench().programs(), &identity_of(issuer.unwrap_or(&lab), host));
        let refused = up(&lab);
        assert_ne!(refused.status, Some(0), "{refused}");
        assert!(refused.stderr.contains(why), "{refused}");
    }
}
