//! Hosts on an underlay, each with an agent.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use linux_net::NetNs;
use linux_net::process::Placement;

use super::controller::Controller;

const STATE: &str = "/run/vnetlab";

/// The hosts `host1` and `host2`.
pub(crate) struct Room {
    agents: BTreeMap<String, Child>,
}

impl Room {
    /// Makes the underlay and starts the agents.
    pub(crate) fn new(hosts: u8) -> Self {
        shell("mount -t tmpfs tmpfs /run && mkdir -p /run/netns /run/vnetlab/agents && ip link set lo up");
        shell(
            "ip netns add fabric && ip -n fabric link add fabric0 mtu 9000 type bridge && ip -n fabric link set fabric0 up",
        );
        let mut room = Self { agents: BTreeMap::new() };
        for index in 1..=hosts {
            let host = format!("host{index}");
            shell(&format!(
                "ip netns add host-{host} && ip -n host-{host} link set lo up &&
                 ip link add underlay0 netns host-{host} mtu 9000 type veth peer name h-{index} netns fabric mtu 9000 &&
                 ip -n fabric link set h-{index} master fabric0 up &&
                 ip -n host-{host} addr add {} dev underlay0 && ip -n host-{host} link set underlay0 up",
                format_args!("{}/15", provider_address(index)),
            ));
            room.start_agent(&host);
        }
        room
    }

    /// Starts a host's agent.
    pub(crate) fn start_agent(&mut self, host: &str) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vnetlab-agent"));
        command.args(["--host", host, "--state-dir", STATE, "--socket"]).arg(socket(host));
        let namespace = NetNs::open(&format!("host-{host}")).unwrap();
        let child = Placement::network(&namespace).spawn(command).unwrap();
        self.agents.insert(host.to_owned(), child);
    }

    /// `kill -9`.
    pub(crate) fn kill_agent(&mut self, host: &str) {
        let mut agent = self.agents.remove(host).unwrap();
        agent.kill().unwrap();
        agent.wait().unwrap();
    }

    /// A controller's connection to a host's agent.
    pub(crate) fn controller(&self, host: &str) -> Controller {
        Controller::connect(&socket(host))
    }
}

/// A host's address on the underlay.
pub(crate) fn provider_address(index: u8) -> String {
    format!("100.64.0.{index}")
}

/// Where a host's agent listens.
pub(crate) fn socket(host: &str) -> PathBuf {
    Path::new(STATE).join(format!("agents/{host}.sock"))
}

/// Runs a script where the test is; panics when it fails.
pub(crate) fn shell(script: &str) -> String {
    let output = Command::new("sh").args(["-ec", script]).output().unwrap();
    checked(script, output)
}

/// Runs a script in a namespace's network.
pub(crate) fn in_namespace(name: &str, script: &str) -> Output {
    let script = script.to_owned();
    NetNs::open(name).unwrap().run(|| Command::new("sh").args(["-c", &script]).output().unwrap()).unwrap()
}

/// Starts a program with its arguments in a namespace's network; its output is piped.
pub(crate) fn spawn_in(name: &str, line: &str) -> Child {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap());
    command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Placement::network(&NetNs::open(name).unwrap()).spawn(command).unwrap()
}

/// Runs a script in a namespace's network; panics when it fails.
pub(crate) fn shell_in(name: &str, script: &str) -> String {
    checked(script, in_namespace(name, script))
}

/// Runs a script in a VM, as its own processes see it.
pub(crate) fn shell_in_vm(vm: &str, script: &str) -> String {
    let pid = fs::read_to_string(format!("{STATE}/vms/{vm}.pid")).unwrap();
    let output = Command::new("nsenter")
        .args(["--target", pid.trim(), "--mount", "--pid", "--net", "--uts", "--ipc", "sh", "-c", script])
        .output()
        .unwrap();
    checked(script, output)
}

/// One ping; whether it was answered.
pub(crate) fn pings(vm: &str, destination: &str) -> bool {
    in_namespace(&format!("vm-{vm}"), &format!("ping -n -c 1 -W 2 {destination}")).status.success()
}

fn checked(script: &str, output: Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{script}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}
