//! Where something happens: at a VM (`web1`), or at one of its NICs (`fw/nic1`).

use std::fmt;

use anyhow::Result;
use goal_state::{NicId, VmName};
use model::network::{Network, Nic};

use super::Endpoint;

/// A VM, or one of its NICs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The VM.
    pub(crate) vm: VmName,
    /// Its NIC, if one was named.
    nic: Option<String>,
}

impl Place {
    /// The VM and NIC with the names that the network has them by, whatever their case.
    ///
    /// # Errors
    /// A refusal when there is no such VM or NIC.
    pub(crate) fn resolve(network: &Network, text: &str) -> Result<Self> {
        let endpoint = Endpoint::resolve(network, text)?;
        let vm: VmName = endpoint.vm()?.parse()?;
        let address = endpoint.bound_address();
        let mut nics = network.nics().filter(|(at, _)| network.vm(at.vm).name == vm);
        let named = nics.find(|(_, nic)| address.is_some_and(|address| nic.addresses.contains(&address)));
        Ok(Self { vm, nic: named.map(|(_, nic)| nic.name.to_string()) })
    }

    /// This NIC as its guest has it; the first one, where none was named.
    pub(crate) fn guest_nic(&self, network: &Network) -> GuestNic {
        let nics = network.nics().filter(|(at, _)| network.vm(at.vm).name == self.vm);
        let nics: Vec<_> = nics.map(|(_, nic)| nic).collect();
        let is_it = |nic: &&Nic| self.nic.as_ref().is_some_and(|name| nic.name.as_str() == name);
        let index = nics.iter().position(is_it).unwrap_or(0);
        GuestNic { index, accelerated: nics.get(index).is_some_and(|nic| nic.enable_accelerated_networking) }
    }

    /// Whether this NIC is there.
    pub(crate) fn has(&self, nic: &NicId) -> bool {
        nic.vm == self.vm && self.nic.as_ref().is_none_or(|name| nic.nic.as_str() == name)
    }
}

/// A NIC as its guest has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GuestNic {
    /// Its number in the VM, from 0.
    pub(crate) index: usize,
    /// Whether it may have a VF.
    pub(crate) accelerated: bool,
}

impl GuestNic {
    /// Its synthetic device, which has the addresses.
    pub(crate) fn device(self) -> String {
        format!("eth{}", self.index)
    }

    /// What the name of its VF begins with.
    pub(crate) fn vf_prefix(self) -> String {
        format!("enP{}s", self.index + 1)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.nic {
            Some(nic) => write!(f, "{}/{nic}", self.vm),
            None => self.vm.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPOLOGY: &str = "
name: places
virtualNetworks: {red: {addressSpace: [10.0.0.0/16], subnets: {a: {addressPrefix: 10.0.1.0/24}, b: {addressPrefix: 10.0.2.0/24}}}}
virtualMachines:
  web1: {subnet: red/a, privateIPAddress: 10.0.1.4}
  fw:
    networkInterfaces:
      outside: {subnet: red/a, privateIPAddress: 10.0.1.5}
      inside: {subnet: red/b, privateIPAddress: 10.0.2.5}
";

    fn place(text: &str) -> Result<Place> {
        let loaded = crate::topology::from_text(TOPOLOGY, std::path::Path::new("places.yaml")).unwrap();
        Place::resolve(&loaded.network, text)
    }

    #[test]
    fn a_place_is_found_whatever_its_case() {
        assert_eq!(place("WEB1").unwrap().to_string(), "web1");
        assert_eq!(place("fw/Inside").unwrap().to_string(), "fw/inside");
        assert!(place("web2").is_err());
        assert!(place("fw/middle").is_err());
    }

    #[test]
    fn a_vm_has_all_its_nics_and_a_nic_itself() {
        let nic = |vm: &str, nic: &str| NicId { vm: vm.parse().unwrap(), nic: nic.parse().unwrap() };
        let has = |text, nic| place(text).unwrap().has(&nic);
        assert!(has("fw", nic("fw", "inside")) && has("fw", nic("fw", "outside")));
        assert!(has("fw/inside", nic("fw", "inside")) && !has("fw/inside", nic("fw", "outside")));
        assert!(!has("fw", nic("web1", "nic0")));
    }

    #[test]
    fn nics_are_devices_in_the_order_of_the_file() {
        let loaded = crate::topology::from_text(TOPOLOGY, std::path::Path::new("places.yaml")).unwrap();
        let device =
            |text| Place::resolve(&loaded.network, text).unwrap().guest_nic(&loaded.network).device();
        assert_eq!(["web1", "fw", "fw/outside", "fw/inside"].map(device), ["eth0", "eth0", "eth0", "eth1"]);
    }
}
