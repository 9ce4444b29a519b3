//! Routes of ports. The NICs of a subnet share them, but for those that the routes themselves lead to.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};

use goal_state::DropReason;
use goal_state::route::{NextHop, Route};

use super::edge::{Approach, EdgePlan, approach};
use super::exceptions::exceptions;
use super::translation::has_inbound;
use crate::effective::egress::{NoWayOut, has_way_out, way_out};
use crate::effective::hop::{hop_from, route_name};
use crate::effective::reach::reachable_owner;
use crate::effective::{Appliance, EffectiveNextHop, EffectiveRoute, Hop, Owner, Policy, Taker};
use crate::network::{Network, NicRef, ServiceId, SubnetRef, VnetId};

/// IANA's number.
const TCP: u8 = 6;

/// The routes of every subnet, each made when it is first asked for.
#[derive(Debug)]
pub(super) struct Routes {
    /// For each [`Exit`].
    by_vnet: Vec<Vec<[OnceLock<OfSubnet>; 4]>>,
}

#[derive(Debug)]
struct OfSubnet {
    /// As a NIC has them that is no next hop.
    routes: Arc<Vec<Route>>,
    /// Every address that is.
    appliances: BTreeSet<Ipv4Addr>,
}

/// What a NIC has behind a route to the internet.
#[derive(Debug, Clone, Copy)]
struct Exit {
    /// Packets go there: it has a way out, or answers what comes from there.
    internet: bool,
    /// It has no way out because its subnet is private, and reaches storage of the region all the same.
    storage: bool,
}

impl Exit {
    fn of(policy: &Policy<'_>, plan: Option<&EdgePlan>, nic: NicRef) -> Self {
        let inbound = || plan.is_some() && has_inbound(policy, nic);
        let private = || {
            let source = policy.network().nic(nic).addresses[0];
            way_out(policy, nic, source, TCP) == Err(NoWayOut::PrivateSubnet)
        };
        Self {
            internet: has_way_out(policy, nic) || inbound(),
            storage: plan.is_some_and(|plan| !plan.service_legs.is_empty()) && private(),
        }
    }

    fn position(self) -> usize {
        usize::from(self.internet) + 2 * usize::from(self.storage)
    }
}

impl Routes {
    pub(super) fn new(network: &Network) -> Self {
        let subnets =
            network.virtual_networks.iter().map(|vnet| vnet.subnets.iter().map(|_| Default::default()));
        Self { by_vnet: subnets.map(Iterator::collect).collect() }
    }

    /// The routes of `nic` in force; what cannot be delivered is a drop with its reason.
    pub(super) fn of(&self, policy: &Policy<'_>, plan: Option<&EdgePlan>, nic: NicRef) -> Arc<Vec<Route>> {
        let properties = policy.network().nic(nic);
        let subnet = properties.subnet;
        let exit = Exit::of(policy, plan, nic);
        let cells = &self.by_vnet[subnet.vnet.0][subnet.index];
        let all = |nic| Lowering { policy, plan, subnet, nic, exit }.routes();
        let shared = cells[exit.position()]
            .get_or_init(|| OfSubnet { routes: Arc::new(all(None)), appliances: appliances(policy, subnet) });
        if properties.addresses.iter().any(|address| shared.appliances.contains(address)) {
            Arc::new(all(Some(nic)))
        } else {
            Arc::clone(&shared.routes)
        }
    }
}

fn appliances(policy: &Policy<'_>, subnet: SubnetRef) -> BTreeSet<Ipv4Addr> {
    policy.routes(subnet).active().flat_map(|route| route.next_hop.addresses()).copied().collect()
}

/// The routes of a subnet, for a NIC that they lead to or for all others.
struct Lowering<'a> {
    policy: &'a Policy<'a>,
    plan: Option<&'a EdgePlan>,
    subnet: SubnetRef,
    nic: Option<NicRef>,
    exit: Exit,
}

