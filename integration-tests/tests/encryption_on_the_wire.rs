//! Virtual network encryption, as a capture of the underlay has it: nothing of what encrypted pairs say is legible, whatever
//! happens meanwhile, and what Azure leaves in clear is.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use integration_tests::data_path::{await_path, await_paths};
use integration_tests::encryption::{Associations, switched_off};
use integration_tests::traffic::{End, MARKER, Ping, Transfer, exchange};
use integration_tests::verdict::Question;
use integration_tests::wire::Wire;
use integration_tests::{Lab, User, wait};

/// Two encrypted networks, peers, and one in clear. `left` and `right` reach each other by way of the appliance.
const TOPOLOGY: &str = "\
name: sealed
hosts: 3
virtualNetworks:
  one:
    addressSpace: [10.1.0.0/16]
    encryption: {enabled: true}
    subnets:
      a: {addressPrefix: 10.1.0.0/24}
      b: {addressPrefix: 10.1.1.0/24, routeTable: by-nva}
      c: {addressPrefix: 10.1.2.0/24, routeTable: by-nva}
    peerings: {two: {remoteVirtualNetwork: two}, old: {remoteVirtualNetwork: old}}
  two:
    addressSpace: [10.2.0.0/16]
    encryption: {enabled: true}
    subnets: {a: {addressPrefix: 10.2.0.0/24}}
    peerings: {one: {remoteVirtualNetwork: one}}
  old:
    addressSpace: [10.3.0.0/16]
    subnets: {a: {addressPrefix: 10.3.0.0/24}}
    peerings: {one: {remoteVirtualNetwork: one}}
routeTables:
  by-nva:
    routes:
      b: {addressPrefix: 10.1.1.0/24, nextHopType: VirtualAppliance, nextHopIpAddress: 10.1.0.9}
      c: {addressPrefix: 10.1.2.0/24, nextHopType: VirtualAppliance, nextHopIpAddress: 10.1.0.9}
virtualMachines:
  web: {subnet: one/a, privateIPAddress: 10.1.0.4, host: host1}
  db: {subnet: one/a, privateIPAddress: 10.1.0.5, host: host2}
  near: {subnet: one/a, privateIPAddress: 10.1.0.6, host: host1}
  slow: {subnet: one/a, privateIPAddress: 10.1.0.7, host: host2, enableAcceleratedNetworking: false}
  nva: {subnet: one/a, privateIPAddress: 10.1.0.9, host: host3, enableIPForwarding: true, guest: {ipForwarding: true}}
  left: {subnet: one/b, privateIPAddress: 10.1.1.4, host: host1}
  right: {subnet: one/c, privateIPAddress: 10.1.2.4, host: host2}
  app: {subnet: two/a, privateIPAddress: 10.2.0.4, host: host2}
  file: {subnet: old/a, privateIPAddress: 10.3.0.4, host: host2}
";

/// A VM and its address.
type Vm = (&'static str, &'static str);

const WEB: Vm = ("web", "10.1.0.4");
const DB: Vm = ("db", "10.1.0.5");
const SEALED: [(Vm, Vm); 3] =
    [(WEB, DB), (WEB, ("app", "10.2.0.4")), (("left", "10.1.1.4"), ("right", "10.1.2.4"))];

fn end<'l>(lab: &'l Lab, (vm, address): Vm) -> End<'l> {
    End::of(lab, vm, address)
}

/// What `explain` says about encryption, once packets have shown that its verdict is right.
fn code(lab: &Lab, from: Vm, to: Vm) -> String {
    let answer = lab.prove_agreed(&Question::icmp(from.0, to.0));
    assert_eq!(answer["verdict"], "Allow", "{answer:#}");
    answer["encryption"].as_str().unwrap_or_default().to_owned()
}

/// From the first packet on: they wait until there are keys.
#[test]
fn nothing_of_encrypted_pairs_is_legible_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    let wire = Wire::start(&lab);
    for (from, to) in SEALED {
        exchange(end(&lab, from), end(&lab, to));
        exchange(end(&lab, to), end(&lab, from));
    }
    let seen = wire.stop();
    assert_eq!(seen.places_of(&MARKER), Vec::<&str>::new(), "legible");
    let records = seen.datagrams("host1").iter().filter(|datagram| datagram.is_record()).count();
    assert!(records > 100, "{records} datagrams with records");

    let associations = Associations::of(&lab);
    for (vm, peer) in [("web", "db"), ("web", "app"), ("left", "nva"), ("right", "nva")] {
        for (vm, peer) in [(vm, peer), (peer, vm)] {
            assert!(associations.established(vm, peer), "{vm} with {peer}: {:#}", associations.json());
            assert!(associations.counter(vm, peer, "recordsSent") > 10);
        }
    }
    assert!(associations.between("left", "right").is_none(), "the appliance is between them");
    for (from, to) in SEALED {
        assert_eq!(code(&lab, from, to), "X", "{from:?} to {to:?}");
    }
}

