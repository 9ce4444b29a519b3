//! What we believe about sandboxes and about starting programs in namespaces.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests fail by unwrapping, and say why they cannot run"
)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{namespace, run, sandboxed};
use linux_net::process::{Placement, ProcessError};
use linux_net::sandbox::{self, Kind, PidFd, Signal, capabilities};
use linux_net::{NetNs, sysctl};

const NOBODY: u32 = 65534;

/// `examples/sandbox.rs`, which cargo builds along with the tests. It has a single thread, as a sandbox's maker must.
fn example() -> Command {
    let test = std::env::current_exe().unwrap();
    let target: PathBuf = test.ancestors().nth(2).unwrap().to_owned();
    Command::new(target.join("examples/sandbox"))
}

/// Whether this process may become another user: it is root, and not of a user namespace that has only one id.
fn can_become_nobody() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap();
    let size: u64 = map.split_whitespace().nth(2).unwrap().parse().unwrap();
    nix::unistd::geteuid().is_root() && size > u64::from(NOBODY)
}

fn output(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

const TELL: &str = "hostname; id -u; ls /proc | grep -c '^[0-9]'; ls -A /run; ip -br link | cut -d' ' -f1";

/// Inside there is a host name of its own, root, few processes, an empty /run and no device but `lo`.
#[test]
fn a_sandbox_is_empty() {
    let text = output(example().args(["run", "sh", "-c", TELL]));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..2], ["sandbox", "0"], "{text}");
    assert!(lines[2].parse::<u32>().unwrap() < 10, "{text}");
    assert_eq!(lines[3..], ["lo"], "{text}");
}

/// An ordinary user gets the same, and may make namespaces and rulesets inside.
#[test]
fn an_ordinary_user_can_have_a_sandbox() {
    if !can_become_nobody() {
        eprintln!("SKIPPED: the other tests run as an ordinary user already");
        return;
    }
    let script =
        format!("{TELL}; ip netns add blue && ip netns exec blue nft add table ip t && ip netns list");
    let text = output(example().args(["run", "sh", "-c", &script]).uid(NOBODY).gid(NOBODY).current_dir("/"));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..2], ["sandbox", "0"], "{text}");
    assert_eq!(lines[3..], ["lo", "blue"], "{text}");
}

