//! Whom a question is about: a network interface, or a subnet whatever stands in it.

use std::net::Ipv4Addr;

use goal_state::nsg::Filter;

use crate::diagnostic::did_you_mean;
use crate::effective::{Policy, subnet_filter};
use crate::network::{Network, NicIndex, NicRef, SubnetRef, VmId, VnetId};

/// Whom a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// A network interface, of a VM that runs or not.
    Nic(NicRef),
    /// A subnet: what holds for something in it that has no group of its own, such as a gateway.
    Subnet(SubnetRef),
}

/// Why a question is about nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The network has nothing of this name.
    #[error("there is no {kind} {name}{}", hint(.similar.as_deref()))]
    Unknown {
        /// `virtual machine`, `network interface web1/`, `subnet hub/`.
        kind: String,
        /// As asked.
        name: String,
        /// The nearest name that there is.
        similar: Option<String>,
    },
    /// The question is about a network interface.
    #[error(
        "{name} is a subnet; this question is about a VM (`VM`) or one of its network interfaces (`VM/NIC`)"
    )]
    NotANic {
        /// As asked.
        name: String,
    },
    /// The question is about a virtual network or a subnet.
    #[error(
        "{name} is a network interface; this question is about a virtual network (`VNET`) or a subnet (`VNET/SUBNET`)"
    )]
    NotASubnet {
        /// As asked.
        name: String,
    },
    /// The local address is not one of the network interface's.
    #[error("{address} is not an address of {name}; it has {}", addresses(.own))]
    ForeignAddress {
        /// As asked.
        name: String,
        /// As asked.
        address: Ipv4Addr,
        /// What it has.
        own: Vec<Ipv4Addr>,
    },
}

fn hint(similar: Option<&str>) -> String {
    similar.map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

fn addresses(own: &[Ipv4Addr]) -> String {
    own.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Target {
    /// `VM` (its primary network interface), `VM/NIC` or `VNET/SUBNET`, compared without case.
    ///
    /// # Errors
    /// When there is no such thing.
    pub fn find(network: &Network, text: &str) -> Result<Self, TargetError> {
        let (head, tail) = text.split_once('/').map_or((text, None), |(head, tail)| (head, Some(tail)));
        let vm = network.find_vm(head);
        match (vm, tail) {
            (Some(vm), None) => Ok(Self::Nic(NicRef { vm, index: NicIndex(0) })),
            (Some(vm), Some(nic)) => {
                find_nic(network, vm, nic).or_else(|error| find_subnet(network, head, nic).map_err(|_| error))
            }
            (None, Some(subnet)) => find_subnet(network, head, subnet),
            (None, None) => {
                let names = network.virtual_machines.iter().map(|vm| vm.name.as_str());
                Err(unknown("virtual machine", head, names))
            }
        }
    }

    /// The network interface that `text` means when it must have the address `local`: of a VM named without its network
    /// interface, the one that has it.
    ///
    /// # Errors
    /// When there is no such VM or network interface, or it does not have that address.
    pub fn find_owner(network: &Network, text: &str, local: Ipv4Addr) -> Result<NicRef, TargetError> {
        let Self::Nic(named) = Self::find(network, text)? else {
            return Err(TargetError::NotANic { name: text.to_owned() });
        };
        let nics = network.vm(named.vm).nics.iter().enumerate();
        let mut meant = nics.filter(|(index, _)| !text.contains('/') || *index == named.index.0);
        let owner = meant.clone().find(|(_, nic)| nic.addresses.contains(&local));
        match owner {
            Some((index, _)) => Ok(NicRef { vm: named.vm, index: NicIndex(index) }),
            None => Err(TargetError::ForeignAddress {
                name: text.to_owned(),
                address: local,
                own: meant.by_ref().flat_map(|(_, nic)| nic.addresses.iter().copied()).collect(),
            }),
        }
    }

    /// Who sends from the address `source`: what [`Target::find_owner`] finds, a network interface with IP forwarding, which may
    /// send packets of others, or a subnet.
    ///
    /// # Errors
    /// When there is no such thing, or it may not send from that address.
    pub fn find_sender(network: &Network, text: &str, source: Ipv4Addr) -> Result<Self, TargetError> {
        match Self::find(network, text)? {
            Self::Subnet(subnet) => Ok(Self::Subnet(subnet)),
            Self::Nic(named) => match Self::find_owner(network, text, source) {
                Err(TargetError::ForeignAddress { .. }) if network.nic(named).enable_ip_forwarding => {
                    Ok(Self::Nic(named))
                }
                found => found.map(Self::Nic),
            },
        }
    }

    /// Its subnet.
    #[must_use]
    pub fn subnet(self, network: &Network) -> SubnetRef {
        match self {
            Self::Nic(nic) => network.nic(nic).subnet,
            Self::Subnet(subnet) => subnet,
        }
    }

    /// What filters it.
    #[must_use]
    pub fn filter(self, policy: &Policy<'_>) -> Filter {
        match self {
            Self::Nic(nic) => policy.filter(nic).clone(),
            Self::Subnet(subnet) => subnet_filter(policy, subnet),
        }
    }
}

/// `web1/nic0`.
pub(super) fn nic_name(network: &Network, nic: NicRef) -> String {
    format!("{}/{}", network.vm(nic.vm).name, network.nic(nic).name)
}

/// `spoke1/web`.
pub(super) fn subnet_name(network: &Network, subnet: SubnetRef) -> String {
    format!("{}/{}", network.vnet(subnet.vnet).name, network.subnet(subnet).name)
}

/// The virtual network of this name, compared without case.
///
/// # Errors
/// When there is none.
pub fn find_vnet(network: &Network, name: &str) -> Result<VnetId, TargetError> {
    let names = || network.virtual_networks.iter().map(|vnet| vnet.name.as_str());
    let found = names().position(|known| known.eq_ignore_ascii_case(name));
    found.map(VnetId).ok_or_else(|| unknown("virtual network", name, names()))
}

fn find_nic(network: &Network, vm: VmId, name: &str) -> Result<Target, TargetError> {
    let vm_name = &network.vm(vm).name;
    let names = || network.vm(vm).nics.iter().map(|nic| nic.name.as_str());
    let index = names().position(|known| known.eq_ignore_ascii_case(name));
    let index =
        index.ok_or_else(|| unknown(&format!("network interface of {vm_name} called"), name, names()))?;
    Ok(Target::Nic(NicRef { vm, index: NicIndex(index) }))
}

/// A subnet of a virtual network, both compared without case.
fn find_subnet(network: &Network, vnet: &str, name: &str) -> Result<Target, TargetError> {
    let names = network.virtual_networks.iter().map(|vnet| vnet.name.as_str());
    let vms = network.virtual_machines.iter().map(|vm| vm.name.as_str());
    let vnet = find_vnet(network, vnet)
        .map_err(|_| unknown("virtual machine or virtual network", vnet, vms.chain(names)))?;
    let names = || network.vnet(vnet).subnets.iter().map(|subnet| subnet.name.as_str());
    let index = names().position(|known| known.eq_ignore_ascii_case(name));
    let kind = format!("subnet of {} called", network.vnet(vnet).name);
    let index = index.ok_or_else(|| unknown(&kind, name, names()))?;
    Ok(Target::Subnet(SubnetRef { vnet, index }))
}

fn unknown<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a str>) -> TargetError {
    let similar = did_you_mean(name, known).map(str::to_owned);
    TargetError::Unknown { kind: kind.to_owned(), name: name.to_owned(), similar }
}
