//! Addresses that nobody owns: a port asks its bridge by ARP, the bridge knows no answer, and the host says so.
//!
//! Without this a packet to a free address would vanish after three silent seconds. The host sees the question only,
//! so the event knows who asks and for whom, and neither protocol nor ports.

use std::collections::BTreeSet;

use goal_state::nsg::Direction;
use goal_state::overlay::VirtualNetwork;
use goal_state::vm::NetworkInterface;
use goal_state::{DropReason, HostGoalState, Vni};

use super::drop_log::DropMark;
use crate::names;
use crate::ruleset::{Action, Chain, Counter, Family, Hook, Match, NamedSet, Rule, Ruleset};

/// The host's bridge table.
pub(super) fn ruleset(goal: &HostGoalState) -> Ruleset {
    let networks = &goal.virtual_networks;
    Ruleset {
        counters: networks.iter().map(counter).collect(),
        sets: networks.iter().map(set).collect(),
        chains: vec![Chain {
            name: "arp_requests".into(),
            hook: Some(Hook::Prerouting { drop: false }),
            rules: networks.iter().filter_map(|network| rule(goal, network)).collect(),
        }],
        ..Ruleset::new(Family::Bridge)
    }
}

fn counter(network: &VirtualNetwork) -> Counter {
    Counter { name: counter_name(network.vni), comment: network.name.clone() }
}

fn set(network: &VirtualNetwork) -> NamedSet {
    let addresses = network.mappings.iter().map(|mapping| mapping.customer_address).collect::<BTreeSet<_>>();
    NamedSet { name: set_name(network.vni), addresses: addresses.into_iter().collect() }
}

fn rule(goal: &HostGoalState, network: &VirtualNetwork) -> Option<Rule> {
    let ports = nics(goal).filter(|nic| nic.port.vni == network.vni).map(|nic| names::host_port(nic.mac));
    let ports = ports.collect::<BTreeSet<_>>();
    if ports.is_empty() {
        return None;
    }
    let mark = DropMark {
        reason: DropReason::NoDestination,
        direction: Direction::Outbound,
        association: None,
        number: network.vni.get(),
    };
    Some(Rule::new(
        vec![Match::InDevice(ports.into_iter().collect()), Match::ArpRequestNotIn(set_name(network.vni))],
        vec![Action::Count(counter_name(network.vni)), mark.log(), Action::Drop],
    ))
}

fn nics(goal: &HostGoalState) -> impl Iterator<Item = &NetworkInterface> {
    goal.virtual_machines.iter().flat_map(|vm| &vm.network_interfaces)
}

fn set_name(vni: Vni) -> String {
    format!("addresses_{vni}")
}

fn counter_name(vni: Vni) -> String {
    format!("drop_noDestination_{vni}")
}
