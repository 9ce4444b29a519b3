//! Health probes: which virtual networks have backends that are probed, and what they are asked.

use std::collections::BTreeMap;

use goal_state::edge::{HealthProbe, Prober};

use super::EdgePlan;
use super::stations::backends;
use crate::network::{LoadBalancer, Network, NicRef, Probe, VnetId};

/// A machine that a probe of a load balancer asks.
pub(super) struct Probed<'n> {
    /// The virtual network where it is.
    pub(super) vnet: VnetId,
    balancer: &'n LoadBalancer,
    probe: &'n Probe,
    nic: NicRef,
}

/// Every machine that is probed, once for each rule that asks for it.
pub(super) fn probed(network: &Network) -> impl Iterator<Item = Probed<'_>> {
    network.load_balancers.iter().flat_map(move |balancer| {
        let rules = balancer.load_balancing_rules.iter();
        let rules = rules.filter_map(|rule| Some((rule.backend_pool, rule.probe?)));
        rules.flat_map(move |(pool, probe)| {
            let running = balancer.backend_pools[pool].1.iter().filter(|nic| network.vm(nic.vm).runs());
            running.map(move |&nic| {
                let vnet = network.nic(nic).subnet.vnet;
                Probed { vnet, balancer, probe: &balancer.probes[probe], nic }
            })
        })
    })
}

/// One prober for each virtual network with backends that are probed, sorted by VNI.
pub(super) fn probers(network: &Network, plan: &EdgePlan) -> Vec<Prober> {
    let mut asked: BTreeMap<(VnetId, &str, &str), (&Probe, Vec<NicRef>)> = BTreeMap::new();
    for Probed { vnet, balancer, probe, nic } in probed(network) {
        let of = asked.entry((vnet, &balancer.name, &probe.name)).or_insert((probe, Vec::new()));
        of.1.push(nic);
    }
    let mut by_vnet: BTreeMap<VnetId, Vec<HealthProbe>> = BTreeMap::new();
    for ((vnet, balancer, name), (probe, members)) in asked {
        by_vnet.entry(vnet).or_default().push(HealthProbe {
            balancer: balancer.to_owned(),
            name: name.to_owned(),
            question: probe.question.clone(),
            port: probe.port,
            interval_s: probe.interval_in_seconds,
            threshold: probe.number_of_probes,
            backends: backends(network, &members),
        });
    }
    let probers = by_vnet.into_iter().filter_map(|(vnet, probes)| {
        let leg = plan.probers.get(&vnet)?.clone();
        Some(Prober { leg, probes })
    });
    let mut probers: Vec<_> = probers.collect();
    probers.sort_by_key(|prober| prober.leg.vni);
    probers
}
