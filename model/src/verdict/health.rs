//! Which machines behind a load balancer are healthy, as far as a file can say.
//!
//! A probe comes from 168.63.129.16 to the machine's port, whose rules may drop it. What commands listen on, no file says.
//! <https://learn.microsoft.com/azure/load-balancer/load-balancer-custom-probe-overview>

use goal_state::edge::ProbeQuestion;
use goal_state::vm::{Listen, Transport};

use super::flows::Flows;
use super::packet::{IpProtocol, Packet};
use super::port::{Origin, Port};
use super::question::DEFAULT_SOURCE_PORT;
use crate::effective::Policy;
use crate::effective::tags::WIRE_SERVER;
use crate::network::NicRef;
use crate::network::public::Probe;

/// The health of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// It answers.
    Up,
    /// It does not.
    Down,
    /// It is taken to answer on every port, which is more than a lab's machine does.
    TakenUp,
}

/// The health of the running machine of `nic`.
pub(super) fn health(policy: &Policy<'_>, nic: NicRef, probe: &Probe) -> Health {
    let vm = policy.network().vm(nic.vm);
    let asked = Listen { port: probe.port, transport: Transport::Tcp };
    let built_in =
        vm.listen.as_ref().map(|list| list.contains(&asked) && probe.question == ProbeQuestion::Tcp);
    if !is_let_in(policy, nic, probe.port) {
        Health::Down
    } else if built_in == Some(true) || !vm.commands.is_empty() {
        Health::Up
    } else if built_in.is_none() {
        Health::TakenUp
    } else {
        Health::Down
    }
}

fn is_let_in(policy: &Policy<'_>, nic: NicRef, port: u16) -> bool {
    let packet = Packet {
        protocol: IpProtocol::TCP,
        source: WIRE_SERVER,
        source_port: DEFAULT_SOURCE_PORT,
        destination: policy.network().nic(nic).addresses[0],
        destination_port: port,
    };
    Port::new(policy, nic, &mut Vec::new()).inbound(&Flows::default(), Origin::Outside, packet).is_ok()
}
