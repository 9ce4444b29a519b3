//! The internet: public addresses, who has them, and the routers of regions between them.

use std::net::Ipv4Addr;

use goal_state::edge::{INTERNET_VNI, Leg, Router};
use goal_state::overlay::{Mapping, VirtualNetwork};
use goal_state::{MacAddr, Vni};
use ipnet::Ipv4Net;

use super::EdgePlan;
use crate::compile::translation;
use crate::effective::{FrontendRef, Policy};
use crate::network::{FrontendAddress, LoadBalancerId, Network, NicRef, Outside, PublicIpId, VnetId};

/// A public address, and who has it.
struct PublicAddress<'n> {
    address: Ipv4Addr,
    mac: MacAddr,
    provider_address: Ipv4Addr,
    vni: Vni,
    /// None: it is in no region of Azure's.
    region: Option<&'n str>,
}

/// The internet as the host at the edge sees it.
pub(in crate::compile) fn internet(policy: &Policy<'_>, plan: &EdgePlan) -> Option<VirtualNetwork> {
    let here = |leg: &Leg| mapping(leg, plan);
    let mut mappings: Vec<_> = plan.routers.iter().map(|(_, leg)| here(leg)).collect();
    mappings.extend(public_addresses(policy, plan).into_iter().map(|it| Mapping {
        customer_address: it.address,
        mac: it.mac,
        provider_address: it.provider_address,
        vni: it.vni,
        encryption: None,
    }));
    mappings.sort_by_key(|mapping| mapping.customer_address);
    mappings.dedup_by_key(|mapping| mapping.customer_address);
    Some(VirtualNetwork { name: "internet".to_owned(), vni: Vni::new(INTERNET_VNI).ok()?, mappings })
}

/// How everybody knows a leg of the edge.
pub(in crate::compile) fn mapping(leg: &Leg, plan: &EdgePlan) -> Mapping {
    Mapping {
        customer_address: leg.address,
        mac: leg.mac,
        provider_address: plan.provider_address,
        vni: leg.vni,
        encryption: None,
    }
}

/// The regions' routers, sorted by name. Each finds the addresses of its own region and those of none, and leaves the others to theirs.
pub(super) fn routers(policy: &Policy<'_>, plan: &EdgePlan) -> Vec<Router> {
    let addresses = public_addresses(policy, plan);
    let of = |wanted: &dyn Fn(Option<&str>) -> bool| {
        let found = addresses.iter().filter(|it| wanted(it.region)).map(|it| Ipv4Net::from(it.address));
        let mut found = Ipv4Net::aggregate(&found.collect());
        found.sort();
        found
    };
    let router = |(name, leg): &(String, Leg)| {
        let mut via = Vec::new();
        for (other, to) in plan.routers.iter().filter(|(other, _)| other != name) {
            via.extend(of(&|region| region == Some(other)).into_iter().map(|prefix| (prefix, to.address)));
        }
        via.sort();
        let on_link = of(&|region| region.is_none_or(|region| region == name));
        Router { name: name.clone(), leg: leg.clone(), on_link, via }
    };
    let mut routers: Vec<_> = plan.routers.iter().map(router).collect();
    routers.sort_by(|left, right| left.name.cmp(&right.name));
    routers
}

/// Everybody with a public address that answers.
fn public_addresses<'n>(policy: &Policy<'n>, plan: &EdgePlan) -> Vec<PublicAddress<'n>> {
    let network = policy.network();
    let mut all = of_machines(policy);
    let mut add = |address: Ipv4Addr, leg: &Leg, region: Option<&'n str>| {
        let Leg { mac, vni, .. } = *leg;
        all.push(PublicAddress { address, mac, provider_address: plan.provider_address, vni, region });
    };
    for (gateway, legs) in network.nat_gateways.iter().zip(&plan.nat_gateways) {
        let Some((legs, outside)) = legs.as_ref().and_then(|legs| Some((legs, legs.outside.as_ref()?)))
        else {
            continue;
        };
        for &public_ip in &gateway.public_ips {
            let region = &network.vnet(legs.vnet).location;
            add(network.public_ip(public_ip).address, outside, Some(region));
        }
    }
    for (frontend, public_ip) in public_frontends(network) {
        if let Some(outside) = plan.frontend(frontend).and_then(|legs| legs.outside.as_ref()) {
            let public_ip = network.public_ip(public_ip);
            add(public_ip.address, outside, Some(&public_ip.location));
        }
    }
    for &(it, _, mac) in &plan.outside {
        let region = match it {
            Outside::InternetHost(_) => None,
            Outside::Service(service) => Some(network.service(service).location.as_str()),
        };
        if let Some((_, Leg { vni, .. })) = plan.routers.first() {
            add(it.address(network), &Leg { vni: *vni, mac, address: it.address(network) }, region);
        }
    }
    all
}

fn public_frontends(network: &Network) -> impl Iterator<Item = (FrontendRef, PublicIpId)> {
    network.load_balancers.iter().enumerate().flat_map(|(position, balancer)| {
        let frontends = balancer.frontends.iter().enumerate();
        frontends.filter_map(move |(index, frontend)| match frontend.address {
            FrontendAddress::Public(id) => {
                Some((FrontendRef { balancer: LoadBalancerId(position), index }, id))
            }
            FrontendAddress::Private { .. } => None,
        })
    })
}

/// Public addresses that lead straight to the ports of NICs: their own ones, and those of default outbound access.
fn of_machines<'n>(policy: &Policy<'n>) -> Vec<PublicAddress<'n>> {
    let network = policy.network();
    let location = |vnet: VnetId| network.vnet(vnet).location.as_str();
    let to_nic = |address: Ipv4Addr, nic: NicRef| {
        let vnet = network.nic(nic).subnet.vnet;
        PublicAddress {
            address,
            mac: network.nic(nic).mac,
            provider_address: network.hosts[network.vm(nic.vm).host.0].provider_address,
            vni: network.vnet(vnet).vni,
            region: Some(location(vnet)),
        }
    };
    let mut all = Vec::new();
    for (at, nic) in network.nics().filter(|(at, _)| network.vm(at.vm).runs()) {
        all.extend(nic.public_ips.iter().map(|&(_, id)| to_nic(network.public_ip(id).address, at)));
        all.extend(translation::default_outbound(policy, at).map(|address| to_nic(address, at)));
    }
    all
}
