//! Virtual network gateways, and the sites behind them.
//!
//! A gateway sends by what it has learnt; what comes out of a tunnel goes by the effective routes of the GatewaySubnet. A site
//! sends by what Azure has announced to it.
//! <https://learn.microsoft.com/azure/vpn-gateway/vpn-gateway-about-vpngateways>,
//! <https://learn.microsoft.com/azure/expressroute/expressroute-routing>

use goal_state::DropReason;

use super::choices::Chooser;
use super::decision::Decision;
use super::explanation::Reason;
use super::journey::{Next, Place, Walk};
use super::node::Node;
use super::packet::Packet;
use super::port::Origin;
use crate::effective::bgp::{LearnedRoute, Neighbor, SessionState, Speaker};
use crate::effective::{
    Appliance, EffectiveNextHop, EffectiveRoute, FlowEncryption, Hop, MachineRef, Owner, Taker, deliver,
    hop_from,
};
use crate::network::{CircuitId, ConnectionId, ConnectionTarget, GatewayId, SiteId, SubnetRef};

/// What packets cannot do yet.
const GATEWAYS: &str = "virtual network gateways";

impl Walk<'_> {
    /// A gateway has a packet: from its virtual networks, or out of a connection.
    pub(super) fn enter_gateway(
        &mut self,
        gateway: GatewayId,
        from: Option<ConnectionId>,
        packet: Packet,
    ) -> Result<Next, Reason> {
        self.not_carried(GATEWAYS);
        self.come_to(Node::Gateway(gateway), FlowEncryption::NotConfigured);
        let vnet = self.network.gateway(gateway).vnet;
        let subnet = self.network.vnet(vnet).find_subnet("GatewaySubnet");
        let subnet = subnet.map(|index| SubnetRef { vnet, index });
        let inward = subnet.and_then(|subnet| {
            let route = self.policy.routes(subnet).lookup(packet.destination)?;
            let outward = matches!(route.next_hop, EffectiveNextHop::VirtualNetworkGateway(_));
            // From its virtual networks a route table on the GatewaySubnet steers only what stays inside.
            let inside = from.is_some() || deliver(self.policy, subnet, packet.destination).is_ok();
            (!outward && inside).then_some((subnet, route))
        });
        match inward {
            Some((subnet, route)) => self.leave_gateway_inward(gateway, subnet, route, packet),
            None => self.leave_gateway_outward(gateway, from, packet),
        }
    }

    /// Into the virtual networks, by the effective routes of the GatewaySubnet.
    fn leave_gateway_inward(
        &mut self,
        gateway: GatewayId,
        subnet: SubnetRef,
        route: &EffectiveRoute,
        packet: Packet,
    ) -> Result<Next, Reason> {
        let decision = match &route.user {
            Some(name) => Decision::of(DropReason::Route, &name.table).by(&name.route),
            None => Decision::of(DropReason::Route, "System Route"),
        };
        let detail = route.describe();
        let next = match hop_from(self.policy, subnet, None, route) {
            Hop::Destination => match deliver(self.policy, subnet, packet.destination) {
                Ok(owner) => self.owner_from_gateway(owner, packet),
                Err(reason) => Err(reason),
            },
            Hop::Appliances(appliances) => {
                let chooser = Chooser::Gateway(gateway);
                let Appliance { taker, .. } =
                    appliances[self.choices.among(chooser, packet, appliances.len())];
                match taker {
                    Taker::Nic(nic) => Ok(Next::Go(Place::Port { nic, origin: Origin::Outside }, packet)),
                    Taker::Frontend(frontend) => {
                        self.allow(decision, detail);
                        return self.balance_through(frontend, Origin::Outside, packet);
                    }
                    Taker::Nobody => Err(DropReason::NextHop),
                }
            }
            Hop::LoadBalancer(frontend) => {
                self.allow(decision, detail);
                return self.balance_through(frontend, Origin::Outside, packet);
            }
            Hop::PrivateEndpoint(endpoint) => Ok(Next::Go(Place::PrivateEndpoint(endpoint), packet)),
            Hop::Drop(reason) => Err(reason),
            Hop::Gateway(_) | Hop::Internet | Hop::ServiceEndpoint(_) => Err(DropReason::Gateway),
        };
        match next {
            Ok(next) => {
                self.allow(decision, detail);
                Ok(next)
            }
            Err(DropReason::NoDestination) => {
                let detail = format!("nobody has the address {}", packet.destination);
                Err(self.deny(Decision::new(DropReason::NoDestination), detail))
            }
            Err(reason) => {
                Err(self.deny(decision.on(reason), format!("{detail}: a gateway does not lead there")))
            }
        }
    }

    fn owner_from_gateway(&self, owner: Owner, packet: Packet) -> Result<Next, DropReason> {
        let origin = Origin::Outside;
        match owner {
            Owner::Nic(nic) => Ok(Next::Go(Place::Port { nic, origin }, packet)),
            Owner::Frontend(frontend) => Ok(Next::Go(Place::Frontend { frontend, origin }, packet)),
            Owner::PrivateEndpoint(endpoint) => Ok(Next::Go(Place::PrivateEndpoint(endpoint), packet)),
            Owner::Gateway(_) | Owner::RouteServer(_) => Err(DropReason::NoDestination),
        }
    }

    /// Over a connection, or to a neighbor inside the virtual network, by what the gateway has learnt. Never back over the
    /// connection that it came by.
    fn leave_gateway_outward(
        &mut self,
        gateway: GatewayId,
        from: Option<ConnectionId>,
        packet: Packet,
    ) -> Result<Next, Reason> {
        let exits = self.policy.bgp().exits(gateway, packet.destination);
        let exits: Vec<_> =
            exits.iter().filter(|exit| from.is_none() || exit.connection != from).cloned().collect();
        let name = &self.network.gateway(gateway).name;
        if exits.is_empty() {
            let detail = format!("the gateway has no route to {}", packet.destination);
            return Err(self.deny(Decision::of(DropReason::Gateway, name), detail));
        }
        let exit = &exits[self.choices.among(Chooser::Gateway(gateway), packet, exits.len())];
        match exit.connection {
            Some(connection) => self.cross_connection(gateway, connection, exit, packet),
            None => self.leave_to_neighbor(gateway, exit, packet),
        }
    }

    fn cross_connection(
        &mut self,
        gateway: GatewayId,
        id: ConnectionId,
        exit: &LearnedRoute,
        packet: Packet,
    ) -> Result<Next, Reason> {
        let connection = &self.network.connections[id.0];
        let decision = Decision::of(DropReason::Gateway, &connection.name);
        let detail = format!("{} over {}", exit.network, connection.name);
        match connection.to {
            ConnectionTarget::Gateway(to) => {
                self.allow(decision, detail);
                let other = if to == gateway { connection.gateway } else { to };
                Ok(Next::Go(Place::Gateway { gateway: other, from: Some(id) }, packet))
            }
            ConnectionTarget::LocalNetworkGateway(to) => {
                self.allow(decision, detail);
                self.enter_site(self.network.local_network_gateway(to).site, packet)
            }
            ConnectionTarget::Circuit(circuit) => {
                self.allow(decision, detail);
                match self.behind_circuit(circuit, gateway, packet) {
                    Some((other, connection)) => {
                        Ok(Next::Go(Place::Gateway { gateway: other, from: Some(connection) }, packet))
                    }
                    None => self.enter_site(self.network.circuit(circuit).site, packet),
                }
            }
        }
    }

    /// Another gateway on the circuit that announces the destination: Microsoft's edge turns the packet round.
    fn behind_circuit(
        &self,
        circuit: CircuitId,
        gateway: GatewayId,
        packet: Packet,
    ) -> Option<(GatewayId, ConnectionId)> {
        let bgp = self.policy.bgp();
        let others = self.network.connections.iter().enumerate().filter(|(_, connection)| {
            connection.to == ConnectionTarget::Circuit(circuit) && connection.gateway != gateway
        });
        let announces = |other: GatewayId| {
            let here =
                |neighbor| matches!(neighbor, Neighbor::Circuit { circuit: its, .. } if its == circuit);
            let mut sessions = bgp.sessions(Speaker::Gateway(other));
            sessions.any(|session| {
                let mut routes = bgp.advertised_routes(self.network, session).into_iter();
                session.state == SessionState::Connected
                    && here(session.neighbor)
                    && routes.any(|route| route.prefix.contains(&packet.destination))
            })
        };
        let (position, connection) = others.into_iter().find(|(_, other)| announces(other.gateway))?;
        Some((connection.gateway, ConnectionId(position)))
    }

    /// To a gateway or an appliance of the same virtual network, which a route server told of.
    fn leave_to_neighbor(
        &mut self,
        gateway: GatewayId,
        exit: &LearnedRoute,
        packet: Packet,
    ) -> Result<Next, Reason> {
        let vnet = self.network.gateway(gateway).vnet;
        let owner_of = |route: &LearnedRoute| self.policy.addresses(vnet).get(&route.next_hop?).copied();
        // A route server is never in the way of packets: they go to whom it has learnt the route from.
        let owner = match owner_of(exit) {
            Some(Owner::RouteServer(server)) => {
                let rib = self.policy.bgp().rib(Speaker::RouteServer(server));
                rib.and_then(|rib| rib.lookup(packet.destination)?.first()).and_then(owner_of)
            }
            owner => owner,
        };
        let decision = Decision::of(DropReason::Gateway, &self.network.gateway(gateway).name);
        let detail = format!("{} by a neighbor of the virtual network", exit.network);
        match owner {
            Some(Owner::Gateway(other)) if other != gateway => {
                let gateway = other;
                self.allow(decision, detail);
                Ok(Next::Go(Place::Gateway { gateway, from: None }, packet))
            }
            Some(Owner::Nic(nic)) => {
                self.allow(decision, detail);
                Ok(Next::Go(Place::Port { nic, origin: Origin::Outside }, packet))
            }
            _ => {
                let detail = format!("{}: the neighbor cannot be reached", exit.network);
                Err(self.deny(decision, detail))
            }
        }
    }

    fn enter_site(&mut self, site: SiteId, packet: Packet) -> Result<Next, Reason> {
        let machines = &self.network.site(site).machines;
        match machines.iter().position(|(_, address)| *address == packet.destination) {
            Some(index) => {
                let machine = MachineRef { site, index };
                Ok(self.arrive(Node::Machine(machine), packet, Place::Machine(machine)))
            }
            None => {
                let name = &self.network.site(site).name;
                let detail = format!("no machine of {name} has the address {}", packet.destination);
                Err(self.deny(Decision::new(DropReason::NoDestination), detail))
            }
        }
    }

    /// A machine on premises sends: to its own site, or over the connection with the best route.
    pub(super) fn leave_site(&mut self, machine: MachineRef, packet: Packet) -> Result<Next, Reason> {
        self.not_carried(GATEWAYS);
        let site = self.network.site(machine.site);
        if site.machines.iter().any(|(_, address)| *address == packet.destination) {
            return self.enter_site(machine.site, packet);
        }
        let exits = self.policy.bgp().site_exits(machine.site, packet.destination);
        if exits.is_empty() {
            let detail = format!("nobody has told {} of a route to {}", site.name, packet.destination);
            return Err(self.deny(Decision::of(DropReason::Gateway, &site.name), detail));
        }
        let chooser = Chooser::Site(machine.site);
        let exit = exits[self.choices.among(chooser, packet, exits.len())];
        let connection = &self.network.connections[exit.connection.0];
        self.allow(
            Decision::of(DropReason::Gateway, &connection.name),
            format!("to {}", self.network.gateway(exit.gateway).name),
        );
        Ok(Next::Go(Place::Gateway { gateway: exit.gateway, from: Some(exit.connection) }, packet))
    }
}
