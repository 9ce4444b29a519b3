//! Virtual network encryption on the sender's host: what goes between two NICs that encrypt, on different hosts, goes to the TAP
//! device `encVNI` of the sender's network instead of the tunnel. There the agent seals it.
//! <https://learn.microsoft.com/azure/virtual-network/virtual-network-encryption-overview>
//!
//! ```text
//! p… ─► encrypt_VNI (netdev, ingress): IPv4 for an encrypted peer? ──► encVNI ─► agent ═ DTLS ═ agent ─► encVNI ─► p…
//!            └ no ─► bridge: not_in_clear: IPv4 for an encrypted peer? drop ─► FDB ─► p… or vxVNI
//! ```
//!
//! The frame keeps its Ethernet addresses: those of a pair of NICs, which is what is encrypted, whoever's packet it is.
//!
//! Two tables know the same peers. The one that forwards holds its devices by index, so it is empty-handed when one has been made
//! anew by somebody else; and while a table is replaced, a packet may pass the new chain before, and the old one after the moment at
//! which the one takes over from the other. What escapes it comes to the bridge, which has been told by name what it must not carry.

use std::collections::BTreeSet;

use goal_state::overlay::VirtualNetwork;
use goal_state::{HostGoalState, MacAddr, Vni};

use super::MTU;
use super::overlay::nics;
use crate::names;
use crate::network::{BridgePort, Device, DeviceKind};
use crate::ruleset::{Action, Chain, Counter, Elements, Family, Hook, Match, NamedSet, Rule, Ruleset};

/// Devices that the kernel lets one chain have.
const MOST_DEVICES: usize = 255;

/// The TAP devices of networks with a NIC here that encrypts.
pub(super) fn devices(goal: &HostGoalState) -> impl Iterator<Item = (String, Device)> {
    networks(goal).map(|(network, _)| {
        let bridge = Some(BridgePort { bridge: names::bridge(network.vni), answers_arp: false });
        (names::encryptor(network.vni), Device { kind: DeviceKind::Tap, mac: None, mtu: MTU, bridge })
    })
}

/// The table that leads to the TAP devices; none where nothing is encrypted.
pub(super) fn ruleset(goal: &HostGoalState) -> Option<Ruleset> {
    let sets = networks(goal).map(|(network, _)| set(goal, network)).collect::<Vec<_>>();
    let chains = networks(goal).flat_map(|(network, ports)| chains(network.vni, &ports)).collect();
    (!sets.is_empty()).then(|| Ruleset { sets, chains, ..Ruleset::new(Family::Netdev) })
}

/// Each port is in one of them.
fn chains(vni: Vni, ports: &[String]) -> Vec<Chain> {
    let chain = |(part, ports): (usize, &[String])| Chain {
        name: if part == 0 { format!("encrypt_{vni}") } else { format!("encrypt_{vni}_{part}") },
        hook: Some(Hook::Ingress(ports.to_vec())),
        rules: vec![Rule::new(
            vec![Match::Ipv4ForMac(set_name(vni))],
            vec![Action::Forward(names::encryptor(vni))],
        )],
    };
    ports.chunks(MOST_DEVICES).enumerate().map(chain).collect()
}

/// The bridge's table, told what it must not carry.
pub(super) fn guarded(goal: &HostGoalState, mut bridge: Ruleset) -> Ruleset {
    let mut rules = Vec::new();
    for (network, ports) in networks(goal) {
        let name = counter_name(network.vni);
        bridge.sets.push(set(goal, network));
        bridge.counters.push(Counter { name: name.clone(), comment: network.name.clone() });
        rules.push(Rule::new(
            vec![Match::InDevice(ports), Match::Ipv4ForMac(set_name(network.vni))],
            vec![Action::Count(name), Action::Drop],
        ));
    }
    if !rules.is_empty() {
        let hook = Some(Hook::Prerouting { drop: false });
        bridge.chains.push(Chain { name: "not_in_clear".into(), hook, rules });
    }
    bridge
}

/// Networks with NICs here that encrypt, and the host's ends of these NICs' ports.
fn networks(goal: &HostGoalState) -> impl Iterator<Item = (&VirtualNetwork, Vec<String>)> {
    goal.virtual_networks.iter().filter_map(|network| {
        let of_network =
            nics(goal).filter(|nic| nic.port.vni == network.vni && nic.encryption_port.is_some());
        let ports = of_network.map(|nic| names::host_port(nic.mac)).collect::<BTreeSet<_>>();
        (!ports.is_empty()).then(|| (network, ports.into_iter().collect()))
    })
}

/// To whom the network's NICs that encrypt send encrypted: NICs of other hosts, of this network or a peered one.
fn set(goal: &HostGoalState, network: &VirtualNetwork) -> NamedSet {
    let elsewhere =
        network.mappings.iter().filter(|mapping| mapping.provider_address != goal.provider_address);
    let macs = elsewhere.filter(|mapping| mapping.encryption.is_some()).map(|mapping| mapping.mac);
    let macs = macs.collect::<BTreeSet<MacAddr>>().into_iter().collect();
    NamedSet { name: set_name(network.vni), elements: Elements::Macs(macs) }
}

fn set_name(vni: Vni) -> String {
    format!("encrypted_{vni}")
}

fn counter_name(vni: Vni) -> String {
    format!("drop_encryption_{vni}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_ports_than_a_chain_can_have_are_in_several() {
        let ports = (0..600).map(|number| format!("p{number:06x}")).collect::<Vec<_>>();
        let chains = chains(Vni::new(7).unwrap(), &ports);
        let names = chains.iter().map(|chain| chain.name.as_str()).collect::<Vec<_>>();
        assert_eq!(names, ["encrypt_7", "encrypt_7_1", "encrypt_7_2"]);
        let devices = chains.iter().flat_map(|chain| match &chain.hook {
            Some(Hook::Ingress(devices)) => devices.clone(),
            other => panic!("{other:?}"),
        });
        assert_eq!(devices.collect::<Vec<_>>(), ports);
    }
}
