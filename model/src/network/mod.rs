//! A validated network: every reference resolved, every address assigned, every rule of Azure kept.
//!
//! Only [`crate::validate`] makes one, so the rest of the crate trusts it. Resources refer to each other by index.

#[cfg(test)]
pub(crate) mod build;
pub mod id;
pub mod nsg;
pub mod route_table;
pub mod vm;
pub mod vnet;

use std::net::Ipv4Addr;

use goal_state::HostName;

pub use id::{AsgId, HostId, NicIndex, NicRef, NsgId, RouteTableId, SubnetRef, VmId, VnetId};
pub use nsg::{
    AddressPrefix, ApplicationSecurityGroup, NetworkSecurityGroup, RulePeer, SecurityRule, ServiceTag,
};
pub use route_table::{RouteTable, UserNextHop, UserRoute};
pub use vm::{Nic, TestCase, VirtualMachine};
pub use vnet::{Peering, Subnet, VirtualNetwork};

/// A lab's network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The lab's name.
    pub name: String,
    /// Emulated physical hosts, in the order of the file.
    pub hosts: Vec<Host>,
    /// Virtual networks, in the order of the file.
    pub virtual_networks: Vec<VirtualNetwork>,
    /// Network security groups, in the order of the file.
    pub network_security_groups: Vec<NetworkSecurityGroup>,
    /// Application security groups, in the order of the file.
    pub application_security_groups: Vec<ApplicationSecurityGroup>,
    /// Route tables, in the order of the file.
    pub route_tables: Vec<RouteTable>,
    /// Virtual machines, in the order of the file.
    pub virtual_machines: Vec<VirtualMachine>,
    /// What `vnetlab test` asks, in the order of the file.
    pub tests: Vec<TestCase>,
}

/// An emulated physical host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its name.
    pub name: HostName,
    /// Its region.
    pub location: String,
    /// Its address on the underlay: 198.18.0.0/15 (RFC 2544), one lab, one numbering.
    pub provider_address: Ipv4Addr,
}

impl Network {
    /// A virtual network by its id.
    #[must_use]
    pub fn vnet(&self, id: VnetId) -> &VirtualNetwork {
        &self.virtual_networks[id.0]
    }

    /// A subnet by its reference.
    #[must_use]
    pub fn subnet(&self, subnet: SubnetRef) -> &Subnet {
        &self.vnet(subnet.vnet).subnets[subnet.index]
    }

    /// A VM by its id.
    #[must_use]
    pub fn vm(&self, id: VmId) -> &VirtualMachine {
        &self.virtual_machines[id.0]
    }

    /// A network interface by its reference.
    #[must_use]
    pub fn nic(&self, nic: NicRef) -> &Nic {
        &self.vm(nic.vm).nics[nic.index.0]
    }

    /// A network security group by its id.
    #[must_use]
    pub fn nsg(&self, id: NsgId) -> &NetworkSecurityGroup {
        &self.network_security_groups[id.0]
    }

    /// A route table by its id.
    #[must_use]
    pub fn route_table(&self, id: RouteTableId) -> &RouteTable {
        &self.route_tables[id.0]
    }

    /// Every network interface, VM by VM.
    pub fn nics(&self) -> impl Iterator<Item = (NicRef, &Nic)> {
        self.virtual_machines.iter().enumerate().flat_map(|(vm, machine)| {
            let nics = machine.nics.iter().enumerate();
            nics.map(move |(index, nic)| (NicRef { vm: VmId(vm), index: NicIndex(index) }, nic))
        })
    }

    /// The VM of this name, compared without case as Azure does.
    #[must_use]
    pub fn find_vm(&self, name: &str) -> Option<VmId> {
        self.virtual_machines.iter().position(|vm| vm.name.as_str().eq_ignore_ascii_case(name)).map(VmId)
    }
}
