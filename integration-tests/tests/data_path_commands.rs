//! What the commands about data paths say of a lab: their shapes, their refusals, and what `up` asks for.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use integration_tests::followed::Followed;
use integration_tests::proc::Process;
use integration_tests::{Finished, Lab, User, wait};
use serde_json::{Value, json};

const TOPOLOGY: &str = "
name: paths
hosts: 2
virtualNetworks:
  net: {addressSpace: [10.0.0.0/16], subnets: {a: {addressPrefix: 10.0.1.0/24}}}
virtualMachines:
  web1: {subnet: net/a, privateIPAddress: 10.0.1.4, host: host1}
  web2: {subnet: net/a, privateIPAddress: 10.0.1.5, host: host1}
  plain: {subnet: net/a, privateIPAddress: 10.0.1.6, host: host2, enableAcceleratedNetworking: false}
";

fn json_of(lab: &Lab, arguments: &[&str]) -> Value {
    lab.vnetlab(&[arguments, &["-o", "json"]].concat()).expect_status(0).json()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn sorted<const N: usize>(mut names: [&str; N]) -> [&str; N] {
    names.sort_unstable();
    names
}

/// The NIC of a VM with one.
fn nic(lab: &Lab, vm: &str) -> Value {
    let status = json_of(lab, &["status"]);
    let vms = status["virtualMachines"].as_array().unwrap();
    let machine = vms.iter().find(|machine| machine["name"] == vm).unwrap();
    machine["networkInterfaces"][0].clone()
}

/// Waits until packets of an accelerated NIC go by the VF, and no longer than that is said to take.
fn await_path(lab: &Lab, vm: &str, path: &str) {
    wait::until(&format!("the data path of {vm} to be {path}"), || {
        (nic(lab, vm)["path"] == path).then_some(())
    });
}

fn every_command_has_its_shape(user: User) {
    let lab = Lab::up(user, TOPOLOGY);
    await_path(&lab, "web1", "vf");
    await_path(&lab, "plain", "synthetic");
    let _ = lab.exec("web1", &["ping", "-c", "3", "-i", "0.1", "10.0.1.5"]).ok();

    status_names_paths(&lab);
    stats_have_ethtools_names(&lab);
    flows_are_listed_or_refused_with_a_reason(&lab);
    events_are_the_guests_log(&lab);
}

fn status_names_paths(lab: &Lab) {
    for host in json_of(lab, &["status"])["hosts"].as_array().unwrap() {
        assert!(host["notOffloaded"].is_string() || host["notOffloaded"].is_null(), "{host}");
    }
    let (fast, slow) = (nic(lab, "web1"), nic(lab, "plain"));
    assert_eq!((&fast["why"], &slow["why"], &slow["offloaded"]), (&Value::Null, &Value::Null, &json!(false)));
    let table = lab.vnetlab(&["status"]).ok();
    let row = |vm: &str| table.lines().find(|line| line.starts_with(vm)).unwrap().to_owned();
    assert!(row("web1/nic0").contains(" vf ") && row("plain/nic0").contains(" synthetic "), "{table}");
}

fn stats_have_ethtools_names(lab: &Lab) {
    let stats = json_of(lab, &["stats", "web1"]);
    let nic = &stats["value"][0];
    assert_eq!((&nic["networkInterface"], &nic["device"]), (&json!("web1/nic0"), &json!("eth0")));
    assert_eq!(nic["vfDevice"], "enP1s1np0");
    let count = |name: &str| nic["statistics"][name].as_u64().unwrap_or_else(|| panic!("{name}: {stats}"));
    for name in
        ["rx_packets", "rx_bytes", "tx_packets", "tx_bytes", "rx_dropped", "tx_dropped", "vf_tx_dropped"]
    {
        let _ = count(name);
    }
    // The echo requests; answers may come by either way as long as their flow is not known.
    assert!(count("vf_tx_packets") >= 3 && count("vf_tx_bytes") >= 3 * 98, "{stats}");
    assert!(count("vf_rx_packets") + count("rx_packets") >= 3, "{stats}");
    let table = lab.vnetlab(&["stats", "web1/nic0"]).ok();
    assert!(
        table.starts_with("NIC statistics of web1/nic0 (eth0, VF enP1s1np0):\n     rx_packets: "),
        "{table}"
    );

    let plain = json_of(lab, &["stats", "plain"]);
    assert_eq!(plain["value"][0]["vfDevice"], Value::Null);
    assert_eq!(plain["value"][0]["statistics"]["vf_tx_packets"], 0);
    let refused = lab.vnetlab(&["stats", "web7"]).expect_status(2);
    assert!(refused.stderr.contains("web1, web2, plain") && refused.stdout.is_empty(), "{refused}");
}

fn flows_are_listed_or_refused_with_a_reason(lab: &Lab) {
    let flows = json_of(lab, &["flows", "web1"]);
    assert_eq!(keys(&flows), sorted(["value", "table", "notOffloaded"]));
    if nic(lab, "web1")["offloaded"] == true {
        assert_eq!(keys(&flows["table"]), sorted(["capacity", "learnt", "refused"]));
        let flow = flows["value"].as_array().unwrap().iter().find(|flow| flow["protocol"] == "Icmp");
        let flow = flow.unwrap_or_else(|| panic!("the ping is not known: {flows}"));
        assert!(flow["sourceAddress"] == "10.0.1.4" || flow["destinationAddress"] == "10.0.1.4", "{flow}");
        assert_eq!(flow["destinationPort"], Value::Null);
    } else {
        assert_eq!((&flows["value"], &flows["table"]), (&json!([]), &Value::Null));
        let why = flows["notOffloaded"].as_str().unwrap();
        assert!(lab.vnetlab(&["flows", "web1"]).ok().contains(why));
    }
    let _ = lab.vnetlab(&["flows", "web7"]).expect_status(2);
}

fn events_are_the_guests_log(lab: &Lab) {
    let events = json_of(lab, &["events", "--vm", "web1"]);
    assert_eq!(keys(&events), sorted(["value", "lost", "gaps", "forgotten"]));
    let value = events["value"].as_array().unwrap();
    let switched = value.iter().find(|event| event["path"] == "vf").unwrap_or_else(|| panic!("{events}"));
    assert_eq!(keys(switched), sorted(["time", "networkInterface", "path", "line"]));
    assert_eq!(switched["line"], "eth0: Data path switched to VF: enP1s1np0");
    assert!(value.iter().all(|event| event["networkInterface"] == "web1/nic0"), "{events}");
    assert_eq!(json_of(lab, &["events", "--vm", "plain"])["value"], json!([]));
    assert_eq!(json_of(lab, &["events", "-n", "1"])["value"].as_array().unwrap().len(), 1);
    assert_eq!(json_of(lab, &["events", "--since", "0s"])["value"], json!([]));
    assert!(lab.vnetlab(&["events"]).ok().starts_with("TIME"));
}

#[test]
fn every_command_has_its_shape_as_root() {
    every_command_has_its_shape(User::Root);
}

#[test]
fn every_command_has_its_shape_rootless() {
    every_command_has_its_shape(User::Ordinary);
}

/// A servicing is told of while it lasts, and its result when it is over; who cannot be serviced is refused by name.
#[test]
fn a_servicing_takes_the_vfs_and_returns_them_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    await_path(&lab, "web1", "vf");
    await_path(&lab, "web2", "vf");
    let done = lab.vnetlab(&["service-host", "host1", "--for", "1s", "-o", "json"]).expect_status(0);
    let result = done.json();
    assert_eq!(keys(&result), sorted(["host", "networkInterfaces", "milliseconds", "problems"]));
    assert_eq!(
        (&result["host"], &result["networkInterfaces"], &result["problems"]),
        (&json!("host1"), &json!(["web1/nic0", "web2/nic0"]), &json!([]))
    );
    assert!(result["milliseconds"].as_u64() >= Some(1000), "{result}");
    assert!(done.stderr.contains("host1: 2 VFs are away for 1s: web1/nic0, web2/nic0"), "{done}");
    assert_eq!((&nic(&lab, "web1")["path"], &nic(&lab, "web2")["path"]), (&json!("vf"), &json!("vf")));
    let paths: Vec<_> = json_of(&lab, &["events", "--vm", "web2"])["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["path"].as_str().unwrap().to_owned())
        .collect();
    assert!(paths.iter().any(|path| path == "synthetic") && paths.last().unwrap() == "vf", "{paths:?}");

    let nobody = lab.vnetlab(&["service-host", "web1"]).expect_status(2);
    assert!(nobody.stderr.contains("host1, host2") && nobody.stdout.is_empty(), "{nobody}");
    let without = lab.vnetlab(&["service-host", "host2"]).expect_status(2);
    assert!(without.stderr.contains("host2 has no NIC with accelerated networking"), "{without}");
}

/// Whoever waits for the end of a servicing goes on waiting when the agent is killed, and when the controller is as well.
#[test]
fn a_servicing_ends_whoever_is_killed_meanwhile_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    let agent: &[&str] = &["vnetlab-agent", "--host host1"];
    for victims in [&[agent][..], &[&["__controller"], agent]] {
        await_path(&lab, "web1", "vf");
        let mut command = lab.bench().command(&["service-host", "host1", "--for", "3s", "-o", "json"]);
        let servicing = std::thread::spawn(move || Finished::run(&mut command));
        await_path(&lab, "web1", "synthetic");
        let victims: Vec<_> = victims.iter().map(|words| lab.process(words)).collect();
        victims.iter().for_each(Process::kill);
        let done = servicing.join().unwrap().expect_status(0);
        let another = done.stderr.contains("the lab's controller was started again");
        assert_eq!(another, victims.len() == 2, "{done}");
        let result = done.json();
        assert_eq!(result["problems"], json!([]));
        assert!(result["milliseconds"].as_u64() >= Some(2900), "the VFs were back too early: {result}");
        assert_eq!(nic(&lab, "web1")["path"], "vf");
    }
}

