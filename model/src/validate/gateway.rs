//! Virtual network gateways: where each stands, and what it may be.
//!
//! <https://learn.microsoft.com/azure/vpn-gateway/vpn-gateway-about-vpn-gateway-settings>,
//! <https://learn.microsoft.com/azure/expressroute/expressroute-about-virtual-network-gateways>

use std::collections::HashMap;

use crate::network::gateway::GatewayType;
use crate::network::public::PublicIpSku;
use crate::network::{PublicIpId, VirtualNetworkGateway, VnetId};
use crate::topology::{self, OneOrMany, Spanned, Topology};

use super::autonomous_system;
use super::directory::Directory;
use super::public_ip_address::{PublicIpUser, PublicIps};
use super::report::Report;
use super::service_subnet::{Instance, ServiceSubnets};
use super::virtual_network::DraftVnet;

/// The SKUs of VPN gateways. Basic is retired.
const VPN_SKUS: [&str; 11] = [
    "VpnGw1AZ", "VpnGw2AZ", "VpnGw3AZ", "VpnGw4AZ", "VpnGw5AZ", "VpnGw1", "VpnGw2", "VpnGw3", "VpnGw4",
    "VpnGw5", "Basic",
];
/// The SKUs of ExpressRoute gateways.
const EXPRESS_ROUTE_SKUS: [&str; 7] =
    ["ErGw1AZ", "ErGw2AZ", "ErGw3AZ", "ErGwScale", "Standard", "HighPerformance", "UltraPerformance"];

/// A gateway that may have something wrong.
#[derive(Debug)]
pub(super) struct DraftGateway {
    pub(super) gateway_type: GatewayType,
    pub(super) vnet: Option<VnetId>,
    pub(super) asn: u32,
    /// Whether it speaks BGP with others. ExpressRoute always does.
    pub(super) speaks_bgp: bool,
    pub(super) gateway: Option<VirtualNetworkGateway>,
}

/// Every gateway of the file, in its order.
pub(super) fn gateways(
    topology: &Topology,
    directory: &Directory,
    vnets: &[DraftVnet],
    public_ips: &mut PublicIps<'_>,
    report: &mut Report,
) -> Vec<DraftGateway> {
    let mut check = GatewayCheck {
        directory,
        vnets,
        subnets: ServiceSubnets::new(directory, vnets),
        first: HashMap::new(),
        public_ips,
        report,
    };
    topology.virtual_network_gateways.iter().map(|(name, raw)| check.draft(name, raw)).collect()
}

struct GatewayCheck<'a, 'p, 't> {
    directory: &'a Directory,
    vnets: &'a [DraftVnet],
    subnets: ServiceSubnets<'a>,
    /// The first gateway of each type in each virtual network.
    first: HashMap<(VnetId, GatewayType), String>,
    public_ips: &'p mut PublicIps<'t>,
    report: &'p mut Report,
}

