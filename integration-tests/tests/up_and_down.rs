//! Coming up, changing and going: what is refused, what fails half-way, what is there already.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::fs;
use std::os::unix::fs::PermissionsExt;

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
