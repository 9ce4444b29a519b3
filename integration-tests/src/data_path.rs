//! What `vnetlab` says of data paths: which way a NIC's packets go, its counters, its unified flows.

use serde_json::Value;

use crate::lab::Lab;
use crate::wait;

/// The data path of a VM's first NIC, as `vnetlab status` shows it. Where an agent does not say in time, it is asked again.
///
/// # Panics
/// When there is no such VM.
#[must_use]
pub fn path(lab: &Lab, vm: &str) -> String {
    wait::until(&format!("a data path of {vm}"), || {
        let path = of(&lab.vnetlab(&["status", "-o", "json"]).expect_status(0).json(), vm);
        (!path.is_empty()).then_some(path)
    })
}

fn of(status: &Value, vm: &str) -> String {
    let machines = status["virtualMachines"].as_array().unwrap();
    let machine = machines.iter().find(|machine| machine["name"] == vm).expect("there is such a VM");
    machine["networkInterfaces"][0]["path"].as_str().unwrap_or_default().to_owned()
}

/// Waits until the first NICs of these VMs have these paths at the same time.
///
/// # Panics
/// When it does not come to that.
pub fn await_paths<const N: usize>(lab: &Lab, wanted: [(&str, &str); N]) {
    wait::until(&format!("the data paths {wanted:?}"), || {
        let status = lab.vnetlab(&["status", "-o", "json"]).expect_status(0).json();
        let has = |(vm, path): &(&str, &str)| of(&status, vm) == *path;
        wanted.iter().all(has).then_some(())
    });
}

/// Waits until the first NIC of a VM has this path.
///
/// # Panics
/// When it does not come to that.
pub fn await_path(lab: &Lab, vm: &str, wanted: &str) {
    wait::until(&format!("the data path {wanted} of {vm}"), || (path(lab, vm) == wanted).then_some(()));
}

/// A counter of `vnetlab stats`, by ethtool's name, of a VM's first NIC.
///
/// # Panics
/// When there is no such counter.
#[must_use]
pub fn counter(lab: &Lab, vm: &str, name: &str) -> u64 {
    let stats = lab.vnetlab(&["stats", vm, "-o", "json"]).expect_status(0).json();
    stats["value"][0]["statistics"][name].as_u64().unwrap_or_else(|| panic!("no {name}: {stats:#}"))
}

/// A unified flow of a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// `Inbound` or `Outbound`.
    pub direction: String,
    /// `Tcp`, `Udp` or `Icmp`.
    pub protocol: String,
    /// Addresses, as `SOURCE > DESTINATION`.
    pub addresses: String,
    /// Of the sender.
    pub source_port: u64,
    /// Of the receiver; none for ICMP.
    pub destination_port: Option<u64>,
    /// Packets that took it.
    pub hits: u64,
    /// Whether the policy by which it was learnt is still in force.
    pub current: bool,
}

/// What `vnetlab flows` lists.
///
/// # Panics
/// When it fails.
#[must_use]
pub fn flows(lab: &Lab, vm: &str) -> Vec<Flow> {
    let listed = lab.vnetlab(&["flows", vm, "-o", "json"]).expect_status(0).json();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let flow = |row: &Value| Flow {
        direction: word(&row["direction"]),
        protocol: word(&row["protocol"]),
        addresses: format!("{} > {}", word(&row["sourceAddress"]), word(&row["destinationAddress"])),
        source_port: row["sourcePort"].as_u64().unwrap_or_default(),
        destination_port: row["destinationPort"].as_u64(),
        hits: row["hits"].as_u64().expect("a flow has hits"),
        current: row["current"] == true,
    };
    listed["value"].as_array().expect("flows are a list").iter().map(flow).collect()
}