/// The same VMs, and what they say: so the test above can fail.
#[test]
fn the_same_pairs_are_legible_without_encryption_as_root() {
    let lab = Lab::up(User::Root, &switched_off(TOPOLOGY));
    for (from, to) in SEALED {
        let wire = Wire::start(&lab);
        exchange(end(&lab, from), end(&lab, to));
        let places = wire.stop();
        let mut places = places.places_of(&MARKER);
        if from.0 != "left" {
            places.retain(|place| *place != "host-host3");
            assert_eq!(places, ["fabric", "host-host1", "host-host2"], "{from:?} to {to:?}");
        } else {
            assert_eq!(
                places,
                ["fabric", "host-host1", "host-host2", "host-host3"],
                "by way of the appliance"
            );
        }
        assert_eq!(code(&lab, from, to), "NX");
    }
}

/// Each with the code that a flow log has for it.
#[test]
fn what_azure_leaves_in_clear_arrives_in_clear_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    let cases = [
        (WEB, ("near", "10.1.0.6"), "NX_LOCAL_DST", false),
        (WEB, ("slow", "10.1.0.7"), "NX_FALLBACK", true),
        (("slow", "10.1.0.7"), WEB, "NX_HW_NOT_SUPPORTED", true),
        (WEB, ("file", "10.3.0.4"), "NX", true),
    ];
    for (from, to, expected, crosses) in cases {
        let wire = Wire::start(&lab);
        exchange(end(&lab, from), end(&lab, to));
        let seen = wire.stop();
        assert_eq!(!seen.places_of(&MARKER).is_empty(), crosses, "{from:?} to {to:?}");
        assert_eq!(code(&lab, from, to), expected, "{from:?} to {to:?}");
    }
}

/// Packets of the synthetic path are encrypted as those of the VF are.
#[test]
fn nothing_is_legible_and_nothing_lost_while_vfs_come_and_go_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    await_paths(&lab, [("web", "vf"), ("db", "vf")]);
    let wire = Wire::start(&lab);
    let ping = Ping::marked(&lab, "web", DB.1, "0.005");
    for host in ["host1", "host2"] {
        let vm = if host == "host1" { "web" } else { "db" };
        let mut servicing = lab.bench().command(&["service-host", host, "--for", "1s"]);
        let mut servicing = servicing.stdout(std::process::Stdio::null()).spawn().unwrap();
        await_path(&lab, vm, "synthetic");
        ping.await_answers(20);
        exchange(end(&lab, WEB), end(&lab, DB));
        assert!(servicing.wait().unwrap().success());
        await_path(&lab, vm, "vf");
        ping.await_answers(20);
    }
    let lost = ping.lost();
    assert_eq!(wire.stop().places_of(&MARKER), Vec::<&str>::new(), "legible");
    assert_eq!(lost, Vec::<u16>::new(), "lost");
}

/// Without its agent a host loses what it should encrypt. The next agent has no keys, and agrees on new ones.
#[test]
fn nothing_is_legible_while_an_agent_is_dead_and_it_comes_back_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    let ping = Ping::marked(&lab, "web", DB.1, "0.01");
    let transfer = Transfer::start(&lab, "web", "db", DB.1);
    let wire = Wire::start(&lab);
    for (host, vm, peer) in [("host1", "web", "db"), ("host2", "db", "web")] {
        let words = ["vnetlab-agent".to_owned(), format!("--host {host}")];
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let old = lab.process(&words);
        old.kill();
        wait::until("another agent", || lab.find_process(&words).filter(|new| new.pid != old.pid));
        ping.await_answers(50);
        transfer.await_progress();
        wait::until("its association", || Associations::of(&lab).established(vm, peer).then_some(()));
    }
    transfer.finish();
    assert_eq!(wire.stop().places_of(&MARKER), Vec::<&str>::new(), "legible");
}
