//! A question about one flow, and the packet that it means.

use std::net::Ipv4Addr;

use super::endpoint::{self, Endpoint, Sender};
use super::guest;
use super::journey::Place;
use super::node::Node;
use super::packet::{IpProtocol, Packet};
use super::port::Origin;
use crate::effective::{Owners, Policy};
use crate::network::{NicIndex, NicRef};

/// The source port of a question that names none: the first of the dynamic range (RFC 6335).
pub const DEFAULT_SOURCE_PORT: u16 = 49152;

/// Does a new connection from one endpoint to another work?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// A VM (`web1`), one of its NICs (`fw/nic1`), an internet host (`internet/client`), a machine on premises
    /// (`seoul/erp`), a service (`sql1`), the address of one of them, or 168.63.129.16 for a health probe.
    pub from: String,
    /// The same, or any IPv4 address. From the internet a VM is its public address.
    pub to: String,
    /// What is sent.
    pub protocol: IpProtocol,
    /// Destination port; TCP and UDP need it, others have none.
    pub port: Option<u16>,
    /// Source port; none for [`DEFAULT_SOURCE_PORT`]. For ICMP the identifier.
    pub source_port: Option<u16>,
    /// The source address, also one that is not the sender's; none for what the sender would choose.
    pub source_ip: Option<Ipv4Addr>,
}

impl Question {
    /// Whether it can be asked.
    ///
    /// # Errors
    /// [`QuestionError`] when it names nobody, or leaves out a port that its protocol needs.
    pub fn check(&self, policy: &Policy<'_>) -> Result<(), QuestionError> {
        Asked::resolve(policy, self).map(drop)
    }
}

/// Why a question cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// No VM has this name.
    #[error("there is no virtual machine {name}{}", did_you_mean(.similar.as_deref()))]
    UnknownVm {
        /// As asked.
        name: String,
        /// The nearest name that there is.
        similar: Option<String>,
    },
    /// The VM has no NIC of this name.
    #[error("virtual machine {vm} has no network interface {nic}{}", did_you_mean(.similar.as_deref()))]
    UnknownNic {
        /// The VM.
        vm: String,
        /// As asked.
        nic: String,
        /// The nearest name that there is.
        similar: Option<String>,
    },
    /// Nobody can send from this address.
    #[error(
        "nobody sends from the address {address}: no virtual machine, machine on premises, service or internet host has it"
    )]
    UnknownSender {
        /// As asked.
        address: Ipv4Addr,
    },
    /// Unrelated virtual networks may use the same addresses.
    #[error("several machines have the address {address}: {}; name the one you mean", .vms.join(", "))]
    AmbiguousSender {
        /// As asked.
        address: Ipv4Addr,
        /// Who has it.
        vms: Vec<String>,
    },
    /// No host in the internet has this name.
    #[error("there is no internet host {name}{}", did_you_mean(.similar.as_deref()))]
    UnknownHost {
        /// As asked.
        name: String,
        /// The nearest name that there is.
        similar: Option<String>,
    },
    /// The site has no machine of this name.
    #[error("site {site} has no machine {name}{}", did_you_mean(.similar.as_deref()))]
    UnknownMachine {
        /// The site.
        site: String,
        /// As asked.
        name: String,
        /// The nearest name that there is.
        similar: Option<String>,
    },
    /// Health probes go to backends.
    #[error(
        "health probes from 168.63.129.16 go to one virtual machine, and {address} is not one's; name it"
    )]
    ProbeOfNobody {
        /// As asked.
        address: Ipv4Addr,
    },
    /// TCP and UDP are asked about with a port.
    #[error("{protocol} needs a destination port")]
    MissingPort {
        /// As asked.
        protocol: IpProtocol,
    },
}

fn did_you_mean(similar: Option<&str>) -> String {
    similar.map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

/// A question with its names resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// Who sends.
    pub(super) sender: Node,
    /// Where the packet begins its way.
    pub(super) start: Place,
    /// Who must receive; none when an address was asked for, whoever has it.
    pub(super) receiver: Option<Node>,
    /// The first packet.
    pub(super) packet: Packet,
}

impl Asked {
    pub(super) fn resolve(policy: &Policy<'_>, question: &Question) -> Result<Self, QuestionError> {
        let (network, owners) = (policy.network(), policy.owners());
        let protocol = question.protocol;
        if protocol.has_ports() && question.port.is_none() {
            return Err(QuestionError::MissingPort { protocol });
        }
        let Sender { node: sender, address: own } =
            endpoint::sender(network, owners, Endpoint::resolve(network, owners, &question.from)?)?;
        let to = Endpoint::resolve(network, owners, &question.to)?;
        let (receiver, destination) = endpoint::receiver(network, sender, to);
        let chosen = || match sender {
            Node::Vm(vm) => guest::source_address(network, vm, destination),
            _ => destination,
        };
        let source = question.source_ip.or(own).unwrap_or_else(chosen);
        let source_port = match protocol {
            IpProtocol::ICMP => question.source_port.unwrap_or(0),
            _ if protocol.has_ports() => question.source_port.unwrap_or(DEFAULT_SOURCE_PORT),
            _ => 0,
        };
        let destination_port = question.port.filter(|_| protocol.has_ports()).unwrap_or(0);
        let packet = Packet { protocol, source, source_port, destination, destination_port };
        let start = start(owners, sender, to, destination)?;
        Ok(Self { sender, start, receiver, packet })
    }
}

/// Where what `sender` sends begins its way. The platform probes a NIC at its port.
fn start(owners: &Owners, sender: Node, to: Endpoint, destination: Ipv4Addr) -> Result<Place, QuestionError> {
    match (sender, to) {
        (Node::Vm(vm), _) => Ok(Place::Guest(vm)),
        (Node::Machine(machine), _) => Ok(Place::Machine(machine)),
        (Node::Platform, Endpoint::Vm(vm)) => {
            Ok(Place::Port { nic: NicRef { vm, index: NicIndex(0) }, origin: Origin::Outside })
        }
        (Node::Platform, Endpoint::Nic(nic)) => Ok(Place::Port { nic, origin: Origin::Outside }),
        (Node::Platform, _) => match owners.nics(destination) {
            &[nic] => Ok(Place::Port { nic, origin: Origin::Outside }),
            _ => Err(QuestionError::ProbeOfNobody { address: destination }),
        },
        (sender, _) => Ok(sender.outside().map_or(Place::Public, Place::Outside)),
    }
}
