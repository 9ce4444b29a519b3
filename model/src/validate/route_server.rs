//! Route servers and the appliances that speak BGP with them.
//!
//! <https://learn.microsoft.com/azure/route-server/route-server-faq>

use std::collections::HashMap;
use std::net::Ipv4Addr;

use crate::network::gateway::HubRoutingPreference;
use crate::network::{BgpSpeaker, RouteServer, RouteServerPeer, VirtualMachine, VmId, VnetId};
use crate::topology::{self, Spanned, Topology};

use super::announcement::speaker;
use super::autonomous_system;
use super::directory::Directory;
use super::limits;
use super::report::Report;
use super::service_subnet::{Instance, ServiceSubnets};
use super::virtual_network::DraftVnet;

/// A route server whose peers have no addresses yet.
#[derive(Debug)]
pub(super) struct DraftRouteServer<'t> {
    name: &'t Spanned<String>,
    raw: &'t topology::RouteServer,
    vnet: Option<VnetId>,
    addresses: Option<[Ipv4Addr; 2]>,
    peers: Vec<Option<(VmId, BgpSpeaker)>>,
}

/// Every route server of the file, in its order.
pub(super) fn drafts<'t>(
    topology: &'t Topology,
    directory: &Directory,
    vnets: &[DraftVnet],
    report: &mut Report,
) -> Vec<DraftRouteServer<'t>> {
    let mut subnets = ServiceSubnets::new(directory, vnets);
    let mut first: HashMap<VnetId, &str> = HashMap::new();
    let mut drafts = Vec::new();
    for (name, raw) in &topology.route_servers {
        let instance = Instance { kind: "route server", name, subnet: ("RouteServerSubnet", "/27") };
        let vnet = subnets.vnet(&instance, &raw.virtual_network, raw.location.as_ref(), report);
        let at = raw.virtual_network.span;
        let mut addresses = None;
        if let Some(vnet) = vnet {
            if let Some(first) = first.get(&vnet) {
                let vnet = &vnets[vnet.0].name;
                let message =
                    format!("virtual network `{vnet}` has two route servers, `{first}` and `{name}`");
                report.error("RouteServerExists", at, message, "a virtual network has one: leave one out");
            } else {
                first.insert(vnet, &name.value);
                addresses = subnets.addresses(&instance, vnet, 2, at, report);
            }
        }
        let addresses = addresses.and_then(|addresses| <[Ipv4Addr; 2]>::try_from(addresses).ok());
        drafts.push(DraftRouteServer {
            name,
            raw,
            vnet,
            addresses,
            peers: peers(name, raw, directory, report),
        });
    }
    drafts
}

fn peers(
    name: &Spanned<String>,
    raw: &topology::RouteServer,
    directory: &Directory,
    report: &mut Report,
) -> Vec<Option<(VmId, BgpSpeaker)>> {
    let what = format!("BGP peers of route server `{name}`");
    report.at_most(limits::PEERS_PER_ROUTE_SERVER, raw.peers.len(), name.span, &what);
    report.names("BGP peer", limits::RESOURCE_NAME, raw.peers.names());
    let peers = raw.peers.iter();
    peers
        .map(|(vm, peer)| {
            autonomous_system::check(
                &peer.peer_asn,
                &format!("peer `{vm}` of route server `{name}`"),
                report,
            );
            let found = report.resolve("virtual machine", &directory.virtual_machines, vm)?;
            Some((VmId(found), speaker(peer.peer_asn.value, Some(&peer.routes), None)))
        })
        .collect()
}

impl DraftRouteServer<'_> {
    /// The route server; none when a part of it is wrong. A peer speaks from its interface in the route server's virtual
    /// network, or else from its first one.
    pub(super) fn finish(self, machines: &[VirtualMachine]) -> Option<RouteServer> {
        let vnet = self.vnet?;
        let peers = self.peers.into_iter().map(|peer| {
            let (vm, bgp) = peer?;
            let nics = &machines.get(vm.0)?.nics;
            let nic = nics.iter().find(|nic| nic.subnet.vnet == vnet).or_else(|| nics.first())?;
            Some(RouteServerPeer { vm, address: *nic.addresses.first()?, bgp })
        });
        let Self { name, raw, .. } = self;
        Some(RouteServer {
            name: name.value.clone(),
            vnet,
            private_addresses: self.addresses?,
            allow_branch_to_branch_traffic: raw
                .allow_branch_to_branch_traffic
                .as_ref()
                .is_some_and(|flag| flag.value),
            hub_routing_preference: raw
                .hub_routing_preference
                .as_ref()
                .map_or(HubRoutingPreference::ExpressRoute, |preference| preference.value),
            peers: peers.collect::<Option<_>>()?,
        })
    }
}
