//! Security admin configurations and network security groups.

use std::fmt::Write;

use super::numbers::asg_names;
use crate::random::{AdminConfiguration, Network, Rule, Side};

impl Network {
    pub(super) fn write_admin_configurations(&self, text: &mut String) {
        text.push_str(if self.admin_configurations.is_empty() {
            ""
        } else {
            "securityAdminConfigurations:\n"
        });
        for (at, configuration) in self.admin_configurations.iter().enumerate() {
            let AdminConfiguration { vnets, rules } = configuration;
            writeln!(
                text,
                "  admin{at}:\n    virtualNetworks: {}\n    rules:",
                self.targets(vnets.as_deref())
            )
            .unwrap();
            for (at, (access, rule)) in rules.iter().enumerate() {
                self.write_rule(text, 10 + at * 10, at, access, &without_asgs(rule));
            }
        }
    }

    fn targets(&self, vnets: Option<&[usize]>) -> String {
        let Some(vnets) = vnets else { return "\"*\"".to_owned() };
        let mut vnets: Vec<usize> = vnets.iter().map(|vnet| self.vnet(*vnet)).collect();
        vnets.sort_unstable();
        vnets.dedup();
        let names: Vec<String> = vnets.into_iter().map(|vnet| format!("vnet{vnet}")).collect();
        format!("[{}]", names.join(", "))
    }

    pub(super) fn write_groups(&self, text: &mut String) {
        text.push_str(if self.groups.is_empty() { "" } else { "networkSecurityGroups:\n" });
        for (group, rules) in self.groups.iter().enumerate() {
            let none = if rules.is_empty() { " {}" } else { "" };
            writeln!(text, "  nsg{group}:\n    securityRules:{none}").unwrap();
            for (at, rule) in rules.iter().enumerate() {
                self.write_rule(text, 100 + at * 10, at, rule.access, rule);
            }
        }
    }

    fn write_rule(&self, text: &mut String, priority: usize, at: usize, access: &str, rule: &Rule) {
        let Rule { direction, protocol, source_ports, destination_ports, .. } = rule;
        let source = self.side("source", &rule.source, rule.vnet_of_asgs);
        let destination = self.side("destination", &rule.destination, rule.vnet_of_asgs);
        writeln!(
            text,
            "      r{at}: {{priority: {priority}, direction: {direction}, access: {access}, protocol: {protocol}, {source}, sourcePortRange: {source_ports}, {destination}, destinationPortRange: {destination_ports}}}",
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
            Side::Appliance(appliance) => self.address_of_appliance(*appliance),
            Side::Tag(tag) => self.tag(*tag).unwrap_or("\"*\"").to_owned(),
            Side::Asgs(asgs) => match asg_names(*asgs, self.vnet(vnet_of_asgs)) {
                Some(names) => return format!("{side}ApplicationSecurityGroups: {names}"),
                None => "\"*\"".to_owned(),
            },
        };
        format!("{side}AddressPrefix: {prefix}")
    }
}

/// Security admin rules know none.
fn without_asgs(rule: &Rule) -> Rule {
    let plain = |side: &Side| match side {
        Side::Asgs(_) => Side::Word("\"*\""),
        other => other.clone(),
    };
    Rule { source: plain(&rule.source), destination: plain(&rule.destination), ..rule.clone() }
}
