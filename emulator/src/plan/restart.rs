//! Which VMs a change restarts. Accelerated networking is switched on and off only while a VM is stopped.
//! <https://learn.microsoft.com/azure/virtual-network/create-vm-accelerated-networking-cli>

use goal_state::vm::VirtualMachine;
use goal_state::{HostGoalState, VmName};

/// The VMs that have to be restarted for `new`, in its order. One that moves starts anew without being asked for.
pub(crate) fn restarts(old: &[HostGoalState], new: &[HostGoalState]) -> Vec<VmName> {
    let before = |host: &HostGoalState| old.iter().find(|state| state.host == host.host);
    let machines = new.iter().flat_map(|host| {
        let before = before(host).map_or([].as_slice(), |state| &state.virtual_machines);
        host.virtual_machines.iter().filter(|vm| before.iter().any(|old| must_restart(old, vm)))
    });
    machines.map(|vm| vm.name.clone()).collect()
}

/// Whether these are the same VM, of which a NIC gets accelerated networking or loses it.
pub(super) fn must_restart(old: &VirtualMachine, new: &VirtualMachine) -> bool {
    let mut pairs = new.network_interfaces.iter().flat_map(|nic| {
        let same = old.network_interfaces.iter().find(|old| old.name == nic.name);
        same.map(|old| (old.accelerated, nic.accelerated))
    });
    old.name == new.name && pairs.any(|(old, new)| old != new)
}

#[cfg(test)]
mod tests {
    use super::super::example::host;
    use super::*;

    fn accelerate(host: &mut HostGoalState, vm: usize) {
        host.virtual_machines[vm].network_interfaces[0].accelerated = true;
    }

    #[test]
    fn only_a_vm_that_stays_and_whose_nic_changes_is_restarted() {
        let old = [host("host1", 1, &[("web", 4), ("db", 5)]), host("host2", 2, &[("moves", 6)])];
        assert_eq!(restarts(&old, &old), []);
        let mut new =
            [host("host1", 1, &[("web", 4), ("db", 5), ("moves", 6)]), host("host2", 2, &[("new", 7)])];
        accelerate(&mut new[0], 1);
        accelerate(&mut new[0], 2);
        accelerate(&mut new[1], 0);
        assert_eq!(restarts(&old, &new).iter().map(VmName::as_str).collect::<Vec<_>>(), ["db"]);
        assert_eq!(restarts(&[], &new), []);
    }

    #[test]
    fn a_nic_that_is_new_restarts_nothing() {
        let old = [host("host1", 1, &[("web", 4)])];
        let mut new = old.clone();
        let mut nic = new[0].virtual_machines[0].network_interfaces[0].clone();
        (nic.name, nic.accelerated) = ("nic1".parse().unwrap(), true);
        new[0].virtual_machines[0].network_interfaces.push(nic);
        assert_eq!(restarts(&old, &new), []);
    }
}
