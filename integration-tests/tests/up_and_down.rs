//! Coming up, changing and going: what is refused, what fails half-way, what is there already.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use integration_tests::verdict::Question;
use integration_tests::{Finished, Lab, User, Workbench, proc, topologies, wait};

/// `down` of a lab that is not there says so.
#[test]
fn down_of_no_lab_says_so_as_root() {
    let bench = Workbench::new(User::Root);
    let down = bench.vnetlab(&["down", "nowhere"]);
    assert_ne!(down.status, Some(0), "{down}");
    assert!(down.stderr.contains("nowhere"), "{down}");
}

/// `down --all` of nothing is no failure.
#[test]
fn down_of_all_of_none_is_fine_as_root() {
    let _ = Workbench::new(User::Root).vnetlab(&["down", "--all"]).ok();
}

/// A lab that went and one that goes a second time.
#[test]
fn down_twice_says_that_it_is_gone_as_root() {
    let lab = Lab::shipped(User::Root, "overlapping");
    let belongings = lab.belongings();
    let _ = lab.vnetlab(&["down", "overlapping"]).ok();
    assert_eq!(belongings.left(), Vec::<String>::new());
    let again = lab.vnetlab(&["down", "overlapping"]);
    assert_ne!(again.status, Some(0), "{again}");
    assert!(again.stderr.contains("overlapping"), "{again}");
}

/// An agent that does not start: `up` fails, names the host, and leaves nothing.
#[test]
fn up_that_fails_half_way_removes_what_it_made_as_root() {
    let mut bench = Workbench::new(User::Root);
    bench.copy_programs();
    let (agent, real) = (bench.programs().join("vnetlab-agent"), bench.programs().join("real-agent"));
    fs::rename(&agent, &real).unwrap();
    let script =
        format!("#!/bin/sh\ncase \"$*\" in *host2*) exit 1 ;; esac\nexec {} \"$@\"\n", real.display());
    fs::write(&agent, script).unwrap();
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).unwrap();
    let before = proc::all_mounts();

    let up = bench.vnetlab(&["up", &topologies::path("hub-spoke").to_string_lossy()]);

    assert_eq!(up.status, Some(1), "{up}");
    assert!(up.stderr.contains("host2"), "{up}");
    assert_nothing_of(&bench);
    let ours = |line: &&String| line.contains(&*bench.folder().to_string_lossy());
    assert_eq!(proc::all_mounts().difference(&before).find(ours), None);
}

/// Without nft `up` does not begin: it names the tool and the package. The tool is hidden in a mount namespace of the test's own.
#[test]
fn a_missing_tool_is_named_with_what_mends_it_as_root() {
    let bench = Workbench::new(User::Root);
    let hide = "for nft in /usr/sbin/nft /sbin/nft /usr/bin/nft /usr/local/sbin/nft; do [ ! -e $nft ] || mount --bind /dev/null $nft; done";
    let run = |arguments: &[&str]| {
        let vnetlab = bench.command(arguments);
        let mut hidden = std::process::Command::new("unshare");
        hidden.args(["--mount", "sh", "-c", &format!("{hide}; exec \"$0\" \"$@\"")]);
        hidden.arg(vnetlab.get_program()).args(vnetlab.get_args()).env("VNETLAB_STATE_DIR", bench.state());
        Finished::run(&mut hidden)
    };

    let up = run(&["up", &topologies::path("hub-spoke").to_string_lossy()]);
    let doctor = run(&["doctor"]);

    assert_ne!(up.status, Some(0), "{up}");
    for finished in [&up, &doctor] {
        let said = format!("{}{}", finished.stdout, finished.stderr);
        assert!(said.contains("nft") && said.contains("apt-get install nftables"), "{finished}");
    }
    assert_nothing_of(&bench);
}

fn assert_nothing_of(bench: &Workbench) {
    let state = bench.state();
    assert_eq!(fs::read_dir(&state).unwrap().count(), 0, "no lab is left in {}", state.display());
    assert_eq!(proc::with_environment(&state.to_string_lossy()), [], "no process is left");
}

/// The same file again changes nothing; another one of the same name changes only what differs, and a running connection
/// does not notice.
#[test]
fn up_of_a_running_lab_converges_it_as_root() {
    let mut lab = Lab::shipped(User::Root, "hub-spoke");
    let vm = lab.process(&["vm-init", "app1"]);
    assert_eq!(lab.prove_agreed(&Question::tcp("web1", "app1", 9090))["verdict"], "Deny");

    let same = lab.topology().to_owned();
    let _ = lab.change(&same).ok();
    let _ =
        lab.change(&same.replace("destinationPortRange: 8080", "destinationPortRange: [8080, 9090]")).ok();

    assert_eq!(lab.prove_agreed(&Question::tcp("web1", "app1", 9090))["verdict"], "Allow");
    assert!(vm.is_alive(), "the VM was not touched");
}

