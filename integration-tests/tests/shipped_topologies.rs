//! Every topology that comes with vnetlab does what it says, as root and as an ordinary user.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use integration_tests::{User, Workbench, topologies};

/// `vnetlab test -f FILE --junit FILE`: real packets for every expectation of the file, each also against the model. The JUnit
/// file, which other programs read, must tell the same as the exit status: as many cases as the file has tests, none failed.
fn passes_its_own_tests(user: User, name: &str) {
    let bench = Workbench::new(user);
    let text = topologies::text(name);
    let file = bench.write("topology.yaml", &topologies::as_tested(&text));
    let junit = bench.folder().join("junit.xml");

    let finished = bench.vnetlab(&[
        "test",
        "-f",
        &file.to_string_lossy(),
        "--junit",
        &junit.to_string_lossy(),
        "-o",
        "json",
        "--follow-up",
        "3",
    ]);

    assert_eq!(finished.status, Some(0), "{finished}");
    let xml = std::fs::read_to_string(junit).unwrap();
    assert_eq!(xml.matches("<testcase ").count(), topologies::test_count(&text), "{xml}");
    assert!(!xml.contains("<failure") && !xml.contains("<error"), "{xml}");
    let left = std::fs::read_dir(bench.state()).unwrap().count();
    assert_eq!(left, 0, "the lab that `vnetlab test -f` made is gone afterwards");
}

/// A test whose expectation is wrong fails, in the exit status and in the JUnit file.
#[test]
fn a_wrong_expectation_fails_as_root() {
    let bench = Workbench::new(User::Root);
    let text = topologies::text("overlapping").replacen(
        "protocol: Icmp, expect: Allow",
        "protocol: Icmp, expect: Deny",
        1,
    );
    let file = bench.write("topology.yaml", &text);
    let junit = bench.folder().join("junit.xml");

    let finished =
        bench.vnetlab(&["test", "-f", &file.to_string_lossy(), "--junit", &junit.to_string_lossy()]);

    assert_eq!(finished.status, Some(1), "{finished}");
    let xml = std::fs::read_to_string(junit).unwrap();
    assert_eq!(xml.matches("<failure").count(), 1, "{xml}");
}

#[test]
fn hub_spoke_as_root() {
    passes_its_own_tests(User::Root, "hub-spoke");
}

#[test]
fn hub_spoke_rootless() {
    passes_its_own_tests(User::Ordinary, "hub-spoke");
}

#[test]
fn three_tier_as_root() {
    passes_its_own_tests(User::Root, "three-tier");
}

#[test]
fn three_tier_rootless() {
    passes_its_own_tests(User::Ordinary, "three-tier");
}

#[test]
fn non_transitive_as_root() {
    passes_its_own_tests(User::Root, "non-transitive");
}

#[test]
fn non_transitive_rootless() {
    passes_its_own_tests(User::Ordinary, "non-transitive");
}

#[test]
fn overlapping_as_root() {
    passes_its_own_tests(User::Root, "overlapping");
}

#[test]
fn overlapping_rootless() {
    passes_its_own_tests(User::Ordinary, "overlapping");
}

#[test]
fn routing_overview_as_root() {
    passes_its_own_tests(User::Root, "routing-overview");
}

#[test]
fn routing_overview_rootless() {
    passes_its_own_tests(User::Ordinary, "routing-overview");
}

#[test]
fn accelerated_as_root() {
    passes_its_own_tests(User::Root, "accelerated");
}

#[test]
fn accelerated_rootless() {
    passes_its_own_tests(User::Ordinary, "accelerated");
}

#[test]
fn internet_and_nat_as_root() {
    passes_its_own_tests(User::Root, "internet-and-nat");
}

#[test]
fn internet_and_nat_rootless() {
    passes_its_own_tests(User::Ordinary, "internet-and-nat");
}

#[test]
fn load_balancer_as_root() {
    passes_its_own_tests(User::Root, "load-balancer");
}

#[test]
fn load_balancer_rootless() {
    passes_its_own_tests(User::Ordinary, "load-balancer");
}

#[test]
fn private_link_as_root() {
    passes_its_own_tests(User::Root, "private-link");
}

#[test]
fn private_link_rootless() {
    passes_its_own_tests(User::Ordinary, "private-link");
}

#[test]
fn snat_exhaustion_as_root() {
    passes_its_own_tests(User::Root, "snat-exhaustion");
}

#[test]
fn snat_exhaustion_rootless() {
    passes_its_own_tests(User::Ordinary, "snat-exhaustion");
}

#[test]
fn firewall_egress_as_root() {
    passes_its_own_tests(User::Root, "firewall-egress");
}

#[test]
fn firewall_egress_rootless() {
    passes_its_own_tests(User::Ordinary, "firewall-egress");
}

/// Not every machine lets ordinary users open /dev/net/tun.
#[test]
fn encrypted_as_root() {
    passes_its_own_tests(User::Root, "encrypted");
}
