//! Connections of gateways: what may be connected with what.
//!
//! <https://learn.microsoft.com/azure/vpn-gateway/design>

use std::collections::HashMap;

use crate::network::gateway::GatewayType;
use crate::network::{
    CircuitId, Connection, ConnectionTarget, GatewayId, LocalNetworkGateway, LocalNetworkGatewayId,
};
use crate::topology::{self, Span, Spanned, Topology};

use super::directory::Directory;
use super::gateway::DraftGateway;
use super::report::Report;
use super::virtual_network::DraftVnet;

/// So many circuits on one gateway need a larger GatewaySubnet.
const MANY_CIRCUITS: usize = 16;
/// The longest prefix of a GatewaySubnet with that many.
const PREFIX_OF_MANY_CIRCUITS: u8 = 26;

/// What connections are checked against.
pub(super) struct ConnectionCheck<'a> {
    pub(super) topology: &'a Topology,
    pub(super) directory: &'a Directory,
    pub(super) vnets: &'a [DraftVnet],
    pub(super) gateways: &'a [DraftGateway],
    pub(super) local_network_gateways: &'a [Option<LocalNetworkGateway>],
}

impl ConnectionCheck<'_> {
    /// Every connection of the file, in its order; none for one that has something wrong.
    pub(super) fn connections(&self, report: &mut Report) -> Vec<Option<Connection>> {
        let connections: Vec<_> =
            self.topology.connections.iter().map(|(name, raw)| self.connection(name, raw, report)).collect();
        self.report_duplicates(&connections, report);
        self.check_circuits(&connections, report);
        connections
    }

    fn connection(
        &self,
        name: &Spanned<String>,
        raw: &topology::Connection,
        report: &mut Report,
    ) -> Option<Connection> {
        let gateways = &self.directory.virtual_network_gateways;
        let gateway = report.resolve("virtual network gateway", gateways, &raw.virtual_network_gateway1);
        let (to, at) = self.target(name, raw, report)?;
        let gateway = GatewayId(gateway?);
        self.check_types(name, gateway, to, at, report);
        let enable_bgp = match to {
            ConnectionTarget::Circuit(_) => true,
            _ => raw.enable_bgp.as_ref().is_some_and(|flag| flag.value),
        };
        if let Some(flag) = raw.enable_bgp.as_ref().filter(|flag| flag.value) {
            self.check_bgp(name, gateway, to, flag.span, report);
        }
        Some(Connection { name: name.value.clone(), gateway, to, enable_bgp })
    }

    /// The other side: exactly one.
    fn target(
        &self,
        name: &Spanned<String>,
        raw: &topology::Connection,
        report: &mut Report,
    ) -> Option<(ConnectionTarget, Span)> {
        let directory = self.directory;
        let typed = [
            (&raw.virtual_network_gateway2, "virtual network gateway", &directory.virtual_network_gateways),
            (&raw.local_network_gateway2, "local network gateway", &directory.local_network_gateways),
            (&raw.express_route_circuit, "ExpressRoute circuit", &directory.express_route_circuits),
        ];
        let mut found = Vec::new();
        let mut count = 0;
        for (index, (typed, kind, names)) in typed.into_iter().enumerate() {
            let Some(typed) = typed else { continue };
            count += 1;
            let Some(at) = report.resolve(kind, names, typed) else { continue };
            let target = match index {
                0 => ConnectionTarget::Gateway(GatewayId(at)),
                1 => ConnectionTarget::LocalNetworkGateway(LocalNetworkGatewayId(at)),
                _ => ConnectionTarget::Circuit(CircuitId(at)),
            };
            found.push((target, typed.span));
        }
        let fields = ["virtualNetworkGateway2", "localNetworkGateway2", "expressRouteCircuit"];
        let lost = fields.iter().any(|field| report.is_omitted(field));
        if count != 1 && !lost {
            let message = format!("connection `{name}` leads to {count} things");
            let help = format!("write exactly one of {}", fields.join(", "));
            report.error("ConnectionTargets", name.span, message, help);
        }
        found.first().copied().filter(|_| count == 1)
    }

    fn check_types(
        &self,
        name: &Spanned<String>,
        gateway: GatewayId,
        to: ConnectionTarget,
        at: Span,
        report: &mut Report,
    ) {
        let Some(own) = self.gateways.get(gateway.0).map(|gateway| gateway.gateway_type) else { return };
        let (right, help) = match (own, to) {
            (_, ConnectionTarget::Gateway(other)) if other == gateway => {
                (false, "name the gateway of another virtual network")
            }
            (GatewayType::Vpn, ConnectionTarget::Gateway(other)) => {
                let other = self.gateways.get(other.0).map(|gateway| gateway.gateway_type);
                (
                    other != Some(GatewayType::ExpressRoute),
                    "a VPN gateway is connected with VPN gateways and local network gateways",
                )
            }
            (GatewayType::Vpn, to) => (
                matches!(to, ConnectionTarget::LocalNetworkGateway(_)),
                "a VPN gateway is connected with VPN gateways and local network gateways",
            ),
            (GatewayType::ExpressRoute, to) => (
                matches!(to, ConnectionTarget::Circuit(_)),
                "an ExpressRoute gateway is connected with circuits",
            ),
        };
        if !right {
            let from = self.gateway_name(gateway);
            let what = match to {
                ConnectionTarget::Gateway(other) if other == gateway => "itself".to_owned(),
                ConnectionTarget::Gateway(other) => format!("gateway `{}`", self.gateway_name(other)),
                ConnectionTarget::LocalNetworkGateway(_) => "a local network gateway".to_owned(),
                ConnectionTarget::Circuit(_) => "an ExpressRoute circuit".to_owned(),
            };
            let message = format!("connection `{name}` cannot lead from {own} gateway `{from}` to {what}");
            report.error("ConnectionType", at, message, help);
        }
    }

    /// BGP needs settings on both sides, and two numbers.
    fn check_bgp(
        &self,
        name: &Spanned<String>,
        gateway: GatewayId,
        to: ConnectionTarget,
        at: Span,
        report: &mut Report,
    ) {
        let Some(own) = self.gateways.get(gateway.0) else { return };
        let other = match to {
            ConnectionTarget::Gateway(other) => self
                .gateways
                .get(other.0)
                .map(|gateway| (gateway.speaks_bgp.then_some(gateway.asn), self.gateway_name(other))),
            ConnectionTarget::LocalNetworkGateway(other) => {
                let known = self.local_network_gateways.get(other.0).and_then(Option::as_ref);
                known.map(|known| (known.bgp.as_ref().map(|bgp| bgp.asn), known.name.as_str()))
            }
            ConnectionTarget::Circuit(_) => None,
        };
        let own_name = self.gateway_name(gateway);
        if !own.speaks_bgp {
            report_no_bgp(name, own_name, at, report);
        }
        match other {
            Some((None, other)) => report_no_bgp(name, other, at, report),
            Some((Some(asn), other)) if asn == own.asn && own.speaks_bgp => {
                let message = format!(
                    "BGP cannot run over connection `{name}`: `{own_name}` and `{other}` both have ASN {asn}"
                );
                report.error("BgpAsnEqual", at, message, "give one of them another `bgpSettings.asn`");
            }
            _ => {}
        }
    }

    fn gateway_name(&self, id: GatewayId) -> &str {
        self.directory.virtual_network_gateways.get(id.0)
    }

    /// Two things are connected once; a connection of two gateways stands for both directions.
    fn report_duplicates(&self, connections: &[Option<Connection>], report: &mut Report) {
        let mut first: HashMap<(GatewayId, ConnectionTarget), &str> = HashMap::new();
        for (connection, (name, _)) in connections.iter().zip(&self.topology.connections) {
            let Some(Connection { gateway, to, .. }) = connection else { continue };
            let key = match *to {
                ConnectionTarget::Gateway(other) if other < *gateway => {
                    (other, ConnectionTarget::Gateway(*gateway))
                }
                to => (*gateway, to),
            };
            if let Some(other) = first.get(&key) {
                let message = format!("connections `{other}` and `{name}` connect the same two");
                report.error("ConnectionDuplicate", name.span, message, "leave one out");
            } else {
                first.insert(key, &name.value);
            }
        }
    }

    fn check_circuits(&self, connections: &[Option<Connection>], report: &mut Report) {
        let mut count: HashMap<GatewayId, usize> = HashMap::new();
        for (connection, (_, raw)) in connections.iter().zip(&self.topology.connections) {
            let Some(Connection { gateway, to: ConnectionTarget::Circuit(_), .. }) = connection else {
                continue;
            };
            let count = count.entry(*gateway).or_default();
            *count += 1;
            let Some(length) = self.gateway_subnet_length(*gateway).filter(|_| *count == MANY_CIRCUITS)
            else {
                continue;
            };
            if length > PREFIX_OF_MANY_CIRCUITS {
                let message = format!(
                    "gateway `{}` has {MANY_CIRCUITS} circuits, and its GatewaySubnet is a /{length}",
                    self.gateway_name(*gateway)
                );
                let help = format!("make it a /{PREFIX_OF_MANY_CIRCUITS} or larger");
                report.error("SubnetSize", raw.virtual_network_gateway1.span, message, help);
            }
        }
    }

    fn gateway_subnet_length(&self, gateway: GatewayId) -> Option<u8> {
        let vnet = self.vnets.get(self.gateways.get(gateway.0)?.vnet?.0)?;
        let subnet = vnet.subnets.iter().find(|subnet| subnet.name == "GatewaySubnet")?;
        subnet.prefix.map(|prefix| prefix.prefix_len())
    }
}

fn report_no_bgp(name: &Spanned<String>, side: &str, at: Span, report: &mut Report) {
    let message = format!("connection `{name}` cannot have enableBgp: `{side}` has no BGP settings");
    let help = format!("give `{side}` `bgpSettings: {{asn: ..}}`, or leave `enableBgp` out");
    report.error("BgpNotConfigured", at, message, help);
}
