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
    let chains = networks(goal).map(|(network, ports)| Chain {
        name: format!("encrypt_{}", network.vni),
        hook: Some(Hook::Ingress(ports)),
        rules: vec![Rule::new(
            vec![Match::Ipv4ForMac(set_name(network.vni))],
            vec![Action::Forward(names::encryptor(network.vni))],
        )],
    });
    let chains = chains.collect();
    (!sets.is_empty()).then(|| Ruleset { sets, chains, ..Ruleset::new(Family::Netdev) })
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
