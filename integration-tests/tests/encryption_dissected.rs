//! Others see DTLS on the underlay: Wireshark's dissectors, without being told a port.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use integration_tests::encryption::Associations;
use integration_tests::wire::Wire;
use integration_tests::{Finished, Lab, User};

const TOPOLOGY: &str = "\
name: dissected
hosts: 2
virtualNetworks:
  net: {addressSpace: [10.1.0.0/16], encryption: {enabled: true}, subnets: {a: {addressPrefix: 10.1.0.0/24}}}
virtualMachines:
  web: {subnet: net/a, privateIPAddress: 10.1.0.4, host: host1}
  db: {subnet: net/a, privateIPAddress: 10.1.0.5, host: host2}
";

/// A ClientHello and a ServerHello between the ports of the two NICs, and then nothing that tshark would take for anything else.
#[test]
fn a_handshake_is_seen_dissected_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    let wire = Wire::start(&lab);
    let _ = lab.exec("web", &["ping", "-c", "3", "-i", "0.2", "-W", "5", "10.1.0.5"]).ok();
    let seen = wire.stop();
    let file = lab.bench().folder().join("underlay.pcap");
    fs::write(&file, seen.file("host1")).unwrap();
    let dissect = |filter: &str, fields: &[&str]| {
        let mut tshark = Command::new("tshark");
        tshark.args(["-n", "-r"]).arg(&file).args(["-Y", filter, "-T", "fields"]);
        tshark.args(fields.iter().flat_map(|field| ["-e", field]));
        Finished::run(&mut tshark).ok()
    };

    let associations = Associations::of(&lab);
    let port = |vm: &str, peer: &str| {
        let row = associations.between(vm, peer).unwrap();
        row["peerAddress"].as_str().unwrap().rsplit(':').next().unwrap().to_owned()
    };
    let (web, db) = (port("db", "web"), port("web", "db"));
    // Whoever has the first packet begins; the other one may have one to send at the same time.
    for kind in ["1", "2"] {
        let hellos = dissect(&format!("dtls.handshake.type == {kind}"), &["udp.srcport", "udp.dstport"]);
        let ports: BTreeSet<_> = hellos.lines().flat_map(|line| line.split('\t')).collect();
        assert_eq!(ports, BTreeSet::from([&*web, &*db]), "hellos of type {kind}:\n{hellos}");
    }
    let others = dissect(&format!("udp.port == {web} && !dtls"), &["frame.number", "frame.protocols"]);
    assert_eq!(others, "", "not taken for DTLS");
}
