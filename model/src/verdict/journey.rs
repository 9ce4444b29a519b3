//! A packet's way from place to place, until it arrives or is dropped.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use goal_state::event::FiveTuple;
use goal_state::nsg::{Access, Direction};
use goal_state::{DropReason, NicId};

use super::choices::Choices;
use super::decision::Decision;
use super::explanation::{Crossing, Egress, Reason, Received, Step};
use super::flows::Flows;
use super::form::{Chosen, Form};
use super::guest::{self, Reception};
use super::node::Node;
use super::outside;
use super::packet::Packet;
use super::platform;
use super::port::{Onward, Origin, Port};
use crate::effective::{FlowEncryption, FrontendRef, MachineRef, Policy};
use crate::network::{
    ConnectionId, GatewayId, Network, NicRef, Outside, PrivateEndpointId, ServiceId, SubnetRef, VmId,
};

/// How often a packet can be sent: the TTL that Linux gives it. Ports do not take from it.
const TTL: u32 = 64;

/// Where a packet is, on its way on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Place {
    /// This guest sends it.
    Guest(VmId),
    /// It comes to the port of a NIC.
    Port {
        /// The NIC.
        nic: NicRef,
        /// Who sent it.
        origin: Origin,
    },
    /// Somebody outside sends it.
    Outside(Outside),
    /// It is on the public side, for a public address.
    Public,
    /// It comes to a frontend of a load balancer, which is its destination.
    Frontend {
        /// The frontend.
        frontend: FrontendRef,
        /// Who sent it.
        origin: Origin,
    },
    /// It comes to a private endpoint.
    PrivateEndpoint(PrivateEndpointId),
    /// The service behind a private endpoint answers.
    BehindPrivateEndpoint(PrivateEndpointId),
    /// The service that was reached without the internet from this subnet answers.
    BehindServiceEndpoint {
        /// The service.
        service: ServiceId,
        /// The subnet.
        subnet: SubnetRef,
    },
    /// A virtual network gateway has it.
    Gateway {
        /// The gateway.
        gateway: GatewayId,
        /// The connection that it came out of; none from its virtual networks.
        from: Option<ConnectionId>,
    },
    /// A machine on premises sends it.
    Machine(MachineRef),
}

/// What comes next.
pub(super) enum Next {
    /// On from this place, as this packet.
    Go(Place, Packet),
    /// The end of the way.
    Arrived(Arrival),
}

/// Where a packet has arrived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    /// With whom.
    pub(super) node: Node,
    /// As its programs see it.
    pub(super) packet: Packet,
    /// Where the reply begins.
    pub(super) back: Place,
}

/// How a journey ended.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// Somebody has it.
    Arrived(Arrival),
    /// Dropped.
    Dropped(Reason),
}

/// A packet's way.
#[derive(Debug, Clone)]
pub(super) struct Journey {
    pub(super) end: End,
    pub(super) path: Vec<Node>,
    pub(super) steps: Vec<Step>,
    pub(super) crossings: Vec<Crossing>,
    /// What the packet looks like, stretch by stretch.
    pub(super) forms: Vec<Form>,
    /// The source that it was given by somebody who chooses one.
    pub(super) chosen: Option<Chosen>,
    pub(super) egress: Option<Egress>,
    /// Of each stretch between two stations.
    pub(super) encryption: Vec<FlowEncryption>,
    /// Whether it passes the edge of the virtual networks.
    pub(super) at_edge: bool,
    pub(super) taken_by_another: bool,
    pub(super) loops: bool,
    pub(super) nobody_at: Option<Ipv4Addr>,
    pub(super) not_carried: Option<&'static str>,
}

impl Journey {
    /// Why the packet did not arrive.
    pub(super) fn reason(&self) -> Option<&Reason> {
        match &self.end {
            End::Arrived(_) => None,
            End::Dropped(reason) => Some(reason),
        }
    }

    /// The packet as its receiver sees it.
    pub(super) fn received(&self, network: &Network) -> Option<Received> {
        let End::Arrived(Arrival { node, packet, .. }) = self.end else { return None };
        Some(Received {
            at: node.name(network),
            source: packet.source_text(),
            destination: packet.destination_text(),
        })
    }

