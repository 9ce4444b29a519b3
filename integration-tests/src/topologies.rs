//! The topologies that come with vnetlab, and what a test must know of a topology's text.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::encryption::switched_on;

/// When this variable is set, labs are encrypted whose topologies do not speak of encryption themselves.
const ENCRYPTION: &str = "VNETLAB_TEST_ENCRYPTION";

/// The topologies that come with vnetlab.
pub const SHIPPED: [&str; 12] = [
    "hub-spoke",
    "three-tier",
    "non-transitive",
    "overlapping",
    "routing-overview",
    "accelerated",
    "encrypted",
    "internet-and-nat",
    "load-balancer",
    "private-link",
    "snat-exhaustion",
    "firewall-egress",
];

/// The file `topologies/NAME.yaml`.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../topologies").join(name).with_extension("yaml")
}

/// Its text.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap()
}

/// The lab's name in a topology's text.
#[must_use]
pub fn lab_name(topology: &str) -> String {
    parse(topology)["name"].as_str().expect("a topology has a name").to_owned()
}

/// The VMs of a topology's text.
#[must_use]
pub fn virtual_machines(topology: &str) -> Vec<String> {
    let topology = parse(topology);
    topology["virtualMachines"].as_object().into_iter().flat_map(|vms| vms.keys().cloned()).collect()
}

/// The VMs of a topology's text that are not deallocated.
#[must_use]
pub fn running_machines(topology: &str) -> Vec<String> {
    let topology = parse(topology);
    let vms = topology["virtualMachines"].as_object().into_iter().flatten();
    let running = vms.filter(|(_, fields)| fields["powerState"] != "deallocated");
    running.map(|(name, _)| name.clone()).collect()
}

/// The NICs of a topology's text, as endpoints: a VM for its first one, `VM/NIC` for each further one.
#[must_use]
pub fn endpoints(topology: &str) -> Vec<String> {
    let topology = parse(topology);
    let vms = topology["virtualMachines"].as_object().into_iter().flatten();
    vms.flat_map(|(vm, fields)| {
        let nics = fields["networkInterfaces"].as_object().into_iter().flat_map(|nics| nics.keys());
        let further = nics.skip(1).map(move |nic| format!("{vm}/{nic}"));
        std::iter::once(vm.clone()).chain(further)
    })
    .collect()
}

/// Those outside in a topology's text who send and answer: `internet/HOST`, and services.
#[must_use]
pub fn outside(topology: &str) -> Vec<String> {
    let topology = parse(topology);
    let keys =
        |value: &Value| value.as_object().into_iter().flat_map(|map| map.keys().cloned()).collect::<Vec<_>>();
    let hosts = keys(&topology["internet"]["hosts"]).into_iter().map(|host| format!("internet/{host}"));
    hosts.chain(keys(&topology["services"])).collect()
}

/// Addresses in a topology's text of frontends and private endpoints: they answer, and nobody has their name.
#[must_use]
pub fn addresses_at_edge(topology: &str) -> Vec<String> {
    let topology = parse(topology);
    let address = |of: &Value, field: &str| of[field].as_str().map(str::to_owned);
    let of_section = |section: &str, field: &str| {
        let named = topology[section].as_object().into_iter().flat_map(|map| map.values());
        named.filter_map(|it| address(it, field)).collect::<Vec<_>>()
    };
    let balancers = topology["loadBalancers"].as_object().into_iter().flat_map(|map| map.values());
    let frontends = balancers.flat_map(|it| it["frontendIPConfigurations"].as_object().into_iter().flatten());
    let inside = frontends.filter_map(|(_, it)| address(it, "privateIPAddress")).collect::<Vec<_>>();
    let outside = of_section("publicIPAddresses", "ipAddress");
    [inside, outside, of_section("privateEndpoints", "privateIPAddress")].concat()
}

/// How many tests a topology's text has.
#[must_use]
pub fn test_count(topology: &str) -> usize {
    parse(topology)["tests"].as_array().map_or(0, Vec::len)
}

/// Whether this run of the tests is the one with encryption. scripts/test.sh leaves out of it what cannot hold there.
#[must_use]
pub fn encryption_is_on() -> bool {
    std::env::var_os(ENCRYPTION).is_some_and(|value| !value.is_empty())
}

/// The topology, or the encrypted one in a run of the tests that is about that.
#[must_use]
pub fn as_tested(topology: &str) -> Cow<'_, str> {
    if encryption_is_on() { switched_on(topology).into() } else { topology.into() }
}

/// Its text as JSON, the members of a mapping in alphabetical order.
pub(crate) fn parse(topology: &str) -> Value {
    serde_saphyr::from_str(topology).expect("a topology is YAML")
}
