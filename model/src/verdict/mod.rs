//! The verdict on a question: does a new connection's first packet arrive, and does its reply come back?
//!
//! The packet is walked as the data plane carries it: guest, port, next port, guest, and so on. The walk keeps the
//! state that the data plane keeps (flows that a port has accepted, sources that a guest has replaced), so the reply
//! meets what it would meet.
//!
//! Where Azure's pages are silent, the data plane and this walk decide alike:
//! - A port knows a flow by the packets that it has accepted in either direction. Only replies to those skip the groups; a
//!   reply at a port that has not seen the first packet is judged as if it were new.
//! - Source, destination, protocol, peering and route checks are for every packet, also for replies.
//! - A packet whose routes lead round in a circle is denied by the route that closes the circle. A route that names the
//!   very NIC that it steers denies as an unreachable next hop.
//! - A virtual network sends to its own NICs and to those of connected peers with access, whatever route leads there.
//! - A guest takes no packet from the wire with a source of its own, as Linux does, and masquerades only what opens a
//!   flow: a TCP or ICMP reply without its request is forwarded as it is.
//! - When a question names a VM and another one has its address in the sender's reach, the packet is not delivered.
//!
//! | module | idea |
//! |---|---|
//! | [`question`], `endpoint` | who asks for what; what a text names |
//! | [`explanation`], `decision` | the answer, as `vnetlab explain -o json` prints it; its steps |
//! | [`packet`] | a packet and the flow that it belongs to |
//! | [`form`] | what a packet looks like on its way |
//! | `node`, `journey` | what a packet passes; from place to place until it arrives or is dropped |
//! | `flows`, `choices` | what is remembered for replies; which of equal ways are taken |
//! | `guest` | which NIC a guest sends from; what it does with what it gets |
//! | `port` | what a port decides, outbound and inbound |
//! | `encryption` | what is encrypted, and what must not go in clear |
//! | [`rule_match`] | the rules that decide |
//! | `platform` | what Azure itself answers |
//! | `public_side`, `outside`, `balancer`, `health` | the internet, public addresses and those who are there, load balancers |
//! | `private_endpoint`, `gateway` | services and sites |

mod balancer;
mod choices;
mod decision;
mod encryption;
mod endpoint;
pub mod explanation;
mod firewall;
mod flows;
pub mod form;
mod gateway;
mod guest;
mod health;
mod journey;
mod node;
mod outside;
pub mod packet;
mod platform;
mod port;
mod private_endpoint;
mod public_side;
pub mod question;
pub mod rule_match;

#[cfg(test)]
mod tests;

use goal_state::DropReason;
use goal_state::nsg::Access;
use goal_state::vm::{Listen, Transport};

pub use explanation::{
    Crossing, Egress, EgressMethod, Evidence, Explanation, Observed, Proof, Reason, Received, Reply, Step,
};
pub use form::Form;
pub use packet::{IpProtocol, Packet};
pub use question::{Question, QuestionError};

use crate::effective::Policy;
use crate::network::Network;
use choices::Choices;
use flows::Flows;
use journey::{Arrival, End, Journey, stays_in_guest, travel};
use node::Node;
use question::Asked;

/// How many combinations of equal ways [`explain_all`] walks at most.
pub const MAX_WALKS: usize = 16;

/// Answers `question` from the model alone. Where several ways are equal the packet takes the first one.
///
/// # Errors
/// [`QuestionError`] when the question names nobody, or leaves out a port that its protocol needs.
pub fn explain(policy: &Policy<'_>, question: &Question) -> Result<Explanation, QuestionError> {
    let asked = Asked::resolve(policy, question)?;
    Ok(walk(policy, question, &asked, &mut Choices::default()))
}

/// Answers `question` for every combination of equal ways (appliances, gateways or backends among which the hash of a flow
/// chooses), the first of each first. Never empty; the first answer is that of [`explain`]. At most [`MAX_WALKS`].
///
/// # Errors
/// As [`explain`].
pub fn explain_all(policy: &Policy<'_>, question: &Question) -> Result<Vec<Explanation>, QuestionError> {
    let asked = Asked::resolve(policy, question)?;
    let mut explanations = Vec::new();
    let mut wanted = Some(Vec::new());
    while let Some(next) = wanted
        && explanations.len() < MAX_WALKS
    {
        let mut choices = Choices::new(next);
        explanations.push(walk(policy, question, &asked, &mut choices));
        wanted = choices.next();
    }
    Ok(explanations)
}

fn walk(policy: &Policy<'_>, question: &Question, asked: &Asked, choices: &mut Choices) -> Explanation {
    let network = policy.network();
    let mut flows = Flows::default();
    let first = travel(policy, &mut flows, choices, (asked.sender, asked.start), asked.packet);
    let first = accept(network, asked, first);
    let reply = match &first.end {
        End::Arrived(Arrival { node, packet, back }) => {
            flows.turn_round();
            let reply = travel(policy, &mut flows, choices, (*node, *back), packet.reversed());
            Some(come_back(network, asked, reply))
        }
        End::Dropped(_) => None,
    };
    explanation(network, question, asked, first, reply)
}

