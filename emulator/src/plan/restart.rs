//! Which VMs a change restarts. Accelerated networking is switched on and off only while a VM is stopped, and a VM that ran
//! before its virtual network was encrypted has to be started anew to take part.
//! <https://learn.microsoft.com/azure/virtual-network/create-vm-accelerated-networking-cli>,
//! <https://learn.microsoft.com/azure/virtual-network/virtual-network-encryption-overview>

use goal_state::vm::{NetworkInterface, VirtualMachine};
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

/// Whether these are the same VM, and one that has to be restarted.
fn must_restart(old: &VirtualMachine, new: &VirtualMachine) -> bool {
    why_restart(old, new).is_some()
}

/// Why a VM that stays is restarted, as the end of a sentence: one of its NICs gets accelerated networking or loses it, or begins to
/// encrypt. It stops to encrypt at once.
pub(super) fn why_restart(old: &VirtualMachine, new: &VirtualMachine) -> Option<&'static str> {
    let same = |nic: &NetworkInterface| old.network_interfaces.iter().find(|old| old.name == nic.name);
    let pairs: Vec<_> = match old.name == new.name {
        true => new.network_interfaces.iter().filter_map(|nic| Some((same(nic)?, nic))).collect(),
        false => return None,
    };
    if pairs.iter().any(|(old, new)| old.accelerated != new.accelerated) {
        return Some("accelerated networking changes");
    }
    let begins = |(old, new): &(&NetworkInterface, &NetworkInterface)| {
        old.encryption_port.is_none() && new.encryption_port.is_some()
    };
    pairs.iter().any(begins).then_some("it begins to encrypt")
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
    fn s11_4_a_vm_is_restarted_to_begin_to_encrypt_and_not_to_end_it() {
        let encrypted = |port| {
            let mut host = host("host1", 1, &[("web", 4)]);
            host.virtual_machines[0].network_interfaces[0].encryption_port = port;
            [host]
        };
        let names = |old, new| restarts(&encrypted(old), &encrypted(new)).len();
        assert_eq!(names(None, Some(20_007)), 1);
        assert_eq!(names(Some(20_007), None), 0);
        assert_eq!(names(Some(20_007), Some(20_008)), 0);
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
