//! A network as a topology file.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Appliance, Asgs, Link, Network, NextHop, Nic, RoutePrefix, Rule, Side, Subnet};

/// The appliance's address in every network that has one.
const APPLIANCE: &str = "10.0.100.4";
/// An address in the first virtual network that nobody has.
const NOBODY: &str = "10.0.99.4";

impl Network {
    /// The topology file.
    ///
    /// # Panics
    /// Never: writing to a string does not fail.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let mut text = format!("name: random\nhosts: {}\nvirtualNetworks:\n", self.hosts);
        for vnet in 0..self.vnets.len() {
            self.write_virtual_network(&mut text, vnet);
        }
        let asgs = |vnet| [format!("red{vnet}"), format!("blue{vnet}")];
        let asgs: Vec<String> = (0..self.vnets.len()).flat_map(asgs).collect();
        writeln!(text, "applicationSecurityGroups: [{}]", asgs.join(", ")).unwrap();
        self.write_groups(&mut text);
        self.write_tables(&mut text);
        self.write_virtual_machines(&mut text);
        text
    }

    fn write_virtual_network(&self, text: &mut String, vnet: usize) {
        writeln!(text, "  vnet{vnet}:\n    addressSpace: [{}]\n    subnets:", self.space(vnet)).unwrap();
        for (at, subnet) in self.vnets[vnet].subnets.iter().enumerate() {
            let prefix = self.subnet_prefix(vnet, at);
            let attached = self.attachments(*subnet);
            writeln!(text, "      s{}: {{addressPrefix: {prefix}{attached}}}", at + 1).unwrap();
        }
        if let (0, Some(appliance)) = (vnet, &self.appliance) {
            let attached = self.attachments(appliance.subnet);
            writeln!(text, "      nva: {{addressPrefix: 10.0.100.0/24{attached}}}").unwrap();
        }
        let links: Vec<_> = self.links().into_iter().filter(|(from, ..)| *from == vnet).collect();
        text.push_str(if links.is_empty() { "" } else { "    peerings:\n" });
        for (_, to, Link { access, forwarded }) in links {
            writeln!(
                text,
                "      to-vnet{to}: {{remoteVirtualNetwork: vnet{to}, allowVirtualNetworkAccess: {access}, allowForwardedTraffic: {forwarded}}}"
            )
            .unwrap();
        }
    }

    fn write_groups(&self, text: &mut String) {
        text.push_str(if self.groups.is_empty() { "" } else { "networkSecurityGroups:\n" });
        for (group, rules) in self.groups.iter().enumerate() {
            let none = if rules.is_empty() { " {}" } else { "" };
            writeln!(text, "  nsg{group}:\n    securityRules:{none}").unwrap();
            for (at, rule) in rules.iter().enumerate() {
                self.write_rule(text, at, rule);
            }
        }
    }

    fn write_rule(&self, text: &mut String, at: usize, rule: &Rule) {
        let Rule { direction, access, protocol, source_ports, destination_ports, .. } = rule;
        let source = self.side("source", &rule.source, rule.vnet_of_asgs);
        let destination = self.side("destination", &rule.destination, rule.vnet_of_asgs);
        writeln!(
            text,
            "      r{at}: {{priority: {}, direction: {direction}, access: {access}, protocol: {protocol}, {source}, sourcePortRange: {source_ports}, {destination}, destinationPortRange: {destination_ports}}}",
            100 + at * 10
        )
        .unwrap();
    }

    fn side(&self, side: &str, peer: &Side, vnet_of_asgs: usize) -> String {
        let prefix = match peer {
            Side::Word(word) => (*word).to_owned(),
            Side::Space(vnet) => self.space(self.vnet(*vnet)),
            Side::Subnets(vnet, subnet) => {
                let vnet = self.vnet(*vnet);
                format!("[{}, 192.168.0.0/24]", self.subnet_prefix(vnet, self.subnet(vnet, *subnet)))
            }
            Side::Vm(vm) => self.address(*vm),
            Side::Vms(one, other) => {
                let mut addresses = vec![self.address(*one), self.address(*other)];
                addresses.dedup();
                format!("[{}]", addresses.join(", "))
            }
            Side::Appliance => APPLIANCE.to_owned(),
            Side::Asgs(asgs) => match asg_names(*asgs, self.vnet(vnet_of_asgs)) {
                Some(names) => return format!("{side}ApplicationSecurityGroups: {names}"),
                None => "\"*\"".to_owned(),
            },
        };
        format!("{side}AddressPrefix: {prefix}")
    }

    fn write_tables(&self, text: &mut String) {
        text.push_str(if self.tables.is_empty() { "" } else { "routeTables:\n" });
        for (table, routes) in self.tables.iter().enumerate() {
            writeln!(text, "  rt{table}:\n    routes:").unwrap();
            let mut prefixes: Vec<String> = Vec::new();
            for (at, route) in routes.iter().enumerate() {
                let prefix = self.route_prefix(route.prefix);
                if !prefixes.contains(&prefix) {
                    let next_hop = self.next_hop(route.next_hop);
                    writeln!(text, "      r{at}: {{addressPrefix: {prefix}, nextHopType: {next_hop}}}")
                        .unwrap();
                    prefixes.push(prefix);
                }
            }
        }
    }

    fn route_prefix(&self, prefix: RoutePrefix) -> String {
        match prefix {
            RoutePrefix::Default => "0.0.0.0/0".to_owned(),
            RoutePrefix::Private => "10.0.0.0/8".to_owned(),
            RoutePrefix::Space(vnet) => self.space(self.vnet(vnet)),
            RoutePrefix::Subnet(vnet, subnet) => {
                let vnet = self.vnet(vnet);
                self.subnet_prefix(vnet, self.subnet(vnet, subnet))
            }
            RoutePrefix::Vm(vm) => format!("{}/32", self.address(vm)),
        }
    }

    fn next_hop(&self, next_hop: NextHop) -> String {
        let address = match next_hop {
            NextHop::Type(name) => return name.to_owned(),
            NextHop::Appliance => APPLIANCE.to_owned(),
            NextHop::Vm(vm) => self.address(vm),
            NextHop::Nobody => NOBODY.to_owned(),
        };
        format!("VirtualAppliance, nextHopIpAddress: {address}")
    }

    fn write_virtual_machines(&self, text: &mut String) {
        text.push_str("virtualMachines:\n");
        let host = if self.on_one_host { ", host: host1" } else { "" };
        let addresses = self.addresses();
        for (at, vm) in self.vms.iter().enumerate() {
            let vnet = self.vnet_of_vm(at);
            let nic = |which: usize, nic: Nic| {
                let subnet = format!("vnet{vnet}/s{}", self.subnet(vnet, nic.subnet) + 1);
                self.nic_fields(&subnet, &addresses[&(at, which)], nic.group, asg_names(nic.asgs, vnet))
            };
            let nics = nics(nic(0, vm.nic), vm.second_nic.map(|second| nic(1, second)));
            let listen = if vm.listens { ", listen: [80/tcp, 53/udp]" } else { "" };
            writeln!(text, "  vm{at}: {{{nics}{listen}{host}}}").unwrap();
        }
        if let Some(appliance) = self.appliance {
            let nics = self.nics_of_appliance(appliance, &addresses);
            let guest = if appliance.guest_forwards {
                format!("ipForwarding: true, masquerade: {}", appliance.masquerades)
            } else {
                "ipForwarding: false".to_owned()
            };
            writeln!(text, "  nva: {{{nics}, guest: {{{guest}}}{host}}}").unwrap();
        }
    }

    fn nics_of_appliance(&self, appliance: Appliance, addresses: &Addresses) -> String {
        let forwarding = format!(", enableIPForwarding: {}", appliance.platform_forwards);
        let first = self.nic_fields("vnet0/nva", APPLIANCE, appliance.group, None) + &forwarding;
        let second = appliance.second_nic.map(|nic| {
            let subnet = format!("vnet0/s{}", self.subnet(0, nic.subnet) + 1);
            let address = &addresses[&(self.vms.len(), 1)];
            self.nic_fields(&subnet, address, nic.group, asg_names(nic.asgs, 0)) + &forwarding
        });
        nics(first, second)
    }

    fn nic_fields(&self, subnet: &str, address: &str, group: Option<usize>, asgs: Option<String>) -> String {
        let asgs = asgs.map(|names| format!(", applicationSecurityGroups: {names}")).unwrap_or_default();
        let group = self.attachments(Subnet { group, table: None });
        format!("subnet: {subnet}, privateIPAddress: {address}{group}{asgs}")
    }

    fn attachments(&self, Subnet { group, table }: Subnet) -> String {
        let attached = |field: &str, name: &str, number: Option<usize>, count: usize| match number {
            Some(number) if count > 0 => format!(", {field}: {name}{}", number % count),
            _ => String::new(),
        };
        attached("networkSecurityGroup", "nsg", group, self.groups.len())
            + &attached("routeTable", "rt", table, self.tables.len())
    }
}

