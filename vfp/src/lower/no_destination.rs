//! Addresses that nobody owns, or whose owner a port does not reach: the port (or a station) asks its bridge by ARP, the bridge gives no
//! answer, and the host says so.
//!
//! Without this a packet to a free address would vanish after three silent seconds. The host sees the question only,
//! so the event knows who asks and for whom, and neither protocol nor ports.

use std::collections::{BTreeMap, BTreeSet};

use goal_state::nsg::Direction;
use goal_state::overlay::VirtualNetwork;
use goal_state::{DropReason, HostGoalState, Vni};

use super::drop_log::DropMark;
use super::overlay::nics;
use super::route;
use crate::names;
use crate::ruleset::{Action, Chain, Counter, Elements, Family, Hook, Match, NamedSet, Rule, Ruleset};
use crate::station::legs;

/// The host's bridge table.
pub(super) fn ruleset(goal: &HostGoalState) -> Ruleset {
    let networks = &goal.virtual_networks;
    Ruleset {
        counters: networks.iter().map(counter).collect(),
        sets: networks.iter().map(set).collect(),
        chains: vec![Chain {
            name: "arp_requests".into(),
            hook: Some(Hook::Prerouting { drop: false }),
            rules: networks.iter().flat_map(|network| rules(goal, network)).collect(),
        }],
        ..Ruleset::new(Family::Bridge)
    }
}

fn counter(network: &VirtualNetwork) -> Counter {
    Counter { name: counter_name(network.vni), comment: network.name.clone() }
}

fn set(network: &VirtualNetwork) -> NamedSet {
    let addresses = network.mappings.iter().map(|mapping| mapping.customer_address).collect::<BTreeSet<_>>();
    NamedSet { name: set_name(network.vni), elements: Elements::Addresses(addresses.into_iter().collect()) }
}

/// What some ports do not reach, whoever has it; then what nobody has.
fn rules(goal: &HostGoalState, network: &VirtualNetwork) -> Vec<Rule> {
    let mut all = BTreeSet::new();
    let mut kept_from: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for nic in nics(goal).filter(|nic| nic.port.vni == network.vni) {
        let port = names::host_port(nic.mac);
        all.insert(port.clone());
        let unreachable = route::unreachable(&nic.port.routes);
        if !unreachable.is_empty() {
            kept_from.entry(unreachable).or_default().insert(port);
        }
    }
    all.extend(legs(goal).filter(|leg| leg.vni == network.vni).map(|leg| names::host_port(leg.mac)));
    let unreachable =
        kept_from.into_iter().map(|(addresses, ports)| (ports, Match::ArpRequestFor(addresses)));
    let nobody = (!all.is_empty()).then(|| (all, Match::ArpRequestNotIn(set_name(network.vni))));
    unreachable.chain(nobody).map(|(ports, question)| drop_rule(network.vni, ports, question)).collect()
}

fn drop_rule(vni: Vni, ports: BTreeSet<String>, question: Match) -> Rule {
    let mark = DropMark {
        reason: DropReason::NoDestination,
        direction: Direction::Outbound,
        association: None,
        number: vni.get(),
    };
    Rule::new(
        vec![Match::InDevice(ports.into_iter().collect()), question],
        vec![Action::Count(counter_name(vni)), mark.log(), Action::Drop],
    )
}

fn set_name(vni: Vni) -> String {
    format!("addresses_{vni}")
}

fn counter_name(vni: Vni) -> String {
    format!("drop_noDestination_{vni}")
}
