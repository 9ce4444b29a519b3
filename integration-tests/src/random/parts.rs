//! The parts of a random network.

/// A switch of `behavior`, and a value that is not its first.
pub type Switch = (&'static str, &'static str);

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
    /// `defaultOutboundAccess: false`.
    pub private: bool,
}

/// The links of two virtual networks to each other. With only one of them, packets do not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peering {
    /// From the first to the second.
    pub there: Option<Link>,
    /// From the second to the first.
    pub back: Option<Link>,
    /// Whether only the first subnet of the first, and one of the second, are peered.
    pub of_subnets: Option<usize>,
}

/// A peering link's switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// `allowVirtualNetworkAccess`.
    pub access: bool,
    /// `allowForwardedTraffic`.
    pub forwarded: bool,
    /// `allowGatewayTransit`.
    pub transit: bool,
    /// `useRemoteGateways`, where it may.
    pub remote_gateways: bool,
    /// `peeringState: Disconnected`.
    pub disconnected: bool,
    /// `remoteAddressSpace` of an earlier day, when the other side had its first subnet only.
    pub stale: bool,
}

/// A security admin configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminConfiguration {
    /// The virtual networks that it is for; none for all.
    pub vnets: Option<Vec<usize>>,
    /// Its rules, in the order of their priorities, each with its access.
    pub rules: Vec<(&'static str, Rule)>,
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
    /// An appliance's address.
    Appliance(usize),
    /// One of the lab's own service tags.
    Tag(usize),
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

/// A route table. Of two routes with the same destination, the first stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// `disablePeeringRoute: All`.
    pub without_peerings: bool,
    /// `disableBgpRoutePropagation`.
    pub without_gateways: bool,
    /// Its routes.
    pub routes: Vec<Route>,
}

/// A user-defined route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where to.
    pub destination: Destination,
    /// By way of whom.
    pub next_hop: NextHop,
}

/// What a route is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// A prefix.
    Prefix(Covered),
    /// One of the lab's own service tags.
    Tag(usize),
}

/// Addresses that a prefix covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Covered {
    /// 0.0.0.0/0.
    Everything,
    /// 10.0.0.0/8.
    Private,
    /// The space of a virtual network.
    Space(usize),
    /// One of its subnets.
    Subnet(usize, usize),
    /// A VM's first address.
    Vm(usize),
    /// What is behind the gateway.
    Site,
    /// What nobody but a route server's peer speaks of.
    Announced,
}

/// The next hop of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextHop {
    /// An appliance, or its address where it would be.
    Appliance(usize),
    /// All appliances, and a VM where there are less than two: `VirtualApplianceEcmp`.
    Appliances(usize),
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
    /// `powerState: deallocated`. Never the first VM, so that somebody asks.
    pub deallocated: bool,
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

/// A VM in the first virtual network that should forward, in a subnet for appliances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appliance {
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

/// A VPN gateway and the site behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gateway {
    /// Whether the site speaks BGP, and announces this besides its own prefix.
    pub announces: Option<Covered>,
}

/// What lies at the edge of the virtual networks, besides a host in the internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// VMs whose first NIC has a public address.
    pub public_addresses: Vec<usize>,
    /// A NAT gateway, by the virtual network and the subnet that it serves.
    pub nat_gateway: Option<(usize, usize)>,
    /// A load balancer.
    pub balancer: Option<Balancer>,
    /// A service of Azure's.
    pub service: Option<Service>,
}

/// A load balancer: of TCP port 80 to 443, of UDP port 53, and of TCP port 443 to port 80 of the first machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balancer {
    /// Whether its frontend is public.
    pub public: bool,
    /// VMs behind it, at least one: those in the virtual network of the first.
    pub pool: Vec<usize>,
    /// `disableOutboundSnat`. A public one has an outbound rule then.
    pub disable_outbound_snat: bool,
    /// `enableFloatingIP` of UDP.
    pub floating: bool,
    /// `loadDistribution` of TCP.
    pub distribution: &'static str,
}

/// A service of Azure's, and the ways to it besides its public address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// Microsoft.Storage, or else Microsoft.Sql.
    pub is_storage: bool,
    /// Whether it has a list of ports that it listens on.
    pub listens: bool,
    /// The virtual network and subnet with a service endpoint.
    pub endpoint: Option<(usize, usize)>,
    /// The virtual network and subnet of a private endpoint.
    pub private_endpoint: Option<(usize, usize)>,
    /// Whether that subnet's network security group counts for it.
    pub policies: bool,
    /// Whether its connection is approved.
    pub approved: bool,
}

/// What a peer of a route server announces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// The prefixes, each with how often the peer's ASN stands in its path.
    pub routes: Vec<(Covered, usize)>,
}
