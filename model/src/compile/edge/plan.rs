//! Who stands where at the edge: every leg of a station, with its addresses, worked out once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use goal_state::edge::{INTERNET_VNI, Leg};
use goal_state::{MacAddr, VmName, Vni};

use super::macs::StationMacs;
use super::service_legs::service_legs;
use crate::effective::tags::WIRE_SERVER;
use crate::effective::{FrontendRef, Policy};
use crate::network::outside::outside;
use crate::network::{
    FrontendAddress, HostId, LoadBalancerId, NatGatewayId, Network, Outside, PrivateEndpointId, ServiceId,
    SubnetRef, VnetId,
};

/// Link-local addresses (RFC 3927) of legs, by what the leg is: 169.254.1.0/24 and so on.
#[derive(Debug, Clone, Copy)]
enum Block {
    Routers = 1,
    NatGateways = 2,
    Services = 3,
    Frontends = 4,
}

impl Block {
    /// The address with this number, from 0. Behind 254 of them every sixteenth range goes on, so that blocks never meet, and never meet
    /// 169.254.169.254.
    fn address(self, number: usize) -> Ipv4Addr {
        let range = u8::try_from(number / 254 % 15).unwrap_or(0) * 16 + self as u8;
        Ipv4Addr::new(169, 254, range, u8::try_from(number % 254).unwrap_or(0) + 1)
    }
}

/// A station between a virtual network and the internet.
#[derive(Debug, Clone)]
pub(in crate::compile) struct Between {
    /// The virtual network.
    pub(in crate::compile) vnet: VnetId,
    /// The leg there.
    pub(in crate::compile) inside: Leg,
    /// The leg in the internet; none of a station that is not known there.
    pub(in crate::compile) outside: Option<Leg>,
}

/// The places of everything at the edge of a network.
#[derive(Debug)]
pub(in crate::compile) struct EdgePlan {
    /// The host where it is.
    pub(in crate::compile) host: HostId,
    /// That host's provider address.
    pub(in crate::compile) provider_address: Ipv4Addr,
    /// Regions, and their routers' legs in the internet.
    pub(in crate::compile) routers: Vec<(String, Leg)>,
    /// By NAT gateway.
    pub(in crate::compile) nat_gateways: Vec<Option<Between>>,
    /// By load balancer and frontend.
    pub(in crate::compile) frontends: Vec<Vec<Option<Between>>>,
    /// Probers' legs, by virtual network.
    pub(in crate::compile) probers: BTreeMap<VnetId, Leg>,
    /// Those outside, as virtual machines, with the Ethernet address of the NIC in the internet.
    pub(in crate::compile) outside: Vec<(Outside, VmName, MacAddr)>,
    /// NICs of services in virtual networks that reach them by service endpoints.
    pub(in crate::compile) service_legs: BTreeMap<(ServiceId, VnetId), Leg>,
    /// By private endpoint.
    pub(in crate::compile) private_endpoints: Vec<MacAddr>,
}

impl EdgePlan {
    /// The plan of a network; none without an edge.
    pub(in crate::compile) fn of(policy: &Policy<'_>) -> Option<Self> {
        let network = policy.network();
        let host = network.edge?;
        let mut legs =
            Legs { network, macs: StationMacs::new(network), internet: Vni::new(INTERNET_VNI).ok()? };
        Some(Self {
            host,
            provider_address: network.hosts[host.0].provider_address,
            routers: legs.routers(),
            nat_gateways: legs.nat_gateways(),
            frontends: legs.frontends(),
            probers: legs.probers(),
            outside: legs.outside(),
            service_legs: legs.service_legs(policy),
            private_endpoints: legs.private_endpoints(),
        })
    }

    /// The address of a region's router.
    pub(in crate::compile) fn router(&self, region: &str) -> Option<Ipv4Addr> {
        self.routers.iter().find(|(name, _)| name == region).map(|(_, leg)| leg.address)
    }

    /// The legs of a frontend.
    pub(in crate::compile) fn frontend(&self, frontend: FrontendRef) -> Option<&Between> {
        self.frontends.get(frontend.balancer.0)?.get(frontend.index)?.as_ref()
    }

    /// Where a service is reached by the service endpoints of a virtual network.
    pub(in crate::compile) fn service_leg(&self, service: ServiceId, vnet: VnetId) -> Option<&Leg> {
        self.service_legs.get(&(service, vnet))
    }

