//! Gateways, sites, circuits and route servers of a test network.

use std::net::Ipv4Addr;

use super::NetworkBuilder;
use crate::network::gateway::{GatewayType, HubRoutingPreference};
use crate::network::{
    Announcement, BgpSpeaker, CircuitId, Connection, ConnectionTarget, ExpressRouteCircuit, GatewayId,
    LocalNetworkGateway, LocalNetworkGatewayId, OnPremisesSite, RouteServer, RouteServerPeer, SiteId,
    VirtualNetworkGateway, VnetId,
};

impl NetworkBuilder {
    /// A site on premises with machines given as `erp 10.50.1.10`.
    pub(crate) fn site(mut self, name: &str, prefixes: &[&str], machines: &[&str]) -> Self {
        let machine = |text: &&str| {
            let (name, address) = text.split_once(' ').unwrap();
            (name.to_owned(), address.parse().unwrap())
        };
        self.network.on_premises.push(OnPremisesSite {
            name: name.to_owned(),
            address_prefixes: prefixes.iter().map(|prefix| prefix.parse().unwrap()).collect(),
            machines: machines.iter().map(machine).collect(),
        });
        self
    }

    /// A gateway with ASN 65515 in the GatewaySubnet, which must be there. It has no public address.
    pub(crate) fn gateway(self, name: &str, vnet: &str, kind: GatewayType) -> Self {
        self.gateway_with(name, vnet, kind, |_| {})
    }

    /// The same, changed.
    pub(crate) fn gateway_with(
        mut self,
        name: &str,
        vnet: &str,
        kind: GatewayType,
        change: impl FnOnce(&mut VirtualNetworkGateway),
    ) -> Self {
        let vnet = self.vnet_id(vnet);
        let others = self.network.virtual_network_gateways.iter().filter(|other| other.vnet == vnet);
        let taken = others.map(|other| other.private_addresses.len()).sum();
        let mut gateway = VirtualNetworkGateway {
            name: name.to_owned(),
            vnet,
            gateway_type: kind,
            private_addresses: vec![self.address_in(vnet, "GatewaySubnet", taken)],
            public_ips: Vec::new(),
            asn: 65515,
        };
        change(&mut gateway);
        self.network.virtual_network_gateways.push(gateway);
        self
    }

    /// A local network gateway with static prefixes and no BGP.
    pub(crate) fn local_network_gateway(mut self, name: &str, site: &str, prefixes: &[&str]) -> Self {
        let site = self.site_id(site);
        self.network.local_network_gateways.push(LocalNetworkGateway {
            name: name.to_owned(),
            site,
            address_prefixes: prefixes.iter().map(|prefix| prefix.parse().unwrap()).collect(),
            bgp: None,
        });
        self
    }

    /// A local network gateway that speaks BGP; routes are written `10.50.0.0/16` or `10.50.0.0/16 65010,65010`.
    pub(crate) fn bgp_local_network_gateway(
        mut self,
        name: &str,
        site: &str,
        asn: u32,
        routes: &[&str],
    ) -> Self {
        let site = self.site_id(site);
        self.network.local_network_gateways.push(LocalNetworkGateway {
            name: name.to_owned(),
            site,
            address_prefixes: Vec::new(),
            bgp: Some(speaker(asn, routes)),
        });
        self
    }

    /// An ExpressRoute circuit; routes as in [`Self::bgp_local_network_gateway`].
    pub(crate) fn circuit(mut self, name: &str, site: &str, asn: u32, routes: &[&str]) -> Self {
        let site = self.site_id(site);
        let bgp = speaker(asn, routes);
        self.network.express_route_circuits.push(ExpressRouteCircuit { name: name.to_owned(), site, bgp });
        self
    }

    /// Connects a gateway with the gateway, local network gateway or circuit of this name, with BGP wherever both sides
    /// speak it.
    pub(crate) fn connect(mut self, gateway: &str, to: &str) -> Self {
        let network = &self.network;
        let gateways = || network.virtual_network_gateways.iter().position(|known| known.name == to);
        let locals = || network.local_network_gateways.iter().position(|known| known.name == to);
        let circuits = || network.express_route_circuits.iter().position(|known| known.name == to);
        let (target, enable_bgp) = if let Some(at) = gateways() {
            (ConnectionTarget::Gateway(GatewayId(at)), true)
        } else if let Some(at) = locals() {
            let speaks = network.local_network_gateways[at].bgp.is_some();
            (ConnectionTarget::LocalNetworkGateway(LocalNetworkGatewayId(at)), speaks)
        } else {
            (ConnectionTarget::Circuit(CircuitId(circuits().unwrap())), true)
        };
        self.network.connections.push(Connection {
            name: format!("{gateway}-{to}"),
            gateway: self.gateway_id(gateway),
            to: target,
            enable_bgp,
        });
        self
    }

    /// A route server in the RouteServerSubnet, which must be there.
    pub(crate) fn route_server(
        mut self,
        name: &str,
        vnet: &str,
        change: impl FnOnce(&mut RouteServer),
    ) -> Self {
        let vnet = self.vnet_id(vnet);
        let mut server = RouteServer {
            name: name.to_owned(),
            vnet,
            private_addresses: [0, 1].map(|nth| self.address_in(vnet, "RouteServerSubnet", nth)),
            allow_branch_to_branch_traffic: false,
            hub_routing_preference: HubRoutingPreference::ExpressRoute,
            peers: Vec::new(),
        };
        change(&mut server);
        self.network.route_servers.push(server);
        self
    }

    /// Adds a VM as peer; routes as in [`Self::bgp_local_network_gateway`].
    pub(crate) fn route_server_peer(mut self, server: &str, vm: &str, asn: u32, routes: &[&str]) -> Self {
        let vm = self.network.find_vm(vm).unwrap();
        let address = self.network.vm(vm).nics[0].addresses[0];
        let server = self.network.route_servers.iter_mut().find(|known| known.name == server).unwrap();
        server.peers.push(RouteServerPeer { vm, address, bgp: speaker(asn, routes) });
        self
    }

    pub(crate) fn gateway_id(&self, name: &str) -> GatewayId {
        let mut gateways = self.network.virtual_network_gateways.iter();
        GatewayId(gateways.position(|known| known.name == name).unwrap())
    }

    fn site_id(&self, name: &str) -> SiteId {
        SiteId(self.network.on_premises.iter().position(|known| known.name == name).unwrap())
    }

    /// The nth usable address of a subnet.
    fn address_in(&self, vnet: VnetId, subnet: &str, nth: usize) -> Ipv4Addr {
        let vnet = self.network.vnet(vnet);
        let prefix = vnet.subnets[vnet.find_subnet(subnet).unwrap()].prefix;
        Ipv4Addr::from(u32::from(prefix.network()) + 4 + u32::try_from(nth).unwrap())
    }
}

fn speaker(asn: u32, routes: &[&str]) -> BgpSpeaker {
    let announcement = |text: &&str| {
        let (prefix, path) =
            text.split_once(' ').map_or((*text, None), |(prefix, path)| (prefix, Some(path)));
        let path = path.map(|path| path.split(',').map(|asn| asn.trim().parse().unwrap()).collect());
        Announcement { prefix: prefix.parse().unwrap(), as_path: path.unwrap_or_else(|| vec![asn]) }
    };
    BgpSpeaker { asn, routes: routes.iter().map(announcement).collect() }
}
