//! Azure's limits, as last seen in its documentation, and the few of this emulator. Azure's 65,536 private addresses
//! of a virtual network are more than a topology file can ask for.
//!
//! <https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits>

/// Characters of a resource's name, where Azure has no lower limit.
pub(super) const RESOURCE_NAME: usize = 80;
/// Characters of a virtual network's name.
pub(super) const VIRTUAL_NETWORK_NAME: usize = 64;
/// Characters of a Linux VM's name, which is its hostname.
pub(super) const VIRTUAL_MACHINE_NAME: usize = 64;
/// Characters of the name of a service or an internet host: with what stands before it, it is a hostname.
pub(super) const OUTSIDE_NAME: usize = VIRTUAL_MACHINE_NAME - "internet._".len();

/// Virtual networks per subscription and region.
pub(super) const VIRTUAL_NETWORKS_PER_REGION: usize = 1000;
/// Subnets per virtual network.
pub(super) const SUBNETS_PER_VIRTUAL_NETWORK: usize = 3000;
/// Peering links per virtual network.
pub(super) const PEERINGS_PER_VIRTUAL_NETWORK: usize = 500;
/// Subnets on one side of a subnet peering.
pub(super) const SUBNETS_PER_SUBNET_PEERING: usize = 200;
/// Virtual networks that a private DNS zone is linked to.
pub(super) const LINKS_PER_PRIVATE_DNS_ZONE: usize = 1000;
/// Virtual networks whose machines a private DNS zone registers.
pub(super) const REGISTRATIONS_PER_PRIVATE_DNS_ZONE: usize = 100;
/// DNS servers per virtual network.
pub(super) const DNS_SERVERS_PER_VIRTUAL_NETWORK: usize = 20;
/// Private endpoints per virtual network.
pub(super) const PRIVATE_ENDPOINTS_PER_VIRTUAL_NETWORK: usize = 1000;
/// Appliances that speak BGP with a route server.
pub(super) const PEERS_PER_ROUTE_SERVER: usize = 8;
/// Rules of a load balancer, for balancing and inbound NAT together.
pub(super) const RULES_PER_LOAD_BALANCER: usize = 1500;
/// Members of a backend pool.
pub(super) const MEMBERS_PER_BACKEND_POOL: usize = 1000;
/// Public addresses per NAT gateway.
pub(super) const PUBLIC_IPS_PER_NAT_GATEWAY: usize = 16;
/// Private addresses per NIC.
pub(super) const ADDRESSES_PER_NIC: usize = 256;

/// Network security groups per subscription.
pub(super) const NETWORK_SECURITY_GROUPS: usize = 5000;
/// Rules per network security group, both directions together.
pub(super) const RULES_PER_GROUP: usize = 1000;
/// Prefixes, or port ranges, of all sources or of all destinations of a network security group.
pub(super) const ENTRIES_PER_SIDE: usize = 4000;
/// The priorities that a rule may have.
pub(super) const RULE_PRIORITIES: std::ops::RangeInclusive<u16> = 100..=4096;

/// The priorities that a security admin rule may have.
pub(super) const ADMIN_RULE_PRIORITIES: std::ops::RangeInclusive<u16> = 1..=4096;
/// Security admin rules of one level: of one configuration.
pub(super) const ADMIN_RULES_PER_LEVEL: usize = 100;
/// Prefixes in all security admin rules together.
pub(super) const ADMIN_RULE_PREFIXES: usize = 1000;

/// Application security groups per subscription.
pub(super) const APPLICATION_SECURITY_GROUPS: usize = 3000;
/// Application security groups that one ip-configuration is a member of.
pub(super) const ASGS_PER_IP_CONFIGURATION: usize = 20;
/// Members of one application security group.
pub(super) const MEMBERS_PER_ASG: usize = 4000;
/// Different application security groups in all rules of a network security group.
pub(super) const ASGS_PER_GROUP: usize = 100;
/// Application security groups on one side of a rule.
pub(super) const ASGS_PER_RULE_SIDE: usize = 10;

/// Route tables per subscription (600 since 2026).
pub(super) const ROUTE_TABLES: usize = 600;
/// Routes per table. Raised to 1000 in 2026; the older figure still holds for tables that were not made anew.
pub(super) const ROUTES_PER_TABLE: usize = 400;
/// Routes of a table that name a service tag.
pub(super) const TAG_ROUTES_PER_TABLE: usize = 25;
/// Addresses of a route of next hop type VirtualApplianceEcmp.
pub(super) const ECMP_ADDRESSES: std::ops::RangeInclusive<usize> = 2..=64;

/// NICs of the largest VM size.
pub(super) const NICS_PER_VM: usize = 8;

/// Emulated hosts per lab: each is a process and a namespace of this machine.
pub(super) const HOSTS: usize = 250;
/// Responders per VM: each is an open socket.
pub(super) const LISTENERS_PER_VM: usize = 1000;
