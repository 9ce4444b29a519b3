//! For every pair of VMs of every shipped topology, by TCP, UDP and ICMP: the model and a packet come to the same verdict, and
//! where a rule denied, they name the same rule at the same VM.

use integration_tests::verdict::{Question, all_agree};
use integration_tests::{Lab, User, topologies};

fn agrees_for_every_pair(user: User, name: &str, tcp: u16, udp: u16) {
    let lab = Lab::shipped(user, name);
    let questions = Question::every_pair(&topologies::virtual_machines(lab.topology()), tcp, udp);
    let allowed = all_agree(&lab, &questions);
    assert!((1..questions.len()).contains(&allowed), "some flows are allowed and some are not: {allowed}");
}

#[test]
fn hub_spoke_as_root() {
    agrees_for_every_pair(User::Root, "hub-spoke", 8080, 53);
}

#[test]
fn hub_spoke_rootless() {
    agrees_for_every_pair(User::Ordinary, "hub-spoke", 22, 123);
}

#[test]
fn three_tier_as_root() {
    agrees_for_every_pair(User::Root, "three-tier", 1433, 514);
}

#[test]
fn non_transitive_as_root() {
    agrees_for_every_pair(User::Root, "non-transitive", 23, 53);
}

#[test]
fn overlapping_as_root() {
    agrees_for_every_pair(User::Root, "overlapping", 22, 161);
}

#[test]
fn routing_overview_as_root() {
    agrees_for_every_pair(User::Root, "routing-overview", 443, 53);
}

#[test]
fn accelerated_as_root() {
    agrees_for_every_pair(User::Root, "accelerated", 80, 5201);
}

#[test]
fn encrypted_as_root() {
    agrees_for_every_pair(User::Root, "encrypted", 80, 5201);
}
