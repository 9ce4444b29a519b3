//! What a VM's operating system sees of Azure's network.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::io::Write;
use std::process::Stdio;

use integration_tests::verdict::Question;
use integration_tests::{Lab, User};

/// Every ARP question is answered with the same address, the gateway answers ARP and nothing else, and the MTU is 1500.
#[test]
fn arp_gateway_and_mtu_are_azures_as_root() {
    let lab = Lab::shipped(User::Root, "hub-spoke");

    let _ = lab.exec("web1", &["ping", "-c", "1", "-W", "5", "10.1.1.5"]).ok();
    let gateway = lab.exec("web1", &["ping", "-c", "1", "-W", "1", "10.1.1.1"]);
    let neighbours = lab.exec("web1", &["ip", "neigh"]).ok();
    let link = lab.exec("web1", &["ip", "link", "show", "eth0"]).ok();

    assert_eq!(gateway.status, Some(1), "the gateway does not answer: {gateway}");
    for address in ["10.1.1.1", "10.1.1.5"] {
        let line = neighbours.lines().find(|line| line.starts_with(&format!("{address} "))).unwrap();
        assert!(line.contains("lladdr 12:34:56:78:9a:bc"), "{neighbours}");
    }
    assert!(link.contains("mtu 1500"), "{link}");
    let prefixes = ["00:0d:3a", "00:22:48", "60:45:bd"];
    assert!(prefixes.iter().any(|prefix| link.contains(&format!("link/ether {prefix}"))), "{link}");
}

/// The fabric takes nothing from the TTL: a neighbour is one hop away on another host as on the same one.
#[test]
fn a_peer_is_one_hop_away_as_root() {
    let lab = Lab::shipped(User::Root, "hub-spoke");
    let answer = lab.exec("web1", &["ping", "-c", "1", "-W", "5", "10.1.1.5"]).ok();
    assert!(answer.contains("ttl=64"), "{answer}");
}

/// No broadcast and no multicast crosses a port.
#[test]
fn broadcast_and_multicast_stay_in_the_vm_as_root() {
    let lab = Lab::shipped(User::Root, "hub-spoke");
    for address in ["10.1.1.255", "255.255.255.255", "224.0.0.1"] {
        let ping = lab.exec("web1", &["ping", "-b", "-c", "1", "-W", "1", "-I", "eth0", address]);
        assert_ne!(ping.status, Some(0), "{ping}");
        let proved = lab.prove_agreed(&Question::udp("web1", address, 68));
        assert_eq!(proved["reason"]["layer"], "protocol");
    }
}

/// A VM has its own hostname, /etc/hosts and processes, as root and as an ordinary user.
fn a_vm_is_a_machine_of_its_own(user: User) {
    let lab = Lab::shipped(user, "hub-spoke");

    assert_eq!(lab.exec("web1", &["hostname"]).ok().trim(), "web1");
    assert!(lab.exec("web1", &["cat", "/etc/hosts"]).ok().contains("web1"));
    assert!(lab.exec("web1", &["cat", "/etc/resolv.conf"]).ok().contains("nameserver"));
    assert_eq!(lab.exec("web1", &["id", "-u"]).ok().trim(), "0");
    let processes = lab.exec("web1", &["ps", "-e", "-o", "args"]).ok();
    assert!(!processes.contains("__controller") && processes.lines().count() < 10, "{processes}");
    assert_eq!(devices(&lab.exec("web1", &["ls", "/sys/class/net"]).ok()), ["enP1s1np0", "eth0", "lo"]);
    assert_eq!(devices(&lab.vnetlab(&["enter", "--", "ls", "/sys/class/net"]).ok()), ["lo"]);
}

fn devices(listed: &str) -> Vec<&str> {
    listed.split_whitespace().collect()
}

#[test]
fn a_vm_is_a_machine_of_its_own_as_root() {
    a_vm_is_a_machine_of_its_own(User::Root);
}

#[test]
fn a_vm_is_a_machine_of_its_own_rootless() {
    a_vm_is_a_machine_of_its_own(User::Ordinary);
}

/// A VM cannot leave its namespaces: it sees none, may enter none and make none.
#[test]
fn a_vm_cannot_leave_its_namespaces_as_root() {
    let lab = Lab::shipped(User::Root, "hub-spoke");

    assert_eq!(lab.exec("web1", &["ip", "netns", "list"]).ok(), "");
    for command in [
        &["nsenter", "--net=/proc/1/ns/net", "true"][..],
        &["unshare", "--net", "true"],
        &["mount", "-t", "tmpfs", "none", "/mnt"],
    ] {
        let tried = lab.exec("web1", command);
        assert_ne!(tried.status, Some(0), "{tried}");
    }
}

/// `exec` is transparent: the command's output and exit status are the VM's.
#[test]
fn exec_passes_on_output_and_exit_status_as_root() {
    let lab = Lab::shipped(User::Root, "hub-spoke");
    let finished = lab.exec("jump", &["sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!((finished.status, finished.stdout.as_str()), (Some(7), "out\n"), "{finished}");
    assert!(finished.stderr.contains("err"), "{finished}");
}

/// A command that a signal ended counts as shells count; one that is not there, or is none, too.
#[test]
fn exec_passes_on_how_a_command_ended_as_root() {
    let lab = Lab::shipped(User::Root, "overlapping");
    for (command, status) in [
        (&["sh", "-c", "kill -KILL $$"][..], 137),
        (&["sh", "-c", "kill -TERM $$"], 143),
        (&["no-such-command"], 127),
        (&["/etc/passwd"], 126),
    ] {
        let finished = lab.exec("red-db", command);
        assert_eq!(finished.status, Some(status), "{finished}");
    }
    for nobody in ["red", "red-db/nic7"] {
        let refused = lab.exec(nobody, &["true"]);
        assert_eq!(refused.status, Some(2), "{refused}");
    }
    assert_eq!(lab.exec("red-db/nic0", &["hostname"]).ok().trim(), "red-db");
}

/// A shell in a terminal is one in the VM, and its exit status is vnetlab's.
#[test]
fn a_shell_has_a_terminal_as_root() {
    let lab = Lab::shipped(User::Root, "overlapping");
    let vnetlab = lab.bench().programs().join("vnetlab");
    let mut script = std::process::Command::new("script");
    script.args(["-qec", &format!("{} shell red-db", vnetlab.display()), "/dev/null"]);
    script.env("VNETLAB_STATE_DIR", lab.bench().state()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut shell = script.spawn().unwrap();
    shell.stdin.take().unwrap().write_all(b"tty && hostname\nexit 5\n").unwrap();
    let said = shell.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&said.stdout);
    assert_eq!(said.status.code(), Some(5), "{text}");
    assert!(text.contains("/dev/pts/") && text.lines().any(|line| line.trim().ends_with("red-db")), "{text}");
}

/// The usual tools between two VMs, with the server side started and stopped for the user.
#[test]
fn ping_and_iperf_cross_the_lab_as_root() {
    let lab = Lab::shipped(User::Root, "hub-spoke");
    let ping = lab.vnetlab(&["ping", "web1", "app1", "-c", "2"]);
    assert!(ping.stdout.contains("2 received"), "{ping}");
    let _ = lab.vnetlab(&["iperf", "web1", "app1", "-t", "1"]).ok();
    let measured = lab.vnetlab(&["iperf", "web1", "app1", "-t", "1", "-o", "json"]).json();
    assert_eq!(measured["from"], "web1");
    assert_eq!(lab.find_process(&["iperf3"]), None, "the server is stopped");
}
