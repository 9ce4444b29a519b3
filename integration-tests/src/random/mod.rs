//! Small random networks: valid, so that every one comes up, and odd, as no one would build them.
//!
//! A [`Network`] is a plain value. Where one part of it refers to another it does so by number, and a number that is too large
//! starts again at the first part: so any change of any part, such as proptest's shrinking makes, is a valid network again.

mod parts;
mod strategy;
mod yaml;

pub use parts::*;
pub use strategy::network;

/// Everything that a topology file will say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Emulated hosts, from 1.
    pub hosts: usize,
    /// Whether all VMs are on the first one.
    pub on_one_host: bool,
    /// `behavior`: switches that do not have their first value.
    pub behavior: Vec<Switch>,
    /// `serviceTags`: tags of the lab's own, and what they cover.
    pub service_tags: Vec<(&'static str, Covered)>,
    /// At least one. The first one has appliances, gateway and route server.
    pub vnets: Vec<Vnet>,
    /// The peering of each pair of virtual networks: 0 and 1, 0 and 2, 1 and 2.
    pub peerings: [Peering; 3],
    /// Security admin configurations, the highest scope first.
    pub admin_configurations: Vec<AdminConfiguration>,
    /// The rules of each network security group, in the order of their priorities.
    pub groups: Vec<Vec<Rule>>,
    /// The route tables.
    pub tables: Vec<Table>,
    /// Ordinary VMs, at least two; the first ones are each in a virtual network of its own.
    pub vms: Vec<Vm>,
    /// VMs that routes lead to, at most two.
    pub appliances: Vec<Appliance>,
    /// What is attached to the appliances' subnet.
    pub appliance_subnet: Subnet,
    /// A VPN gateway of the first virtual network, with a site behind it.
    pub gateway: Option<Gateway>,
    /// What each appliance announces to a route server in the first virtual network; none without one.
    pub announced: Option<Vec<Announced>>,
    /// What lies at the edge of the virtual networks; none without one.
    pub edge: Option<Edge>,
    /// Which questions are asked when there are too many; who is encrypted.
    pub lot: u64,
}
