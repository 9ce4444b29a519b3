//! A host with two VMs in one virtual network, made by hand in a sandbox.

#![allow(dead_code, reason = "every test file uses its own part")]

pub(crate) mod edge;
pub(crate) mod hosts;
pub(crate) mod talk;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use goal_state::overlay::{Mapping, VirtualNetwork};
use goal_state::port::Port;
use goal_state::route::{NextHop, Route, RouteSource};
use goal_state::vm::{Guest, NetworkInterface, VirtualMachine};
use goal_state::{Generation, HostGoalState, MacAddr, Vni};
use linux_net::netlink::{NewLink, Request};
use linux_net::process::Placement;
use linux_net::sandbox::{self, Kind, mounts};
use linux_net::{NetNs, Netlink};

/// Runs `test` in mount and network namespaces of its own with an empty /run.
pub(crate) fn sandboxed(test: impl FnOnce() + Send + 'static) {
    let run = move || {
        if sandbox::unshare(&[Kind::Mount, Kind::Net]).is_err() {
            eprintln!("SKIPPED: run as root, or below `unshare -Urnm`");
            return;
        }
        mounts::make_private().unwrap();
        mounts::tmpfs(Path::new("/run"), 0o755).unwrap();
        test();
    };
    if let Err(panic) = thread::spawn(run).join() {
        std::panic::resume_unwind(panic);
    }
}

pub(crate) const VNI: u32 = 1001;

/// VMs `a` (10.1.0.4) and `b` (10.1.0.5), both accelerated.
pub(crate) fn goal() -> HostGoalState {
    let machines = [("a", 4), ("b", 5)];
    let mapping = |(_, last): (&str, u8)| Mapping {
        customer_address: [10, 1, 0, last].into(),
        mac: mac(last),
        provider_address: [198, 18, 0, 1].into(),
        vni: Vni::new(VNI).unwrap(),
        encryption: None,
    };
    HostGoalState {
        generation: Generation(1),
        host: "host1".parse().unwrap(),
        provider_address: [198, 18, 0, 1].into(),
        virtual_networks: vec![VirtualNetwork {
            name: "network".into(),
            vni: Vni::new(VNI).unwrap(),
            mappings: machines.map(mapping).into(),
        }],
        virtual_machines: machines.map(|(name, last)| machine(name, last)).into(),
        edge: goal_state::edge::Edge::default(),
        platform: goal_state::platform::Platform::default(),
        offload: false,
        honest_packets: false,
    }
}

fn mac(last: u8) -> MacAddr {
    MacAddr([0, 0x0d, 0x3a, 0, 0, last])
}

fn machine(name: &str, last: u8) -> VirtualMachine {
    let route = Route {
        prefix: "10.1.0.0/16".parse().unwrap(),
        next_hop: NextHop::VnetLocal,
        source: RouteSource::Default,
        name: "System Route".into(),
    };
    VirtualMachine {
        name: name.parse().unwrap(),
        network_interfaces: vec![NetworkInterface {
            name: "nic0".parse().unwrap(),
            mac: mac(last),
            addresses: vec![[10, 1, 0, last].into()],
            subnet: "10.1.0.0/24".parse().unwrap(),
            accelerated: true,
            encryption_port: None,
            port: Port {
                vni: Vni::new(VNI).unwrap(),
                enable_ip_forwarding: false,
                filter: Default::default(),
                routes: vec![route].into(),
                forwarded_traffic_refused: Vec::new(),
                unencrypted_refused: goal_state::nsg::AddressSet::default(),
                translation: goal_state::translation::Translation::default(),
                private_endpoint: None,
            },
        }],
        guest: Guest::default(),
    }
}

/// Makes the calling thread's namespace the host of `goal`.
pub(crate) fn make_host(goal: &HostGoalState) {
    let underlay = NewLink::Bridge { name: "underlay0".into(), mac: None, mtu: 9000, up: true };
    let mut netlink = Netlink::open(&NetNs::current().unwrap()).unwrap();
    netlink.apply(&[Request::set_up("lo"), Request::AddLink(underlay)]).unwrap();
    let outcome = vfp::reconcile(&vfp::lower(goal), &BTreeSet::new(), &|_, _| ());
    assert_eq!(outcome.problems, Vec::<String>::new());
}

/// Starts a program in a VM.
pub(crate) fn start(vm: &str, program: &str, arguments: &[&str]) -> Child {
    let namespace = NetNs::open(&format!("vm-{vm}")).unwrap();
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Placement::network(&namespace).spawn(command).unwrap()
}

/// What a program prints, errors included.
pub(crate) fn finish(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
