//! Others see DTLS on the underlay: Wireshark's dissectors know a ClientHello by itself, and the rest by the port that it named.
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

/// The ClientHello without being told anything, and by its port the ServerHello and all that follows.
#[test]
fn a_handshake_is_seen_dissected_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    let wire = Wire::start(&lab);
    let _ = lab.exec("web", &["ping", "-c", "3", "-i", "0.2", "-W", "5", "10.1.0.5"]).ok();
    let seen = wire.stop();
    let file = lab.bench().folder().join("underlay.pcap");
    fs::write(&file, seen.file("host1")).unwrap();
    let dissect = |decode: &[&str], filter: &str| {
        let mut tshark = Command::new("tshark");
        tshark.args(["-n", "-r"]).arg(&file).args(decode).args(["-Y", filter, "-T", "fields"]);
        Finished::run(tshark.args(["-e", "udp.srcport", "-e", "udp.dstport"])).ok()
    };
    let ports = |listed: &str| -> BTreeSet<String> { listed.split_whitespace().map(str::to_owned).collect() };

    let associations = Associations::of(&lab);
    let port = |vm: &str, peer: &str| {
        let row = associations.between(vm, peer).unwrap();
        row["peerAddress"].as_str().unwrap().rsplit(':').next().unwrap().to_owned()
    };
    let of_both = BTreeSet::from([port("db", "web"), port("web", "db")]);
    assert_eq!(ports(&dissect(&[], "dtls.handshake.type == 1")), of_both, "a ClientHello");

    let is_dtls = format!("udp.port=={},dtls", port("db", "web"));
    let told = ["-d", &is_dtls];
    assert_eq!(ports(&dissect(&told, "dtls.handshake.type == 2")), of_both, "a ServerHello");
    let others = dissect(&told, &format!("udp.port == {} && !dtls", port("db", "web")));
    assert_eq!(others, "", "not taken for DTLS");
}