/// Azure switches accelerated networking on and off only while a VM is stopped.
#[test]
fn a_change_that_takes_a_restart_is_refused_until_it_is_asked_for_as_root() {
    let mut lab = Lab::up(User::Root, TOPOLOGY);
    let before = lab.process(&["vm-init", "web1"]);
    let without = TOPOLOGY
        .replace("10.0.1.4, host: host1", "10.0.1.4, host: host1, enableAcceleratedNetworking: false");

    let refused = lab.change(&without).expect_status(2);
    assert!(
        refused.stdout.is_empty() && refused.stderr.contains("1 VM must be restarted: web1"),
        "{refused}"
    );
    assert!(refused.stderr.contains("topology.yaml --restart-vms"), "{refused}");
    assert!(before.is_alive());
    assert_eq!(json_of(&lab, &["status"])["generation"], 1, "nothing was applied");

    let file = lab.bench().folder().join("topology.yaml");
    let file = file.to_str().unwrap();
    let plan = lab.vnetlab(&["up", file, "--dry-run"]).expect_status(0);
    assert!(plan.stdout.contains("restarts, because accelerated networking changes"), "{plan}");
    assert!(plan.stderr.contains("--restart-vms"), "{plan}");

    let up = json_of(&lab, &["up", file, "--restart-vms"]);
    let change = |kind: &str| {
        let changes = up["changes"].as_array().unwrap();
        changes.iter().find(|change| change["kind"] == kind).map(|change| change["why"].clone())
    };
    assert_eq!(change("virtualMachine"), Some(json!("restarts, because accelerated networking changes")));
    assert_eq!(change("networkInterface"), Some(json!("accelerated networking is switched off")));
    assert!(!before.is_alive(), "the VM was restarted");
    await_path(&lab, "web1", "synthetic");
    assert_eq!(json_of(&lab, &["up", file])["changes"], json!([]));
}

