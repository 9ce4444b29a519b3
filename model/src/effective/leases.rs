//! Source ports of public frontends that are leased to the machines of backend pools.
//!
//! Azure gives them out before they are needed, in groups of eight; a group in which a rule for inbound flows has its port is not given out.
//! <https://learn.microsoft.com/azure/load-balancer/load-balancer-outbound-connections>,
//! <https://learn.microsoft.com/azure/load-balancer/outbound-rules>

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use goal_state::translation::PortLease;

use super::egress::{TCP, UDP, outbound_ports};
use crate::network::{FrontendAddress, LoadBalancer, LoadBalancerId, Network, NicRef};

/// So many ports are given at once.
const GROUP: u16 = 8;
/// The first port that is given.
const FIRST: u16 = 1024;

/// A load balancer, and the positions of the frontends of one of its ways out.
type Frontends = (LoadBalancerId, Vec<usize>);

/// The leases of a network.
#[derive(Debug)]
pub struct Leases {
    by_nic: BTreeMap<(Frontends, NicRef), Vec<PortLease>>,
}

impl Leases {
    /// Leases of every member of every pool with a way out.
    #[must_use]
    pub fn of(network: &Network) -> Self {
        let mut free: BTreeMap<(LoadBalancerId, usize), Groups> = BTreeMap::new();
        let mut by_nic = BTreeMap::new();
        for ((balancer, frontends), members) in wanted(network) {
            for (nic, ports) in members {
                let mut leases = Vec::new();
                let mut left = ports.div_ceil(u32::from(GROUP));
                for &frontend in &frontends {
                    let groups = free
                        .entry((balancer, frontend))
                        .or_insert_with(|| Groups::of(network, network.load_balancer(balancer), frontend));
                    left -= groups.take(left, &mut leases);
                }
                by_nic.insert(((balancer, frontends.clone()), nic), leases);
            }
        }
        Self { by_nic }
    }

    /// What a member has of these frontends, the first ports first. Empty when there was nothing left.
    #[must_use]
    pub fn get(&self, balancer: LoadBalancerId, frontends: &[usize], nic: NicRef) -> &[PortLease] {
        self.by_nic.get(&((balancer, frontends.to_vec()), nic)).map_or(&[], Vec::as_slice)
    }

    /// Every lease of a load balancer, and whose it is.
    pub fn of_balancer(&self, balancer: LoadBalancerId) -> impl Iterator<Item = (NicRef, PortLease)> + '_ {
        let all = self.by_nic.iter().filter(move |(((of, _), _), _)| *of == balancer);
        all.flat_map(|((_, nic), leases)| leases.iter().map(move |lease| (*nic, *lease)))
    }
}

/// How many ports each member of a pool gets of which frontends, in the order of the file. Where TCP and UDP leave by the same ones, they have the
/// same ports.
fn wanted(network: &Network) -> BTreeMap<Frontends, Vec<(NicRef, u32)>> {
    let mut wanted: BTreeMap<Frontends, Vec<(NicRef, u32)>> = BTreeMap::new();
    for (position, balancer) in network.load_balancers.iter().enumerate() {
        for (pool, (_, members)) in balancer.backend_pools.iter().enumerate() {
            for protocol in [TCP, UDP] {
                for (frontends, ports) in outbound_ports(balancer, pool, protocol) {
                    let of = wanted.entry((LoadBalancerId(position), frontends)).or_default();
                    for &nic in members {
                        match of.iter_mut().find(|(known, _)| *known == nic) {
                            Some((_, known)) => *known = ports.max(*known),
                            None => of.push((nic, ports)),
                        }
                    }
                }
            }
        }
    }
    wanted
}

/// What a frontend can still give.
struct Groups {
    address: Option<Ipv4Addr>,
    free: std::vec::IntoIter<u16>,
}