/// The address of each NIC: by VM (the appliance comes after the others) and NIC.
type Addresses = BTreeMap<(usize, usize), String>;

/// What numbers mean.
impl Network {
    fn vnet(&self, number: usize) -> usize {
        number % self.vnets.len()
    }

    fn subnet(&self, vnet: usize, number: usize) -> usize {
        number % self.vnets[vnet].subnets.len()
    }

    /// 10.N.0.0/16.
    fn space(&self, vnet: usize) -> String {
        format!("10.{}.0.0/16", self.second_byte(vnet))
    }

    fn second_byte(&self, vnet: usize) -> usize {
        if self.vnets[vnet].is_twin { 0 } else { vnet }
    }

    fn subnet_prefix(&self, vnet: usize, subnet: usize) -> String {
        format!("10.{}.{}.0/24", self.second_byte(vnet), subnet + 1)
    }

    /// No virtual network is without a VM if there are enough of them.
    fn vnet_of_vm(&self, vm: usize) -> usize {
        if vm < self.vnets.len() { vm } else { self.vnet(self.vms[vm].vnet) }
    }

    /// A VM's first address.
    fn address(&self, vm: usize) -> String {
        self.addresses()[&(vm % self.vms.len(), 0)].clone()
    }

    /// Addresses are given out in order, so that those of twins are the same.
    fn addresses(&self) -> Addresses {
        let of_vm = |(at, vm): (usize, &super::Vm)| {
            let vnet = self.vnet_of_vm(at);
            let second = vm.second_nic.map(|nic| ((at, 1), vnet, nic));
            std::iter::once(((at, 0), vnet, vm.nic)).chain(second)
        };
        let of_appliance = self.appliance.and_then(|appliance| appliance.second_nic);
        let of_appliance = of_appliance.map(|nic| ((self.vms.len(), 1), 0, nic));
        let mut given: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        let mut addresses = Addresses::new();
        for (key, vnet, nic) in self.vms.iter().enumerate().flat_map(of_vm).chain(of_appliance) {
            let subnet = self.subnet(vnet, nic.subnet);
            let next = given.entry((vnet, subnet)).or_insert(4);
            addresses.insert(key, format!("10.{}.{}.{next}", self.second_byte(vnet), subnet + 1));
            *next += 1;
        }
        addresses
    }