/// Whoever follows sees what was there, what comes, and what comes after the controller was killed; the lab's end is the end.
#[test]
fn events_are_followed_past_a_killed_controller_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    let mut followed = Followed::start(&lab, &["events", "--vm", "web1"]);
    let switched = followed.await_value(|event| event["path"] == "vf");
    assert_eq!(switched["networkInterface"], "web1/nic0");
    let service = || lab.vnetlab(&["service-host", "host1", "--for", "1ms"]).expect_status(0);
    let _ = service();
    let _ = followed.await_value(|event| event["line"] == "eth0: Data path switched from VF: enP1s1np0");
    let _ = followed.await_value(|event| event["path"] == "vf");

    lab.process(&["__controller"]).kill();
    followed.await_sentence("the lab's controller was started again: what happened meanwhile was not told");
    let _ = service();
    let _ = followed.await_value(|event| event["path"] == "vf");

    let _ = lab.vnetlab(&["down", lab.name()]).ok();
    assert_eq!(followed.status(), Some(0), "it ends with the lab");
}

/// A lab keeps to what its last `up` said, also when its controller is killed.
#[test]
fn offload_is_switched_off_and_on_by_the_last_up_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    let file = lab.bench().folder().join("topology.yaml");
    let up = |arguments: &[&str], variable: &str| {
        let arguments = [&["up", file.to_str().unwrap(), "-o", "json"], arguments].concat();
        Finished::run(lab.bench().command(&arguments).env("VNETLAB_NO_OFFLOAD", variable))
    };
    let why = |up: Finished| up.expect_status(0).json()["changes"][0]["why"].as_str().map(str::to_owned);
    let _ = up(&[], "").ok();
    let off = Some("known flows are no longer offloaded".to_owned());
    assert_eq!(why(up(&["--dry-run", "--no-offload"], "")), off);
    assert_eq!(why(up(&["--no-offload"], "")), off);
    let not_offloaded = || json_of(&lab, &["status"])["hosts"][0]["notOffloaded"].clone();
    assert_eq!(not_offloaded(), "it is switched off");

    lab.process(&["__controller"]).kill();
    wait::until("the next controller", || (lab.vnetlab(&["status"]).status == Some(0)).then_some(()));
    assert_eq!(why(up(&[], "1")), None, "nothing has changed");
    assert_eq!(
        (not_offloaded(), &nic(&lab, "web1")["offloaded"]),
        (json!("it is switched off"), &json!(false))
    );
    assert_eq!(why(up(&[], "")), Some("known flows are offloaded".to_owned()));
    assert_ne!(not_offloaded(), "it is switched off");
}
