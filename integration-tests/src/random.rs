//! Small random networks as topology files: the same seed, the same text.
//!
//! They are drawn to be valid, so that every one comes up, and to be odd: peerings with one link or without their flags,
//! routes into nowhere, groups on NICs and subnets, an appliance that may not forward, twins with the same addresses.

use std::fmt::Write;

/// A seeded source of numbers: SplitMix64 (Steele, Lea and Flood, 2014). Not for secrets.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// The dice of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound as u64) as usize
    }

    /// A number from `first` to `last`, both inside.
    pub fn between(&mut self, first: usize, last: usize) -> usize {
        first + self.below(last - first + 1)
    }

    /// True in `percent` of a hundred cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of `items`, which is not empty.
    pub fn one<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// The appliance's address in every network that has one.
const APPLIANCE: &str = "10.0.100.4";

/// A network while it is being drawn.
struct Network {
    dice: Dice,
    /// Second bytes of the virtual networks' prefixes: 10.N.0.0/16. Two may be the same.
    spaces: Vec<usize>,
    /// Peering links, each from the first to the second. A pair has both, one, or none.
    links: Vec<(usize, usize)>,
    /// How many subnets each has: 10.N.1.0/24, 10.N.2.0/24...
    subnets: Vec<usize>,
    groups: usize,
    tables: usize,
    /// Virtual network and subnet of each VM, its address and whether it is in its virtual network's ASG.
    vms: Vec<(usize, usize, String, bool)>,
    has_appliance: bool,
}

/// The topology file of `seed`.
#[must_use]
pub fn topology(seed: u64) -> String {
    Network::draw(Dice::new(seed)).into_yaml(seed)
}

impl Network {
    fn draw(mut dice: Dice) -> Self {
        let spaces: Vec<usize> = (0..dice.between(1, 3))
            .map(|index| if index > 0 && dice.chance(15) { 0 } else { index })
            .collect();
        let links = draw_links(&mut dice, &spaces);
        let subnets: Vec<usize> = spaces.iter().map(|_| dice.between(1, 2)).collect();
        let (groups, tables, has_appliance) = (dice.between(0, 3), dice.between(0, 2), dice.chance(60));
        let mut vms: Vec<(usize, usize, String, bool)> = Vec::new();
        for index in 0..dice.between(2, 5) {
            let vnet = if index < spaces.len() { index } else { dice.below(spaces.len()) };
            let subnet = dice.between(1, subnets[vnet]);
            let before = vms.iter().filter(|vm| (vm.0, vm.1) == (vnet, subnet)).count();
            let address = format!("10.{}.{subnet}.{}", spaces[vnet], 4 + before);
            vms.push((vnet, subnet, address, dice.chance(50)));
        }
        Self { dice, spaces, links, subnets, groups, tables, vms, has_appliance }
    }

    fn into_yaml(mut self, seed: u64) -> String {
        let mut text =
            format!("# Random network of seed {seed}.\nname: random\nhosts: {}\n", self.dice.between(1, 3));
        text.push_str("virtualNetworks:\n");
        for vnet in 0..self.spaces.len() {
            self.write_virtual_network(&mut text, vnet);
        }
        // Every virtual network has an ASG, so that a rule can name one whose members share its virtual network.
        let asgs: Vec<String> = (0..self.spaces.len()).map(|vnet| format!("asg{vnet}")).collect();
        writeln!(text, "applicationSecurityGroups: [{}]", asgs.join(", ")).unwrap();
        text.push_str("networkSecurityGroups:");
        text.push_str(if self.groups == 0 { " {}\n" } else { "\n" });
        for group in 0..self.groups {
            self.write_group(&mut text, group);
        }
        text.push_str("routeTables:");
        text.push_str(if self.tables == 0 { " {}\n" } else { "\n" });
        for table in 0..self.tables {
            self.write_table(&mut text, table);
        }
        text.push_str("virtualMachines:\n");
        self.write_virtual_machines(&mut text);
        text
    }

    fn write_virtual_network(&mut self, text: &mut String, vnet: usize) {
        let space = self.spaces[vnet];
        writeln!(text, "  vnet{vnet}:\n    addressSpace: [10.{space}.0.0/16]\n    subnets:").unwrap();
        for subnet in 1..=self.subnets[vnet] {
            let mut fields = format!("addressPrefix: 10.{space}.{subnet}.0/24");
            if self.groups > 0 && self.dice.chance(45) {
                write!(fields, ", networkSecurityGroup: nsg{}", self.dice.below(self.groups)).unwrap();
            }
            if self.tables > 0 && self.dice.chance(50) {
                write!(fields, ", routeTable: rt{}", self.dice.below(self.tables)).unwrap();
            }
            writeln!(text, "      s{subnet}: {{{fields}}}").unwrap();
        }
        if vnet == 0 && self.has_appliance {
            let group =
                if self.groups > 0 && self.dice.chance(25) { ", networkSecurityGroup: nsg0" } else { "" };
            writeln!(text, "      nva: {{addressPrefix: 10.0.100.0/24{group}}}").unwrap();
        }
        self.write_peerings(text, vnet);
    }

    fn write_peerings(&mut self, text: &mut String, vnet: usize) {
        let others: Vec<usize> = self.links.iter().filter(|link| link.0 == vnet).map(|link| link.1).collect();
        text.push_str(if others.is_empty() { "" } else { "    peerings:\n" });
        for other in others {
            let access = !self.dice.chance(10);
            let forwarded = self.dice.chance(60);
            writeln!(
                text,
                "      to-vnet{other}: {{remoteVirtualNetwork: vnet{other}, allowVirtualNetworkAccess: {access}, allowForwardedTraffic: {forwarded}}}"
            )
            .unwrap();
        }
    }

