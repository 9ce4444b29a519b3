//! A web VM behind two groups and a route table, an appliance, and the host that has both.

use goal_state::encryption::EncryptingNic;
use goal_state::{HostGoalState, NicId};

/// As JSON, because that is the form in which a goal state arrives.
pub(crate) fn hub_and_spoke() -> HostGoalState {
    serde_json::from_str(include_str!("hub-and-spoke.json")).unwrap()
}

/// The same where the NICs of `web1` and the appliance's first one encrypt, and so do all that they can reach.
pub(crate) fn encrypting() -> HostGoalState {
    let mut goal = hub_and_spoke();
    for (index, mapping) in
        goal.virtual_networks.iter_mut().flat_map(|network| &mut network.mappings).enumerate()
    {
        let nic = NicId { vm: format!("vm{index}").parse().unwrap(), nic: "nic0".parse().unwrap() };
        mapping.encryption = Some(EncryptingNic { nic, port: 50_000 });
    }
    for vm in &mut goal.virtual_machines {
        vm.network_interfaces[0].encryption_port = Some(50_000);
    }
    goal
}
