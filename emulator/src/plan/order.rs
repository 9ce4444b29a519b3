//! In which order hosts are told of a new network.
//!
//! The namespaces of a VM, and of what is at the edge, have one name in the lab, so a host that loses them must let go of them before another gets them.

use std::collections::{BTreeMap, BTreeSet};

use goal_state::edge::Edge;
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
    let edge_moves = edge_moves(old, new);
    if moving.is_empty() && !edge_moves {
        return vec![new.iter().cloned().chain(gone).map(|state| numbered(state, first)).collect()];
    }
    let without_arrivals = new.iter().cloned().map(|mut state| {
        state.virtual_machines.retain(|vm| !moving.contains(&vm.name));
        if edge_moves {
            state.edge = Edge::default();
        }
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

/// Whether what is at the edge is on another host than before: its stations have names of their own, too.
fn edge_moves(old: &[HostGoalState], new: &[HostGoalState]) -> bool {
    let place = |states: &[HostGoalState]| {
        states.iter().find(|state| !state.edge.is_empty()).map(|state| state.host.clone())
    };
    place(old).zip(place(new)).is_some_and(|(old, new)| old != new)
}

fn places(states: &[HostGoalState]) -> BTreeMap<&VmName, &HostName> {
    states
        .iter()
        .flat_map(|state| state.virtual_machines.iter().map(move |vm| (&vm.name, &state.host)))
        .collect()
}

fn emptied(state: &HostGoalState) -> HostGoalState {
    HostGoalState {
        virtual_networks: Vec::new(),
        virtual_machines: Vec::new(),
        edge: Edge::default(),
        ..state.clone()
    }
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
    fn what_is_at_the_edge_leaves_before_it_arrives() {
        let router = goal_state::edge::Router {
            name: "koreacentral".into(),
            leg: goal_state::edge::Leg {
                vni: goal_state::Vni::new(goal_state::edge::INTERNET_VNI).unwrap(),
                mac: goal_state::MacAddr([0, 0x0d, 0x3a, 0xff, 0xff, 0xff]),
                address: [169, 254, 1, 1].into(),
            },
            on_link: Vec::new(),
            via: Vec::new(),
        };
        let edge = Edge { routers: vec![router], ..Edge::default() };
        let state = |name: &str, edge: &Edge| HostGoalState { edge: edge.clone(), ..host(name, 1, &[]) };
        let old = [state("edge", &edge), state("edge1", &Edge::default())];
        let new = [state("edge", &Edge::default()), state("edge1", &edge)];
        let taken = |old: &[HostGoalState], new: &[HostGoalState]| -> Vec<Vec<bool>> {
            let steps = steps(old, new, Generation(2));
            steps.iter().map(|step| step.iter().map(|state| !state.edge.is_empty()).collect()).collect()
        };
        assert_eq!(taken(&old, &new), [[false, false], [false, true]]);
        assert_eq!(taken(&old, &new[1..]), [vec![false, false], vec![true]]);
        assert_eq!(taken(&old, &old), [[true, false]]);
        assert_eq!(taken(&new[..1], &old[..1]), [[true]]);
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
