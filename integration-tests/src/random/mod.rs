//! Small random networks: valid, so that every one comes up, and odd, as no one would build them.
//!
//! A [`Network`] is a plain value. Where one part of it refers to another it does so by number, and a number that is too large
//! starts again at the first part: so any change of any part, such as proptest's shrinking makes, is a valid network again.

mod strategy;
mod yaml;

pub use strategy::network;

/// Everything that a topology file will say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Emulated hosts, from 1.
    pub hosts: usize,
    /// Whether all VMs are on the first one.
    pub on_one_host: bool,
    /// At least one.
    pub vnets: Vec<Vnet>,
    /// The peering of each pair of virtual networks: 0 and 1, 0 and 2, 1 and 2.
    pub peerings: [Peering; 3],
    /// The rules of each network security group, in the order of their priorities.
    pub groups: Vec<Vec<Rule>>,
    /// The routes of each route table.
    pub tables: Vec<Vec<Route>>,
    /// Ordinary VMs, at least two; the first ones are each in a virtual network of its own.
    pub vms: Vec<Vm>,
    /// A VM that routes lead to.
    pub appliance: Option<Appliance>,
}

/// A virtual network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vnet {
    /// Whether it has the address space of the first one.
    pub is_twin: bool,
    /// At least one.
    pub subnets: Vec<Subnet>,
}

/// What is attached to a subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subnet {
    /// Its network security group.
    pub group: Option<usize>,
    /// Its route table.
    pub table: Option<usize>,
}

/// The links of two virtual networks to each other. With only one of them, packets do not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peering {
    /// From the first to the second.
    pub there: Option<Link>,
    /// From the second to the first.
    pub back: Option<Link>,
}

/// A peering link's switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// `allowVirtualNetworkAccess`.
    pub access: bool,
    /// `allowForwardedTraffic`.
    pub forwarded: bool,
}

/// A security rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `Inbound` or `Outbound`.
    pub direction: &'static str,
    /// `Allow` or `Deny`.
    pub access: &'static str,
    /// As in the file.
    pub protocol: &'static str,
    /// As in the file.
    pub source_ports: &'static str,
    /// As in the file.
    pub destination_ports: &'static str,
    /// Where from.
    pub source: Side,
    /// Where to.
    pub destination: Side,
    /// The virtual network whose application security groups either side may name; Azure wants it to be one for both.
    pub vnet_of_asgs: usize,
}

/// One side of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// `*`, a service tag or a prefix, as in the file.
    Word(&'static str),
    /// The space of a virtual network.
    Space(usize),
    /// A list of a subnet's prefix and one that nobody is in.
    Subnets(usize, usize),
    /// A VM's first address.
    Vm(usize),
    /// A list of two VMs' first addresses.
    Vms(usize, usize),
    /// The appliance's address.
    Appliance,
    /// One or both of a virtual network's application security groups.
    Asgs(Asgs),
}

/// Which of its virtual network's two application security groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asgs {
    /// The first.
    pub red: bool,
    /// The second.
    pub blue: bool,
}

/// A user-defined route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where to.
    pub prefix: RoutePrefix,
    /// By way of whom.
    pub next_hop: NextHop,
}

/// The prefix of a route. Of two routes of a table with the same one, the first stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoutePrefix {
    /// 0.0.0.0/0.
    Default,
    /// 10.0.0.0/8.
    Private,
    /// The space of a virtual network.
    Space(usize),
    /// One of its subnets.
    Subnet(usize, usize),
    /// A VM's first address.
    Vm(usize),
}

/// The next hop of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextHop {
    /// The appliance, or its address where it would be.
    Appliance,
    /// A VM that is no appliance.
    Vm(usize),
    /// A type that needs no address, as in the file.
    Type(&'static str),
    /// An appliance whose address nobody has.
    Nobody,
}

/// An ordinary VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vm {
    /// Its virtual network.
    pub vnet: usize,
    /// Its primary NIC.
    pub nic: Nic,
    /// A further NIC, in the same virtual network.
    pub second_nic: Option<Nic>,
    /// Whether it has a list of ports that it listens on.
    pub listens: bool,
}

/// A network interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nic {
    /// Its subnet.
    pub subnet: usize,
    /// Its network security group.
    pub group: Option<usize>,
    /// The groups of its virtual network that it is a member of.
    pub asgs: Asgs,
}

/// A VM in the first virtual network that should forward, in a subnet of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appliance {
    /// What is attached to its subnet.
    pub subnet: Subnet,
    /// The group on its NIC.
    pub group: Option<usize>,
    /// `enableIPForwarding`.
    pub platform_forwards: bool,
    /// `guest.ipForwarding`.
    pub guest_forwards: bool,
    /// `guest.masquerade`, if the guest forwards.
    pub masquerades: bool,
    /// A further NIC, in a subnet of the first virtual network. It has the IP forwarding of the first.
    pub second_nic: Option<Nic>,
}
