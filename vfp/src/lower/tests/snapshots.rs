//! What is written for a spoke's web VM, for an appliance and for their host. A change here is a change of behaviour.

use super::fixture::hub_and_spoke;
use crate::network::{HostNetwork, Namespace};
use crate::ruleset::Ruleset;

fn lowered() -> HostNetwork {
    crate::lower(&hub_and_spoke())
}

fn port(name: &str) -> Namespace {
    lowered().ports.into_iter().find(|port| port.name == name).unwrap().namespace
}

fn ruleset(namespace: &Namespace) -> linux_net::nft::Ruleset {
    as_nft(namespace.ruleset.as_ref().unwrap())
}

fn as_nft(ruleset: &Ruleset) -> linux_net::nft::Ruleset {
    ruleset.try_into().unwrap()
}

#[test]
fn the_ruleset_of_a_web_vm() {
    insta::assert_snapshot!(ruleset(&port("port-web1-nic0")));
}

#[test]
fn the_ruleset_of_an_appliance() {
    insta::assert_snapshot!(ruleset(&port("port-nva-nic0")));
}

#[test]
fn the_hosts_bridge_table() {
    insta::assert_snapshot!(ruleset(&lowered().switch));
}

#[test]
fn the_rest_of_a_port() {
    insta::assert_debug_snapshot!(Namespace { ruleset: None, ..port("port-web1-nic0") });
}

#[test]
fn the_rest_of_a_host() {
    insta::assert_debug_snapshot!(Namespace { ruleset: None, ..lowered().switch });
}

#[test]
fn a_guest_with_two_nics() {
    insta::assert_debug_snapshot!(lowered().machines[0]);
}

/// nft itself reads every ruleset, where it is installed and may be asked.
#[test]
fn nft_understands_what_is_written() {
    let host = lowered();
    let namespaces = host.ports.iter().map(|port| &port.namespace).chain([&host.switch]);
    let all = namespaces.chain(host.machines.iter().map(|machine| &machine.namespace));
    for ruleset in all.filter_map(|namespace| namespace.ruleset.as_ref()) {
        check_with_nft(&as_nft(ruleset).to_string());
    }
}

fn check_with_nft(text: &str) {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut nft = Command::new("unshare")
        .args(["-Urn", "nft", "-c", "-f", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("unshare of util-linux is installed");
    nft.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = nft.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
}
