//! The public side: how a flow leaves for the internet, and what lets one in.
//!
//! What rules see is private: inbound they are asked after the destination was translated, outbound before the source is.
//! <https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses>,
//! <https://learn.microsoft.com/troubleshoot/azure/virtual-network/troubleshoot-outbound-smtp-connectivity>

use std::net::Ipv4Addr;

use goal_state::DropReason;
use goal_state::nsg::Direction;

use super::decision::Decision;
use super::explanation::{Egress, EgressMethod, Reason};
use super::form::Chosen;
use super::journey::{Next, Place, Walk};
use super::node::Node;
use super::packet::{IpProtocol, Packet};
use super::platform;
use super::port::Origin;
use crate::effective::PublicOwner;
use crate::effective::egress::{NoWayOut, OutboundMethod, WayOut, has_way_out, is_public, leases, way_out};
use crate::network::public::PublicIpSku;
use crate::network::{Network, NicRef, Outside, PublicIpId, ServiceId, Subscription};

/// A NAT gateway's lowest port.
const FIRST_NAT_PORT: u16 = 1024;

const NO_EGRESS: Egress = Egress {
    method: EgressMethod::None,
    resource: None,
    source_address: None,
    allocated_outbound_ports: None,
};

impl Walk<'_> {
    /// A NIC's route leads to the internet. `route` is that route.
    pub(super) fn leave_for_internet(
        &mut self,
        nic: NicRef,
        packet: Packet,
        route: Decision,
    ) -> Result<Next, Reason> {
        // An answer leaves through the address that the flow came in by.
        if let Some(answer) = self.flows.answer(nic, packet) {
            self.pass_port(nic, packet);
            return Ok(Next::Go(Place::Public, answer));
        }
        // So does one that bears it already.
        if self.flows.is_reply() && self.flows.floats(nic, packet.source) {
            self.pass_port(nic, packet);
            return Ok(Next::Go(Place::Public, packet));
        }
        if self.network.edge.is_none() && !platform::is_licensing(packet) {
            return Err(self.drop_at_port(nic, packet, route));
        }
        if let Some(service) = self.storage_nearby(nic, packet) {
            return Ok(self.leave_for_storage(service, nic, packet));
        }
        match way_out(self.policy, nic, packet.source, packet.protocol.0) {
            Ok(way) => {
                // A translator in the middle takes no reply to a question that it has not seen.
                if self.flows.is_reply() && matches!(way.method, OutboundMethod::NatGateway(_)) {
                    self.not_carried("replies to the virtual network by way of a NAT gateway");
                }
                self.check_port_25(packet)?;
                let translated = self.translate(nic, way, packet);
                self.pass_port(nic, packet);
                self.flows.remember_way_out(nic, packet, translated);
                Ok(Next::Go(Place::Public, translated))
            }
            Err(why) => Err(self.no_way_out(nic, why)),
        }
    }

    /// Without an edge of the network nobody has a public address, and a port that has a way out for anything says so.
    fn drop_at_port(&mut self, nic: NicRef, packet: Packet, route: Decision) -> Reason {
        if !has_way_out(self.policy, nic) {
            return match way_out(self.policy, nic, packet.source, packet.protocol.0) {
                Err(why) => self.no_way_out(nic, why),
                Ok(_) => self.nobody_there(route, packet),
            };
        }
        self.journey.egress = Some(NO_EGRESS);
        if is_public(packet.destination)
            && let Ok(way) = way_out(self.policy, nic, packet.source, packet.protocol.0)
        {
            if let Err(reason) = self.check_port_25(packet) {
                return reason;
            }
            self.translate(nic, way, packet);
        }
        self.nobody_there(route, packet)
    }

    /// The packet as the internet sees it.
    fn translate(&mut self, nic: NicRef, way: WayOut, packet: Packet) -> Packet {
        let egress = describe(self.network, way);
        let detail = format!("{}: the internet sees {}", egress.method.as_str(), way.address);
        let resource = egress.resource.clone();
        self.allow(Decision { resource, ..Decision::new(DropReason::OutboundAccess) }, detail);
        self.journey.egress = Some(egress);
        self.journey.chosen = self.chosen(nic, way, packet);
        Packet { source: way.address, ..packet }
    }

    /// What a flow may get from somebody who serves several machines.
    fn chosen(&self, nic: NicRef, way: WayOut, packet: Packet) -> Option<Chosen> {
        let standing = (way.address, packet.source_port);
        match way.method {
            OutboundMethod::NatGateway(gateway) => {
                let addresses = self.network.nat_gateway(gateway).public_ips.iter();
                let addresses = addresses.map(|&id| self.network.public_ip(id).address).collect();
                Some(Chosen { standing, addresses, ports: FIRST_NAT_PORT..=u16::MAX })
            }
            OutboundMethod::LoadBalancer { .. } => {
                let (_, leases) = leases(self.policy, nic, packet.protocol.0)?;
                let first = leases.iter().map(|lease| lease.first).min()?;
                let last = leases.iter().map(|lease| lease.last).max()?;
                let addresses = leases.iter().map(|lease| lease.address).collect();
                Some(Chosen { standing, addresses, ports: first..=last })
            }
            OutboundMethod::PublicIpAddress(_) | OutboundMethod::DefaultOutboundAccess => None,
        }
    }

    fn nobody_there(&mut self, route: Decision, packet: Packet) -> Reason {
        let detail = format!("nobody in this lab has the address {}", packet.destination);
        self.deny(route.on(DropReason::NoDestination), detail)
    }

    /// Storage of the own region is reached from private subnets, too.
    fn leave_for_storage(&mut self, service: ServiceId, nic: NicRef, packet: Packet) -> Next {
        let detail = "storage of the region needs no way out".to_owned();
        self.allow(Decision::new(DropReason::OutboundAccess), detail);
        self.journey.egress = Some(Egress { source_address: Some(packet.source), ..NO_EGRESS });
        self.pass_port(nic, packet);
        self.arrive_at_service(service, nic, packet)
    }

    fn pass_port(&mut self, nic: NicRef, packet: Packet) {
        self.flows.accept(nic, packet);
        self.cross(nic, Direction::Outbound, packet);
    }

    /// Only an Enterprise Agreement has it open. Other mail ports are never closed.
    fn check_port_25(&mut self, packet: Packet) -> Result<(), Reason> {
        let subscription = self.network.subscription;
        let mail = packet.protocol == IpProtocol::TCP && packet.destination_port == 25;
        if !mail || subscription == Subscription::EnterpriseAgreement {
            return Ok(());
        }
        if self.network.edge.is_none() {
            self.not_carried("the platform's block of TCP port 25");
        }
        let detail = format!("outbound TCP 25 is blocked for subscriptions of the kind {subscription}");
        Err(self.deny(Decision::new(DropReason::Platform).by("TCP 25"), detail))
    }

    /// The storage of the region that a NIC reaches which is in a private subnet and has no way out.
    fn storage_nearby(&self, nic: NicRef, packet: Packet) -> Option<ServiceId> {
        let Some(PublicOwner::Service(id)) = self.policy.owners().public(packet.destination) else {
            return None;
        };
        let properties = self.network.nic(nic);
        let vnet = self.network.vnet(properties.subnet.vnet);
        let service = self.network.service(id);
        let is_nearby = service.service_type.eq_ignore_ascii_case("Microsoft.Storage")
            && service.location.eq_ignore_ascii_case(&vnet.location);
        let way = way_out(self.policy, nic, properties.addresses[0], IpProtocol::TCP.0);
        (is_nearby && way == Err(NoWayOut::PrivateSubnet)).then_some(id)
    }

    fn no_way_out(&mut self, nic: NicRef, why: NoWayOut) -> Reason {
        let method = EgressMethod::None;
        let nothing = Egress { method, resource: None, source_address: None, allocated_outbound_ports: None };
        self.journey.egress = Some(nothing);
        let decision = Decision::new(DropReason::OutboundAccess);
        let subnet = self.network.subnet(self.network.nic(nic).subnet);
        let vnet = &self.network.vnet(self.network.nic(nic).subnet.vnet).name;
        let (decision, detail) = match why {
            NoWayOut::ForeignSource => (
                decision,
                "only a NIC's own addresses are translated: the appliance must do it itself".into(),
            ),
            NoWayOut::Protocol(method) => {
                let egress = describe(self.network, WayOut { method, address: Ipv4Addr::UNSPECIFIED });
                let detail = format!("{} carries TCP and UDP only", egress.method.as_str());
                (Decision { resource: egress.resource, ..decision }, detail)
            }
            NoWayOut::PrivateSubnet => {
                let decision = Decision::of(DropReason::OutboundAccess, format!("{vnet}/{}", subnet.name));
                (decision, "defaultOutboundAccess is off, and the subnet has no other way out".into())
            }
            NoWayOut::StandardPool(balancer) => {
                let name = &self.network.load_balancer(balancer).name;
                let detail =
                    "machines in the pool of a Standard load balancer need an explicit way out".into();
                (Decision::of(DropReason::OutboundAccess, name), detail)
            }
            NoWayOut::Firewall => (decision, "Azure Firewall needs a public address of its own".into()),
        };
        self.deny(decision, detail)
    }

    /// A route of a service endpoint: the service sees the private address.
    pub(super) fn leave_by_service_endpoint(
        &mut self,
        nic: NicRef,
        provider: &str,
        packet: Packet,
    ) -> Result<Next, Reason> {
        self.journey.egress = Some(Egress {
            method: EgressMethod::ServiceEndpoint,
            resource: Some(provider.to_owned()),
            source_address: Some(packet.source),
            allocated_outbound_ports: None,
        });
        match self.policy.owners().public(packet.destination) {
            Some(PublicOwner::Service(service)) => Ok(self.arrive_at_service(service, nic, packet)),
            _ => {
                let detail = format!("no service in this lab has the address {}", packet.destination);
                Err(self.deny(Decision::new(DropReason::NoDestination), detail))
            }
        }
    }

    /// A packet for a public address: back to who waits for it, or to who has the address.
    pub(super) fn enter_public_side(&mut self, packet: Packet) -> Result<Next, Reason> {
        if let Some((nic, restored)) = self.flows.way_back(packet) {
            return Ok(Next::Go(Place::Port { nic, origin: Origin::Outside }, restored));
        }
        match self.policy.owners().public(packet.destination) {
            Some(PublicOwner::Nic { nic, private, public_ip }) => {
                self.enter_public_address(nic, private, public_ip, packet)
            }
            Some(PublicOwner::Frontend(frontend)) => {
                Ok(Next::Go(Place::Frontend { frontend, origin: Origin::Outside }, packet))
            }
            Some(PublicOwner::NatGateway(gateway)) => {
                self.journey.path.push(Node::NatGateway(gateway));
                let decision =
                    Decision::of(DropReason::PublicAddress, &self.network.nat_gateway(gateway).name);
                Err(self.deny(decision, "a NAT gateway lets in answers only".to_owned()))
            }
            Some(PublicOwner::Gateway(gateway)) => {
                self.not_carried("virtual network gateways");
                self.journey.path.push(Node::Gateway(gateway));
                let decision = Decision::of(DropReason::Gateway, &self.network.gateway(gateway).name);
                Err(self.deny(decision, "a gateway takes from the internet its tunnels only".to_owned()))
            }
            Some(PublicOwner::Service(service)) => Ok(self.arrive_outside(Outside::Service(service), packet)),
            Some(PublicOwner::InternetHost(host)) => {
                Ok(self.arrive_outside(Outside::InternetHost(host), packet))
            }
            None if platform::is_licensing(packet) => {
                self.not_carried("Windows licensing");
                Ok(self.arrive(Node::Platform, packet, Place::Public))
            }
            None => Err(self.nobody_outside(packet)),
        }
    }

    /// The internet's routers know nobody with that address.
    fn nobody_outside(&mut self, packet: Packet) -> Reason {
        self.journey.path.push(Node::Internet);
        if is_public(packet.destination) {
            let detail = format!("nobody has the public address {}", packet.destination);
            self.deny(Decision::new(DropReason::NoDestination), detail)
        } else {
            let detail = format!("{} is private, and cannot be reached from outside", packet.destination);
            self.deny(Decision::new(DropReason::PublicAddress), detail)
        }
    }

    /// A public address of a NIC. A Standard one is closed until a network security group lets something in; where there is
    /// one its rules decide, on the private address.
    fn enter_public_address(
        &mut self,
        nic: NicRef,
        private: Ipv4Addr,
        public_ip: PublicIpId,
        packet: Packet,
    ) -> Result<Next, Reason> {
        if !self.network.vm(nic.vm).runs() {
            return Err(self.nobody_outside(packet));
        }
        let public_ip = self.network.public_ip(public_ip);
        let decision = Decision::of(DropReason::PublicAddress, &public_ip.name);
        if public_ip.sku == PublicIpSku::Standard && !self.has_security_group(nic) {
            self.journey.path.push(Node::Vm(nic.vm));
            let detail = "a Standard public address is closed without a network security group".to_owned();
            return Err(self.deny(decision, detail));
        }
        self.allow(decision, format!("{} is {private}", public_ip.address));
        let translated = Packet { destination: private, ..packet };
        self.flows.remember_destination(nic, packet, translated);
        Ok(Next::Go(Place::Port { nic, origin: Origin::Outside }, translated))
    }

    /// Whether a network security group is on the NIC or its subnet.
    pub(super) fn has_security_group(&self, nic: NicRef) -> bool {
        let nic = self.network.nic(nic);
        nic.nsg.is_some() || self.network.subnet(nic.subnet).nsg.is_some()
    }
}

/// The way out in the words of an answer.
fn describe(network: &Network, way: WayOut) -> Egress {
    let (method, resource, ports) = match way.method {
        OutboundMethod::NatGateway(gateway) => {
            (EgressMethod::NatGateway, Some(network.nat_gateway(gateway).name.clone()), None)
        }
        OutboundMethod::PublicIpAddress(public_ip) => {
            (EgressMethod::PublicIpAddress, Some(network.public_ip(public_ip).name.clone()), None)
        }
        OutboundMethod::LoadBalancer { balancer, ports } => {
            (EgressMethod::LoadBalancer, Some(network.load_balancer(balancer).name.clone()), Some(ports))
        }
        OutboundMethod::DefaultOutboundAccess => (EgressMethod::DefaultOutboundAccess, None, None),
    };
    Egress { method, resource, source_address: Some(way.address), allocated_outbound_ports: ports }
}
