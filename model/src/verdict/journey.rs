//! A packet's way from guest to guest, and the state that it leaves behind for its reply.

use std::collections::{BTreeMap, BTreeSet};

use goal_state::nsg::{Access, Direction};
use goal_state::{DropReason, NicId};

use super::explanation::{Crossing, Reason, Received, Step};
use super::guest::{self, Reception};
use super::packet::Packet;
use super::port::{Decision, Onward, Port};
use crate::effective::Policy;
use crate::network::{Network, NicRef, VmId};

/// How often a packet can be sent: the TTL that Linux gives it. Ports do not take from it.
const TTL: u32 = 64;

/// What ports and guests remember of packets that they let through.
#[derive(Debug, Default)]
pub(super) struct Flows {
    /// Per port: packets accepted in either direction.
    accepted: BTreeMap<NicRef, BTreeSet<Packet>>,
    /// Per guest: packets with their source replaced, each with what it was before.
    replaced: BTreeMap<VmId, BTreeMap<Packet, Packet>>,
    /// Whether the packets that now travel are replies.
    reply: bool,
}

impl Flows {
    /// Whether the packet is a reply in a flow that the port has accepted.
    pub(super) fn knows(&self, nic: NicRef, packet: Packet) -> bool {
        self.accepted.get(&nic).is_some_and(|accepted| accepted.contains(&packet.reversed()))
    }

    fn accept(&mut self, nic: NicRef, packet: Packet) {
        self.accepted.entry(nic).or_default().insert(packet);
    }

    /// A guest has sent `replaced` for `original`.
    pub(super) fn remember_source(&mut self, vm: VmId, original: Packet, replaced: Packet) {
        self.replaced.entry(vm).or_default().insert(replaced, original);
    }

    /// The reply with its first destination, when it is one to a source that the guest has replaced.
    pub(super) fn restored(&self, vm: VmId, packet: Packet) -> Option<Packet> {
        let original = self.replaced.get(&vm)?.get(&packet.reversed())?;
        Some(original.reversed())
    }

    /// Whether the packets that now travel are replies.
    pub(super) fn is_reply(&self) -> bool {
        self.reply
    }

    /// From now on replies travel.
    pub(super) fn turn_round(&mut self) {
        self.reply = true;
    }
}

/// How a journey ended.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// In this guest, as this packet.
    Arrived {
        /// The guest's VM.
        vm: VmId,
        /// As its programs see it.
        packet: Packet,
    },
    /// Dropped.
    Dropped(Reason),
}

/// A packet's way.
#[derive(Debug, Clone)]
pub(super) struct Journey {
    pub(super) end: End,
    pub(super) path: Vec<VmId>,
    pub(super) steps: Vec<Step>,
    pub(super) crossings: Vec<Crossing>,
    pub(super) taken_by_another: bool,
    pub(super) loops: bool,
}

impl Journey {
    /// Why the packet did not arrive.
    pub(super) fn reason(&self) -> Option<&Reason> {
        match &self.end {
            End::Arrived { .. } => None,
            End::Dropped(reason) => Some(reason),
        }
    }

    /// The packet as its receiver sees it.
    pub(super) fn received(&self, network: &Network) -> Option<Received> {
        let End::Arrived { vm, packet } = self.end else { return None };
        Some(Received {
            at: network.vm(vm).name.to_string(),
            source: packet.source_text(),
            destination: packet.destination_text(),
        })
    }

    /// Ends the journey in a guest after all.
    pub(super) fn drop_at(&mut self, at: &str, layer: DropReason, detail: String) {
        let decision = Decision::new(layer);
        self.end = End::Dropped(decision.reason(at));
        self.steps.push(decision.step(at, Access::Deny, detail));
    }
}