/// A rule that is changed to Deny touches new connections only: one that is open goes on, in both directions.
#[test]
fn s3_4_a_changed_rule_leaves_open_connections_alone_as_root() {
    let with = |access: &str| {
        format!(
            "
name: live
hosts: 2
virtualNetworks:
  net: {{addressSpace: [10.0.0.0/16], subnets: {{a: {{addressPrefix: 10.0.1.0/24}}, b: {{addressPrefix: 10.0.2.0/24, networkSecurityGroup: nsg}}}}}}
networkSecurityGroups:
  nsg: {{securityRules: {{web: {{priority: 100, direction: Inbound, access: {access}, protocol: Tcp, destinationPortRange: 80}}}}}}
virtualMachines:
  client: {{subnet: net/a, host: host1}}
  server: {{subnet: net/b, privateIPAddress: 10.0.2.4, listen: [80/tcp], host: host2}}
"
        )
    };
    let mut lab = Lab::up(User::Root, &with("Allow"));
    let mut open = Echo::connect(&lab, "client", "10.0.2.4", "80");
    open.says_and_hears("before");

    let _ = lab.change(&with("Deny")).ok();

    let denied = lab.prove_agreed(&Question::tcp("client", "server", 80));
    assert_eq!(denied["reason"]["rule"], "web");
    open.says_and_hears("after");
}

/// A connection to a responder, which says back what it is told.
struct Echo {
    client: Child,
    sent: ChildStdin,
    heard: Lines<BufReader<ChildStdout>>,
}

impl Echo {
    fn connect(lab: &Lab, vm: &str, address: &str, port: &str) -> Self {
        let mut command = lab.bench().command(&["exec", vm, "-i", "--", "nc", address, port]);
        let mut client = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let heard = BufReader::new(client.stdout.take().unwrap()).lines();
        Self { sent: client.stdin.take().unwrap(), heard, client }
    }

    fn says_and_hears(&mut self, word: &str) {
        writeln!(self.sent, "{word}").unwrap();
        assert_eq!(self.heard.next().expect("the connection is open").unwrap(), word);
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        // `vnetlab exec` hands SIGTERM on to nc; SIGKILL would leave nc behind.
        let _ = nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(self.client.id().cast_signed()),
            nix::sys::signal::Signal::SIGTERM,
        );
        let _ = self.client.wait();
    }
}

/// A VM that moves to another host is reached there at once, within its virtual network and over a peering, also by those who
/// have just spoken with it.
#[test]
fn a_vm_that_moves_is_reached_at_once_as_root() {
    let on = |host: &str| {
        format!(
            "
name: mover
hosts: 3
virtualNetworks:
  v: {{addressSpace: [10.0.0.0/16], subnets: {{a: {{addressPrefix: 10.0.1.0/24}}}}, peerings: {{to-w: {{remoteVirtualNetwork: w}}}}}}
  w: {{addressSpace: [10.1.0.0/16], subnets: {{a: {{addressPrefix: 10.1.1.0/24}}}}, peerings: {{to-v: {{remoteVirtualNetwork: v}}}}}}
virtualMachines:
  mover: {{subnet: v/a, privateIPAddress: 10.0.1.4, host: {host}}}
  neighbour: {{subnet: v/a, privateIPAddress: 10.0.1.5, host: host2}}
  peer: {{subnet: w/a, privateIPAddress: 10.1.1.4, host: host3}}
"
        )
    };
    let mut lab = Lab::up(User::Root, &on("host1"));
    for host in ["host2", "host3", "host1", "host3", "host2", "host1"] {
        let _ = lab.change(&on(host)).ok();
        for (from, to) in
            [("neighbour", "10.0.1.4"), ("peer", "10.0.1.4"), ("mover", "10.0.1.5"), ("mover", "10.1.1.4")]
        {
            let ping = lab.exec(from, &["ping", "-c", "1", "-W", "1", to]);
            assert_eq!(ping.status, Some(0), "{from} to {to} with mover on {host}: {ping}");
        }
    }
}

/// A file that is refused leaves the running lab as it is.
#[test]
fn a_refused_change_leaves_the_lab_as_it_is_as_root() {
    let mut lab = Lab::shipped(User::Root, "overlapping");
    let good = lab.topology().to_owned();
    let refused = lab.change(&good.replace("subnet: red/front", "subnet: red/nowhere"));
    assert_eq!(refused.status, Some(2), "{refused}");
    assert_eq!(lab.prove_agreed(&Question::icmp("red-front", "red-back"))["verdict"], "Allow");
    let _ = lab.change(&good).ok();
}

/// `up --dry-run` says what it would do, and does nothing.
#[test]
fn a_dry_run_makes_nothing_as_root() {
    let bench = Workbench::new(User::Root);
    let dry = bench.vnetlab(&["up", &topologies::path("hub-spoke").to_string_lossy(), "--dry-run"]).ok();
    assert!(dry.contains("web1"), "{dry}");
    assert_nothing_of(&bench);
}

/// Two labs with the same name and the same addresses, of root and of an ordinary user, do not notice each other.
#[test]
fn labs_of_two_users_do_not_meet_as_root_and_rootless() {
    let labs = [User::Root, User::Ordinary].map(|user| Lab::shipped(user, "overlapping"));
    for lab in &labs {
        let allowed = lab.prove_agreed(&Question::icmp("red-front", "red-back"));
        assert_eq!(allowed["path"][1], "red-nva");
    }
    let [root, ordinary] = labs;
    drop(root);
    assert_eq!(ordinary.prove_agreed(&Question::icmp("blue-front", "blue-back"))["verdict"], "Allow");
}

/// An ordinary user brings a lab up and down; nothing of it is in the machine's own namespaces meanwhile.
#[test]
fn the_machine_itself_is_not_touched_rootless() {
    let devices = || -> Vec<_> {
        let mut names: Vec<_> =
            fs::read_dir("/sys/class/net").unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = devices();
    let lab = Lab::shipped(User::Ordinary, "three-tier");
    assert_eq!(devices(), before);
    let belongings = lab.belongings();
    drop(lab);
    wait::until("the kernel to forget it", || belongings.left_in_kernel().is_empty().then_some(()));
}
