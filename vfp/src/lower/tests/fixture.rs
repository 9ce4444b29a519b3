//! A web VM behind two groups and a route table, an appliance, and the host that has both.

use goal_state::HostGoalState;

/// As JSON, because that is the form in which a goal state arrives.
pub(crate) fn hub_and_spoke() -> HostGoalState {
    serde_json::from_str(include_str!("hub-and-spoke.json")).unwrap()
}