    /// The packet as its receiver's programs see it.
    pub(super) fn arrived(&self) -> Option<FiveTuple> {
        match self.end {
            End::Arrived(Arrival { packet, .. }) => Some(packet.five_tuple()),
            End::Dropped(_) => None,
        }
    }

    /// What a flow log says: X when all stretches are, else the first that is not. Nothing was encrypted of what never left.
    pub(super) fn encryption(&self) -> FlowEncryption {
        let in_clear = self.encryption.iter().find(|stretch| **stretch != FlowEncryption::Encrypted);
        in_clear.or(self.encryption.first()).copied().unwrap_or(FlowEncryption::NotConfigured)
    }

    /// Ends the journey at its receiver after all.
    pub(super) fn drop_at(&mut self, at: &str, layer: DropReason, detail: String) {
        let decision = Decision::new(layer);
        self.end = End::Dropped(decision.reason(at));
        self.steps.push(decision.step(at, Access::Deny, detail));
    }
}

/// A packet under way.
pub(super) struct Walk<'a> {
    pub(super) policy: &'a Policy<'a>,
    pub(super) network: &'a Network,
    pub(super) flows: &'a mut Flows,
    pub(super) choices: &'a mut Choices,
    pub(super) journey: Journey,
}

/// Walks `packet`, which `sender` sends from `start`, until it arrives or is dropped.
pub(super) fn travel(
    policy: &Policy<'_>,
    flows: &mut Flows,
    choices: &mut Choices,
    (sender, start): (Node, Place),
    packet: Packet,
) -> Journey {
    let journey = Journey {
        end: End::Arrived(Arrival { node: sender, packet, back: start }),
        path: vec![sender],
        steps: Vec::new(),
        crossings: Vec::new(),
        forms: vec![packet.into()],
        chosen: None,
        egress: None,
        encryption: Vec::new(),
        at_edge: false,
        taken_by_another: false,
        loops: false,
        nobody_at: None,
        not_carried: None,
    };
    let mut walk = Walk { policy, network: policy.network(), flows, choices, journey };
    if !stays_in_guest(walk.network, sender, packet) {
        walk.journey.end = walk.go(start, packet);
    }
    walk.journey
}

/// Whether the sender's own machine takes the packet, so that no port sees it.
pub(super) fn stays_in_guest(network: &Network, sender: Node, packet: Packet) -> bool {
    match (sender, sender.outside()) {
        (Node::Vm(vm), _) => guest::owns(network, vm, packet.destination),
        (_, Some(outside)) => outside::owns(network, outside, packet.destination),
        _ => false,
    }
}