impl GatewayCheck<'_, '_, '_> {
    fn draft(&mut self, name: &Spanned<String>, raw: &topology::VirtualNetworkGateway) -> DraftGateway {
        let gateway_type = raw.gateway_type.value;
        let kind = format!("{gateway_type} gateway");
        let instance = Instance { kind: &kind, name, subnet: ("GatewaySubnet", "/27") };
        self.check_sku(name, raw);
        let asn = self.asn(name, raw);
        let vnet = self.subnets.vnet(&instance, &raw.virtual_network, raw.location.as_ref(), self.report);
        let instances = self.instances(name, raw);
        let public_ips = self.public_ips(name, raw, vnet, instances);
        let at = raw.virtual_network.span;
        let alone = vnet.is_none_or(|vnet| self.is_first(name, raw, vnet));
        let addresses = vnet
            .filter(|_| alone)
            .and_then(|vnet| self.subnets.addresses(&instance, vnet, instances, at, self.report));
        let gateway = vnet.zip(addresses).map(|(vnet, private_addresses)| VirtualNetworkGateway {
            name: name.value.clone(),
            vnet,
            gateway_type,
            private_addresses,
            public_ips,
            asn,
        });
        let speaks_bgp = gateway_type == GatewayType::ExpressRoute
            || raw.enable_bgp.as_ref().map_or(raw.bgp_settings.is_some(), |flag| flag.value);
        DraftGateway { gateway_type, vnet, asn, speaks_bgp, gateway }
    }

    /// One gateway of each type is all that a virtual network takes.
    fn is_first(
        &mut self,
        name: &Spanned<String>,
        raw: &topology::VirtualNetworkGateway,
        vnet: VnetId,
    ) -> bool {
        let gateway_type = raw.gateway_type.value;
        let Some(first) = self.first.get(&(vnet, gateway_type)) else {
            self.first.insert((vnet, gateway_type), name.value.clone());
            return true;
        };
        let vnet = &self.vnets[vnet.0].name;
        let message =
            format!("virtual network `{vnet}` has two {gateway_type} gateways, `{first}` and `{name}`");
        let help = "a virtual network has one VPN and one ExpressRoute gateway at most: leave one out";
        self.report.error("VirtualNetworkGatewayExists", raw.virtual_network.span, message, help);
        false
    }

    fn check_sku(&mut self, name: &Spanned<String>, raw: &topology::VirtualNetworkGateway) {
        let Some(sku) = &raw.sku else { return };
        let skus = match raw.gateway_type.value {
            GatewayType::Vpn => &VPN_SKUS[..],
            GatewayType::ExpressRoute => &EXPRESS_ROUTE_SKUS[..],
        };
        if !skus.iter().any(|known| known.eq_ignore_ascii_case(&sku.value)) {
            let message = format!("`{sku}` is no SKU of {} gateway `{name}`", raw.gateway_type);
            self.report.error(
                "InvalidGatewaySku",
                sku.span,
                message,
                format!("use one of {}", skus.join(", ")),
            );
        }
        let flags = [("activeActive", &raw.active_active), ("enableBgp", &raw.enable_bgp)];
        for (field, flag) in flags {
            let Some(flag) =
                flag.as_ref().filter(|flag| flag.value && sku.value.eq_ignore_ascii_case("Basic"))
            else {
                continue;
            };
            let message = format!("gateway `{name}` cannot have {field}: its SKU is Basic");
            self.report.error("GatewaySkuLacksFeature", flag.span, message, "use `sku: VpnGw1AZ`");
        }
    }

    fn asn(&mut self, name: &Spanned<String>, raw: &topology::VirtualNetworkGateway) -> u32 {
        let Some(settings) = &raw.bgp_settings else { return autonomous_system::AZURE };
        let gateway = format!("gateway `{name}`");
        if let Some(route) = settings.routes.as_ref().and_then(|routes| routes.first()) {
            let message = format!("{gateway} announces what it knows, not what the file says");
            let help = "leave `routes` out: they belong to local network gateways, circuits and peers of route servers";
            self.report.error("GatewayRoutes", route.span, message, help);
        }
        let Some(asn) = &settings.asn else { return autonomous_system::AZURE };
        if raw.gateway_type.value == GatewayType::ExpressRoute && asn.value != autonomous_system::AZURE {
            let message = format!("{gateway} cannot have ASN {asn}: ExpressRoute gateways have 65515");
            self.report.error("ExpressRouteGatewayAsn", asn.span, message, "leave `bgpSettings` out");
        } else {
            autonomous_system::check_gateway(asn, &gateway, self.report);
        }
        asn.value
    }

    fn instances(&mut self, name: &Spanned<String>, raw: &topology::VirtualNetworkGateway) -> usize {
        let Some(flag) = raw.active_active.as_ref().filter(|flag| flag.value) else { return 1 };
        if raw.gateway_type.value == GatewayType::ExpressRoute {
            let message = format!("ExpressRoute gateway `{name}` cannot be set active-active");
            self.report.error("ActiveActiveNotSupported", flag.span, message, "leave `activeActive` out");
            return 1;
        }
        2
    }

    fn public_ips(
        &mut self,
        name: &Spanned<String>,
        raw: &topology::VirtualNetworkGateway,
        vnet: Option<VnetId>,
        instances: usize,
    ) -> Vec<PublicIpId> {
        let region = vnet.map(|vnet| self.vnets[vnet.0].location.as_str());
        let user = PublicIpUser { name: &format!("gateway `{name}`"), region };
        let typed: &[Spanned<String>] =
            raw.public_ip_address.as_ref().map_or(&[], |typed: &OneOrMany<_>| typed);
        let mut claimed = Vec::new();
        for reference in typed {
            let Some(id) = self.public_ips.claim(reference, user, self.directory, self.report) else {
                continue;
            };
            if self.public_ips.sku(id) == PublicIpSku::StandardV2 {
                let message =
                    format!("gateway `{name}` cannot use public address `{reference}`, which is StandardV2");
                self.report.error("PublicIPAddressSku", reference.span, message, "use `sku: Standard`");
            }
            claimed.push(id);
        }
        if let Some(last) = typed.last().filter(|_| typed.len() != instances && claimed.len() == typed.len())
        {
            let count = if instances == 2 {
                "two public addresses, for it is active-active"
            } else {
                "one public address"
            };
            let message = format!("gateway `{name}` has {} public addresses", typed.len());
            self.report.error("GatewayPublicIPAddressCount", last.span, message, format!("give it {count}"));
        }
        claimed
    }
}