/// Walks `packet`, which a program in `sender` sends, until it arrives or is dropped.
pub(super) fn travel(policy: &Policy<'_>, flows: &mut Flows, sender: VmId, packet: Packet) -> Journey {
    let network = policy.network();
    let start = End::Arrived { vm: sender, packet };
    let mut journey = Journey {
        end: start,
        path: vec![sender],
        steps: Vec::new(),
        crossings: Vec::new(),
        taken_by_another: false,
        loops: false,
    };
    if guest::owns(network, sender, packet.destination) {
        return journey;
    }
    let mut at = (sender, packet);
    let mut sent = BTreeSet::new();
    for _ in 0..TTL {
        // The same packet at the same guest again will go the same way again, until its TTL ends.
        if !sent.insert(at) {
            break;
        }
        match carry(policy, flows, &mut journey, at.0, at.1) {
            Ok(Some(next)) => at = next,
            Ok(None) => return journey,
            Err(reason) => {
                journey.end = End::Dropped(reason);
                return journey;
            }
        }
    }
    end_of_loop(network, &mut journey, at.0);
    journey
}

/// One hop: out of a guest, through two ports, into a guest. The guest and packet that go on, or none at the end.
fn carry(
    policy: &Policy<'_>,
    flows: &mut Flows,
    journey: &mut Journey,
    vm: VmId,
    packet: Packet,
) -> Result<Option<(VmId, Packet)>, Reason> {
    let network = policy.network();
    let sender = guest::egress(network, vm, packet.source, packet.destination);
    let onward = Port::new(policy, sender, &mut journey.steps).outbound(flows, packet)?;
    flows.accept(sender, packet);
    journey.crossings.push(Crossing { nic: nic_id(network, sender), direction: Direction::Outbound });
    let receiver = match onward {
        Onward::To(receiver) => receiver,
        Onward::Nobody => return Err(Port::new(policy, sender, &mut journey.steps).no_destination(packet)),
    };

    journey.path.push(receiver.vm);
    Port::new(policy, receiver, &mut journey.steps).inbound(flows, sender, packet)?;
    flows.accept(receiver, packet);
    journey.crossings.push(Crossing { nic: nic_id(network, receiver), direction: Direction::Inbound });
    enter_guest(network, flows, journey, receiver.vm, packet)
}

fn enter_guest(
    network: &Network,
    flows: &mut Flows,
    journey: &mut Journey,
    vm: VmId,
    packet: Packet,
) -> Result<Option<(VmId, Packet)>, Reason> {
    let at = network.vm(vm).name.as_str();
    let decision = Decision::new(DropReason::Guest);
    let mut refuse = |detail: String| {
        journey.steps.push(decision.clone().step(at, Access::Deny, detail));
        Err(decision.reason(at))
    };
    match guest::receive(network, flows, vm, packet) {
        Reception::Local(packet) => {
            journey.end = End::Arrived { vm, packet };
            Ok(None)
        }
        Reception::OwnSource => refuse(format!(
            "the guest takes no packet from the wire that has its own source {}",
            packet.source
        )),
        Reception::NotForwarding => {
            refuse(format!("the guest does not forward, and {} is not its own", packet.destination))
        }
        Reception::Forward(next) => {
            let detail = if next.source == packet.source {
                "the guest forwards".to_owned()
            } else {
                format!("the guest forwards, with {} as the source", next.source)
            };
            journey.steps.push(decision.step(at, Access::Allow, detail));
            Ok(Some((vm, next)))
        }
    }
}

/// The routes send the packet in a circle: the last one, which closes it, is what denies it.
fn end_of_loop(network: &Network, journey: &mut Journey, vm: VmId) {
    let last = journey.steps.iter().rev().find(|step| step.stage == DropReason::Route).cloned();
    let (at, resource, rule) = match last {
        Some(step) => (step.at, step.resource, step.rule),
        None => (network.vm(vm).name.to_string(), None, None),
    };
    let decision = Decision { stage: DropReason::Route, direction: None, resource, rule };
    journey.end = End::Dropped(decision.reason(&at));
    journey.loops = true;
    let detail = "loop: the routes lead round in a circle, until the packet's TTL ends".to_owned();
    journey.steps.push(decision.step(&at, Access::Deny, detail));
}

fn nic_id(network: &Network, nic: NicRef) -> NicId {
    NicId { vm: network.vm(nic.vm).name.clone(), nic: network.nic(nic).name.clone() }
}
