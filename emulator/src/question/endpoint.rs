//! Endpoints: a VM (`web1`), one of its NICs (`fw/nic1`), a host of the internet (`internet/client`), a service (`sql1`), or an address.

use std::net::Ipv4Addr;

use anyhow::Result;
use model::network::outside::outside;
use model::network::{Network, Nic, NicIndex, NicRef, VmId};

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
    /// A host of the internet, or a service.
    Outside {
        /// What it is called as a VM of the host at the edge.
        vm: String,
        /// Its public address.
        address: Ipv4Addr,
    },
    /// An address that nobody has, or that more than one VM has.
    Address(Ipv4Addr),
}

impl Endpoint {
    /// What `text` means in `network`.
    ///
    /// # Errors
    /// A refusal when there is no such VM, NIC, host of the internet or service.
    pub(crate) fn resolve(network: &Network, text: &str) -> Result<Self> {
        if let Ok(address) = text.parse() {
            return Ok(Self::of_address(network, address));
        }
        let (vm_name, nic_name) = text.split_once('/').map_or((text, None), |(vm, nic)| (vm, Some(nic)));
        let Some(id) = network.find_vm(vm_name) else { return Self::outside(network, text) };
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

    fn outside(network: &Network, name: &str) -> Result<Self> {
        let all = outside(network);
        let found = all.iter().find(|(it, _)| it.name(network).eq_ignore_ascii_case(name));
        if let Some((it, vm)) = found {
            return Ok(Self::Outside { vm: vm.to_string(), address: it.address(network) });
        }
        let machines = network.virtual_machines.iter().map(|vm| vm.name.to_string());
        let names: Vec<_> = machines.chain(all.iter().map(|(it, _)| it.name(network))).collect();
        Err(refuse(format!("{name} is neither an address nor a VM; there is {}", names.join(", "))))
    }

    fn of_address(network: &Network, address: Ipv4Addr) -> Self {
        let mut owners = network.nics().filter(|(_, nic)| nic.addresses.contains(&address));
        match (owners.next(), owners.next()) {
            (Some((nic, _)), None) => Self::Nic { vm: network.vm(nic.vm).name.to_string(), address },
            (None, _) => {
                let found = outside(network).into_iter().find(|(it, _)| it.address(network) == address);
                found.map_or(Self::Address(address), |(_, vm)| Self::Outside { vm: vm.to_string(), address })
            }
            _ => Self::Address(address),
        }
    }

    /// The address that reaches it.
    pub(crate) fn address(&self) -> Ipv4Addr {
        match self {
            Self::Vm { address, .. }
            | Self::Nic { address, .. }
            | Self::Outside { address, .. }
            | Self::Address(address) => *address,
        }
    }

    /// The address by which `from` reaches it: from outside, a VM is a public address.
    ///
    /// # Errors
    /// A refusal when it is a VM without one, and `from` is outside.
    pub(crate) fn address_from(&self, network: &Network, from: &Self) -> Result<Ipv4Addr> {
        let (Self::Outside { .. }, Self::Vm { vm, .. } | Self::Nic { vm, .. }) = (from, self) else {
            return Ok(self.address());
        };
        let mut nics = network.nics().filter(|(at, _)| network.vm(at.vm).name.as_str() == vm);
        let is_meant =
            |nic: &&Nic| matches!(self, Self::Vm { .. }) || nic.addresses.contains(&self.address());
        let public = nics.find_map(|(_, nic)| Some(nic).filter(is_meant)?.public_ips.first());
        let public = public.map(|&(_, public_ip)| network.public_ip(public_ip).address);
        public.ok_or_else(|| refuse(format!("{vm} has no public address, and from outside it is that alone")))
    }

    /// The address that its packets must have as source, when it is more than a VM.
    pub(crate) fn bound_address(&self) -> Option<Ipv4Addr> {
        match self {
            Self::Nic { address, .. } => Some(*address),
            Self::Vm { .. } | Self::Outside { .. } | Self::Address(_) => None,
        }
    }

    /// The VM in which a program for this end runs, as the hosts call it.
    ///
    /// # Errors
    /// A refusal when it is no VM's address, or more than one VM's.
    pub(crate) fn vm(&self) -> Result<&str> {
        match self {
            Self::Vm { vm, .. } | Self::Nic { vm, .. } | Self::Outside { vm, .. } => Ok(vm),
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
  pub:
    networkInterfaces:
      inside: {subnet: red/a, privateIPAddress: 10.0.1.6}
      outside: {subnet: red/b, privateIPAddress: 10.0.2.6, publicIPAddress: pip}
publicIPAddresses: {pip: {ipAddress: 20.200.0.4}}
services: {sql1: {type: Microsoft.Sql, ipAddress: 20.60.0.9}}
internet: {hosts: {client: 203.0.113.9, example.com: 93.184.216.34}}
";

    fn network() -> Network {
        crate::topology::from_text(TOPOLOGY, std::path::Path::new("endpoints.yaml")).unwrap().network
    }

    fn resolve(text: &str) -> Result<Endpoint> {
        Endpoint::resolve(&network(), text)
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
    fn those_outside_are_endpoints_by_name_and_by_address() {
        let client = Endpoint::Outside { vm: "internet.client".into(), address: [203, 0, 113, 9].into() };
        assert_eq!(resolve("Internet/Client").unwrap(), client);
        assert_eq!(resolve("203.0.113.9").unwrap(), client);
        assert_eq!(client.vm().unwrap(), "internet.client");
        assert_eq!(resolve("SQL1").unwrap().vm().unwrap(), "service.sql1");
        assert_eq!(resolve("8.8.8.8").unwrap(), Endpoint::Address([8, 8, 8, 8].into()));
    }

    #[test]
    fn from_outside_a_vm_is_its_public_address() {
        let network = network();
        let address = |from: &str, to: &str| {
            let resolve = |text| Endpoint::resolve(&network, text).unwrap();
            resolve(to).address_from(&network, &resolve(from)).map(|address| address.to_string())
        };
        assert_eq!(address("web", "pub").unwrap(), "10.0.1.6");
        assert_eq!(address("internet/client", "pub").unwrap(), "20.200.0.4");
        assert_eq!(address("internet/client", "pub/outside").unwrap(), "20.200.0.4");
        assert_eq!(address("internet/client", "10.0.2.6").unwrap(), "20.200.0.4");
        assert_eq!(address("sql1", "internet/client").unwrap(), "203.0.113.9");
        assert_eq!(address("web", "sql1").unwrap(), "20.60.0.9");
        assert!(address("sql1", "pub/inside").is_err() && address("sql1", "web").is_err());
    }

    #[test]
    fn an_endpoint_that_is_not_there_is_refused_with_those_that_are() {
        assert!(resolve("wbe").unwrap_err().to_string().contains("web, fw, twin, pub, internet/client"));
        assert!(resolve("internet/nobody").unwrap_err().to_string().contains("internet/example.com, sql1"));
        assert!(resolve("fw/middle").unwrap_err().to_string().contains("outside, inside"));
        assert!(resolve("10.0.1.4").unwrap().vm().is_err());
    }
}