fn explanation(
    network: &Network,
    question: &Question,
    asked: &Asked,
    first: Journey,
    reply: Option<Journey>,
) -> Explanation {
    let names = |path: &[Node]| path.iter().map(|node| node.name(network)).collect::<Vec<_>>();
    let reason = first.reason().or_else(|| reply.as_ref().and_then(Journey::reason));
    let stays_in_guest = stays_in_guest(network, asked.sender, asked.packet);
    Explanation {
        from: question.from.clone(),
        to: question.to.clone(),
        protocol: question.protocol,
        port: asked.packet.protocol.has_ports().then_some(asked.packet.destination_port),
        verdict: if reason.is_none() { Access::Allow } else { Access::Deny },
        reason: reason.cloned(),
        path: names(&first.path),
        received: first.received(network),
        encryption: (!stays_in_guest).then(|| first.encryption()),
        reply: reply.as_ref().map(|reply| Reply {
            verdict: if reply.reason().is_none() { Access::Allow } else { Access::Deny },
            reason: reply.reason().cloned(),
            path: names(&reply.path),
            received: reply.received(network),
        }),
        proof: None,
        evidence: evidence(network, asked, &first, reply),
        egress: first.egress,
        steps: first.steps,
    }
}

fn evidence(network: &Network, asked: &Asked, first: &Journey, reply: Option<Journey>) -> Evidence {
    let sender = match asked.sender {
        Node::Vm(vm) => Some(network.vm(vm).name.clone()),
        sender => sender.outside().and_then(|outside| outside.vm_name(network)),
    };
    let of_reply = reply.as_ref().and_then(|reply| reply.not_carried);
    let elsewhere = (!asked.sender.is_played()).then_some("senders that are no virtual machines");
    Evidence {
        sender,
        packet: asked.packet.five_tuple(),
        forms: first.forms.clone(),
        arrived: first.arrived(),
        loops: first.loops || reply.as_ref().is_some_and(|reply| reply.loops),
        nobody_at: first.nobody_at.or(reply.as_ref().and_then(|reply| reply.nobody_at)),
        crossings: first.crossings.clone(),
        reply_crossings: reply.map(|reply| reply.crossings).unwrap_or_default(),
        at_edge: first.at_edge || asked.sender.outside().is_some(),
        taken_by_another: first.taken_by_another,
        not_carried: first.not_carried.or(of_reply).or(elsewhere).map(str::to_owned),
    }
}

/// Whether the one where the packet arrived is the one that was asked for, and takes it.
fn accept(network: &Network, asked: &Asked, mut journey: Journey) -> Journey {
    let End::Arrived(Arrival { node, packet, .. }) = journey.end else { return journey };
    let at = node.name(network);
    if asked.receiver.is_some_and(|receiver| receiver != node) {
        let detail = format!("{} is {at} here, and not the one that was asked for", packet.destination);
        journey.taken_by_another = true;
        journey.drop_at(&at, DropReason::NoDestination, detail);
    } else if !firewall::admits(network, &journey) {
        let detail = format!("its firewall does not let in {}", packet.source);
        journey.drop_at(&at, DropReason::Guest, detail);
    } else if !listens(network, node, &packet) {
        if matches!(node, Node::Service(_)) && packet.protocol == IpProtocol::ICMP {
            journey.not_carried.get_or_insert("services that do not answer ping");
        }
        let detail = match packet.protocol.has_ports() {
            true => format!("nobody listens on port {}", packet.destination_port),
            false => format!("{} is not answered", packet.protocol),
        };
        journey.drop_at(&at, DropReason::Guest, detail);
    }
    journey
}

/// Whoever has no list of responders is taken to answer on every port. A service with a list answers on nothing else; others with one
/// answer to ping, too.
fn listens(network: &Network, node: Node, packet: &Packet) -> bool {
    let transport = match packet.protocol {
        IpProtocol::TCP => Some(Transport::Tcp),
        IpProtocol::UDP => Some(Transport::Udp),
        _ => None,
    };
    let (list, answers_others): (&Option<Vec<Listen>>, bool) = match node {
        Node::Vm(vm) => (&network.vm(vm).listen, true),
        Node::Service(service) => (&network.service(service).listen, false),
        Node::InternetHost(host) => (&network.internet_host(host).listen, true),
        _ => return true,
    };
    let Some(list) = list else { return true };
    let Some(transport) = transport else { return answers_others };
    list.iter().any(|listen| listen.transport == transport && listen.port == packet.destination_port)
}

/// Whether the reply reached who waits for it, as the reply to what was sent.
fn come_back(network: &Network, asked: &Asked, mut journey: Journey) -> Journey {
    let End::Arrived(Arrival { node, packet, .. }) = journey.end else { return journey };
    if node != asked.sender || packet != asked.packet.reversed() {
        let detail = format!("a reply from {} to {} is not waited for", packet.source, packet.destination);
        journey.drop_at(&node.name(network), DropReason::Guest, detail);
    }
    journey
}
