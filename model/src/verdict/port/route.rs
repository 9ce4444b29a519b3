//! Where a NIC's effective route leads a packet.

use std::net::Ipv4Addr;
use std::sync::Arc;

use goal_state::DropReason;

use super::Port;
use crate::effective::hop::peering_name;
use crate::effective::reach::{gives_access, takes_part};
use crate::effective::{
    Appliance, EffectiveNextHop, EffectiveRoute, FrontendRef, Hop, Owner, Taker, deliver, hop,
};
use crate::network::{GatewayId, NicRef, PrivateEndpointId};
use crate::verdict::choices::{Choices, Chooser};
use crate::verdict::decision::Decision;
use crate::verdict::encryption::encryption_detail;
use crate::verdict::explanation::Reason;
use crate::verdict::packet::Packet;

/// Where a packet goes that a port has let out.
#[derive(Debug, Clone)]
pub(in crate::verdict) enum Onward {
    /// To this NIC.
    To(NicRef),
    /// The host finds nobody who has the destination.
    Nobody,
    /// The host finds nobody at the address of this appliance.
    NobodyAt(Ipv4Addr),
    /// To a load balancer's frontend, which is the destination.
    Frontend(FrontendRef),
    /// Through an internal load balancer in front of appliances.
    Through(FrontendRef),
    /// To a private endpoint.
    PrivateEndpoint(PrivateEndpointId),
    /// To a virtual network gateway.
    Gateway(GatewayId),
    /// To a service, by the service endpoint of this resource provider.
    ServiceEndpoint(Arc<str>),
    /// To the internet, because of this route.
    Internet(Decision),
    /// To the platform.
    Platform,
}

impl Port<'_> {
    /// Follows the effective route, and writes down which.
    pub(super) fn route(&mut self, choices: &mut Choices, packet: Packet) -> Result<Onward, Reason> {
        let subnet = self.network.nic(self.nic).subnet;
        let Some(route) = self.policy.routes(subnet).lookup(packet.destination) else {
            let detail = format!("no route covers {}", packet.destination);
            return Err(self.deny(Decision::new(DropReason::Route), detail));
        };
        match self.onward(choices, route, packet) {
            Ok(onward) => {
                let several = route.next_hop.addresses().len() > 1;
                let chosen = match &onward {
                    Onward::To(nic) if several => format!(": to {}", self.vm_name(*nic)),
                    Onward::NobodyAt(address) if several => format!(": to {address}"),
                    Onward::Gateway(gateway) => format!(": {}", self.network.gateway(*gateway).name),
                    _ => String::new(),
                };
                let encrypted = match &onward {
                    Onward::To(nic) => encryption_detail(self.policy, self.nic, *nic),
                    _ => String::new(),
                };
                let detail = format!("{}{chosen}{encrypted}", route.describe());
                self.allow(self.route_decision(DropReason::Route, route), detail);
                Ok(onward)
            }
            Err(reason) => Err(self.deny(self.route_decision(reason, route), drop_detail(reason, route))),
        }
    }

    fn onward(
        &self,
        choices: &mut Choices,
        route: &EffectiveRoute,
        packet: Packet,
    ) -> Result<Onward, DropReason> {
        let subnet = self.network.nic(self.nic).subnet;
        let chooser = Chooser::Port(self.nic);
        match hop(self.policy, self.nic, route) {
            Hop::Drop(reason) => Err(reason),
            Hop::Appliances(appliances) if !appliances.iter().any(|one| self.answers(one.taker)) => {
                Err(DropReason::NextHop)
            }
            Hop::Appliances(appliances) => {
                Ok(self.appliance(appliances[choices.among(chooser, packet, appliances.len())]))
            }
            Hop::LoadBalancer(frontend) => Ok(Onward::Through(frontend)),
            Hop::Destination => match deliver(self.policy, subnet, packet.destination) {
                Ok(owner) => Ok(self.destination(owner)),
                Err(DropReason::NoDestination) => Ok(Onward::Nobody),
                Err(reason) => Err(reason),
            },
            Hop::Gateway(gateways) => {
                Ok(Onward::Gateway(gateways[choices.among(chooser, packet, gateways.len())]))
            }
            Hop::PrivateEndpoint(endpoint) => Ok(Onward::PrivateEndpoint(endpoint)),
            Hop::ServiceEndpoint(service) => Ok(Onward::ServiceEndpoint(service)),
            Hop::Internet => Ok(Onward::Internet(self.route_decision(DropReason::Route, route))),
        }
    }

    /// Whether somebody takes what is sent there.
    fn answers(&self, taker: Taker) -> bool {
        match taker {
            Taker::Nic(nic) => self.network.vm(nic.vm).runs(),
            Taker::Frontend(_) => true,
            Taker::Nobody => false,
        }
    }

    fn appliance(&self, Appliance { address, taker }: Appliance) -> Onward {
        match taker {
            Taker::Nic(nic) if self.network.vm(nic.vm).runs() => Onward::To(nic),
            // One of several next hops, so that the port sends it on and nobody takes it.
            Taker::Nic(_) | Taker::Nobody => Onward::NobodyAt(address),
            Taker::Frontend(frontend) => Onward::Through(frontend),
        }
    }

    fn destination(&self, owner: Owner) -> Onward {
        match owner {
            Owner::Nic(nic) if nic != self.nic && self.network.vm(nic.vm).runs() => Onward::To(nic),
            Owner::Frontend(frontend) => Onward::Frontend(frontend),
            Owner::PrivateEndpoint(endpoint) => Onward::PrivateEndpoint(endpoint),
            Owner::Nic(_) | Owner::Gateway(_) | Owner::RouteServer(_) => Onward::Nobody,
        }
    }

    fn route_decision(&self, stage: DropReason, route: &EffectiveRoute) -> Decision {
        match (&route.user, stage, &route.next_hop) {
            (_, DropReason::Peering, EffectiveNextHop::VnetPeering { .. }) => self.peering_decision(route),
            (_, DropReason::PrivateEndpoint, &EffectiveNextHop::InterfaceEndpoint(endpoint)) => {
                Decision::of(stage, &self.network.private_endpoint(endpoint).name)
                    .by("privateLinkServiceConnectionState")
            }
            (Some(name), ..) => Decision::of(stage, &name.table).by(&name.route),
            (None, ..) => Decision::of(stage, "System Route"),
        }
    }

    /// The NIC's own peering link that `route` follows, and what of it is in the way.
    fn peering_decision(&self, route: &EffectiveRoute) -> Decision {
        let subnet = self.network.nic(self.nic).subnet;
        let resource = peering_name(self.network, subnet.vnet, route);
        let link = match route.next_hop {
            EffectiveNextHop::VnetPeering { remote, .. } => self.network.vnet(subnet.vnet).peering_to(remote),
            _ => None,
        };
        // No flag, but the subnets of the link, when they leave this one out.
        let by_subnets =
            link.is_some_and(|link| gives_access(self.network, link) && !takes_part(link, subnet));
        let rule = (!by_subnets).then(|| "allowVirtualNetworkAccess".to_owned());
        Decision { resource, rule, ..Decision::new(DropReason::Peering) }
    }
}

fn drop_detail(reason: DropReason, route: &EffectiveRoute) -> String {
    let why = match reason {
        DropReason::Peering => "the peering link does not let it through",
        DropReason::NextHop => "no NIC that can be reached directly has this address",
        DropReason::Gateway => "there is no gateway",
        DropReason::PrivateEndpoint => "no connection to the private endpoint",
        _ => "the packet is dropped",
    };
    format!("{}: {why}", route.describe())
}