    /// The legs that NICs of a virtual network reach there, besides those at the addresses of frontends.
    pub(in crate::compile) fn legs_in(&self, network: &Network, vnet: VnetId) -> Vec<&Leg> {
        let region = &network.vnet(vnet).location;
        let router = self.routers.iter().filter(|(name, _)| name == region).map(|(_, leg)| leg);
        let gateways = self.nat_gateways.iter().flatten().filter(|it| it.vnet == vnet).map(|it| &it.inside);
        let services = self.service_legs.iter().filter(|((_, at), _)| *at == vnet).map(|(_, leg)| leg);
        router.chain(gateways).chain(services).chain(self.probers.get(&vnet)).collect()
    }

    /// Virtual networks in which something of the edge stands.
    pub(in crate::compile) fn vnets(&self, network: &Network) -> BTreeSet<VnetId> {
        let gateways = self.nat_gateways.iter().flatten().map(|it| it.vnet);
        let frontends = self.frontends.iter().flatten().flatten().map(|it| it.vnet);
        let services = self.service_legs.keys().map(|(_, vnet)| *vnet);
        let endpoints = network.private_endpoints.iter().map(|endpoint| endpoint.subnet.vnet);
        gateways
            .chain(frontends)
            .chain(services)
            .chain(endpoints)
            .chain(self.probers.keys().copied())
            .collect()
    }
}

/// Gives out legs.
struct Legs<'n> {
    network: &'n Network,
    macs: StationMacs,
    internet: Vni,
}

impl Legs<'_> {
    fn routers(&mut self) -> Vec<(String, Leg)> {
        let routers = regions(self.network).into_iter().enumerate();
        let leg = |(number, region): (usize, String)| {
            let mac = self.macs.assign(&["router", &region]);
            (region, Leg { vni: self.internet, mac, address: Block::Routers.address(number) })
        };
        routers.map(leg).collect()
    }

    fn nat_gateways(&mut self) -> Vec<Option<Between>> {
        let mut in_vnet: BTreeMap<VnetId, usize> = BTreeMap::new();
        let network = self.network;
        let gateways = network.nat_gateways.iter().enumerate();
        let gateways = gateways.map(|(position, gateway)| {
            let vnet = vnet_of_gateway(network, NatGatewayId(position))?;
            let addresses = gateway.public_ips.iter().map(|&id| network.public_ip(id).address);
            let number = in_vnet.entry(vnet).or_default();
            let inside = Block::NatGateways.address(*number);
            *number += 1;
            Some(self.between("nat", &gateway.name, vnet, inside, addresses.min()))
        });
        gateways.collect()
    }

    fn frontends(&mut self) -> Vec<Vec<Option<Between>>> {
        let mut in_vnet: BTreeMap<VnetId, usize> = BTreeMap::new();
        let network = self.network;
        let mut all = Vec::new();
        for (position, balancer) in network.load_balancers.iter().enumerate() {
            let mut frontends = Vec::new();
            for frontend in &balancer.frontends {
                let name = format!("{}/{}", balancer.name, frontend.name);
                frontends.push(match frontend.address {
                    FrontendAddress::Private { subnet, address } => {
                        Some(self.between("frontend", &name, subnet.vnet, address, None))
                    }
                    FrontendAddress::Public(public_ip) => vnet_of_balancer(network, LoadBalancerId(position))
                        .map(|vnet| {
                            let number = in_vnet.entry(vnet).or_default();
                            let inside = Block::Frontends.address(*number);
                            *number += 1;
                            let address = network.public_ip(public_ip).address;
                            self.between("frontend", &name, vnet, inside, Some(address))
                        }),
                });
            }
            all.push(frontends);
        }
        all
    }

    fn between(
        &mut self,
        kind: &str,
        name: &str,
        vnet: VnetId,
        inside: Ipv4Addr,
        outside: Option<Ipv4Addr>,
    ) -> Between {
        let mac = self.macs.assign(&[kind, name, "inside"]);
        let inside = Leg { vni: self.network.vnet(vnet).vni, mac, address: inside };
        let outside = outside.map(|address| {
            let mac = self.macs.assign(&[kind, name, "outside"]);
            Leg { vni: self.internet, mac, address }
        });
        Between { vnet, inside, outside }
    }

    /// One where a backend of a rule with a probe is.
    fn probers(&mut self) -> BTreeMap<VnetId, Leg> {
        let network = self.network;
        let vnets: BTreeSet<_> = super::probers::probed(network).map(|probed| probed.vnet).collect();
        let leg = |vnet: VnetId| {
            let mac = self.macs.assign(&["prober", &network.vnet(vnet).name]);
            (vnet, Leg { vni: network.vnet(vnet).vni, mac, address: WIRE_SERVER })
        };
        vnets.into_iter().map(leg).collect()
    }

    fn outside(&mut self) -> Vec<(Outside, VmName, MacAddr)> {
        let all = outside(self.network).into_iter();
        all.map(|(it, name)| {
            let mac = self.macs.assign(&["outside", name.as_str()]);
            (it, name, mac)
        })
        .collect()
    }

    fn service_legs(&mut self, policy: &Policy<'_>) -> BTreeMap<(ServiceId, VnetId), Leg> {
        let mut in_vnet: BTreeMap<VnetId, usize> = BTreeMap::new();
        let mut legs = BTreeMap::new();
        for (service, vnet) in service_legs(policy) {
            let number = in_vnet.entry(vnet).or_default();
            let address = Block::Services.address(*number);
            *number += 1;
            let vnet_of = self.network.vnet(vnet);
            let mac = self.macs.assign(&["service", &self.network.service(service).name, &vnet_of.name]);
            legs.insert((service, vnet), Leg { vni: vnet_of.vni, mac, address });
        }
        legs
    }

    fn private_endpoints(&mut self) -> Vec<MacAddr> {
        let endpoints = (0..self.network.private_endpoints.len()).map(PrivateEndpointId);
        let network = self.network;
        endpoints
            .map(|id| self.macs.assign(&["private endpoint", &network.private_endpoint(id).name]))
            .collect()
    }
}

