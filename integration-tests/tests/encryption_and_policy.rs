//! Encryption changes nothing about who reaches whom: groups, routes, peerings, appliances and servicing with encrypted networks,
//! what is dropped where nothing may go in clear, and labs that cannot encrypt.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::process::Command;

use integration_tests::data_path::await_paths;
use integration_tests::encryption::{Associations, is_offered, switched_on};
use integration_tests::traffic::{End, MARKER, Ping, Transfer, exchange};
use integration_tests::verdict::Question;
use integration_tests::wire::Wire;
use integration_tests::{Lab, User, Workbench, topologies};
use serde_json::Value;

/// Every expectation of the file by real packets and by the model, all of its networks encrypted.
fn passes_its_own_tests_encrypted(name: &str) {
    let bench = Workbench::new(User::Root);
    let file = bench.write("topology.yaml", &switched_on(&topologies::text(name)));
    let finished = bench.vnetlab(&["test", "-f", &file.to_string_lossy(), "-o", "json", "--follow-up", "3"]);
    assert_eq!(finished.status, Some(0), "{finished}");
}

#[test]
fn hub_spoke_encrypted_as_root() {
    passes_its_own_tests_encrypted("hub-spoke");
}

#[test]
fn non_transitive_encrypted_as_root() {
    passes_its_own_tests_encrypted("non-transitive");
}

#[test]
fn overlapping_encrypted_as_root() {
    passes_its_own_tests_encrypted("overlapping");
}

/// Two encrypted spokes and a hub with two appliances. What stands in capitals changes.
const TOPOLOGY: &str = "\
name: policy
hosts: 3
virtualNetworks:
  hub:
    addressSpace: [10.0.0.0/16]
    encryption: {enabled: true}
    subnets: {a: {addressPrefix: 10.0.0.0/24}}
    peerings: {one: {remoteVirtualNetwork: one}, two: {remoteVirtualNetwork: two}}
  one:
    addressSpace: [10.1.0.0/16]
    encryption: {enabled: true}
    subnets: {a: {addressPrefix: 10.1.0.0/24, routeTable: rt-one}}
    peerings: {hub: {remoteVirtualNetwork: hub, allowForwardedTraffic: true}}
  two:
    addressSpace: [10.2.0.0/16]
    encryption: {enabled: true}
    subnets: {a: {addressPrefix: 10.2.0.0/24, routeTable: rt-two, networkSecurityGroup: nsg}}
    peerings: {hub: {remoteVirtualNetwork: hub, allowForwardedTraffic: FORWARDED}}
routeTables:
  rt-one: {routes: {two: {addressPrefix: 10.2.0.0/16, nextHopType: VirtualAppliance, nextHopIpAddress: APPLIANCE}}}
  rt-two: {routes: {one: {addressPrefix: 10.1.0.0/16, nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.0.4}}}
networkSecurityGroups:
  nsg: {securityRules: {r: {priority: 100, direction: Inbound, access: ACCESS, protocol: Tcp, destinationPortRange: 80}}}
virtualMachines:
  nva1: {subnet: hub/a, privateIPAddress: 10.0.0.4, host: host3, enableIPForwarding: true, guest: {ipForwarding: true}}
  nva2: {subnet: hub/a, privateIPAddress: 10.0.0.5, host: host2, enableIPForwarding: true, guest: {ipForwarding: true}}
  left: {subnet: one/a, privateIPAddress: 10.1.0.4, host: host1}
  right: {subnet: two/a, privateIPAddress: 10.2.0.4, host: host2}
";

fn policy(access: &str, forwarded: &str, appliance: &str) -> String {
    TOPOLOGY.replace("ACCESS", access).replace("FORWARDED", forwarded).replace("APPLIANCE", appliance)
}

fn via(answer: &Value) -> Vec<&str> {
    answer["path"].as_array().unwrap().iter().map(|node| node.as_str().unwrap()).collect()
}

/// Rule, peering and route change under a running lab; packets and the model agree after each.
#[test]
fn policy_changes_hold_for_encrypted_packets_as_root() {
    let usual = policy("Allow", "true", "10.0.0.4");
    let mut lab = Lab::up(User::Root, &usual);
    let question = Question::tcp("left", "right", 80);
    let wire_of = |lab: &Lab| {
        let wire = Wire::start(lab);
        exchange(End::of(lab, "left", "10.1.0.4"), End::of(lab, "right", "10.2.0.4"));
        wire.stop()
    };
    let check = |lab: &Lab, verdict: &str| {
        let answer = lab.prove_agreed(&question);
        assert_eq!(answer["verdict"], verdict, "{answer:#}");
        answer
    };
    for _ in 0..2 {
        let answer = check(&lab, "Allow");
        assert_eq!((answer["encryption"].as_str(), via(&answer)), (Some("X"), vec!["left", "nva1", "right"]));
        assert_eq!(wire_of(&lab).places_of(&MARKER), Vec::<&str>::new(), "legible");

        let _ = lab.change(&policy("Deny", "true", "10.0.0.4")).ok();
        assert_eq!(check(&lab, "Deny")["reason"]["rule"], "r");

        let _ = lab.change(&policy("Allow", "false", "10.0.0.4")).ok();
        let _ = check(&lab, "Deny");

        // The other appliance is on the receiver's host: the last stretch does not cross the underlay.
        let _ = lab.change(&policy("Allow", "true", "10.0.0.5")).ok();
        let answer = check(&lab, "Allow");
        assert_eq!(via(&answer), ["left", "nva2", "right"]);
        assert_eq!(answer["encryption"], "NX_LOCAL_DST");
        assert_eq!(wire_of(&lab).places_of(&MARKER), Vec::<&str>::new(), "legible");
        let _ = lab.change(&usual).ok();
    }
}