/// A later process enters by the pid that the sandbox's process has outside; it sees the sandbox's /proc and /run.
#[test]
fn a_process_enters_a_sandbox() {
    for user in [None, Some(NOBODY)] {
        if user.is_some() && !can_become_nobody() {
            continue;
        }
        let as_user = |command: &mut Command| {
            user.map(|id| command.uid(id).gid(id));
            command.current_dir("/");
        };
        let mut first = example();
        first.args(["run", "sh", "-c", "touch /run/here; echo ready; read line"]);
        as_user(&mut first);
        let mut first = first.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(first.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        // The starter's only child is the sandbox's pid 1.
        let children = format!("/proc/{0}/task/{0}/children", first.id());
        let init = std::fs::read_to_string(children).unwrap().trim().to_owned();
        let mut second = example();
        second.args(["enter", &init, "sh", "-c", "hostname; ls /run; cat /proc/1/comm; id -u"]);
        as_user(&mut second);
        assert_eq!(output(&mut second), "sandbox\nhere\nexe\n0\n");
        first.stdin.take().unwrap().write_all(b"\n").unwrap();
        assert!(first.wait().unwrap().success());
    }
}

/// A program starts in a given network namespace, in a pid namespace of its own as pid 1, with its own host name; the
/// starter stays where it was.
#[test]
fn a_program_is_placed() {
    sandboxed(|| {
        let blue = namespace();
        let before = NetNs::current().unwrap();
        let placement = Placement {
            network: Some(blue.clone()),
            unshare: vec![Kind::Pid, Kind::Mount, Kind::Uts, Kind::Ipc],
            session: true,
        };
        let mut command = Command::new("sh");
        command.args(["-c", "hostname inner; hostname; echo $$; readlink /proc/thread-self/ns/net; cut -d' ' -f6 /proc/thread-self/stat"]);
        let child = placement.spawn({
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command
        });
        let output = child.unwrap().wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.starts_with("inner\n1\n"), "{text}{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(NetNs::current().unwrap(), before);
        assert_ne!(nix::unistd::gethostname().unwrap(), "inner");
        let text = run(&blue, "readlink", &["/proc/thread-self/ns/net"]).1;
        assert_eq!(text.trim(), blue.to_string());
    });
}

/// Placements that make no sense, and programs that are not there, are refused in words.
#[test]
fn impossible_placements_are_refused() {
    let user = Placement { unshare: vec![Kind::User], ..Placement::default() };
    assert!(matches!(user.spawn(Command::new("true")), Err(ProcessError::Placement { .. })));
    let error = Placement::default().spawn(Command::new("/no/such/program")).unwrap_err();
    assert_eq!(error.to_string(), "cannot start /no/such/program");
}

/// A program gets its standard streams and no other descriptor.
#[test]
fn no_descriptor_leaks() {
    sandboxed(|| {
        let blue = namespace();
        let _netlink = linux_net::Netlink::open(&blue).unwrap();
        let _nflog = linux_net::nflog::NflogSocket::open(&blue, 1).unwrap();
        let _capture = linux_net::capture::Capture::open(&blue, "lo").unwrap();
        let _pid = PidFd::open(std::process::id()).unwrap();
        let text = run(&blue, "sh", &["-c", "ls -l /proc/self/fd"]).1;
        let sockets = text
            .lines()
            .filter(|line| line.contains("socket:") || line.contains("pidfd") || line.contains("net:["));
        assert_eq!(sockets.count(), 0, "{text}");
    });
}

/// A process is held, found alive, killed, and found ended.
#[test]
fn a_process_is_held_by_its_descriptor() {
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    let held = PidFd::open(child.id()).unwrap();
    assert!(held.is_alive().unwrap());
    assert!(!held.wait(Some(Duration::from_millis(1))).unwrap());
    held.kill(Signal::SIGKILL).unwrap();
    assert!(held.wait(Some(Duration::from_secs(5))).unwrap());
    child.wait().unwrap();
    assert!(!held.is_alive().unwrap());
    held.kill(Signal::SIGKILL).unwrap();
    assert!(PidFd::open(child.id()).is_err());
}

/// After dropping from the bounding set, programs that the thread starts cannot enter other namespaces.
#[test]
fn a_confined_program_cannot_leave() {
    sandboxed(|| {
        let here = NetNs::current().unwrap();
        NetNs::create("blue").unwrap();
        assert!(run(&here, "ip", &["netns", "exec", "blue", "true"]).0);
        capabilities::drop_from_bounding_set(&capabilities::CONFINING).unwrap();
        let (ok, text) = run(&here, "nsenter", &["--net=/run/netns/blue", "true"]);
        assert!(!ok && text.contains("Operation not permitted"), "{text}");
        // The thread itself still may.
        NetNs::open("blue").unwrap().run(|| ()).unwrap();
    });
}

/// The kernel takes host names of up to 64 bytes.
#[test]
fn host_names_that_are_too_long_are_refused() {
    sandboxed(|| {
        sandbox::unshare(&[Kind::Uts]).unwrap();
        assert!(sandbox::set_host_name(&"a".repeat(65)).is_err());
        sandbox::set_host_name("b").unwrap();
    });
}

/// Kernel parameters are those of the namespace.
#[test]
fn parameters_belong_to_the_namespace() {
    sandboxed(|| {
        let (a, b) = (namespace(), namespace());
        let key = "net.ipv4.ip_forward";
        sysctl::set_all(&a, &[(key, "1"), ("net.ipv4.conf.all.send_redirects", "0")]).unwrap();
        assert_eq!(sysctl::get(&a, key).unwrap(), "1");
        assert_eq!(sysctl::get(&b, key).unwrap(), "0");
        let error = sysctl::set(&a, "net.ipv4.no_such", "1").unwrap_err();
        assert_eq!(error.to_string(), "cannot set net.ipv4.no_such to 1");
    });
}
