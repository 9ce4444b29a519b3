//! Endpoints: what a question or a test may name, and what that means.
//!
//! A VM, VM/NIC, internet/HOST, SITE/MACHINE, a service, or an address.

use std::net::Ipv4Addr;

use super::node::{Node, machine_address};
use super::question::QuestionError;
use crate::effective::tags::WIRE_SERVER;
use crate::effective::{MachineRef, Owners, PublicOwner};
use crate::network::{InternetHostId, Network, NicIndex, NicRef, ServiceId, SiteId, VmId};

/// What a text names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// A VM as a whole.
    Vm(VmId),
    /// One of its NICs.
    Nic(NicRef),
    /// A machine on premises.
    Machine(MachineRef),
    /// A host in the internet.
    InternetHost(InternetHostId),
    /// A service.
    Service(ServiceId),
    /// Whoever has this address.
    Address(Ipv4Addr),
}

impl Endpoint {
    /// What `text` names. Names are compared without case; a VM goes before others of its name.
    pub(super) fn resolve(network: &Network, owners: &Owners, text: &str) -> Result<Self, QuestionError> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let (first, second) =
            text.split_once('/').map_or((text, None), |(first, second)| (first, Some(second)));
        match (owners.vm(first), second) {
            (Some(vm), None) => Ok(Self::Vm(vm)),
            (Some(vm), Some(nic)) => named_nic(network, vm, nic).map(Self::Nic),
            (None, None) => named_service(network, first).map(Self::Service),
            (None, Some(host)) if first.eq_ignore_ascii_case("internet") => {
                named_host(network, host).map(Self::InternetHost)
            }
            (None, Some(machine)) => named_machine(network, first, machine).map(Self::Machine),
        }
    }
}

fn named_nic(network: &Network, vm: VmId, name: &str) -> Result<NicRef, QuestionError> {
    let nics = &network.vm(vm).nics;
    let position = nics.iter().position(|nic| nic.name.as_str().eq_ignore_ascii_case(name));
    let index = position.ok_or_else(|| QuestionError::UnknownNic {
        vm: network.vm(vm).name.to_string(),
        nic: name.to_owned(),
        similar: nearest(name, nics.iter().map(|nic| nic.name.as_str())),
    })?;
    Ok(NicRef { vm, index: NicIndex(index) })
}

/// A name without a slash that is no VM's.
fn named_service(network: &Network, name: &str) -> Result<ServiceId, QuestionError> {
    let position = network.services.iter().position(|service| service.name.eq_ignore_ascii_case(name));
    position.map(ServiceId).ok_or_else(|| {
        let machines = network.virtual_machines.iter().map(|vm| vm.name.as_str());
        let services = network.services.iter().map(|service| service.name.as_str());
        QuestionError::UnknownVm { name: name.to_owned(), similar: nearest(name, machines.chain(services)) }
    })
}

fn named_host(network: &Network, name: &str) -> Result<InternetHostId, QuestionError> {
    let position = network.internet_hosts.iter().position(|host| host.name.eq_ignore_ascii_case(name));
    position.map(InternetHostId).ok_or_else(|| QuestionError::UnknownHost {
        name: name.to_owned(),
        similar: nearest(name, network.internet_hosts.iter().map(|host| host.name.as_str())),
    })
}

fn named_machine(network: &Network, site: &str, name: &str) -> Result<MachineRef, QuestionError> {
    let position = network.on_premises.iter().position(|known| known.name.eq_ignore_ascii_case(site));
    let id = position.ok_or_else(|| {
        let machines = network.virtual_machines.iter().map(|vm| vm.name.as_str());
        let sites = network.on_premises.iter().map(|site| site.name.as_str());
        QuestionError::UnknownVm { name: site.to_owned(), similar: nearest(site, machines.chain(sites)) }
    })?;
    let machines = &network.on_premises[id].machines;
    let position = machines.iter().position(|(known, _)| known.eq_ignore_ascii_case(name));
    let index = position.ok_or_else(|| QuestionError::UnknownMachine {
        site: network.on_premises[id].name.clone(),
        name: name.to_owned(),
        similar: nearest(name, machines.iter().map(|(known, _)| known.as_str())),
    })?;
    Ok(MachineRef { site: SiteId(id), index })
}

