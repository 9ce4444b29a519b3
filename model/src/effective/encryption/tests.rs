//! Who encrypts, and the code of every pair.

use super::*;
use crate::network::build::NetworkBuilder;
use crate::network::{NicIndex, Peering, VirtualMachine, VmId};

/// `a` and `b`, peers with encryption, and `clear`, a peer of both without. Each on a host of its own: `a1`, `plain` (not accelerated),
/// `small` (a size that cannot), `b1`, `c1`; `beside` is on the host of `a1`.
fn builder() -> NetworkBuilder {
    let on = |host| move |vm: &mut VirtualMachine| vm.host = crate::network::HostId(host);
    NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .vnet("b", "10.1.0.0/16")
        .vnet("clear", "10.2.0.0/16")
        .peer("a", "b")
        .peer("a", "clear")
        .vm_with("a1", &["10.0.0.4"], on(0))
        .vm_with("b1", &["10.1.0.4"], on(1))
        .vm_with("c1", &["10.2.0.4"], on(1))
        .vm_with("plain", &["10.0.0.5"], |vm| {
            on(2)(vm);
            vm.nics[0].enable_accelerated_networking = false;
        })
        .vm_with("small", &["10.1.0.5"], |vm| {
            on(2)(vm);
            vm.size = "Standard_B2s".to_owned();
        })
        .vm_with("beside", &["10.0.0.6"], on(0))
}

fn encrypted(builder: NetworkBuilder) -> Network {
    let mut network = builder.build();
    for vnet in 0..2 {
        network.virtual_networks[vnet].encryption = Some(EncryptionEnforcement::AllowUnencrypted);
    }
    network
}

fn nic(network: &Network, name: &str) -> NicRef {
    let vm = network.virtual_machines.iter().position(|vm| vm.name.as_str() == name).unwrap();
    NicRef { vm: VmId(vm), index: NicIndex(0) }
}

fn code(network: &Network, from: &str, to: &str) -> &'static str {
    let policy = Policy::new(network);
    policy.encryption().between(&policy, nic(network, from), nic(network, to)).as_str()
}

fn why(network: &Network, from: &str, to: &str) -> Option<String> {
    let policy = Policy::new(network);
    policy.encryption().why_not(&policy, nic(network, from), nic(network, to))
}

#[test]
fn s11_1_a_nic_encrypts_when_network_interface_and_size_do() {
    let network = encrypted(builder());
    let of = |name| obstacle(&network, nic(&network, name));
    assert_eq!((of("a1"), of("b1")), (None, None));
    assert_eq!(of("c1"), Some(Obstacle::NotConfigured));
    assert_eq!(of("plain"), Some(Obstacle::NotAccelerated));
    assert_eq!(of("small"), Some(Obstacle::Size));
    let policy = Policy::new(&network);
    let with_ports = ["a1", "b1", "beside"].map(|name| policy.encryption().port(nic(&network, name)));
    assert_eq!(with_ports.map(|port| port.is_some()), [true; 3]);
    assert_eq!(["plain", "small", "c1"].map(|name| policy.encryption().port(nic(&network, name))), [None; 3]);
}

#[test]
fn s11_2_every_pair_has_the_code_of_a_flow_log() {
    let network = encrypted(builder());
    let codes = |from| ["a1", "b1", "c1", "plain", "small", "beside"].map(|to| code(&network, from, to));
    let (local, hardware) = ("NX_LOCAL_DST", "NX_HW_NOT_SUPPORTED");
    assert_eq!(codes("a1")[1..], ["X", "NX", "NX_FALLBACK", "NX_FALLBACK", local]);
    assert_eq!(codes("b1"), ["X", local, "NX", "NX_FALLBACK", "NX_FALLBACK", "X"]);
    assert_eq!(codes("plain"), [hardware, hardware, "NX", local, local, hardware]);
    assert_eq!(codes("c1"), ["NX"; 6]);
}

