//! The lab: two hosts, and on each of them a VM that encrypts and two that do not.

use std::path::Path;

use integration_tests::encryption::{self, Associations};
use integration_tests::{Lab, User, data_path, wait};
use linux_net::NetNs;

use crate::subject::Subject;
use crate::table;
use crate::way::{End, Way};

/// Names of ways.
pub(crate) const SYNTHETIC: &str = "VM to VM, synthetic";
pub(crate) const ACCELERATED: &str = "VM to VM, accelerated";

const TOPOLOGY: &str = "\
name: encryption-bench
hosts: 2
virtualNetworks:
  sealed:
    addressSpace: [10.1.0.0/16]
    encryption: {enabled: true}
    subnets: {a: {addressPrefix: 10.1.0.0/24}}
  clear: {addressSpace: [10.2.0.0/16], subnets: {a: {addressPrefix: 10.2.0.0/24}}}
virtualMachines:
  sealed1: {subnet: sealed/a, privateIPAddress: 10.1.0.4, host: host1}
  sealed2: {subnet: sealed/a, privateIPAddress: 10.1.0.5, host: host2}
  fast1: {subnet: clear/a, privateIPAddress: 10.2.0.4, host: host1}
  fast2: {subnet: clear/a, privateIPAddress: 10.2.0.5, host: host2}
  plain1: {subnet: clear/a, privateIPAddress: 10.2.0.6, host: host1, enableAcceleratedNetworking: false}
  plain2: {subnet: clear/a, privateIPAddress: 10.2.0.7, host: host2, enableAcceleratedNetworking: false}
";

pub(crate) fn up() -> Lab {
    let lab = Lab::up(User::Root, TOPOLOGY);
    data_path::await_paths(&lab, ["sealed1", "sealed2", "fast1", "fast2"].map(|vm| (vm, "vf")));
    lab
}

/// The encrypted pair, or why it is not, as a sentence.
pub(crate) fn encrypted(lab: &Lab) -> Result<Subject, String> {
    let _ = lab.exec("sealed1", &["ping", "-c", "1", "-W", "5", "10.1.0.5"]).ok();
    if !encryption::is_offered(lab) {
        return Err("NICs do not encrypt here".to_owned());
    }
    wait::until("an association", || Associations::of(lab).established("sealed1", "sealed2").then_some(()));
    let way = way(lab, table::OURS, ["sealed1", "sealed2"], [[10, 1, 0, 4], [10, 1, 0, 5]]);
    Ok(Subject::carried(way, SYNTHETIC, agents(lab).to_vec()))
}

pub(crate) fn synthetic(lab: &Lab) -> Subject {
    Subject::kernel(way(lab, SYNTHETIC, ["plain1", "plain2"], [[10, 2, 0, 6], [10, 2, 0, 7]]))
}

pub(crate) fn accelerated(lab: &Lab) -> Subject {
    Subject::kernel(way(lab, ACCELERATED, ["fast1", "fast2"], [[10, 2, 0, 4], [10, 2, 0, 5]]))
}

/// The agents of both hosts.
pub(crate) fn agents(lab: &Lab) -> [i32; 2] {
    ["--host host1", "--host host2"].map(|host| lab.process(&["vnetlab-agent", host]).pid)
}

fn way(lab: &Lab, name: &'static str, vms: [&str; 2], addresses: [[u8; 4]; 2]) -> Way {
    let end = |at: usize| End { namespace: namespace(lab, vms[at]), address: addresses[at].into() };
    Way { name, client: end(0), server: end(1), _between: None }
}

pub(crate) fn namespace(lab: &Lab, vm: &str) -> NetNs {
    let namespaces = format!("/proc/{}/root/run/netns", lab.init().pid);
    NetNs::open_path(&Path::new(&namespaces).join(format!("vm-{vm}"))).unwrap()
}
