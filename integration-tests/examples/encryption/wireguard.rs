//! Tunnels in user space that anybody can have, between two namespaces on a cable: WireGuard, once in Rust and once in Go.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use integration_tests::wait;
use linux_net::NetNs;

use crate::baselines;
use crate::subject::Subject;
use crate::way::{End, Way};

/// A VM's packet of 1500 bytes and what WireGuard puts around it.
const OUTSIDE: u32 = 1600;
const INSIDE: &str = "1500";
const PORT: &str = "51820";
/// Where implementations in user space can be talked to, whatever namespace they are in.
const SOCKETS: &str = "/var/run/wireguard";

pub(crate) const ALL: [Implementation; 2] = [
    Implementation {
        name: "boringtun",
        program: "boringtun-cli",
        arguments: &["--foreground", "--disable-drop-privileges"],
        short: "b",
    },
    Implementation {
        name: "wireguard-go",
        program: "wireguard-go",
        arguments: &["--foreground"],
        short: "g",
    },
];

pub(crate) struct Implementation {
    pub(crate) name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    /// In names of devices.
    short: &'static str,
}

impl Implementation {
    /// Two ends that know each other, or why not, as a sentence.
    pub(crate) fn start(&self) -> Result<Subject, String> {
        let program = find(self.program)?;
        let _ = find("wg")?;
        let cable = baselines::veth_with(self.name, OUTSIDE);
        let ends = [(&cable.client, 4), (&cable.server, 5)].map(|(end, last)| {
            let device = format!("wg{}{last}-{}", self.short, std::process::id() % 100_000);
            let process = Process::start(&program, self.arguments, &end.namespace, device);
            let secret = output(Command::new("wg").arg("genkey"), "");
            let public = output(Command::new("wg").arg("pubkey"), &secret);
            (end.clone(), process, last, secret, public)
        });
        let [one, two] = &ends;
        for (here, there) in [(one, two), (two, one)] {
            let (end, process, last, secret, _) = here;
            let (peer, _, peer_last, _, public) = there;
            let (endpoint, allowed) =
                (format!("{}:{PORT}", peer.address), format!("{}/32", inside(*peer_last)));
            let mut set = Command::new("wg");
            set.args(["set", &process.device, "listen-port", PORT, "private-key", "/dev/stdin", "peer"]);
            set.args([public.trim(), "endpoint", &endpoint, "allowed-ips", &allowed]);
            let _ = output(&mut set, secret);
            let address = format!("{}/24", inside(*last));
            ip(&end.namespace, &["address", "add", &address, "dev", &process.device]);
            ip(&end.namespace, &["link", "set", &process.device, "mtu", INSIDE, "up"]);
        }
        let [client, server] = [one, two].map(|(end, _, last, ..)| End {
            namespace: end.namespace.clone(),
            address: inside(*last).parse().unwrap(),
        });
        let processes = ends.map(|(_, process, ..)| process);
        let pids = processes.iter().map(|process| process.child.id().cast_signed()).collect();
        let way = Way { name: self.name, client, server, _between: None };
        Ok(Subject::carried(way, "veth pair", pids).with(Both(processes)))
    }
}

fn inside(last: u8) -> String {
    format!("10.9.0.{last}")
}

/// Both ends, until they go out of scope.
pub(crate) struct Both([Process; 2]);

impl Drop for Both {
    fn drop(&mut self) {
        for Process { child, device } in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
            let _ = fs::remove_file(socket(device));
        }
    }
}

/// One end's process and its device.
struct Process {
    child: Child,
    device: String,
}

impl Process {
    fn start(program: &Path, arguments: &[&str], namespace: &NetNs, device: String) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).arg(&device).env("WG_PROCESS_FOREGROUND", "1");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = namespace.run(|| command.spawn()).unwrap().unwrap();
        wait::until(&format!("{} to be ready", program.display()), || socket(&device).exists().then_some(()));
        Self { child, device }
    }
}

fn socket(device: &str) -> PathBuf {
    Path::new(SOCKETS).join(device).with_extension("sock")
}

fn ip(namespace: &NetNs, arguments: &[&str]) {
    let mut ip = Command::new("ip");
    ip.args(arguments);
    assert!(namespace.run(|| ip.status()).unwrap().unwrap().success(), "ip {arguments:?}");
}

/// Where a program is: in the target folder's tools, or where programs are.
fn find(program: &str) -> Result<PathBuf, String> {
    let tools = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("tools/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::iter::once(tools).chain(std::env::split_paths(&path));
    let found = folders.find_map(|folder| Some(folder.join(program)).filter(|file| file.is_file()));
    found.ok_or_else(|| format!("{program} is not installed: scripts/install-tools.sh baselines"))
}

/// What a command says when it is told `input`.
fn output(command: &mut Command, input: &str) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}");
    String::from_utf8(output.stdout).unwrap()
}
