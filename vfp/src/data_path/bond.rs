//! Where the two devices of a NIC are.

use goal_state::vm::NetworkInterface;
use goal_state::{HostGoalState, NicId, VmName};

use crate::names;

/// A NIC that has, had or may have a VF beside its synthetic device. Both have the same Ethernet address; only the synthetic
/// one has IP addresses, so applications never see the other.
/// <https://learn.microsoft.com/azure/virtual-network/accelerated-networking-how-it-works#bonding>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bond {
    /// The VM.
    pub vm: VmName,
    /// The NIC.
    pub nic: NetworkInterface,
    /// Its place in the VM, from 0.
    pub index: usize,
}

impl Bond {
    /// Those of all NICs, accelerated or not, in the order of VMs and their NICs.
    #[must_use]
    pub fn all(goal: &HostGoalState) -> Vec<Self> {
        let of_vm = |vm: &goal_state::vm::VirtualMachine| {
            let bond = |(index, nic): (usize, &NetworkInterface)| Self {
                vm: vm.name.clone(),
                nic: nic.clone(),
                index,
            };
            vm.network_interfaces.iter().enumerate().map(bond).collect::<Vec<_>>()
        };
        goal.virtual_machines.iter().flat_map(of_vm).collect()
    }

    /// The NIC's name.
    #[must_use]
    pub fn id(&self) -> NicId {
        NicId { vm: self.vm.clone(), nic: self.nic.name.clone() }
    }

    /// The synthetic device in the VM.
    #[must_use]
    pub fn synthetic(&self) -> String {
        names::guest_device(self.index)
    }

    /// The VF's device in the VM.
    #[must_use]
    pub fn vf(&self) -> String {
        names::vf_device(self.index)
    }

    /// The VF's slot: its number in the VM, from 1.
    #[must_use]
    pub fn slot(&self) -> usize {
        self.index + 1
    }

    /// The name of the VM's namespace.
    #[must_use]
    pub fn vm_namespace(&self) -> String {
        names::vm_namespace(&self.vm)
    }

    /// The name of the port's namespace.
    #[must_use]
    pub fn port_namespace(&self) -> String {
        names::port_namespace(&self.id())
    }
}
