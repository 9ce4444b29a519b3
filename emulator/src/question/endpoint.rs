//! Endpoints: a VM (`web1`), one of its NICs (`fw/nic1`), or an address.

use std::net::Ipv4Addr;

use anyhow::Result;
use model::network::{Network, NicIndex, NicRef, VmId};

use crate::refusal::refuse;

/// One end of a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A VM, by its primary NIC.
    Vm {
        /// Its name.
        vm: String,
        /// Its primary address.
        address: Ipv4Addr,
    },
    /// A VM by one NIC or address that was named.
    Nic {
        /// Its name.
        vm: String,
        /// The address that was named, or the NIC's primary one.
        address: Ipv4Addr,
    },
    /// An address that no VM has, or that more than one has.
    Address(Ipv4Addr),
}

impl Endpoint {
    /// What `text` means in `network`.
    ///
    /// # Errors
    /// A refusal when there is no such VM or NIC.
    pub(crate) fn resolve(network: &Network, text: &str) -> Result<Self> {
        if let Ok(address) = text.parse() {
            return Ok(Self::of_address(network, address));
        }
        let (vm_name, nic_name) = text.split_once('/').map_or((text, None), |(vm, nic)| (vm, Some(nic)));
        let Some(id) = network.find_vm(vm_name) else {
            let names: Vec<_> = network.virtual_machines.iter().map(|vm| vm.name.to_string()).collect();
            return Err(refuse(format!(
                "{text} is neither an address nor a VM; the VMs are {}",
                names.join(", ")
            )));
        };
        let vm = network.vm(id).name.to_string();
        match nic_name {
            None => Ok(Self::Vm { vm, address: primary(network, id, 0) }),
            Some(name) => {
                let nics = &network.vm(id).nics;
                let position = nics.iter().position(|nic| nic.name.as_str().eq_ignore_ascii_case(name));
                let Some(position) = position else {
                    let names: Vec<_> = nics.iter().map(|nic| nic.name.to_string()).collect();
                    return Err(refuse(format!("VM {vm} has no NIC {name}; it has {}", names.join(", "))));
                };
                Ok(Self::Nic { vm, address: primary(network, id, position) })
            }
        }
    }

    fn of_address(network: &Network, address: Ipv4Addr) -> Self {
        let mut owners = network.nics().filter(|(_, nic)| nic.addresses.contains(&address));
        match (owners.next(), owners.next()) {
            (Some((nic, _)), None) => Self::Nic { vm: network.vm(nic.vm).name.to_string(), address },
            _ => Self::Address(address),
        }
    }

    /// The address that reaches it.
    pub(crate) fn address(&self) -> Ipv4Addr {
        match self {
            Self::Vm { address, .. } | Self::Nic { address, .. } | Self::Address(address) => *address,
        }
    }

    /// The address that its packets must have as source, when it is more than a VM.
    pub(crate) fn bound_address(&self) -> Option<Ipv4Addr> {
        match self {
            Self::Nic { address, .. } => Some(*address),
            Self::Vm { .. } | Self::Address(_) => None,
        }
    }

    /// The VM in which a program for this end runs.
    ///
    /// # Errors
    /// A refusal when it is no VM's address, or more than one VM's.
    pub(crate) fn vm(&self) -> Result<&str> {
        match self {
            Self::Vm { vm, .. } | Self::Nic { vm, .. } => Ok(vm),
            Self::Address(address) => {
                Err(refuse(format!("{address} is not the address of exactly one VM; name the VM")))
            }
        }
    }
}

fn primary(network: &Network, vm: VmId, index: usize) -> Ipv4Addr {
    network.nic(NicRef { vm, index: NicIndex(index) }).addresses[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPOLOGY: &str = "
name: endpoints
virtualNetworks:
  red: {addressSpace: [10.0.0.0/16], subnets: {a: {addressPrefix: 10.0.1.0/24}, b: {addressPrefix: 10.0.2.0/24}}}
  blue: {addressSpace: [10.0.0.0/16], subnets: {a: {addressPrefix: 10.0.1.0/24}}}
virtualMachines:
  web: {subnet: red/a, privateIPAddress: 10.0.1.4}
  fw:
    networkInterfaces:
      outside: {subnet: red/a, privateIPAddress: 10.0.1.5}
      inside: {subnet: red/b, privateIPAddress: 10.0.2.5}
  twin: {subnet: blue/a, privateIPAddress: 10.0.1.4}
";

    fn resolve(text: &str) -> Result<Endpoint> {
        let loaded = crate::topology::from_text(TOPOLOGY, std::path::Path::new("endpoints.yaml")).unwrap();
        Endpoint::resolve(&loaded.network, text)
    }

    #[test]
    fn a_vm_a_nic_and_an_address_are_endpoints() {
        let fw = |address: [u8; 4]| Endpoint::Nic { vm: "fw".into(), address: address.into() };
        assert_eq!(resolve("Web").unwrap(), Endpoint::Vm { vm: "web".into(), address: [10, 0, 1, 4].into() });
        assert_eq!(resolve("fw/INSIDE").unwrap(), fw([10, 0, 2, 5]));
        assert_eq!(resolve("10.0.1.5").unwrap(), fw([10, 0, 1, 5]));
        assert_eq!(resolve("10.0.1.4").unwrap(), Endpoint::Address([10, 0, 1, 4].into()), "two VMs have it");
    }

    #[test]
    fn an_endpoint_that_is_not_there_is_refused_with_those_that_are() {
        assert!(resolve("wbe").unwrap_err().to_string().contains("web, fw, twin"));
        assert!(resolve("fw/middle").unwrap_err().to_string().contains("outside, inside"));
        assert!(resolve("10.0.1.4").unwrap().vm().is_err());
    }
}