impl Lowering<'_> {
    fn routes(&self) -> Vec<Route> {
        let effective = self.policy.routes(self.subnet);
        let exceptions = exceptions(self.policy, self.plan, self.subnet, effective);
        // An exception stands where a route of the same prefix delivers: it replaces that route.
        let exceptions = self.services().into_iter().chain(exceptions);
        let mut routes: Vec<_> =
            exceptions.chain(effective.active().map(|route| self.lower(route))).collect();
        routes.sort_by_key(|route| route.prefix);
        routes.dedup_by_key(|route| route.prefix);
        routes
    }

    fn lower(&self, route: &EffectiveRoute) -> Route {
        Route {
            prefix: route.prefix,
            next_hop: self.next_hop(route),
            source: route.source,
            name: route_name(self.policy.network(), self.subnet.vnet, route),
        }
    }

    fn next_hop(&self, route: &EffectiveRoute) -> NextHop {
        let drop = |reason| NextHop::Drop { reason };
        let network = self.policy.network();
        match hop_from(self.policy, self.subnet, self.nic, route) {
            Hop::Destination if matches!(route.next_hop, EffectiveNextHop::VnetPeering { .. }) => {
                NextHop::VnetPeering
            }
            Hop::Destination => NextHop::VnetLocal,
            Hop::Appliances(appliances) => self.via(&appliances),
            Hop::LoadBalancer(frontend) => match self.plan.and_then(|plan| plan.frontend(frontend)) {
                Some(legs) => through(legs.inside.address),
                None => drop(DropReason::LoadBalancer),
            },
            Hop::Gateway(_) => drop(DropReason::Gateway),
            Hop::PrivateEndpoint(_) if self.plan.is_none() => drop(DropReason::PrivateEndpoint),
            Hop::PrivateEndpoint(id) if network.private_endpoint(id).subnet.vnet == self.subnet.vnet => {
                NextHop::VnetLocal
            }
            Hop::PrivateEndpoint(_) => NextHop::VnetPeering,
            Hop::Internet if !self.exit.internet => drop(DropReason::OutboundAccess),
            Hop::Internet => {
                let router = self.plan.and_then(|plan| plan.router(&network.vnet(self.subnet.vnet).location));
                router.map_or(drop(DropReason::NoDestination), |router| NextHop::Internet { router })
            }
            // Services have routes of their own, and nobody else is behind an endpoint.
            Hop::ServiceEndpoint(_) => drop(DropReason::NoDestination),
            Hop::Drop(reason) => drop(reason),
        }
    }

    /// Routes to services that are reached without the internet.
    fn services(&self) -> Vec<Route> {
        let (policy, Some(plan)) = (self.policy, self.plan) else { return Vec::new() };
        let network = policy.network();
        let services = (0..network.services.len()).map(ServiceId);
        let route = |service| {
            let leg = plan.service_leg(service, self.subnet.vnet)?;
            match approach(policy, self.subnet, service)? {
                Approach::StorageNearby if !self.exit.storage => return None,
                Approach::StorageNearby | Approach::ServiceEndpoint => {}
            }
            let address = network.service(service).address;
            let covering = policy.routes(self.subnet).lookup(address)?;
            let route = self.lower(covering);
            Some(Route { prefix: address.into(), next_hop: through(leg.address), ..route })
        };
        services.filter_map(route).collect()
    }

    /// Flows to an address where nobody answers are lost: nothing checks that an appliance lives.
    fn via(&self, appliances: &[Appliance]) -> NextHop {
        let answers = |appliance: &Appliance| self.answers(appliance.taker);
        if !appliances.iter().any(answers) {
            return NextHop::Drop { reason: DropReason::NextHop };
        }
        // The host knows everybody whom some NIC of the virtual network reaches.
        let is_known = |address: &Ipv4Addr| self.is_known(self.subnet.vnet, *address);
        let silent = appliances.iter().filter(|appliance| !answers(appliance)).map(|silent| silent.address);
        NextHop::VirtualAppliance {
            addresses: sorted(appliances.iter().map(|appliance| appliance.address)),
            unreachable: sorted(silent.filter(is_known)),
        }
    }

    fn answers(&self, taker: Taker) -> bool {
        match taker {
            Taker::Nic(nic) => self.policy.network().vm(nic.vm).runs(),
            Taker::Frontend(_) => self.plan.is_some(),
            Taker::Nobody => false,
        }
    }

    fn is_known(&self, vnet: VnetId, address: Ipv4Addr) -> bool {
        match reachable_owner(self.policy, vnet, address) {
            Some(Owner::Nic(nic)) => self.policy.network().vm(nic.vm).runs(),
            Some(Owner::Frontend(_) | Owner::PrivateEndpoint(_)) => self.plan.is_some(),
            Some(Owner::Gateway(_) | Owner::RouteServer(_)) | None => false,
        }
    }
}

fn through(address: Ipv4Addr) -> NextHop {
    NextHop::VirtualAppliance { addresses: vec![address], unreachable: Vec::new() }
}

fn sorted(addresses: impl Iterator<Item = Ipv4Addr>) -> Vec<Ipv4Addr> {
    addresses.collect::<BTreeSet<_>>().into_iter().collect()
}
