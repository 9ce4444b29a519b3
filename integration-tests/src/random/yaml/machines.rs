//! Virtual machines.

use std::fmt::Write;

use super::numbers::{Addresses, asg_names};
use crate::random::{Appliance, Network, Nic, Subnet};

impl Network {
    pub(super) fn write_virtual_machines(&self, text: &mut String) {
        text.push_str("virtualMachines:\n");
        let host = if self.on_one_host { ", host: host1" } else { "" };
        let addresses = self.addresses();
        for (at, vm) in self.vms.iter().enumerate() {
            let vnet = self.vnet_of_vm(at);
            let nic = |which: usize, nic: Nic| {
                let subnet = format!("vnet{vnet}/s{}", self.subnet(vnet, nic.subnet) + 1);
                let fields =
                    self.nic_fields(&subnet, &addresses[&(at, which)], nic.group, asg_names(nic.asgs, vnet));
                if which == 0 { fields + &self.public_address(at) } else { fields }
            };
            let nics = nics(nic(0, vm.nic), vm.second_nic.map(|second| nic(1, second)));
            let listen = if vm.listens { ", listen: [80/tcp, 53/udp]" } else { "" };
            let power = if vm.deallocated && at > 0 { ", powerState: deallocated" } else { "" };
            let size = self.size(at);
            writeln!(text, "  vm{at}: {{{nics}{listen}{power}{size}{host}}}").unwrap();
        }
        for (at, appliance) in self.appliances.iter().enumerate() {
            let nics = self.nics_of_appliance(at, *appliance, &addresses);
            let guest = if appliance.guest_forwards {
                format!("ipForwarding: true, masquerade: {}", appliance.masquerades)
            } else {
                "ipForwarding: false".to_owned()
            };
            let size = self.size(self.vms.len() + at);
            writeln!(text, "  nva{at}: {{{nics}, guest: {{{guest}}}{size}{host}}}").unwrap();
        }
    }

    fn nics_of_appliance(&self, at: usize, appliance: Appliance, addresses: &Addresses) -> String {
        let forwarding = format!(", enableIPForwarding: {}", appliance.platform_forwards);
        let address = self.address_of_appliance(at);
        let first = self.nic_fields("vnet0/nva", &address, appliance.group, None) + &forwarding;
        let second = appliance.second_nic.map(|nic| {
            let subnet = format!("vnet0/s{}", self.subnet(0, nic.subnet) + 1);
            let address = &addresses[&(self.vms.len() + at, 1)];
            self.nic_fields(&subnet, address, nic.group, asg_names(nic.asgs, 0)) + &forwarding
        });
        nics(first, second)
    }

    fn nic_fields(&self, subnet: &str, address: &str, group: Option<usize>, asgs: Option<String>) -> String {
        let asgs = asgs.map(|names| format!(", applicationSecurityGroups: {names}")).unwrap_or_default();
        let group = self.attachments(Subnet { group, table: None, private: false });
        format!("subnet: {subnet}, privateIPAddress: {address}{group}{asgs}")
    }
}

/// With one NIC its fields stand right on the VM.
fn nics(first: String, second: Option<String>) -> String {
    match second {
        None => first,
        Some(second) => format!("networkInterfaces: {{nic0: {{{first}}}, nic1: {{{second}}}}}"),
    }
}