/// The most similar name, when it is similar at all; the first of equals.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let scored =
        known.map(|known| (strsim::jaro_winkler(&name.to_lowercase(), &known.to_lowercase()), known));
    let similar = scored.filter(|(score, _)| *score > 0.8);
    let best = similar.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map(|(_, known)| known.to_owned())
}

/// Who sends, and from which address if the text says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sender {
    /// Who.
    pub(super) node: Node,
    /// The address; none for what a VM chooses by its routes.
    pub(super) address: Option<Ipv4Addr>,
}

/// Who sends when `endpoint` is named as the sender.
pub(super) fn sender(
    network: &Network,
    owners: &Owners,
    endpoint: Endpoint,
) -> Result<Sender, QuestionError> {
    let from = |node, address| Ok(Sender { node, address: Some(address) });
    match endpoint {
        Endpoint::Vm(vm) => Ok(Sender { node: Node::Vm(vm), address: None }),
        Endpoint::Nic(nic) => from(Node::Vm(nic.vm), network.nic(nic).addresses[0]),
        Endpoint::Machine(machine) => from(Node::Machine(machine), machine_address(network, machine)),
        Endpoint::InternetHost(host) => from(Node::InternetHost(host), network.internet_host(host).address),
        Endpoint::Service(service) => from(Node::Service(service), network.service(service).address),
        Endpoint::Address(WIRE_SERVER) => from(Node::Platform, WIRE_SERVER),
        Endpoint::Address(address) => owner(network, owners, address),
    }
}

/// Who sends from an address: the only NIC that has it, or who has it outside.
fn owner(network: &Network, owners: &Owners, address: Ipv4Addr) -> Result<Sender, QuestionError> {
    let from = |node, address| Ok(Sender { node, address: Some(address) });
    match (owners.nics(address), owners.on_premises(address), owners.public(address)) {
        (&[nic], None, None) => from(Node::Vm(nic.vm), address),
        ([], Some(machine), None) => from(Node::Machine(machine), address),
        ([], None, Some(PublicOwner::Nic { nic, private, .. })) => from(Node::Vm(nic.vm), private),
        ([], None, Some(PublicOwner::Service(service))) => from(Node::Service(service), address),
        ([], None, Some(PublicOwner::InternetHost(host))) => from(Node::InternetHost(host), address),
        ([], None, _) => Err(QuestionError::UnknownSender { address }),
        (nics, machine, _) => {
            let machines = nics.iter().map(|nic| Node::Vm(nic.vm)).chain(machine.map(Node::Machine));
            let vms = machines.map(|node| node.name(network)).collect();
            Err(QuestionError::AmbiguousSender { address, vms })
        }
    }
}

/// Who must receive, if somebody is named, and at which address. From outside of Azure a VM is its public address.
pub(super) fn receiver(network: &Network, sender: Node, endpoint: Endpoint) -> (Option<Node>, Ipv4Addr) {
    let outside = matches!(sender, Node::InternetHost(_) | Node::Service(_));
    let of_nic = |nic: NicRef| {
        let properties = network.nic(nic);
        let public = properties.public_ips.first().filter(|_| outside);
        let address = public.map(|&(_, public_ip)| network.public_ip(public_ip).address);
        (Some(Node::Vm(nic.vm)), address.unwrap_or(properties.addresses[0]))
    };
    match endpoint {
        Endpoint::Vm(vm) => {
            let nics = &network.vm(vm).nics;
            let public = nics.iter().position(|nic| outside && !nic.public_ips.is_empty());
            of_nic(NicRef { vm, index: NicIndex(public.unwrap_or(0)) })
        }
        Endpoint::Nic(nic) => of_nic(nic),
        Endpoint::Machine(machine) => (Some(Node::Machine(machine)), machine_address(network, machine)),
        Endpoint::InternetHost(host) => (Some(Node::InternetHost(host)), network.internet_host(host).address),
        Endpoint::Service(service) => (Some(Node::Service(service)), network.service(service).address),
        Endpoint::Address(address) => (None, address),
    }
}
