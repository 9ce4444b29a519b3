//! Local network gateways and ExpressRoute circuits: what Azure knows of sites on premises.
//!
//! <https://learn.microsoft.com/azure/vpn-gateway/vpn-gateway-about-vpn-gateway-settings#lng>,
//! <https://learn.microsoft.com/azure/expressroute/expressroute-routing>

use crate::network::{BgpSpeaker, ExpressRouteCircuit, LocalNetworkGateway, OnPremisesSite, SiteId};
use crate::topology::{self, Spanned, Topology};

use super::announcement::speaker;
use super::autonomous_system;
use super::directory::Directory;
use super::public_address::Owner;
use super::report::Report;

/// Every local network gateway of the file, in its order; none for one that has something wrong.
pub(super) fn local_network_gateways(
    topology: &Topology,
    directory: &Directory,
    sites: &[OnPremisesSite],
    report: &mut Report,
) -> Vec<Option<LocalNetworkGateway>> {
    let gateways = topology.local_network_gateways.iter();
    gateways.map(|(name, raw)| local_network_gateway(name, raw, directory, sites, report)).collect()
}

fn local_network_gateway(
    name: &Spanned<String>,
    raw: &topology::LocalNetworkGateway,
    directory: &Directory,
    sites: &[OnPremisesSite],
    report: &mut Report,
) -> Option<LocalNetworkGateway> {
    let site = report.resolve("site", &directory.sites, &raw.site).map(SiteId);
    let bgp = bgp(name, raw, site.and_then(|site| sites.get(site.0)), report);
    let prefixes = raw.address_prefixes.iter().flat_map(|prefixes| prefixes.iter());
    let address_prefixes: Vec<_> = prefixes.map(|prefix| prefix.value.0).collect();
    if address_prefixes.is_empty() && raw.bgp_settings.is_none() {
        let message = format!("local network gateway `{name}` has neither address prefixes nor BGP");
        let help = "write `addressPrefixes`, which are static routes, or `bgpSettings: {asn: 65010}`";
        report.empty("LocalNetworkGatewayWithoutPrefixes", name.span, message, help);
    }
    Some(LocalNetworkGateway { name: name.value.clone(), site: site?, address_prefixes, bgp })
}

fn bgp(
    name: &Spanned<String>,
    raw: &topology::LocalNetworkGateway,
    site: Option<&OnPremisesSite>,
    report: &mut Report,
) -> Option<BgpSpeaker> {
    let settings = raw.bgp_settings.as_ref()?;
    let gateway = format!("local network gateway `{name}`");
    let Some(asn) = &settings.asn else {
        if !report.is_omitted("asn") {
            let message = format!("the BGP settings of {gateway} have no ASN");
            report.error("AsnMissing", name.span, message, "write one, such as `bgpSettings: {asn: 65010}`");
        }
        return None;
    };
    autonomous_system::check(asn, &gateway, report);
    let prefixes = site.map(|site| site.address_prefixes.as_slice());
    Some(speaker(asn.value, settings.routes.as_deref(), prefixes))
}

/// The public numbers of VPN devices.
pub(super) fn numbers(topology: &Topology) -> impl Iterator<Item = Owner> {
    topology.local_network_gateways.iter().filter_map(|(name, raw)| {
        let address = raw.gateway_ip_address.as_ref()?;
        Some((address.value.0, address.span, format!("local network gateway `{name}`")))
    })
}

/// Every circuit of the file, in its order; none for one that has something wrong.
pub(super) fn circuits(
    topology: &Topology,
    directory: &Directory,
    sites: &[OnPremisesSite],
    report: &mut Report,
) -> Vec<Option<ExpressRouteCircuit>> {
    let circuits = topology.express_route_circuits.iter();
    circuits
        .map(|(name, raw)| {
            autonomous_system::check(&raw.peer_asn, &format!("the site of circuit `{name}`"), report);
            let site = SiteId(report.resolve("site", &directory.sites, &raw.site)?);
            let prefixes = sites.get(site.0).map(|site| site.address_prefixes.as_slice());
            let bgp = speaker(raw.peer_asn.value, raw.routes.as_deref(), prefixes);
            Some(ExpressRouteCircuit { name: name.value.clone(), site, bgp })
        })
        .collect()
}
