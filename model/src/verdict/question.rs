//! A question about one flow, and the packet that it means.

use std::net::Ipv4Addr;

use super::guest;
use super::packet::{IpProtocol, Packet};
use crate::effective::tags::WIRE_SERVER;
use crate::network::{Network, NicRef, VmId};

/// The source port of a question that names none: the first of the dynamic range (RFC 6335).
pub const DEFAULT_SOURCE_PORT: u16 = 49152;

/// Does a new connection from one endpoint to another work?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// A VM (`web1`), one of its NICs (`fw/nic1`), or the address of a NIC.
    pub from: String,
    /// The same, or any IPv4 address.
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
    #[error("no virtual machine has the address {address}, so nothing can be sent from it")]
    UnknownSender {
        /// As asked.
        address: Ipv4Addr,
    },
    /// Unrelated virtual networks may use the same addresses.
    #[error("several virtual machines have the address {address}: {}; name the one you mean", .vms.join(", "))]
    AmbiguousSender {
        /// As asked.
        address: Ipv4Addr,
        /// Who has it.
        vms: Vec<String>,
    },
    /// One end is something that a later version knows.
    #[error("questions about {what} are not built yet")]
    NotBuilt {
        /// Such as `health probes`.
        what: &'static str,
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
    /// The VM that sends.
    pub(super) sender: VmId,
    /// The VM that must receive; none when an address was asked for, whoever has it.
    pub(super) receiver: Option<VmId>,
    /// The first packet.
    pub(super) packet: Packet,
}

impl Asked {
    pub(super) fn resolve(network: &Network, question: &Question) -> Result<Self, QuestionError> {
        let protocol = question.protocol;
        if protocol.has_ports() && question.port.is_none() {
            return Err(QuestionError::MissingPort { protocol });
        }
        let (sender, named_source) = sender(network, &question.from)?;
        let (receiver, destination) = receiver(network, &question.to)?;
        let source = question
            .source_ip
            .or(named_source)
            .unwrap_or_else(|| guest::source_address(network, sender, destination));
        let source_port = match protocol {
            IpProtocol::ICMP => question.source_port.unwrap_or(0),
            _ if protocol.has_ports() => question.source_port.unwrap_or(DEFAULT_SOURCE_PORT),
            _ => 0,
        };
        let destination_port = question.port.filter(|_| protocol.has_ports()).unwrap_or(0);
        let packet = Packet { protocol, source, source_port, destination, destination_port };
        Ok(Self { sender, receiver, packet })
    }
}

/// The VM that sends, and the address that it sends from if the question says so.
fn sender(network: &Network, text: &str) -> Result<(VmId, Option<Ipv4Addr>), QuestionError> {
    let Ok(address) = text.parse::<Ipv4Addr>() else {
        let nic = named_nic(network, text)?;
        let source = text.contains('/').then(|| primary_address(network, nic));
        return Ok((nic.vm, source));
    };
    if address == WIRE_SERVER {
        return Err(QuestionError::NotBuilt { what: "health probes" });
    }
    let owners: Vec<_> = network.nics().filter(|(_, nic)| nic.addresses.contains(&address)).collect();
    match owners[..] {
        [] => Err(QuestionError::UnknownSender { address }),
        [(nic, _)] => Ok((nic.vm, Some(address))),
        _ => {
            let vms = owners.iter().map(|(nic, _)| network.vm(nic.vm).name.to_string()).collect();
            Err(QuestionError::AmbiguousSender { address, vms })
        }
    }
}

/// The VM that must receive, if the question names one, and the address that is sent to.
fn receiver(network: &Network, text: &str) -> Result<(Option<VmId>, Ipv4Addr), QuestionError> {
    if let Ok(address) = text.parse() {
        return Ok((None, address));
    }
    let nic = named_nic(network, text)?;
    Ok((Some(nic.vm), primary_address(network, nic)))
}

fn primary_address(network: &Network, nic: NicRef) -> Ipv4Addr {
    network.nic(nic).addresses[0]
}

/// `VM`, meaning its primary NIC, or `VM/NIC`.
fn named_nic(network: &Network, text: &str) -> Result<NicRef, QuestionError> {
    let (vm_name, nic_name) = text.split_once('/').map_or((text, None), |(vm, nic)| (vm, Some(nic)));
    let vm = network.find_vm(vm_name);
    if vm.is_none() && vm_name.eq_ignore_ascii_case("internet") {
        return Err(QuestionError::NotBuilt { what: "internet hosts" });
    }
    let vm = vm.ok_or_else(|| QuestionError::UnknownVm {
        name: vm_name.to_owned(),
        similar: nearest(vm_name, network.virtual_machines.iter().map(|vm| vm.name.as_str())),
    })?;
    let nics = &network.vm(vm).nics;
    let position = match nic_name {
        None => Some(0),
        Some(name) => nics.iter().position(|nic| nic.name.as_str().eq_ignore_ascii_case(name)),
    };
    let index = position.ok_or_else(|| QuestionError::UnknownNic {
        vm: network.vm(vm).name.to_string(),
        nic: nic_name.unwrap_or_default().to_owned(),
        similar: nearest(nic_name.unwrap_or_default(), nics.iter().map(|nic| nic.name.as_str())),
    })?;
    Ok(NicRef { vm, index: crate::network::NicIndex(index) })
}

/// The most similar name, when it is similar at all; the first of equals.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let scored =
        known.map(|known| (strsim::jaro_winkler(&name.to_lowercase(), &known.to_lowercase()), known));
    let similar = scored.filter(|(score, _)| *score > 0.8);
    let best = similar.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map(|(_, known)| known.to_owned())
}
