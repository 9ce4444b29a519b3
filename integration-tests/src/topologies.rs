//! The topologies that come with vnetlab, and what a test must know of a topology's text.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// When this variable is set, every network of every lab is encrypted and every NIC accelerated, whatever its file says.
const ENCRYPTION: &str = "VNETLAB_TEST_ENCRYPTION";

/// The topologies that come with vnetlab.
pub const SHIPPED: [&str; 7] = [
    "hub-spoke",
    "three-tier",
    "non-transitive",
    "overlapping",
    "routing-overview",
    "accelerated",
    "encrypted",
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

/// How many tests a topology's text has.
#[must_use]
pub fn test_count(topology: &str) -> usize {
    parse(topology)["tests"].as_array().map_or(0, Vec::len)
}

/// The same network, all of it encrypted, and every NIC accelerated so that it can.
///
/// # Panics
/// When it is no topology.
#[must_use]
pub fn encrypted(topology: &str) -> String {
    let mut topology = parse(topology);
    for network in fields(&mut topology, "virtualNetworks") {
        network["encryption"] = json!({"enabled": true});
    }
    for machine in fields(&mut topology, "virtualMachines") {
        let _ = machine.as_object_mut().map(|fields| fields.remove("enableAcceleratedNetworking"));
        for interface in fields(machine, "networkInterfaces") {
            let _ = interface.as_object_mut().map(|fields| fields.remove("enableAcceleratedNetworking"));
        }
    }
    topology.to_string()
}

/// The topology, or the encrypted one in a run of the tests that is about that.
pub(crate) fn as_tested(topology: &str) -> Cow<'_, str> {
    match std::env::var_os(ENCRYPTION) {
        Some(value) if !value.is_empty() => encrypted(topology).into(),
        _ => topology.into(),
    }
}

/// The values of a mapping in a topology.
fn fields<'t>(topology: &'t mut Value, name: &str) -> impl Iterator<Item = &'t mut Value> {
    topology.get_mut(name).and_then(Value::as_object_mut).into_iter().flat_map(|all| all.values_mut())
}

fn parse(topology: &str) -> Value {
    serde_saphyr::from_str(topology).expect("a topology is YAML")
}