    /// The peering links that Azure takes: the spaces of a virtual network and of all its peers are disjoint.
    fn links(&self) -> Vec<(usize, usize, Link)> {
        let mut links: Vec<(usize, usize, Link)> = Vec::new();
        for ((one, other), peering) in [(0, 1), (0, 2), (1, 2)].into_iter().zip(self.peerings) {
            if other >= self.vnets.len() || self.space(one) == self.space(other) {
                continue;
            }
            for (from, to, link) in [(one, other, peering.there), (other, one, peering.back)] {
                let is_taken = links
                    .iter()
                    .any(|(earlier, peer, _)| *earlier == from && self.space(*peer) == self.space(to));
                links.extend(link.filter(|_| !is_taken).map(|link| (from, to, link)));
            }
        }
        links
    }
}

fn asg_names(Asgs { red, blue }: Asgs, vnet: usize) -> Option<String> {
    let red = red.then(|| format!("red{vnet}"));
    let names: Vec<String> = red.into_iter().chain(blue.then(|| format!("blue{vnet}"))).collect();
    (!names.is_empty()).then(|| format!("[{}]", names.join(", ")))
}

/// With one NIC its fields stand right on the VM.
fn nics(first: String, second: Option<String>) -> String {
    match second {
        None => first,
        Some(second) => format!("networkInterfaces: {{nic0: {{{first}}}, nic1: {{{second}}}}}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::random::network;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

        #[test]
        fn every_network_is_accepted(network in network()) {
            let text = network.to_yaml();
            let loaded = model::validate::load(&text);
            prop_assert!(loaded.network.is_some(), "{:?}\n{text}", loaded.diagnostics);
        }
    }
}
