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
//! | [`question`] | who asks for what; endpoints |
//! | [`explanation`] | the answer, as `vnetlab explain -o json` prints it |
//! | [`packet`] | a packet and the flow that it belongs to |
//! | `guest` | which NIC a guest sends from; what it does with what it gets |
//! | `port` | what a port decides, outbound and inbound |
//! | [`rule_match`] | the first rule of a group that matches |
//! | `journey` | from guest to guest until the packet arrives or is dropped |

pub mod explanation;
mod guest;
mod journey;
pub mod packet;
mod port;
pub mod question;
pub mod rule_match;

#[cfg(test)]
mod tests;

use goal_state::DropReason;
use goal_state::nsg::Access;
use goal_state::vm::Transport;

pub use explanation::{Crossing, Evidence, Explanation, Observed, Proof, Reason, Received, Reply, Step};
pub use packet::{IpProtocol, Packet};
pub use question::{Question, QuestionError};

use crate::effective::Policy;
use crate::network::{Network, VmId};
use journey::{End, Flows, Journey, travel};
use question::Asked;

/// Answers `question` from the model alone.
///
/// # Errors
/// [`QuestionError`] when the question names nobody, or leaves out a port that its protocol needs.
pub fn explain(policy: &Policy<'_>, question: &Question) -> Result<Explanation, QuestionError> {
    let network = policy.network();
    let asked = Asked::resolve(network, question)?;
    let mut flows = Flows::default();
    let first = accept(network, &asked, travel(policy, &mut flows, asked.sender, asked.packet));
    let names = |path: &[VmId]| path.iter().map(|&vm| network.vm(vm).name.to_string()).collect::<Vec<_>>();

    let reply = match &first.end {
        End::Arrived { vm, packet } => {
            flows.turn_round();
            Some(come_back(&asked, network, travel(policy, &mut flows, *vm, packet.reversed())))
        }
        End::Dropped(_) => None,
    };
    let reason = first.reason().or_else(|| reply.as_ref().and_then(Journey::reason));
    let stays_in_guest = guest::owns(network, asked.sender, asked.packet.destination);
    Ok(Explanation {
        from: question.from.clone(),
        to: question.to.clone(),
        protocol: question.protocol,
        port: asked.packet.protocol.has_ports().then_some(asked.packet.destination_port),
        verdict: if reason.is_none() { Access::Allow } else { Access::Deny },
        reason: reason.cloned(),
        path: names(&first.path),
        received: first.received(network),
        egress: None,
        encryption: (!stays_in_guest).then_some("NX"),
        reply: reply.as_ref().map(|reply| Reply {
            verdict: if reply.reason().is_none() { Access::Allow } else { Access::Deny },
            reason: reply.reason().cloned(),
            path: names(&reply.path),
            received: reply.received(network),
        }),
        proof: None,
        evidence: Evidence {
            sender: network.vm(asked.sender).name.clone(),
            packet: asked.packet.five_tuple(),
            loops: first.loops || reply.as_ref().is_some_and(|reply| reply.loops),
            crossings: first.crossings,
            reply_crossings: reply.map(|reply| reply.crossings).unwrap_or_default(),
            taken_by_another: first.taken_by_another,
        },
        steps: first.steps,
    })
}

/// Whether the guest where the packet arrived is the one that was asked for, and has somebody to take the packet.
fn accept(network: &Network, asked: &Asked, mut journey: Journey) -> Journey {
    let End::Arrived { vm, packet } = journey.end else { return journey };
    let at = network.vm(vm).name.to_string();
    if asked.receiver.is_some_and(|receiver| receiver != vm) {
        let detail =
            format!("{} is {at} here, in another virtual network than asked for", packet.destination);
        journey.taken_by_another = true;
        journey.drop_at(&at, DropReason::NoDestination, detail);
    } else if !listens(network, vm, &packet) {
        let detail = format!("nobody listens on port {}", packet.destination_port);
        journey.drop_at(&at, DropReason::Guest, detail);
    }
    journey
}

/// A VM without a list of responders is taken to answer on every port.
fn listens(network: &Network, vm: VmId, packet: &Packet) -> bool {
    let transport = match packet.protocol {
        IpProtocol::TCP => Transport::Tcp,
        IpProtocol::UDP => Transport::Udp,
        _ => return true,
    };
    let Some(list) = &network.vm(vm).listen else { return true };
    list.iter().any(|listen| listen.transport == transport && listen.port == packet.destination_port)
}

/// Whether the reply reached the guest that waits for it, as the reply to what it sent.
fn come_back(asked: &Asked, network: &Network, mut journey: Journey) -> Journey {
    let End::Arrived { vm, packet } = journey.end else { return journey };
    if vm != asked.sender || packet != asked.packet.reversed() {
        let detail = format!("a reply from {} to {} is not waited for", packet.source, packet.destination);
        journey.drop_at(network.vm(vm).name.as_str(), DropReason::Guest, detail);
    }
    journey
}
