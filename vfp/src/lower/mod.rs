//! Goal state → what the host's namespaces hold. Pure: the same goal state gives the same values, and nothing is asked.
//!
//! | file | Azure feature |
//! |---|---|
//! | [`port`] | a NIC's port: both pipelines, ARP, source and destination checks |
//! | [`security_admin`] | security admin rules of a network manager |
//! | [`nsg`] | network security groups |
//! | [`decision_tree`] | a long list of rules, looked up instead of followed |
//! | [`rule_list`] | a list of rules, whoever made it |
//! | [`route`] | effective routes, and drops that they decide |
//! | [`platform`] | the platform's addresses: what the agent answers in a port |
//! | [`peering`] | peering links that refuse forwarded traffic |
//! | [`translation`] | public addresses, load balancers and ways out to the internet, around the filter |
//! | [`private_endpoint`] | the port of a private endpoint |
//! | [`overlay`] | virtual networks on the host: bridges, VXLAN, mappings |
//! | [`encryption`] | virtual network encryption: what goes to the agent instead of the tunnel |
//! | [`unencrypted`] | next hops that packets may not be handed to, because they cannot be encrypted |
//! | [`no_destination`] | addresses that nobody owns |
//! | [`stations`] | the edge: what all stations have |
//! | [`router`] | a region's way into the internet |
//! | [`nat_gateway`] | NAT gateways |
//! | [`frontend`] | a load balancer's frontend: rules, remembered flows |
//! | [`guest`] | the VM's own side |
//! | [`drop_log`] | what the drops and probes are logged as |

mod decision_tree;
pub mod drop_log;
pub mod encryption;
pub(crate) mod frontend;
pub mod guest;
mod nat_gateway;
pub mod no_destination;
pub mod nsg;
pub mod overlay;
pub mod peering;
mod platform;
pub mod port;
pub mod private_endpoint;
pub mod route;
mod router;
mod rule_list;
pub mod security_admin;
pub mod stations;
pub mod translation;
pub mod unencrypted;

use goal_state::HostGoalState;

use crate::network::HostNetwork;

/// The MTU of everything that a VM's packets cross but the underlay, in bytes.
pub(crate) const MTU: u32 = 1500;

/// What a host holds when it follows `goal`.
#[must_use]
pub fn lower(goal: &HostGoalState) -> HostNetwork {
    let mut ports = goal
        .virtual_machines
        .iter()
        .flat_map(|vm| {
            vm.network_interfaces.iter().enumerate().map(move |(index, nic)| port::lower(vm, index, nic))
        })
        .collect::<Vec<_>>();
    ports.sort_by(|a, b| a.nic.cmp(&b.nic));
    let mut machines = goal.virtual_machines.iter().map(guest::lower).collect::<Vec<_>>();
    machines.sort_by(|a, b| a.vm.cmp(&b.vm));
    HostNetwork {
        host: goal.host.clone(),
        switch: overlay::lower(goal),
        ports,
        stations: stations::lower(goal),
        machines,
    }
}

fn mac(mac: goal_state::MacAddr) -> linux_net::MacAddr {
    linux_net::MacAddr(mac.0)
}

#[cfg(test)]
pub(crate) mod tests;
