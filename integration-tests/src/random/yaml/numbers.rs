//! What numbers mean: which virtual network, which subnet, whose address.

use std::collections::BTreeMap;

use crate::random::{Asgs, Network, Vm};

/// The address of each NIC: by VM (the appliances come after the others) and NIC.
pub(super) type Addresses = BTreeMap<(usize, usize), String>;

impl Network {
    pub(super) fn vnet(&self, number: usize) -> usize {
        number % self.vnets.len()
    }

    pub(super) fn subnet(&self, vnet: usize, number: usize) -> usize {
        number % self.vnets[vnet].subnets.len()
    }

    /// One of the lab's own service tags, if it has any.
    pub(super) fn tag(&self, number: usize) -> Option<&'static str> {
        let count = self.service_tags.len();
        (count > 0).then(|| self.service_tags[number % count].0)
    }

    /// 10.N.0.0/16.
    pub(super) fn space(&self, vnet: usize) -> String {
        format!("10.{}.0.0/16", self.second_byte(vnet))
    }

    fn second_byte(&self, vnet: usize) -> usize {
        if self.vnets[vnet].is_twin { 0 } else { vnet }
    }

    pub(super) fn subnet_prefix(&self, vnet: usize, subnet: usize) -> String {
        format!("10.{}.{}.0/24", self.second_byte(vnet), subnet + 1)
    }

    /// No virtual network is without a VM if there are enough of them.
    pub(super) fn vnet_of_vm(&self, vm: usize) -> usize {
        if vm < self.vnets.len() { vm } else { self.vnet(self.vms[vm].vnet) }
    }

    /// A VM's first address.
    pub(super) fn address(&self, vm: usize) -> String {
        self.addresses()[&(vm % self.vms.len(), 0)].clone()
    }

    /// An appliance's first address, or where the first one would be.
    pub(super) fn address_of_appliance(&self, number: usize) -> String {
        format!("10.0.100.{}", 4 + number % self.appliances.len().max(1))
    }

    /// Addresses are given out in order, so that those of twins are the same.
    pub(super) fn addresses(&self) -> Addresses {
        let of_vm = |(at, vm): (usize, &Vm)| {
            let vnet = self.vnet_of_vm(at);
            let second = vm.second_nic.map(|nic| ((at, 1), vnet, nic));
            std::iter::once(((at, 0), vnet, vm.nic)).chain(second)
        };
        let appliances = self.appliances.iter().enumerate();
        let of_appliances = appliances
            .filter_map(|(at, appliance)| appliance.second_nic.map(|nic| ((self.vms.len() + at, 1), 0, nic)));
        let mut given: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        let mut addresses = Addresses::new();
        for (key, vnet, nic) in self.vms.iter().enumerate().flat_map(of_vm).chain(of_appliances) {
            let subnet = self.subnet(vnet, nic.subnet);
            let next = given.entry((vnet, subnet)).or_insert(4);
            addresses.insert(key, format!("10.{}.{}.{next}", self.second_byte(vnet), subnet + 1));
            *next += 1;
        }
        addresses
    }
}

/// The list of them; none of none.
pub(super) fn asg_names(Asgs { red, blue }: Asgs, vnet: usize) -> Option<String> {
    let red = red.then(|| format!("red{vnet}"));
    let names: Vec<String> = red.into_iter().chain(blue.then(|| format!("blue{vnet}"))).collect();
    (!names.is_empty()).then(|| format!("[{}]", names.join(", ")))
}