    fn write_group(&mut self, text: &mut String, group: usize) {
        let rules = self.dice.between(0, 4);
        writeln!(text, "  nsg{group}:\n    securityRules:{}", if rules == 0 { " {}" } else { "" }).unwrap();
        for rule in 0..rules {
            let direction = *self.dice.one(&["Inbound", "Outbound"]);
            let access = *self.dice.one(&["Allow", "Deny"]);
            let protocol = *self.dice.one(&["Tcp", "Udp", "Icmp", "\"*\"", "\"*\""]);
            let ports = *self.dice.one(&["\"*\"", "80", "[22, 443]", "50-100"]);
            let asg = self.dice.below(self.spaces.len());
            let source = self.side("source", asg);
            let destination = self.side("destination", asg);
            let priority = 100 + rule * 10;
            writeln!(
                text,
                "      r{rule}: {{priority: {priority}, direction: {direction}, access: {access}, protocol: {protocol}, {source}, {destination}, destinationPortRange: {ports}}}"
            )
            .unwrap();
        }
    }

    /// One side of a rule. Both sides of one rule may only name ASGs of the same virtual network, hence `asg`.
    fn side(&mut self, side: &str, asg: usize) -> String {
        let vnet = self.dice.below(self.spaces.len());
        let (space, subnet) = (self.spaces[vnet], self.dice.between(1, self.subnets[vnet]));
        let prefix = match self.dice.below(8) {
            0 => return format!("{side}ApplicationSecurityGroups: [asg{asg}]"),
            1 => "VirtualNetwork".to_owned(),
            2 => "Internet".to_owned(),
            3 => format!("10.{space}.0.0/16"),
            4 => format!("[10.{space}.{subnet}.0/24, 192.168.0.0/24]"),
            5 => self.dice.one(&self.vms).2.clone(),
            _ => "\"*\"".to_owned(),
        };
        format!("{side}AddressPrefix: {prefix}")
    }

    fn write_table(&mut self, text: &mut String, table: usize) {
        writeln!(text, "  rt{table}:\n    routes:").unwrap();
        let mut prefixes = vec!["0.0.0.0/0".to_owned(), "10.0.0.0/8".to_owned()];
        for (vnet, space) in self.spaces.iter().enumerate() {
            prefixes.push(format!("10.{space}.0.0/16"));
            prefixes.push(format!("10.{space}.{}.0/24", self.subnets[vnet]));
        }
        prefixes.sort();
        prefixes.dedup();
        for route in 0..self.dice.between(1, 3) {
            let prefix = prefixes.remove(self.dice.below(prefixes.len()));
            let next_hop = match self.dice.below(10) {
                0 => "nextHopType: None".to_owned(),
                1 => "nextHopType: VnetLocal".to_owned(),
                2 => "nextHopType: Internet".to_owned(),
                _ => format!("nextHopType: VirtualAppliance, nextHopIpAddress: {APPLIANCE}"),
            };
            writeln!(text, "      r{route}: {{addressPrefix: {prefix}, {next_hop}}}").unwrap();
        }
    }

    fn write_virtual_machines(&mut self, text: &mut String) {
        for (index, (vnet, subnet, address, is_member)) in
            std::mem::take(&mut self.vms).into_iter().enumerate()
        {
            let mut fields = format!("subnet: vnet{vnet}/s{subnet}, privateIPAddress: {address}");
            if self.groups > 0 && self.dice.chance(25) {
                write!(fields, ", networkSecurityGroup: nsg{}", self.dice.below(self.groups)).unwrap();
            }
            if is_member {
                write!(fields, ", applicationSecurityGroups: [asg{vnet}]").unwrap();
            }
            if self.dice.chance(15) {
                fields.push_str(", listen: [80/tcp, 53/udp]");
            }
            writeln!(text, "  vm{index}: {{{fields}}}").unwrap();
        }
        if self.has_appliance {
            let (platform, guest) = (self.dice.chance(90), self.dice.chance(90));
            writeln!(
                text,
                "  nva: {{subnet: vnet0/nva, privateIPAddress: {APPLIANCE}, enableIPForwarding: {platform}, guest: {{ipForwarding: {guest}}}}}"
            )
            .unwrap();
        }
    }
}

/// A virtual network whose space another one has already is joined to nothing: Azure refuses overlapping peers.
fn draw_links(dice: &mut Dice, spaces: &[usize]) -> Vec<(usize, usize)> {
    let alone = |vnet: usize| spaces[..vnet].contains(&spaces[vnet]);
    let mut links = Vec::new();
    for low in 0..spaces.len() {
        for high in low + 1..spaces.len() {
            if alone(low) || alone(high) {
                continue;
            }
            match dice.below(10) {
                0 | 1 => {}
                2 => links.push((low, high)),
                _ => links.extend([(low, high), (high, low)]),
            }
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topologies::virtual_machines;

    #[test]
    fn the_same_seed_draws_the_same_network_and_another_seed_another() {
        assert_eq!(topology(1), topology(1));
        assert_ne!(topology(1), topology(2));
    }

    #[test]
    fn every_network_is_yaml_with_at_least_two_vms() {
        for seed in 0..500 {
            let text = topology(seed);
            assert!(virtual_machines(&text).len() >= 2, "seed {seed}:\n{text}");
        }
    }
}
