//! How often each rule of each port has matched.

use std::collections::BTreeMap;

use goal_state::HostGoalState;
use goal_state::message::Counter;
use linux_net::{NetNs, nft};

use crate::network::PortNetwork;
use crate::ruleset::TABLE;

/// The counters of every port of `goal`, sorted by NIC and counter. A port that cannot be asked has none.
#[must_use]
pub fn counters(goal: &HostGoalState) -> Vec<Counter> {
    crate::lower(goal).ports.iter().flat_map(port_counters).collect()
}

fn port_counters(port: &PortNetwork) -> Vec<Counter> {
    let values = NetNs::open(&port.name).ok().and_then(|namespace| nft::counters(&namespace).ok());
    let rules = rules(port);
    let counter = |value: nft::CounterValue| {
        let rule = rules.get(value.name.as_str())?.to_string();
        Some(Counter {
            nic: port.nic.clone(),
            counter: value.name,
            rule,
            packets: value.packets,
            bytes: value.bytes,
        })
    };
    let ours = values.unwrap_or_default().into_iter().filter(|value| value.table == TABLE);
    let mut counters = ours.filter_map(counter).collect::<Vec<_>>();
    counters.sort_by(|a, b| a.counter.cmp(&b.counter));
    counters
}

/// Counter → rule. nft before 1.0.7 does not tell a counter's comment in its list.
fn rules(port: &PortNetwork) -> BTreeMap<&str, &str> {
    let counters = port.namespace.rulesets.iter().flat_map(|ruleset| &ruleset.counters);
    counters.map(|counter| (counter.name.as_str(), counter.comment.as_str())).collect()
}
