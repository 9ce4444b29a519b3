//! Routes of ports. The NICs of a subnet share them, but for those that the routes themselves lead to.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};

use goal_state::DropReason;
use goal_state::route::{NextHop, Route};

use super::exceptions::exceptions;
use crate::effective::egress::has_way_out;
use crate::effective::hop::{hop_from, route_name};
use crate::effective::reach::reachable_nic;
use crate::effective::{Appliance, EffectiveNextHop, EffectiveRoute, Hop, Policy, Taker};
use crate::network::{Network, NicRef, SubnetRef, VnetId};

/// The routes of every subnet, each made when it is first asked for.
#[derive(Debug)]
pub(super) struct Routes {
    /// For NICs without and with a way out to the internet.
    by_vnet: Vec<Vec<[OnceLock<OfSubnet>; 2]>>,
}

#[derive(Debug)]
struct OfSubnet {
    /// As a NIC has them that is no next hop.
    routes: Arc<Vec<Route>>,
    /// Every address that is.
    appliances: BTreeSet<Ipv4Addr>,
}

impl Routes {
    pub(super) fn new(network: &Network) -> Self {
        let subnets =
            network.virtual_networks.iter().map(|vnet| vnet.subnets.iter().map(|_| Default::default()));
        Self { by_vnet: subnets.map(Iterator::collect).collect() }
    }

    /// The routes of `nic` in force; what cannot be delivered is a drop with its reason.
    pub(super) fn of(&self, policy: &Policy<'_>, nic: NicRef) -> Arc<Vec<Route>> {
        let properties = policy.network().nic(nic);
        let subnet = properties.subnet;
        let way_out = has_way_out(policy, nic);
        let cells = &self.by_vnet[subnet.vnet.0][subnet.index];
        let shared = cells[usize::from(way_out)].get_or_init(|| OfSubnet::new(policy, subnet, way_out));
        if properties.addresses.iter().any(|address| shared.appliances.contains(address)) {
            Arc::new(routes(policy, subnet, Some(nic), way_out))
        } else {
            Arc::clone(&shared.routes)
        }
    }
}

impl OfSubnet {
    fn new(policy: &Policy<'_>, subnet: SubnetRef, way_out: bool) -> Self {
        let appliances = policy.routes(subnet).active().flat_map(|route| route.next_hop.addresses()).copied();
        Self { routes: Arc::new(routes(policy, subnet, None, way_out)), appliances: appliances.collect() }
    }
}

fn routes(policy: &Policy<'_>, subnet: SubnetRef, nic: Option<NicRef>, way_out: bool) -> Vec<Route> {
    let network = policy.network();
    let lower = |route: &EffectiveRoute| Route {
        prefix: route.prefix,
        next_hop: match hop_from(policy, subnet, nic, route) {
            Hop::Destination if matches!(route.next_hop, EffectiveNextHop::VnetPeering { .. }) => {
                NextHop::VnetPeering
            }
            Hop::Destination => NextHop::VnetLocal,
            Hop::Appliances(appliances) => via(policy, subnet.vnet, &appliances),
            Hop::LoadBalancer(_) => NextHop::Drop { reason: DropReason::LoadBalancer },
            Hop::Gateway(_) => NextHop::Drop { reason: DropReason::Gateway },
            Hop::PrivateEndpoint(_) => NextHop::Drop { reason: DropReason::PrivateEndpoint },
            Hop::Internet if !way_out => NextHop::Drop { reason: DropReason::OutboundAccess },
            // A lab has no internet yet: nobody has a public address.
            Hop::Internet | Hop::ServiceEndpoint(_) => NextHop::Drop { reason: DropReason::NoDestination },
            Hop::Drop(reason) => NextHop::Drop { reason },
        },
        source: route.source,
        name: route_name(network, subnet.vnet, route),
    };
    let effective = policy.routes(subnet);
    // An exception stands where a route of the same prefix delivers: it replaces that route.
    let routes = exceptions(policy, subnet, effective).into_iter().chain(effective.active().map(lower));
    let mut routes: Vec<_> = routes.collect();
    routes.sort_by_key(|route| route.prefix);
    routes.dedup_by_key(|route| route.prefix);
    routes
}

/// Flows to an address where nobody answers are lost: nothing checks that an appliance lives.
fn via(policy: &Policy<'_>, vnet: VnetId, appliances: &[Appliance]) -> NextHop {
    let answers = |appliance: &Appliance| answers(policy.network(), appliance.taker);
    if !appliances.iter().any(answers) {
        return NextHop::Drop { reason: DropReason::NextHop };
    }
    // The host knows everybody whom some NIC of the virtual network reaches.
    let is_known = |address: &Ipv4Addr| reachable_nic(policy, vnet, *address).is_some();
    let silent = appliances.iter().filter(|appliance| !answers(appliance)).map(|silent| silent.address);
    NextHop::VirtualAppliance {
        addresses: sorted(appliances.iter().map(|appliance| appliance.address)),
        unreachable: sorted(silent.filter(is_known)),
    }
}

fn sorted(addresses: impl Iterator<Item = Ipv4Addr>) -> Vec<Ipv4Addr> {
    addresses.collect::<BTreeSet<_>>().into_iter().collect()
}

fn answers(network: &Network, taker: Taker) -> bool {
    matches!(taker, Taker::Nic(nic) if network.vm(nic.vm).runs())
}
