//! What hosts are told about encryption.

use goal_state::HostGoalState;
use goal_state::vm::NetworkInterface;

use super::*;
use crate::network::vnet::EncryptionEnforcement;

/// `web1`, `db1` and `nva`, each on a host of its own, and `web2` on that of `web1`; the hub and the first spoke are encrypted.
fn goals(change: impl FnOnce(&mut Network)) -> Vec<HostGoalState> {
    let mut network = hub_and_spokes();
    for vnet in 0..2 {
        network.virtual_networks[vnet].encryption = Some(EncryptionEnforcement::AllowUnencrypted);
    }
    change(&mut network);
    compile(&network, Generation(1))
}

fn nic<'g>(goals: &'g [HostGoalState], vm: &str) -> &'g NetworkInterface {
    let machines = goals.iter().flat_map(|goal| &goal.virtual_machines);
    &machines.into_iter().find(|found| found.name.as_str() == vm).unwrap().network_interfaces[0]
}

/// `spoke1 sees nva/nic0 at 20513`, once for each of the mappings with encryption.
fn seen(goals: &[HostGoalState]) -> Vec<String> {
    let networks = goals.iter().flat_map(|goal| &goal.virtual_networks);
    let mut seen: Vec<_> = networks
        .flat_map(|network| {
            let encrypting = network.mappings.iter().filter_map(|mapping| mapping.encryption.as_ref());
            encrypting.map(|peer| format!("{} sees {} at {}", network.name, peer.nic, peer.port))
        })
        .collect();
    seen.sort();
    seen.dedup();
    seen
}

#[test]
fn s11_1_a_nic_has_one_port_wherever_it_is_seen() {
    let goals = goals(|_| {});
    let ports = ["web1", "db1", "nva", "web2"].map(|vm| nic(&goals, vm).encryption_port);
    assert_eq!(ports, [Some(20_256), None, Some(20_768), Some(21_024)]);
    assert_eq!(
        seen(&goals),
        [
            "hub sees nva/nic0 at 20768",
            "hub sees web1/nic0 at 20256",
            "hub sees web2/nic0 at 21024",
            "spoke1 sees nva/nic0 at 20768",
            "spoke1 sees web1/nic0 at 20256",
            "spoke1 sees web2/nic0 at 21024",
            "spoke2 sees nva/nic0 at 20768",
        ]
    );
}

#[test]
fn s11_1_machines_that_cannot_are_known_without_a_port() {
    let goals = goals(|network| network.virtual_machines[0].nics[0].enable_accelerated_networking = false);
    assert_eq!(nic(&goals, "web1").encryption_port, None);
    assert!(!seen(&goals).iter().any(|seen| seen.contains("web1")));
}

#[test]
fn s11_3_a_port_refuses_next_hops_that_would_get_packets_in_clear() {
    let refused = |goals: &[HostGoalState], vm| {
        let prefixes = nic(goals, vm).port.unencrypted_refused.prefixes().to_vec();
        prefixes.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let allowed = goals(|_| {});
    assert_eq!(["web1", "nva", "db1"].map(|vm| refused(&allowed, vm).len()), [0; 3]);
    let enforced = goals(|network| {
        network.virtual_networks[1].encryption = Some(EncryptionEnforcement::DropUnencrypted);
        network.virtual_machines[0].size = "Standard_B2s".to_owned();
    });
    assert_eq!(refused(&enforced, "web1"), ["10.0.0.4/32"], "the appliance; web2 is on the same host");
    assert_eq!(refused(&enforced, "nva"), ["10.1.0.4/32"], "web1; web2 can, and spoke2 enforces nothing");
    assert_eq!(refused(&enforced, "web2"), [""; 0]);
    let one_way =
        goals(|network| network.virtual_networks[0].peerings[0].allow_virtual_network_access = false);
    assert_eq!(refused(&one_way, "web1"), ["10.0.0.4/32"], "the hub cannot answer, and does not know it");
}
