//! Gateway transit: who may use the gateways of whom.
//!
//! <https://learn.microsoft.com/azure/vpn-gateway/vpn-gateway-peering-gateway-transit>

use std::collections::HashSet;

use ipnet::Ipv4Net;

use crate::topology::{Span, Topology};

use super::directory::Directory;
use super::peering::{Link, is_true};
use super::report::Report;

/// The virtual networks that have a gateway or a route server.
pub(super) struct Gateways(HashSet<usize>);

impl Gateways {
    pub(super) fn new(topology: &Topology, directory: &Directory) -> Self {
        let gateways = topology.virtual_network_gateways.iter().map(|(_, gateway)| &gateway.virtual_network);
        let servers = topology.route_servers.iter().map(|(_, server)| &server.virtual_network);
        let names = gateways.chain(servers);
        Self(names.filter_map(|name| directory.virtual_networks.find(&name.value)).collect())
    }

    /// Checks the links of one virtual network that use the other side's gateways.
    pub(super) fn check(&self, local: usize, links: &[(Link<'_>, Vec<Ipv4Net>)], report: &mut Report) {
        let mut users = links.iter().map(|(link, _)| *link).filter_map(|link| {
            let flag = link.typed.use_remote_gateways.as_ref().filter(|flag| flag.value)?;
            Some((link, flag.span))
        });
        let Some((first, at)) = users.next() else { return };
        self.check_own(local, first, at, report);
        self.check_remote(first, at, report);
        for (link, at) in users {
            let message = format!(
                "peerings `{}` and `{}` of `{}` both use remote gateways",
                first.name, link.name, link.local.1.name
            );
            let help = "one peering of a virtual network may: write `useRemoteGateways: false` in the others";
            report.error("PeeringUseRemoteGateways", at, message, help);
            self.check_remote(link, at, report);
        }
    }

    fn check_own(&self, local: usize, link: Link<'_>, at: Span, report: &mut Report) {
        if self.0.contains(&local) {
            let mine = &link.local.1.name;
            let message = format!(
                "peering `{}` uses remote gateways, and `{mine}` has a gateway or route server of its own",
                link.name
            );
            let help = format!("write `useRemoteGateways: false`, or leave the gateway of `{mine}` out");
            report.error("PeeringUseRemoteGateways", at, message, help);
        }
    }

    fn check_remote(&self, link: Link<'_>, at: Span, report: &mut Report) {
        let (mine, theirs) = (&link.local.1.name, &link.remote.1.name);
        if !self.0.contains(&link.remote.0) && report.is_readable() {
            let message = format!("peering `{}` uses the gateways of `{theirs}`, which has none", link.name);
            let help = format!("give `{theirs}` a virtual network gateway or a route server");
            report.error("RemoteVnetHasNoGateways", at, message, help);
        }
        if link.back.is_some_and(|back| !is_true(back.allow_gateway_transit.as_ref())) {
            let message = format!(
                "peering `{}` uses the gateways of `{theirs}`, whose link back to `{mine}` does not allow it",
                link.name
            );
            let help = format!("set `allowGatewayTransit: true` on the link of `{theirs}`");
            report.error("PeeringAllowGatewayTransit", at, message, help);
        }
    }
}
