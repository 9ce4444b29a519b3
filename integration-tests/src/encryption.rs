//! What `vnetlab status --encryption` says of associations and of hosts, and topologies with encryption and without.

use serde_json::Value;

use crate::lab::Lab;
use crate::output::Finished;
use crate::topologies;

/// What a lab says of its encryption.
#[derive(Debug, Clone)]
pub struct Associations(Value);

/// Whether anything could be encrypted in this lab: some NIC is to, and its host can.
#[must_use]
pub fn is_offered(lab: &Lab) -> bool {
    let asked = ask(lab);
    asked.status == Some(0) && {
        let all = asked.json();
        let mut hosts = all["hosts"].as_array().into_iter().flatten().peekable();
        hosts.peek().is_some() && hosts.all(|host| host["notEncrypted"].is_null())
    }
}

fn ask(lab: &Lab) -> Finished {
    lab.vnetlab(&["status", "--encryption", "-o", "json"])
}

impl Associations {
    /// What it says now.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn of(lab: &Lab) -> Self {
        Self(ask(lab).expect_status(0).json())
    }

    /// All of it, as JSON.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.0
    }

    /// The association of the first NICs of these VMs, as the host of the first one sees it; none before it was opened.
    #[must_use]
    pub fn between(&self, vm: &str, peer: &str) -> Option<&Value> {
        let (nic, peer) = (format!("{vm}/nic0"), format!("{peer}/nic0"));
        self.rows().find(|row| row["networkInterface"] == nic && row["peer"] == peer)
    }

    /// Whether that one has keys.
    #[must_use]
    pub fn established(&self, vm: &str, peer: &str) -> bool {
        self.between(vm, peer).is_some_and(|row| row["state"] == "established")
    }

    /// A counter of that one, 0 before it was opened.
    ///
    /// # Panics
    /// When there is no such counter.
    #[must_use]
    pub fn counter(&self, vm: &str, peer: &str, name: &str) -> u64 {
        let count = |row: &Value| row[name].as_u64().unwrap_or_else(|| panic!("no {name}: {row:#}"));
        self.between(vm, peer).map_or(0, count)
    }

    /// A counter of a host.
    ///
    /// # Panics
    /// When there is no such host, or no such counter.
    #[must_use]
    pub fn of_host(&self, host: &str, name: &str) -> u64 {
        let mut hosts = self.0["hosts"].as_array().into_iter().flatten();
        let row = hosts.find(|row| row["host"] == host).unwrap_or_else(|| panic!("no {host}: {:#}", self.0));
        row[name].as_u64().unwrap_or_else(|| panic!("no {name}: {row:#}"))
    }

    /// How many have keys, each counted at both of its hosts.
    #[must_use]
    pub fn count_established(&self) -> usize {
        self.rows().filter(|row| row["state"] == "established").count()
    }

    fn rows(&self) -> impl Iterator<Item = &Value> {
        self.0["value"].as_array().into_iter().flatten()
    }
}

/// What virtual networks with encryption say about it in topologies of tests.
pub const ON: &str = "encryption: {enabled: true}";

/// The same topology with encryption switched off.
///
/// # Panics
/// When it was not on.
#[must_use]
pub fn switched_off(topology: &str) -> String {
    assert!(topology.contains(ON), "nothing is encrypted in {topology}");
    topology.replace(ON, "encryption: {enabled: false}")
}

/// The same topology with encryption switched on in all of its virtual networks; as it is where it speaks of encryption itself. A
/// NIC without accelerated networking stays without, and in clear.
///
/// It is changed as text, because the order of VMs says which hosts and addresses they get.
///
/// # Panics
/// When a virtual network does not begin with its address space.
#[must_use]
pub fn switched_on(topology: &str) -> String {
    if topology.contains("encryption:") {
        return topology.to_owned();
    }
    let block = |line: &str| match line.find("addressSpace: ") {
        Some(indent) if line.trim_start().starts_with("addressSpace: ") => {
            format!("{:indent$}{ON}\n{line}", "")
        }
        _ => line.replace("{addressSpace: ", &format!("{{{ON}, addressSpace: ")),
    };
    let text: String = topology.split_inclusive('\n').map(block).collect();
    let parsed = topologies::parse(&text);
    let mut networks = parsed["virtualNetworks"].as_object().into_iter().flat_map(|all| all.values());
    assert!(
        networks.all(|network| network["encryption"]["enabled"] == true),
        "not all are encrypted: {text}"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encryption_is_added_in_both_styles_and_nothing_else_changes() {
        let topology = "\
virtualNetworks:
  flow: {addressSpace: [10.0.0.0/16], peerings: {p: {remoteAddressSpace: [10.1.0.0/16]}}}
  block:
    addressSpace: [10.1.0.0/16]
virtualMachines: {plain: {enableAcceleratedNetworking: false}}
";
        let expected = "\
virtualNetworks:
  flow: {encryption: {enabled: true}, addressSpace: [10.0.0.0/16], peerings: {p: {remoteAddressSpace: [10.1.0.0/16]}}}
  block:
    encryption: {enabled: true}
    addressSpace: [10.1.0.0/16]
virtualMachines: {plain: {enableAcceleratedNetworking: false}}
";
        assert_eq!(switched_on(topology), expected);
        assert_eq!(switched_on(expected), expected, "it speaks of encryption itself");
    }

    #[test]
    #[should_panic(expected = "not all are encrypted")]
    fn a_network_that_was_overlooked_is_no_success() {
        let _ = switched_on("virtualNetworks: {v: {subnets: {}, addressSpace: [10.0.0.0/16]}}");
    }

    #[test]
    fn every_shipped_topology_can_be_encrypted() {
        for name in topologies::SHIPPED {
            let text = switched_on(&topologies::text(name));
            assert!(text.contains("\n    encryption: {enabled: true"), "{name}");
        }
    }
}