/// The regions in use, each once: of virtual networks, then of services. A network that is nothing but an internet is in the region of its edge.
fn regions(network: &Network) -> Vec<String> {
    let mut regions: Vec<String> = Vec::new();
    let vnets = network.virtual_networks.iter().map(|vnet| &vnet.location);
    let services = network.services.iter().map(|service| &service.location);
    let edge = network.edge.map(|edge| &network.hosts[edge.0].location);
    for region in vnets.chain(services).chain(edge.filter(|_| network.virtual_networks.is_empty())) {
        if !regions.contains(region) {
            regions.push(region.clone());
        }
    }
    regions
}

/// The virtual network whose subnets a NAT gateway serves. One that serves none stands in the first, for its addresses are taken all the same.
fn vnet_of_gateway(network: &Network, gateway: NatGatewayId) -> Option<VnetId> {
    let mut vnets = network.virtual_networks.iter();
    let serves = vnets.position(|vnet| vnet.subnets.iter().any(|subnet| subnet.nat_gateway == Some(gateway)));
    serves.map(VnetId).or_else(|| first_vnet(network))
}

/// The virtual network of the backends; the first one where there are none, for its addresses are taken all the same.
fn vnet_of_balancer(network: &Network, balancer: LoadBalancerId) -> Option<VnetId> {
    let balancer = network.load_balancer(balancer);
    let pooled = balancer.backend_pools.iter().flat_map(|(_, members)| members);
    let mut single = balancer.inbound_nat_rules.iter().flat_map(|rule| &rule.backends).map(|(nic, _)| nic);
    let member = pooled.chain(single.by_ref()).next();
    let of_member = member.map(|&nic| network.nic(nic).subnet);
    of_member.map(|SubnetRef { vnet, .. }| vnet).or_else(|| first_vnet(network))
}

fn first_vnet(network: &Network) -> Option<VnetId> {
    (!network.virtual_networks.is_empty()).then_some(VnetId(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_addresses_never_meet() {
        let mut all = BTreeSet::new();
        for block in [Block::Routers, Block::NatGateways, Block::Services, Block::Frontends] {
            all.extend((0..3800).map(|number| block.address(number)));
        }
        assert_eq!(all.len(), 4 * 3800);
        assert_eq!(Block::NatGateways.address(0), Ipv4Addr::new(169, 254, 2, 1));
        assert_eq!(Block::Routers.address(254), Ipv4Addr::new(169, 254, 17, 1));
        assert!(all.iter().all(|address| address.octets()[2] != 169));
    }
}
