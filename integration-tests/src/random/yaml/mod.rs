//! A network as a topology file.

mod edge;
mod encryption;
mod machines;
mod numbers;
mod routing;
mod rules;
mod vnets;

use std::fmt::Write;

use super::{Network, Subnet};

/// An address in the first virtual network that nobody has.
const NOBODY: &str = "10.0.99.4";
/// What is behind the gateway.
const SITE: &str = "10.50.0.0/16";
/// What only a route server's peer speaks of.
const ANNOUNCED: &str = "10.250.0.0/16";

impl Network {
    /// The topology file.
    ///
    /// # Panics
    /// Never: writing to a string does not fail.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let mut text = format!("name: random\nhosts: {}\n", self.hosts);
        self.write_behavior(&mut text);
        self.write_service_tags(&mut text);
        text.push_str("virtualNetworks:\n");
        for vnet in 0..self.vnets.len() {
            self.write_virtual_network(&mut text, vnet);
        }
        let asgs = |vnet| [format!("red{vnet}"), format!("blue{vnet}")];
        let asgs: Vec<String> = (0..self.vnets.len()).flat_map(asgs).collect();
        writeln!(text, "applicationSecurityGroups: [{}]", asgs.join(", ")).unwrap();
        self.write_admin_configurations(&mut text);
        self.write_groups(&mut text);
        self.write_tables(&mut text);
        self.write_gateway(&mut text);
        self.write_route_server(&mut text);
        self.write_edge(&mut text);
        self.write_virtual_machines(&mut text);
        text
    }

    /// Of two values of one switch, the first stays.
    fn write_behavior(&self, text: &mut String) {
        let mut switches: Vec<String> = Vec::new();
        for (at, (name, value)) in self.behavior.iter().enumerate() {
            if self.behavior[..at].iter().all(|(earlier, _)| earlier != name) {
                switches.push(format!("{name}: {value}"));
            }
        }
        if self.drops_unencrypted() {
            switches.push("encryptionEnforcement: announced".to_owned());
        }
        if !switches.is_empty() {
            writeln!(text, "behavior: {{{}}}", switches.join(", ")).unwrap();
        }
    }

    fn write_service_tags(&self, text: &mut String) {
        let of_service = self.edge_tag();
        let tag = |(name, covered): &(&str, _)| {
            let more = of_service.filter(|(tag, _)| tag == name).map(|(_, prefix)| format!(", {prefix}"));
            format!("{name}: [{}{}]", self.covered(*covered), more.unwrap_or_default())
        };
        let mut tags: Vec<String> = self.service_tags.iter().map(tag).collect();
        let is_new = |(name, _): &(&str, &str)| self.service_tags.iter().all(|(known, _)| known != name);
        tags.extend(of_service.filter(is_new).map(|(name, prefix)| format!("{name}: [{prefix}]")));
        if !tags.is_empty() {
            writeln!(text, "serviceTags: {{{}}}", tags.join(", ")).unwrap();
        }
    }

    fn attachments(&self, Subnet { group, table, private }: Subnet) -> String {
        let attached = |field: &str, name: &str, number: Option<usize>, count: usize| match number {
            Some(number) if count > 0 => format!(", {field}: {name}{}", number % count),
            _ => String::new(),
        };
        attached("networkSecurityGroup", "nsg", group, self.groups.len())
            + &attached("routeTable", "rt", table, self.tables.len())
            + if private { ", defaultOutboundAccess: false" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::random::network;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

        #[test]
        fn every_network_is_accepted(network in network(true)) {
            let text = network.to_yaml();
            let loaded = model::validate::load(&text);
            prop_assert!(loaded.network.is_some(), "{:?}\n{text}", loaded.diagnostics);
        }
    }
}
