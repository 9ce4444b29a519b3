//! Hosts of the internet and services: what they send, and how what is for them comes to them.

use std::net::Ipv4Addr;

use goal_state::ids::NicName;
use goal_state::nsg::Direction;
use goal_state::{DropReason, NicId};

use super::decision::Decision;
use super::explanation::Reason;
use super::form::Form;
use super::journey::{Next, Place, Walk};
use super::node::Node;
use super::packet::Packet;
use super::platform;
use super::port::Origin;
use crate::effective::{Owner, deliver};
use crate::network::{Network, NicRef, Outside, ServiceId, SubnetRef};

/// The interface with the public address.
const PUBLIC_NIC: &str = "nic0";

/// Whether `address` is that one's own: its public one, or that of a private endpoint in front of it.
pub(super) fn owns(network: &Network, outside: Outside, address: Ipv4Addr) -> bool {
    let endpoints = network.private_endpoints.iter();
    let mut own = endpoints.filter(|endpoint| outside == Outside::Service(endpoint.service));
    outside.address(network) == address
        || address.is_loopback()
        || address.is_unspecified()
        || own.any(|endpoint| endpoint.address == address)
}

impl Walk<'_> {
    /// Somebody outside sends to a public address. The platform serves machines of virtual networks only.
    pub(super) fn leave_outside(&mut self, outside: Outside, packet: Packet) -> Result<Next, Reason> {
        if platform::is_platform_address(packet.destination) {
            let detail = format!("{} is of no use outside of virtual networks", packet.destination);
            return Err(self.deny(Decision::new(DropReason::Platform), detail));
        }
        let form = self.form(packet);
        self.cross_outside(outside, PUBLIC_NIC, Direction::Outbound, form);
        Ok(Next::Go(Place::Public, packet))
    }

    /// The packet has come to somebody's public address.
    pub(super) fn arrive_outside(&mut self, outside: Outside, packet: Packet) -> Next {
        let form = self.form(packet);
        self.cross_outside(outside, PUBLIC_NIC, Direction::Inbound, form);
        let node = match outside {
            Outside::InternetHost(host) => Node::InternetHost(host),
            Outside::Service(service) => Node::Service(service),
        };
        self.arrive(node, packet, Place::Outside(outside))
    }

    /// A service has the packet of `nic` with its private source, by a port of its own in that virtual network.
    pub(super) fn arrive_at_service(&mut self, service: ServiceId, nic: NicRef, packet: Packet) -> Next {
        let subnet = self.network.nic(nic).subnet;
        self.journey.at_edge = true;
        // Its address there is nobody else's business.
        let form = Form { destination: None, ..self.form(packet) };
        let leg = &self.network.vnet(subnet.vnet).name;
        self.cross_outside(Outside::Service(service), leg, Direction::Inbound, form);
        self.arrive(Node::Service(service), packet, Place::BehindServiceEndpoint { service, subnet })
    }

    /// It answers whoever has that source: straight, whatever way the packet came.
    pub(super) fn answer_from_service(
        &mut self,
        service: ServiceId,
        subnet: SubnetRef,
        packet: Packet,
    ) -> Result<Next, Reason> {
        let form = self.form(packet);
        let leg = &self.network.vnet(subnet.vnet).name;
        self.cross_outside(Outside::Service(service), leg, Direction::Outbound, form);
        match deliver(self.policy, subnet, packet.destination) {
            Ok(Owner::Nic(nic)) => Ok(Next::Go(Place::Port { nic, origin: Origin::Outside }, packet)),
            _ => {
                let detail = format!("the service has no way back to {}", packet.destination);
                Err(self.deny(Decision::new(DropReason::NoDestination), detail))
            }
        }
    }

    /// The port of somebody outside has accepted the packet.
    pub(super) fn cross_outside(&mut self, outside: Outside, nic: &str, direction: Direction, packet: Form) {
        if let (Some(vm), Ok(nic)) = (outside.vm_name(self.network), NicName::new(nic)) {
            self.cross_as(NicId { vm, nic }, direction, packet);
        }
    }
}
