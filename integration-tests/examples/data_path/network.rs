//! The lab: VMs with accelerated networking, and others without it in the same places.

use std::fmt::Write as _;
use std::path::Path;

use integration_tests::{Lab, User, wait};
use linux_net::NetNs;
use serde_json::Value;

use crate::flows::PREFIX;
use crate::way::{End, Way};

/// Rules of the two groups.
pub(crate) const FEW: usize = 1;
pub(crate) const MANY: usize = 1000;

/// A VM: its name, the last byte of its address, its host and what else is said about it.
const MACHINES: [(&str, u8, u8, &str); 10] = [
    ("accelerated1", 4, 1, ""),
    ("accelerated2", 5, 1, ""),
    ("accelerated3", 6, 2, ""),
    ("synthetic1", 7, 1, ", enableAcceleratedNetworking: false"),
    ("synthetic2", 8, 1, ", enableAcceleratedNetworking: false"),
    ("synthetic3", 9, 2, ", enableAcceleratedNetworking: false"),
    ("few1", 10, 1, ", networkSecurityGroup: few"),
    ("few2", 11, 1, ", networkSecurityGroup: few"),
    ("many1", 12, 1, ", networkSecurityGroup: many"),
    ("many2", 13, 1, ", networkSecurityGroup: many"),
];

/// The lab, all its NICs on the path that they are to have.
pub(crate) fn up() -> Lab {
    let lab = Lab::up(User::Root, &topology());
    wait::until("known flows of all accelerated NICs to be carried by BPF", || {
        let status = lab.vnetlab(&["status", "-o", "json"]).json();
        let vms = status["virtualMachines"].as_array()?;
        let mut nics = vms.iter().flat_map(|vm| vm["networkInterfaces"].as_array()).flatten();
        let wanted = |nic: &Value| match nic["id"].as_str() {
            Some(id) if id.starts_with("synthetic") => nic["path"] == "synthetic",
            _ => nic["path"] == "vf" && nic["offloaded"] == true,
        };
        nics.all(wanted).then_some(())
    });
    lab
}

/// From the one VM to the other.
pub(crate) fn way(lab: &Lab, name: &'static str, from: &str, to: &str) -> Way {
    Way { name, client: end(lab, from), server: end(lab, to), _between: None }
}

fn end(lab: &Lab, vm: &str) -> End {
    let (_, last, ..) = MACHINES.into_iter().find(|(name, ..)| *name == vm).unwrap();
    let namespaces = format!("/proc/{}/root/run/netns", lab.init().pid);
    let namespace = NetNs::open_path(&Path::new(&namespaces).join(format!("vm-{vm}"))).unwrap();
    End { namespace, address: [10, 0, 0, last].into() }
}

fn topology() -> String {
    let mut text = format!(
        "name: data-path\nhosts: 2\nvirtualNetworks:\n  vnet:\n    addressSpace: [10.0.0.0/16]\n    subnets:\n      \
         vms: {{addressPrefix: 10.0.0.0/24, routeTable: flows}}\nrouteTables:\n  flows:\n    routes:\n      flows: \
         {{addressPrefix: {PREFIX}, nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.0.5}}\nnetworkSecurityGroups:\n"
    );
    for (name, rules) in [("few", FEW), ("many", MANY)] {
        writeln!(text, "  {name}:\n    securityRules:").unwrap();
        (1..rules).for_each(|number| {
            rule(&mut text, number, &format!("destinationPortRange: {}", 10_000 + number))
        });
        rule(&mut text, rules, "sourceAddressPrefix: 10.0.0.0/24");
    }
    text.push_str("virtualMachines:\n");
    for (name, last, host, more) in MACHINES {
        // The one with all those addresses of flows.
        let forwards = if last == 5 { ", enableIPForwarding: true" } else { "" };
        writeln!(
            text,
            "  {name}: {{subnet: vnet/vms, privateIPAddress: 10.0.0.{last}, host: host{host}{forwards}{more}}}"
        )
        .unwrap();
    }
    text
}

/// The last rule of a group is the one that lets packets in.
fn rule(text: &mut String, number: usize, matches: &str) {
    let priority = 100 + number;
    writeln!(
        text,
        "      rule{number}: {{priority: {priority}, direction: Inbound, access: Allow, protocol: Udp, {matches}}}"
    )
    .unwrap();
}
