//! Pairs of NICs on different hosts between which packets are not encrypted, although one of the two virtual networks has encryption.

use std::collections::BTreeSet;

use model::effective::reach::reachable_nics;
use model::effective::{FlowEncryption, Policy};
use model::network::{Network, NicRef};
use serde::Serialize;

use crate::output::Columns;

/// Packets from one NIC to another, as the model sees them.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InClear {
    /// `vm/nic`.
    source: String,
    /// `vm/nic`.
    destination: String,
    /// As a flow log has it: `NX_HW_NOT_SUPPORTED`. With `NX_NOT_ACCEPTED` and `NX_NOT_SUPPORTED` they are dropped.
    encryption: FlowEncryption,
    why: String,
}

/// All such pairs, in the order of the file. What stays on one host crosses no underlay.
pub(super) fn in_clear(network: &Network) -> Vec<InClear> {
    let policy = Policy::new(network);
    if network.virtual_networks.iter().all(|vnet| vnet.encryption.is_none()) {
        return Vec::new();
    }
    let running = network.nics().filter(|(at, _)| network.vm(at.vm).runs());
    running.flat_map(|(sender, _)| from(&policy, sender)).collect()
}

fn from(policy: &Policy<'_>, sender: NicRef) -> Vec<InClear> {
    let network = policy.network();
    let known = reachable_nics(policy, network.nic(sender).subnet.vnet);
    // By address a NIC may come twice.
    let receivers: BTreeSet<_> = known.into_values().filter(|receiver| *receiver != sender).collect();
    let pair = |receiver: NicRef| {
        let encryption = policy.encryption().between(policy, sender, receiver);
        if encryption == FlowEncryption::LocalDestination || on_one_host(network, sender, receiver) {
            return None;
        }
        let why = policy.encryption().why_not(policy, sender, receiver)?;
        Some(InClear { source: name(network, sender), destination: name(network, receiver), encryption, why })
    };
    receivers.into_iter().filter_map(pair).collect()
}

fn on_one_host(network: &Network, sender: NicRef, receiver: NicRef) -> bool {
    network.vm(sender.vm).host == network.vm(receiver.vm).host
}

fn name(network: &Network, nic: NicRef) -> String {
    format!("{}/{}", network.vm(nic.vm).name, network.nic(nic).name)
}

/// As a table; nothing when there are none.
pub(super) fn table_of(pairs: &[InClear]) -> String {
    if pairs.is_empty() {
        return String::new();
    }
    let mut columns = Columns::new(["SOURCE", "DESTINATION", "IN CLEAR", "WHY"]);
    for InClear { source, destination, encryption, why } in pairs {
        columns.row([source.clone(), destination.clone(), encryption.to_string(), why.clone()]);
    }
    format!("\n{columns}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPOLOGY: &str = "
name: clear
hosts: {host1: {}, host2: {}}
virtualNetworks:
  safe: {addressSpace: [10.0.0.0/16], encryption: {enabled: true, enforcement: AllowUnencrypted}, subnets: {a: {addressPrefix: 10.0.1.0/24}}}
  plain: {addressSpace: [10.1.0.0/16], subnets: {a: {addressPrefix: 10.1.1.0/24}}}
virtualMachines:
  fast1: {subnet: safe/a, host: host1}
  fast2: {subnet: safe/a, host: host2}
  slow2: {subnet: safe/a, host: host2, enableAcceleratedNetworking: false}
  far1: {subnet: plain/a, host: host1}
  far2: {subnet: plain/a, host: host2}
";

    #[test]
    fn only_what_crosses_the_underlay_in_clear_is_listed_with_its_code() {
        let loaded = crate::topology::from_text(TOPOLOGY, std::path::Path::new("clear.yaml")).unwrap();
        insta::assert_snapshot!(table_of(&in_clear(&loaded.network)));
    }

    #[test]
    fn a_network_without_encryption_lists_nothing() {
        let text = TOPOLOGY.replace("encryption: {enabled: true, enforcement: AllowUnencrypted}, ", "");
        let loaded = crate::topology::from_text(&text, std::path::Path::new("clear.yaml")).unwrap();
        assert_eq!(in_clear(&loaded.network), []);
        assert_eq!(table_of(&[]), "");
    }
}
