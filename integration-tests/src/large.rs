//! A large network for measurements: hubs with spokes, as one writes them, of any size. The same size gives the same text.
//!
//! Every hub has an appliance that forwards; every spoke is peered with its hub both ways. A virtual network has three subnets,
//! each with a network security group, and two more groups for its network interfaces, so that each packet meets two
//! groups in each direction. A spoke's subnets share a route table with those of the next spoke.

use std::fmt::{self, Write as _};

/// How much of everything there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Hubs: virtual networks without a route table. At most 50.
    pub hubs: usize,
    /// Spokes of each hub. At most 200.
    pub spokes_per_hub: usize,
    /// Network interfaces in each virtual network. At most 250.
    pub nics_per_vnet: usize,
    /// Rules of each network security group; half of them inbound. At most 1000.
    pub rules_per_group: usize,
    /// Route tables; spread over the spokes.
    pub route_tables: usize,
    /// Routes of each route table. At most 400.
    pub routes_per_table: usize,
}

impl Size {
    /// 1,000 virtual networks, 10,000 network interfaces, 5,000 groups of 200 rules, 500 route tables of 400 routes.
    pub const FULL: Self = Self {
        hubs: 10,
        spokes_per_hub: 99,
        nics_per_vnet: 10,
        rules_per_group: 200,
        route_tables: 500,
        routes_per_table: 400,
    };

    /// The same shape with a `part`th of the hubs' number and of the route tables.
    #[must_use]
    pub const fn part(part: usize) -> Self {
        Self { hubs: Self::FULL.hubs / part, route_tables: Self::FULL.route_tables / part, ..Self::FULL }
    }

    /// Virtual networks.
    #[must_use]
    pub const fn vnets(self) -> usize {
        self.hubs * (1 + self.spokes_per_hub)
    }

    /// Network interfaces, one per virtual machine.
    #[must_use]
    pub const fn nics(self) -> usize {
        self.vnets() * self.nics_per_vnet
    }

    /// Network security groups.
    #[must_use]
    pub const fn groups(self) -> usize {
        self.vnets() * GROUPS_PER_VNET
    }
}

/// One per subnet, and two for network interfaces.
const GROUPS_PER_VNET: usize = 5;
const SUBNETS: [&str; 3] = ["web", "app", "db"];

/// The topology file of a network of this size.
///
/// # Panics
/// Never: a text takes whatever is written to it.
#[must_use]
pub fn topology(size: Size) -> String {
    let mut text = String::with_capacity(size.groups() * size.rules_per_group * 180);
    write(size, &mut text).expect("a text takes whatever is written to it");
    text
}

/// A virtual network: hub or spoke, by its number. Those of one hub stand together, the hub first.
#[derive(Debug, Clone, Copy)]
struct Vnet {
    number: usize,
    hub: usize,
    /// 0 is the hub itself.
    spoke: usize,
}

impl Vnet {
    fn all(size: Size) -> impl Iterator<Item = Self> {
        let each = 1 + size.spokes_per_hub;
        (0..size.vnets()).map(move |number| Self { number, hub: number / each, spoke: number % each })
    }

    /// 10.0.0.0/20 and so on: 16 for each second byte.
    fn prefix(self, subnet: usize) -> String {
        format!("10.{}.{}", self.number / 16, self.number % 16 * 16 + subnet)
    }

    fn hub_of(self, size: Size) -> Self {
        Self { number: self.hub * (1 + size.spokes_per_hub), hub: self.hub, spoke: 0 }
    }

    fn appliance(self, size: Size) -> String {
        format!("{}.4", self.hub_of(size).prefix(0))
    }

    /// The route table of a spoke: one of those for the spokes of its hub.
    fn route_table(self, size: Size) -> Option<usize> {
        let per_hub = (size.route_tables / size.hubs).max(1);
        let table = self.hub * per_hub + self.spoke.checked_sub(1)? * per_hub / size.spokes_per_hub;
        (table < size.route_tables).then_some(table)
    }
}

impl fmt::Display for Vnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.spoke == 0 {
            write!(f, "hub-{}", self.hub)
        } else {
            write!(f, "spoke-{}-{}", self.hub, self.spoke)
        }
    }
}

fn write(size: Size, text: &mut String) -> fmt::Result {
    text.push_str(
        "# Drawn up for measurements.\nname: large\nlocation: koreacentral\nhosts: 100\n\nvirtualNetworks:\n",
    );
    for vnet in Vnet::all(size) {
        virtual_network(size, vnet, text)?;
    }
    text.push_str("\nnetworkSecurityGroups:\n");
    for vnet in Vnet::all(size) {
        for group in 0..GROUPS_PER_VNET {
            network_security_group(size, vnet, group, text)?;
        }
    }
    text.push_str("\napplicationSecurityGroups:\n");
    for vnet in Vnet::all(size) {
        writeln!(text, "  - {vnet}-servers\n  - {vnet}-clients")?;
    }
    text.push_str("\nrouteTables:\n");
    for table in 0..size.route_tables {
        let mut of_table = Vnet::all(size).filter(|vnet| vnet.route_table(size) == Some(table));
        let Some(vnet) = of_table.next() else { continue };
        route_table(size, table, vnet, text)?;
    }
    text.push_str("\nvirtualMachines:\n");
    for vnet in Vnet::all(size) {
        for nic in 0..size.nics_per_vnet {
            virtual_machine(vnet, nic, text)?;
        }
    }
    Ok(())
}

