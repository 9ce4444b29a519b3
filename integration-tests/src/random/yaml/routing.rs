//! Route tables, the gateway and the route server.

use std::fmt::Write;

use super::{ANNOUNCED, NOBODY, SITE};
use crate::random::{Covered, Destination, Network, NextHop, Table};

/// The ASN of the site behind the gateway.
const SITE_ASN: usize = 65_010;
/// That of the first appliance; the second has the next.
const APPLIANCE_ASN: usize = 65_101;

impl Network {
    pub(super) fn write_tables(&self, text: &mut String) {
        text.push_str(if self.tables.is_empty() { "" } else { "routeTables:\n" });
        for (at, table) in self.tables.iter().enumerate() {
            self.write_table(text, at, table);
        }
    }

    fn write_table(&self, text: &mut String, at: usize, table: &Table) {
        writeln!(text, "  rt{at}:").unwrap();
        if table.without_peerings {
            text.push_str("    disablePeeringRoute: All\n");
        }
        if table.without_gateways {
            text.push_str("    disableBgpRoutePropagation: true\n");
        }
        text.push_str("    routes:\n");
        let mut destinations: Vec<String> = Vec::new();
        for (at, route) in table.routes.iter().enumerate() {
            let destination = self.destination(route.destination);
            if !destinations.contains(&destination) {
                let next_hop = self.next_hop(route.next_hop);
                writeln!(text, "      r{at}: {{addressPrefix: {destination}, nextHopType: {next_hop}}}")
                    .unwrap();
                destinations.push(destination);
            }
        }
    }

    fn destination(&self, destination: Destination) -> String {
        match destination {
            Destination::Prefix(covered) => self.covered(covered),
            Destination::Tag(tag) => {
                self.tag(tag).map_or_else(|| self.covered(Covered::Everything), str::to_owned)
            }
        }
    }

    /// The prefix.
    pub(super) fn covered(&self, covered: Covered) -> String {
        match covered {
            Covered::Everything => "0.0.0.0/0".to_owned(),
            Covered::Private => "10.0.0.0/8".to_owned(),
            Covered::Space(vnet) => self.space(self.vnet(vnet)),
            Covered::Subnet(vnet, subnet) => {
                let vnet = self.vnet(vnet);
                self.subnet_prefix(vnet, self.subnet(vnet, subnet))
            }
            Covered::Vm(vm) => format!("{}/32", self.address(vm)),
            Covered::Site => SITE.to_owned(),
            Covered::Announced => ANNOUNCED.to_owned(),
        }
    }

    fn next_hop(&self, next_hop: NextHop) -> String {
        let address = match next_hop {
            NextHop::Type(name) => return name.to_owned(),
            NextHop::Appliances(vm) => return self.next_hops(vm),
            NextHop::Appliance(appliance) => self.address_of_appliance(appliance),
            NextHop::Vm(vm) => self.address(vm),
            NextHop::Nobody => NOBODY.to_owned(),
        };
        format!("VirtualAppliance, nextHopIpAddress: {address}")
    }

    /// At least two.
    fn next_hops(&self, vm: usize) -> String {
        let mut addresses: Vec<String> =
            (0..self.appliances.len()).map(|appliance| self.address_of_appliance(appliance)).collect();
        if addresses.len() < 2 {
            addresses.push(self.address(vm));
        }
        if addresses.len() < 2 {
            addresses.push(NOBODY.to_owned());
        }
        format!("VirtualApplianceEcmp, nextHopIpAddresses: [{}]", addresses.join(", "))
    }

    pub(super) fn write_gateway(&self, text: &mut String) {
        let Some(gateway) = self.gateway else { return };
        let announced = gateway.announces.map(|covered| self.covered(covered));
        let (bgp, speaks) = match announced {
            Some(prefix) => {
                let mut routes = vec![SITE.to_owned(), prefix];
                routes.dedup();
                (format!(", bgpSettings: {{asn: {SITE_ASN}, routes: [{}]}}", routes.join(", ")), true)
            }
            None => (String::new(), false),
        };
        writeln!(text, "virtualNetworkGateways: {{vpn: {{virtualNetwork: vnet0, gatewayType: Vpn, publicIPAddress: pip-vpn, bgpSettings: {{asn: 65515}}}}}}").unwrap();
        writeln!(text, "localNetworkGateways: {{site: {{site: site, addressPrefixes: [{SITE}]{bgp}}}}}")
            .unwrap();
        writeln!(text, "connections: {{vpn-site: {{virtualNetworkGateway1: vpn, localNetworkGateway2: site, enableBgp: {speaks}}}}}").unwrap();
        writeln!(text, "onPremises: {{site: {{addressPrefixes: [{SITE}], machines: {{erp: 10.50.1.10}}}}}}")
            .unwrap();
    }

    /// A route server without a peer is of no use.
    pub(super) fn has_route_server(&self) -> bool {
        self.announced.is_some()
    }

    pub(super) fn write_route_server(&self, text: &mut String) {
        let Some(announced) = &self.announced else { return };
        let mut peers: Vec<String> = Vec::new();
        for (at, announced) in announced.iter().enumerate().take(self.appliances.len()) {
            let asn = APPLIANCE_ASN + at;
            let mut routes: Vec<(String, String)> = Vec::new();
            for (covered, length) in &announced.routes {
                let prefix = self.covered(*covered);
                if routes.iter().all(|(earlier, _)| *earlier != prefix) {
                    let path = vec![asn.to_string(); *length].join(", ");
                    routes.push((prefix.clone(), format!("{{network: {prefix}, asPath: [{path}]}}")));
                }
            }
            let routes: Vec<String> = routes.into_iter().map(|(_, text)| text).collect();
            peers.push(format!("nva{at}: {{peerAsn: {asn}, routes: [{}]}}", routes.join(", ")));
        }
        writeln!(text, "routeServers: {{rs: {{virtualNetwork: vnet0, peers: {{{}}}}}}}", peers.join(", "))
            .unwrap();
    }
}
