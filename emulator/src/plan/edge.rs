//! What differs at the edge of the virtual networks, station by station.

use std::collections::BTreeMap;

use goal_state::edge::Edge;

/// How `new` differs from `old`, in words; nothing when they are the same.
pub(super) fn edge_reasons(old: &Edge, new: &Edge) -> Vec<String> {
    let (old, new) = (stations(old), stations(new));
    let mut reasons = Vec::new();
    for (name, wanted) in &new {
        match old.get(name) {
            None => reasons.push(format!("{name} is added")),
            Some(present) if present != wanted => reasons.push(format!("{name} changes")),
            Some(_) => {}
        }
    }
    reasons
        .extend(old.keys().filter(|name| !new.contains_key(*name)).map(|name| format!("{name} is removed")));
    reasons
}

/// All that a station is.
#[derive(PartialEq)]
enum Station<'e> {
    Router(&'e goal_state::edge::Router),
    NatGateway(&'e goal_state::edge::NatGateway),
    Frontend(&'e goal_state::edge::Frontend),
    Prober(&'e goal_state::edge::Prober),
}

/// Each by what people call it.
fn stations(edge: &Edge) -> BTreeMap<String, Station<'_>> {
    let routers =
        edge.routers.iter().map(|it| (format!("the internet router of {}", it.name), Station::Router(it)));
    let gateways =
        edge.nat_gateways.iter().map(|it| (format!("NAT gateway {}", it.name), Station::NatGateway(it)));
    let frontends = edge.frontends.iter().map(|it| {
        (format!("frontend {}/{} of a load balancer", it.balancer, it.name), Station::Frontend(it))
    });
    let probers = edge.probers.iter().map(|it| {
        (format!("the health probes of virtual network {}", it.leg.vni.get()), Station::Prober(it))
    });
    routers.chain(gateways).chain(frontends).chain(probers).collect()
}

#[cfg(test)]
mod tests {
    use goal_state::edge::{Leg, NatGateway};
    use goal_state::{MacAddr, Vni};

    use super::*;

    fn gateway(name: &str) -> NatGateway {
        let leg = Leg {
            vni: Vni::new(4096).unwrap(),
            mac: MacAddr([0, 0x0d, 0x3a, 0xff, 0xff, 0xff]),
            address: [169, 254, 2, 1].into(),
        };
        NatGateway {
            name: name.to_owned(),
            inside: leg.clone(),
            outside: leg,
            addresses: vec![[20, 200, 0, 4].into()],
            router: [169, 254, 1, 1].into(),
            space: Vec::new(),
            tcp_idle_timeout_s: 240,
        }
    }

    #[test]
    fn stations_come_change_and_go() {
        let edge = |nat_gateways: Vec<NatGateway>| Edge { nat_gateways, ..Edge::default() };
        let old = edge(vec![gateway("gone"), gateway("kept"), gateway("other")]);
        let slower = NatGateway { tcp_idle_timeout_s: 600, ..gateway("other") };
        let new = edge(vec![gateway("added"), gateway("kept"), slower]);
        assert_eq!(
            edge_reasons(&old, &new),
            ["NAT gateway added is added", "NAT gateway other changes", "NAT gateway gone is removed"]
        );
        assert_eq!(edge_reasons(&old, &old), [""; 0]);
    }
}