impl Groups {
    fn of(network: &Network, balancer: &LoadBalancer, frontend: usize) -> Self {
        let address = match balancer.frontends[frontend].address {
            FrontendAddress::Public(public_ip) => Some(network.public_ip(public_ip).address),
            FrontendAddress::Private { .. } => None,
        };
        let balancing = balancer.load_balancing_rules.iter().filter(|rule| rule.frontend == frontend);
        let nat = balancer.inbound_nat_rules.iter().filter(|rule| rule.frontend == frontend);
        let ports = balancing.map(|rule| rule.frontend_port);
        let ports = ports.chain(nat.flat_map(|rule| rule.backends.iter().map(|(_, port)| *port)));
        let used: BTreeSet<_> = ports.map(|port| port - port % GROUP).collect();
        let groups = (FIRST..=u16::MAX - GROUP + 1).step_by(usize::from(GROUP));
        let free: Vec<_> = groups.filter(|first| !used.contains(first)).collect();
        Self { address, free: free.into_iter() }
    }

    /// Gives so many groups, or what there is, and says how many they were. Neighbours become one lease.
    fn take(&mut self, count: u32, leases: &mut Vec<PortLease>) -> u32 {
        let Some(address) = self.address else { return 0 };
        let mut taken = 0;
        while taken < count
            && let Some(first) = self.free.next()
        {
            taken += 1;
            let last = first + (GROUP - 1);
            match leases.last_mut() {
                Some(lease) if lease.address == address && lease.last == first - 1 => lease.last = last,
                _ => leases.push(PortLease { address, first, last }),
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::NicIndex;
    use crate::network::build::NetworkBuilder;

    fn network(rules: &[&str], change: impl FnOnce(&mut LoadBalancer)) -> Network {
        NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .vm("web1", "10.0.0.4")
            .vm("web2", "10.0.0.5")
            .public_ip("p1", "20.0.0.1")
            .public_ip("p2", "20.0.0.2")
            .load_balancer("lb", "p1", &["web1", "web2"], rules)
            .outbound_rule("lb")
            .load_balancer_with("other", "p2", &[], &[], change)
            .build()
    }

    fn leases(network: &Network, vm: usize, frontends: &[usize]) -> Vec<String> {
        let nic = NicRef { vm: crate::network::VmId(vm), index: NicIndex(0) };
        let leases = Leases::of(network);
        let text = |lease: &PortLease| format!("{} {}-{}", lease.address, lease.first, lease.last);
        leases.get(LoadBalancerId(0), frontends, nic).iter().map(text).collect()
    }

    #[test]
    fn s9_3_machines_get_ports_one_after_another() {
        let network = network(&["Tcp 80 80"], |_| {});
        assert_eq!(leases(&network, 0, &[0]), ["20.0.0.1 1024-2047"]);
        assert_eq!(leases(&network, 1, &[0]), ["20.0.0.1 2048-3071"]);
        let all: Vec<_> = Leases::of(&network).of_balancer(LoadBalancerId(0)).collect();
        assert_eq!(all.len(), 2);
    }

    #[test]
    fn s9_3_a_rule_takes_the_eight_ports_around_its_own() {
        let network = network(&["Tcp 1100 80"], |_| {});
        assert_eq!(leases(&network, 0, &[0]), ["20.0.0.1 1024-1095", "20.0.0.1 1104-2055"]);
    }

    #[test]
    fn several_frontends_are_used_up_one_after_another() {
        let mut network = network(&[], |_| {});
        let second = network.load_balancers[1].frontends[0].clone();
        network.load_balancers[0].frontends.push(second);
        let rule = &mut network.load_balancers[0].outbound_rules[0];
        (rule.frontends, rule.allocated_outbound_ports) = (vec![0, 1], 64_000);
        assert_eq!(leases(&network, 0, &[0, 1]), ["20.0.0.1 1024-65023"]);
        assert_eq!(leases(&network, 1, &[0, 1]), ["20.0.0.1 65024-65535", "20.0.0.2 1024-64511"]);
    }

    #[test]
    fn nothing_is_left_for_the_last_one() {
        let mut network = network(&[], |_| {});
        network.load_balancers[0].outbound_rules[0].allocated_outbound_ports = 64_512;
        assert_eq!(leases(&network, 1, &[0]), [""; 0]);
    }
}
