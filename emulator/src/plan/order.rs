//! In which order hosts are told of a new network.
//!
//! A VM's namespaces have one name in the lab, so a host that loses a VM must let go of it before another gets it.

use std::collections::{BTreeMap, BTreeSet};

use goal_state::{Generation, HostGoalState, HostName, VmName};

/// The goal states to apply, in steps: every host of a step must have applied before the next step begins.
///
/// Each step has a generation of its own, the first one is `first`. Hosts that `new` no longer has get an empty goal
/// state in the first step.
pub(crate) fn steps(
    old: &[HostGoalState],
    new: &[HostGoalState],
    first: Generation,
) -> Vec<Vec<HostGoalState>> {
    let moving = moving(old, new);
    let gone = old.iter().filter(|state| new.iter().all(|kept| kept.host != state.host)).map(emptied);
    if moving.is_empty() {
        return vec![new.iter().cloned().chain(gone).map(|state| numbered(state, first)).collect()];
    }
    let without_arrivals = new.iter().cloned().map(|mut state| {
        state.virtual_machines.retain(|vm| !moving.contains(&vm.name));
        state
    });
    vec![
        without_arrivals.chain(gone).map(|state| numbered(state, first)).collect(),
        new.iter().cloned().map(|state| numbered(state, first.next())).collect(),
    ]
}

/// VMs that are on another host than before.
fn moving(old: &[HostGoalState], new: &[HostGoalState]) -> BTreeSet<VmName> {
    let before = places(old);
    places(new)
        .into_iter()
        .filter(|(vm, host)| before.get(vm).is_some_and(|before| before != host))
        .map(|(vm, _)| vm.clone())
        .collect()
}

fn places(states: &[HostGoalState]) -> BTreeMap<&VmName, &HostName> {
    states
        .iter()
        .flat_map(|state| state.virtual_machines.iter().map(move |vm| (&vm.name, &state.host)))
        .collect()
}

fn emptied(state: &HostGoalState) -> HostGoalState {
    HostGoalState { virtual_networks: Vec::new(), virtual_machines: Vec::new(), ..state.clone() }
}

fn numbered(mut state: HostGoalState, generation: Generation) -> HostGoalState {
    state.generation = generation;
    state
}

#[cfg(test)]
mod tests {
    use super::super::example::host;
    use super::*;

    fn names(step: &[HostGoalState]) -> Vec<String> {
        let name = |state: &HostGoalState| {
            let vms: Vec<_> = state.virtual_machines.iter().map(|vm| vm.name.as_str()).collect();
            format!("{} {} [{}]", state.generation, state.host, vms.join(" "))
        };
        step.iter().map(name).collect()
    }

    #[test]
    fn one_step_when_no_vm_moves() {
        let old = [host("host1", 1, &[("web", 4)])];
        let new = [host("host1", 1, &[("web", 4), ("db", 5)]), host("host2", 2, &[])];
        let steps = steps(&old, &new, Generation(7));
        assert_eq!(
            steps.iter().map(|step| names(step)).collect::<Vec<_>>(),
            [["7 host1 [web db]", "7 host2 []"]]
        );
    }

    #[test]
    fn vms_that_swap_places_leave_before_they_arrive() {
        let old = [host("host1", 1, &[("a", 4)]), host("host2", 2, &[("b", 5)])];
        let new = [host("host1", 1, &[("b", 5)]), host("host2", 2, &[("a", 4)])];
        let steps = steps(&old, &new, Generation(2));
        assert_eq!(
            steps.iter().map(|step| names(step)).collect::<Vec<_>>(),
            [["2 host1 []", "2 host2 []"], ["3 host1 [b]", "3 host2 [a]"]]
        );
    }

    #[test]
    fn a_host_that_goes_is_emptied_first() {
        let old = [host("host1", 1, &[]), host("host2", 2, &[("b", 5)])];
        let new = [host("host1", 1, &[("b", 5)])];
        let steps = steps(&old, &new, Generation(2));
        assert_eq!(names(&steps[0]), ["2 host1 []", "2 host2 []"]);
        assert_eq!(names(&steps[1]), ["3 host1 [b]"]);
    }
}