impl Walk<'_> {
    fn go(&mut self, mut place: Place, mut packet: Packet) -> End {
        let mut sent = BTreeSet::new();
        for _ in 0..TTL {
            // The same packet sent by the same guest again will go the same way again, until its TTL ends.
            let forwards = matches!(place, Place::Guest(_) | Place::Gateway { .. });
            if forwards && !sent.insert((place, packet)) {
                break;
            }
            self.note_form(packet);
            match self.step(place, packet) {
                Ok(Next::Go(next, changed)) => (place, packet) = (next, changed),
                Ok(Next::Arrived(arrival)) => return End::Arrived(arrival),
                Err(reason) => return End::Dropped(reason),
            }
        }
        self.end_of_loop()
    }

    fn step(&mut self, place: Place, packet: Packet) -> Result<Next, Reason> {
        self.journey.at_edge |= !matches!(place, Place::Guest(_) | Place::Port { .. });
        match place {
            Place::Guest(vm) => self.leave_guest(vm, packet),
            Place::Port { nic, origin } => self.enter_port(nic, origin, packet),
            Place::Outside(outside) => self.leave_outside(outside, packet),
            Place::Public => self.enter_public_side(packet),
            Place::Frontend { frontend, origin } => self.balance(frontend, origin, packet),
            Place::PrivateEndpoint(endpoint) => self.enter_private_endpoint(endpoint, packet),
            Place::BehindPrivateEndpoint(endpoint) => self.answer_from_private_endpoint(endpoint, packet),
            Place::BehindServiceEndpoint { service, subnet } => {
                self.answer_from_service(service, subnet, packet)
            }
            Place::Gateway { gateway, from } => self.enter_gateway(gateway, from, packet),
            Place::Machine(machine) => self.leave_site(machine, packet),
        }
    }

    /// Out of a guest, through its port.
    fn leave_guest(&mut self, vm: VmId, packet: Packet) -> Result<Next, Reason> {
        if !self.network.vm(vm).runs() {
            self.not_carried("virtual machines that do not run");
            let detail = "it is deallocated, so nothing is sent".to_owned();
            return Err(self.deny(Decision::new(DropReason::Guest), detail));
        }
        let sender = guest::egress(self.network, vm, packet.source, packet.destination);
        if platform::is_dhcp(packet) {
            self.not_carried("DHCP");
        }
        let mut port = Port::new(self.policy, sender, &mut self.journey.steps);
        let (onward, sent) = port.outbound(self.flows, self.choices, packet)?;
        if let Onward::Internet(route) = onward {
            return self.leave_for_internet(sender, packet, route);
        }
        self.flows.accept(sender, packet);
        self.cross(sender, Direction::Outbound, packet);
        // Behind the port's routing, which alone knows the next hop.
        if let Onward::To(receiver) = onward {
            self.check_encryption(sender, receiver)?;
        }
        self.hand_over(sender, onward, sent)
    }

    fn hand_over(&mut self, sender: NicRef, onward: Onward, packet: Packet) -> Result<Next, Reason> {
        let origin = Origin::Nic(sender);
        match onward {
            Onward::To(nic) => Ok(Next::Go(Place::Port { nic, origin }, packet)),
            Onward::Nobody => {
                Err(Port::new(self.policy, sender, &mut self.journey.steps).no_destination(packet))
            }
            Onward::NobodyAt(address) => {
                self.journey.nobody_at = Some(address);
                let detail = format!("nobody that can be reached directly answers at {address}");
                Err(self.deny(Decision::new(DropReason::NoDestination), detail))
            }
            Onward::Frontend(frontend) => Ok(Next::Go(Place::Frontend { frontend, origin }, packet)),
            Onward::Through(frontend) => {
                self.journey.at_edge = true;
                self.balance_through(frontend, origin, packet)
            }
            Onward::PrivateEndpoint(endpoint) => Ok(Next::Go(Place::PrivateEndpoint(endpoint), packet)),
            Onward::Gateway(gateway) => Ok(Next::Go(Place::Gateway { gateway, from: None }, packet)),
            Onward::ServiceEndpoint(service) => self.leave_by_service_endpoint(sender, &service, packet),
            Onward::Internet(route) => self.leave_for_internet(sender, packet, route),
            Onward::Platform => {
                Ok(self.arrive(Node::Platform, packet, Place::Port { nic: sender, origin: Origin::Outside }))
            }
        }
    }

    /// Into a port, and into the guest behind it.
    fn enter_port(&mut self, nic: NicRef, origin: Origin, packet: Packet) -> Result<Next, Reason> {
        let encryption = match origin {
            Origin::Nic(sender) | Origin::Balanced(sender) => {
                self.policy.encryption().between(self.policy, sender, nic)
            }
            Origin::Outside => FlowEncryption::NotConfigured,
        };
        self.come_to(Node::Vm(nic.vm), encryption);
        if origin == Origin::Outside && !self.network.vm(nic.vm).runs() {
            let detail = "nobody answers: it is deallocated".to_owned();
            return Err(self.deny(Decision::new(DropReason::NoDestination), detail));
        }
        Port::new(self.policy, nic, &mut self.journey.steps).inbound(self.flows, origin, packet)?;
        self.flows.accept(nic, packet);
        self.cross(nic, Direction::Inbound, packet);
        self.enter_guest(nic.vm, packet)
    }

    fn enter_guest(&mut self, vm: VmId, packet: Packet) -> Result<Next, Reason> {
        let decision = Decision::new(DropReason::Guest);
        match guest::receive(self.network, self.flows, vm, packet) {
            Reception::Local(packet) => {
                Ok(Next::Arrived(Arrival { node: Node::Vm(vm), packet, back: Place::Guest(vm) }))
            }
            Reception::OwnSource => {
                let source = packet.source;
                let detail =
                    format!("the guest takes no packet from the wire that has its own source {source}");
                Err(self.deny(decision, detail))
            }
            Reception::NotForwarding => {
                let detail = format!("the guest does not forward, and {} is not its own", packet.destination);
                Err(self.deny(decision, detail))
            }
            Reception::Forward(next) => {
                let detail = if next.source == packet.source {
                    "the guest forwards".to_owned()
                } else {
                    format!("the guest forwards, with {} as the source", next.source)
                };
                self.allow(decision, detail);
                Ok(Next::Go(Place::Guest(vm), next))
            }
        }
    }

    /// The packet's next station, and how it got there.
    pub(super) fn come_to(&mut self, node: Node, encryption: FlowEncryption) {
        self.journey.path.push(node);
        self.journey.encryption.push(encryption);
    }

    /// The packet has come to somebody who is no virtual machine.
    pub(super) fn arrive(&mut self, node: Node, packet: Packet, back: Place) -> Next {
        self.come_to(node, FlowEncryption::NotConfigured);
        Next::Arrived(Arrival { node, packet, back })
    }

    /// The routes send the packet in a circle: the last one, which closes it, is what denies it.
    fn end_of_loop(&mut self) -> End {
        let last = self.journey.steps.iter().rev().find(|step| step.stage == DropReason::Route).cloned();
        let (at, resource, rule) = match last {
            Some(step) => (step.at, step.resource, step.rule),
            None => (self.at(), None, None),
        };
        let decision = Decision { stage: DropReason::Route, direction: None, resource, rule };
        let reason = decision.reason(&at);
        self.journey.loops = true;
        let detail = "loop: the routes lead round in a circle, until the packet's TTL ends".to_owned();
        self.journey.steps.push(decision.step(&at, Access::Deny, detail));
        End::Dropped(reason)
    }

    /// A port has accepted the packet.
    pub(super) fn cross(&mut self, nic: NicRef, direction: Direction, packet: Packet) {
        let nic = NicId { vm: self.network.vm(nic.vm).name.clone(), nic: self.network.nic(nic).name.clone() };
        self.cross_as(nic, direction, self.form(packet));
    }

    /// A port has accepted the packet, which looks like this to it.
    pub(super) fn cross_as(&mut self, nic: NicId, direction: Direction, packet: Form) {
        self.journey.crossings.push(Crossing { nic, direction, packet });
    }

    /// What `packet` looks like.
    pub(super) fn form(&self, packet: Packet) -> Form {
        self.journey.chosen.as_ref().map_or_else(|| packet.into(), |chosen| chosen.form(packet))
    }

    fn note_form(&mut self, packet: Packet) {
        let form = self.form(packet);
        if !self.journey.forms.contains(&form) {
            self.journey.forms.push(form);
        }
    }

    /// Where the packet is, by name.
    pub(super) fn at(&self) -> String {
        self.journey.path.last().map(|node| node.name(self.network)).unwrap_or_default()
    }

    /// Writes down what lets the packet go on.
    pub(super) fn allow(&mut self, decision: Decision, detail: String) {
        let at = self.at();
        self.journey.steps.push(decision.step(&at, Access::Allow, detail));
    }

    /// Writes down what drops the packet.
    pub(super) fn deny(&mut self, decision: Decision, detail: String) -> Reason {
        let at = self.at();
        let reason = decision.reason(&at);
        self.journey.steps.push(decision.step(&at, Access::Deny, detail));
        reason
    }

    /// Packets do not do this yet; the first such thing is told.
    pub(super) fn not_carried(&mut self, what: &'static str) {
        self.journey.not_carried.get_or_insert(what);
    }
}