#[test]
fn what_is_in_clear_has_a_reason() {
    let network = encrypted(builder());
    assert_eq!(why(&network, "a1", "b1"), None);
    assert_eq!(why(&network, "a1", "beside").unwrap(), "both are on the same host");
    assert_eq!(why(&network, "a1", "c1").unwrap(), "virtual network clear has no encryption");
    assert_eq!(why(&network, "a1", "plain").unwrap(), "plain/nic0 has no accelerated networking");
    assert_eq!(why(&network, "small", "a1").unwrap(), "small/nic0 cannot, with size Standard_B2s");
    let without = builder().build();
    assert_eq!((code(&without, "a1", "b1"), why(&without, "a1", "b1")), ("NX", None));
}

/// Of either side, and not on one host.
#[test]
fn s11_3_what_cannot_be_encrypted_is_dropped_where_a_network_says_so() {
    let dropping = |vnet: usize| {
        let mut network = encrypted(builder());
        network.virtual_networks[vnet].encryption = Some(EncryptionEnforcement::DropUnencrypted);
        let pairs = [
            ("a1", "b1"),
            ("a1", "beside"),
            ("a1", "small"),
            ("small", "a1"),
            ("plain", "a1"),
            ("b1", "small"),
            ("a1", "c1"),
        ];
        pairs.map(|(from, to)| code(&network, from, to))
    };
    let (no, local) = ("NX_NOT_ACCEPTED", "NX_LOCAL_DST");
    assert_eq!(dropping(0), ["X", local, no, no, no, "NX_FALLBACK", no]);
    assert_eq!(dropping(1), ["X", local, no, no, "NX_HW_NOT_SUPPORTED", no, "NX"]);
}

/// An association has two ends. What a peer sends that cannot be answered is dropped, and not sent in clear.
#[test]
fn s11_2_a_peer_that_does_not_know_the_sender_cannot_agree_on_keys() {
    let linked = |there: fn(&mut Peering), back: fn(&mut Peering)| {
        let builder = NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .vnet("b", "10.1.0.0/16")
            .link("a", "b", there)
            .link("b", "a", back)
            .vm("a1", "10.0.0.4")
            .vm("b1", "10.1.0.4");
        encrypted_pair(builder)
    };
    let whole = linked(|_| {}, |_| {});
    assert_eq!((code(&whole, "a1", "b1"), code(&whole, "b1", "a1")), ("X", "X"));
    let one_way = linked(|link| link.allow_virtual_network_access = false, |_| {});
    assert_eq!(code(&one_way, "b1", "a1"), "NX_NOT_SUPPORTED");
    assert_eq!(why(&one_way, "b1", "a1").unwrap(), "a does not reach b back");
    let stale = linked(|link| link.remote_address_space = vec!["10.9.0.0/16".parse().unwrap()], |_| {});
    assert_eq!(code(&stale, "b1", "a1"), "NX_NOT_SUPPORTED");
}

fn encrypted_pair(builder: NetworkBuilder) -> Network {
    let mut network = builder.build();
    for vnet in &mut network.virtual_networks {
        vnet.encryption = Some(EncryptionEnforcement::AllowUnencrypted);
    }
    network
}

/// Only the subnets that take part in a peering have to know each other.
#[test]
fn peered_subnets_encrypt() {
    let network = encrypted_pair(
        NetworkBuilder::new()
            .vnet_with("a", &["10.0.0.0/16"])
            .subnet("a", "front", "10.0.0.0/24")
            .subnet("a", "back", "10.0.1.0/24")
            .vnet_with("b", &["10.1.0.0/16"])
            .subnet("b", "back", "10.1.0.0/24")
            .subnet("b", "front", "10.1.1.0/24")
            .peer_subnets(("a", 0), ("b", 1))
            .vm("a-front", "10.0.0.4")
            .vm("b-front", "10.1.1.4")
            .vm("a-back", "10.0.1.4"),
    );
    assert_eq!(code(&network, "a-front", "b-front"), "X");
}

#[test]
fn a_machine_that_does_not_run_has_no_port() {
    let network = encrypted(builder().vm_with("off", &["10.0.0.9"], |vm| {
        vm.power_state = crate::network::PowerState::Deallocated;
    }));
    assert_eq!(Policy::new(&network).encryption().port(nic(&network, "off")), None);
    assert_eq!(code(&network, "a1", "b1"), "X", "and is no end that has to be known");
}