fn virtual_network(size: Size, vnet: Vnet, text: &mut String) -> fmt::Result {
    writeln!(text, "  {vnet}:\n    addressSpace: [{}.0/20]\n    subnets:", vnet.prefix(0))?;
    for (index, subnet) in SUBNETS.into_iter().enumerate() {
        let prefix = vnet.prefix(index);
        write!(
            text,
            "      {subnet}: {{addressPrefix: {prefix}.0/24, networkSecurityGroup: nsg-{vnet}-{index}"
        )?;
        if let Some(table) = vnet.route_table(size) {
            write!(text, ", routeTable: rt-{table}")?;
        }
        text.push_str("}\n");
    }
    text.push_str("    peerings:\n");
    if vnet.spoke != 0 {
        let hub = vnet.hub_of(size);
        return writeln!(text, "      to-hub: {{remoteVirtualNetwork: {hub}, allowForwardedTraffic: true}}");
    }
    for spoke in 1..=size.spokes_per_hub {
        let spoke = Vnet { number: vnet.number + spoke, spoke, ..vnet };
        writeln!(text, "      to-{spoke}: {{remoteVirtualNetwork: {spoke}, allowForwardedTraffic: true}}")?;
    }
    Ok(())
}

fn network_security_group(size: Size, vnet: Vnet, group: usize, text: &mut String) -> fmt::Result {
    writeln!(text, "  nsg-{vnet}-{group}:\n    securityRules:")?;
    for rule in 0..size.rules_per_group {
        let (direction, own, other) = if rule % 2 == 0 {
            ("Inbound", "destination", "source")
        } else {
            ("Outbound", "source", "destination")
        };
        let priority = 100 + rule / 2 * 3;
        let access = if rule % 16 < 12 { "Allow" } else { "Deny" };
        let protocol = ["Tcp", "Tcp", "Udp", "Tcp", "'*'"][rule / 2 % 5];
        write!(
            text,
            "      rule-{rule}: {{priority: {priority}, direction: {direction}, access: {access}, protocol: {protocol}, "
        )?;
        let (second, third) = ((vnet.number * 7 + group * 3 + rule) % 250, (rule * 13 + group) % 250);
        match rule / 2 % 8 {
            0 => write!(text, "{other}AddressPrefix: VirtualNetwork")?,
            1 => write!(
                text,
                "{other}AddressPrefixes: [172.16.{second}.0/24, 172.17.{third}.0/25, 192.168.{third}.{second}]"
            )?,
            2 => write!(text, "{other}AddressPrefix: Internet")?,
            3 => write!(
                text,
                "{other}ApplicationSecurityGroups: {vnet}-clients, {own}ApplicationSecurityGroups: {vnet}-servers"
            )?,
            4 => write!(
                text,
                "{other}AddressPrefix: 203.0.113.{second}, {own}AddressPrefix: {}.0/24",
                vnet.prefix(group % 3)
            )?,
            _ => write!(text, "{other}AddressPrefix: 10.{second}.{third}.0/24")?,
        }
        let port = 1000 + rule * 17 + group;
        match rule / 2 % 4 {
            0 => write!(text, ", destinationPortRanges: [80, 443, {port}-{}]", port + 9)?,
            3 => {}
            _ => write!(text, ", destinationPortRange: {port}")?,
        }
        text.push_str("}\n");
    }
    Ok(())
}

fn route_table(size: Size, table: usize, vnet: Vnet, text: &mut String) -> fmt::Result {
    writeln!(text, "  rt-{table}:\n    routes:")?;
    let appliance = vnet.appliance(size);
    for route in 0..size.routes_per_table {
        let prefix = match route {
            0 if table.is_multiple_of(2) => "0.0.0.0/0".to_owned(),
            0 => "10.0.0.0/8".to_owned(),
            _ => format!("172.{}.{}.0/24", 16 + table % 8 * 2 + route / 256, route % 256),
        };
        let hop = match route % 20 {
            7 => "None".to_owned(),
            13 => "Internet".to_owned(),
            _ => format!("VirtualAppliance, nextHopIpAddress: {appliance}"),
        };
        writeln!(text, "      route-{route}: {{addressPrefix: {prefix}, nextHopType: {hop}}}")?;
    }
    Ok(())
}

fn virtual_machine(vnet: Vnet, nic: usize, text: &mut String) -> fmt::Result {
    let subnet = SUBNETS[nic % 3];
    let group = 3 + nic % 2;
    let asg = ["servers", "clients"][nic / 2 % 2];
    write!(
        text,
        "  vm-{vnet}-{nic}: {{subnet: {vnet}/{subnet}, networkSecurityGroup: nsg-{vnet}-{group}, applicationSecurityGroups: {vnet}-{asg}"
    )?;
    if vnet.spoke == 0 && nic == 0 {
        write!(
            text,
            ", privateIPAddress: {}.4, enableIPForwarding: true, guest: {{ipForwarding: true}}",
            vnet.prefix(0)
        )?;
    }
    text.push_str("}\n");
    Ok(())
}