const PAIR: &str = "\
name: pair
hosts: 2
virtualNetworks:
  net: {addressSpace: [10.1.0.0/16], encryption: {enabled: true}, subnets: {a: {addressPrefix: 10.1.0.0/24}}}
virtualMachines:
  web: {subnet: net/a, privateIPAddress: 10.1.0.4, host: host1}
  db: {subnet: net/a, privateIPAddress: 10.1.0.5, host: host2}
  slow: {subnet: net/a, privateIPAddress: 10.1.0.6, host: host2, enableAcceleratedNetworking: false}
";
const DB: &str = "10.1.0.5";

/// Host servicing under an encrypted ping and an encrypted transfer.
#[test]
fn servicing_loses_no_encrypted_packet_as_root() {
    let lab = Lab::up(User::Root, PAIR);
    await_paths(&lab, [("web", "vf"), ("db", "vf")]);
    let ping = Ping::start(&lab, "web", DB, "0.002");
    let transfer = Transfer::start(&lab, "web", "db", DB);
    for _ in 0..3 {
        let mut servicing = lab.bench().command(&["service-host", "host1", "--for", "1s"]);
        let mut servicing = servicing.stdout(std::process::Stdio::null()).spawn().unwrap();
        await_paths(&lab, [("web", "synthetic"), ("db", "vf")]);
        transfer.await_progress();
        ping.await_answers(10);
        assert!(servicing.wait().unwrap().success());
        transfer.await_progress();
        ping.await_answers(10);
    }
    transfer.finish();
    let (answers, lost) = (ping.answers(), ping.lost());
    assert_eq!(lost, Vec::<u16>::new(), "sequence numbers lost of {answers}");
    assert!(Associations::of(&lab).established("web", "db"));
}

/// `DropUnencrypted`, as Azure has announced it.
#[test]
fn where_nothing_may_go_in_clear_it_is_dropped_with_its_reason_as_root() {
    let enforced = PAIR.replace("{enabled: true}", "{enabled: true, enforcement: DropUnencrypted}");
    let enforced = format!("{enforced}behavior: {{encryptionEnforcement: announced}}\n");
    let lab = Lab::up(User::Root, &enforced);
    let wire = Wire::start(&lab);
    let allowed = lab.prove_agreed(&Question::icmp("web", "db"));
    assert_eq!((&allowed["verdict"], &allowed["encryption"]), (&"Allow".into(), &"X".into()));
    for (from, to) in [("web", "slow"), ("slow", "web")] {
        let denied = lab.prove_agreed(&Question::icmp(from, to));
        assert_eq!(denied["encryption"], "NX_NOT_ACCEPTED", "{denied:#}");
        assert_eq!(
            (&denied["reason"]["layer"], &denied["reason"]["at"]),
            (&"encryption".into(), &from.into())
        );
    }
    // Neighbours never cross the underlay.
    let near = lab.prove_agreed(&Question::icmp("db", "slow"));
    assert_eq!((&near["verdict"], &near["encryption"]), (&"Allow".into(), &"NX_LOCAL_DST".into()));

    let ping = [&["ping", "-c", "1", "-W", "1"][..], &["10.1.0.6"]].concat();
    assert_ne!(lab.exec("web", &ping).status, Some(0));
    let drops = lab.vnetlab(&["drops", "-o", "json", "--reason", "encryption"]).expect_status(0).json();
    let drops = drops["value"].as_array().unwrap();
    let told = drops.iter().any(|drop| {
        drop["networkInterface"] == "web/nic0"
            && drop["destinationAddress"] == "10.1.0.6"
            && drop["direction"] == "Outbound"
    });
    assert!(told, "{drops:#?}");
    let _ = wire.stop();
}

/// The same lab on a machine without TAP devices: everything arrives, in clear, and is said to be.
fn in_clear_without_tap_devices(user: User) {
    let lab = Lab::up_by(user, PAIR, |up| {
        let mut hidden = Command::new("unshare");
        hidden.args(["--mount", "--propagation", "private", "sh", "-c"]);
        hidden.args(["mount -t tmpfs none /dev/net && exec \"$@\"", "sh"]);
        hidden.arg(up.get_program()).args(up.get_args());
        hidden.env_clear();
        hidden.envs(up.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(folder) = up.get_current_dir() {
            hidden.current_dir(folder);
        }
        hidden
    });
    assert!(!is_offered(&lab), "it is said that nothing is encrypted");
    let status = lab.vnetlab(&["status", "--encryption"]).ok();
    assert!(
        status.contains("not encrypted on host1, host2: ") && status.contains("/dev/net/tun"),
        "{status}"
    );
    let wire = Wire::start(&lab);
    exchange(End::of(&lab, "web", "10.1.0.4"), End::of(&lab, "db", DB));
    assert!(!wire.stop().places_of(&MARKER).is_empty(), "in clear");
}

#[test]
fn without_tap_devices_all_is_in_clear_and_said_to_be_as_root() {
    in_clear_without_tap_devices(User::Root);
}

/// An ordinary user's lab encrypts, too, where the machine lets him make TAP devices; where not, it says so.
#[test]
fn an_ordinary_users_lab_encrypts_or_says_that_it_does_not_rootless() {
    let lab = Lab::up(User::Ordinary, PAIR);
    let _ = lab.exec("web", &["ping", "-c", "3", "-i", "0.2", "-W", "5", DB]).ok();
    let associations = Associations::of(&lab);
    assert_eq!(associations.established("web", "db"), is_offered(&lab), "{:#}", associations.json());
}
