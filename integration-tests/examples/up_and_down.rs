//! How long `vnetlab up` and `vnetlab down` take, beside the bare kernel in the same run. `make bench` runs it.
//!
//! The bare kernel makes as many network namespaces and veth pairs as the lab has, straight into their namespaces, and gives
//! them up again: no addresses, routes, rulesets or processes. Both take turns, so that whatever else the machine does hits both.
//! The kernel takes network namespaces apart in the background: "down" is when the program or the system call returns, "gone"
//! when the kernel has done it.
//! Medians and ratios go to standard output as Markdown, and with every single time to `bench/` in the target folder as JSON.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a measurement that fails says so and ends")]

use std::fmt::Write as _;
use std::time::Instant;

use integration_tests::figures::{median_of, milliseconds, report, rounds};
use integration_tests::{User, Workbench, topologies, wait};
use linux_net::netlink::{NewLink, Request, VethEnd};
use linux_net::{NetNs, Netlink};
use serde_json::{Value, json};

/// Rounds when the command line does not say: `up_and_down [ROUNDS]`.
const ROUNDS: usize = 5;

/// A network to bring up.
struct Subject {
    name: &'static str,
    topology: String,
    hosts: usize,
    vms: usize,
}

impl Subject {
    /// A namespace for each VM, each NIC's port, each host, and the fabric. Every VM here has one NIC.
    fn namespaces(&self) -> usize {
        2 * self.vms + self.hosts + 1
    }

    /// Guest to port and port to host for each NIC, and each host to the fabric.
    fn veths(&self) -> usize {
        2 * self.vms + self.hosts
    }
}

fn main() {
    let rounds = rounds("up_and_down [ROUNDS]", ROUNDS);
    let hub_spoke = topologies::text("hub-spoke");
    let vms = topologies::virtual_machines(&hub_spoke).len();
    let subjects = [
        Subject { name: "hub-spoke", topology: hub_spoke, hosts: 3, vms },
        Subject { name: "100 VMs", topology: hundred_vms(), hosts: 3, vms: 100 },
    ];
    let measured: Vec<Value> = subjects.iter().map(|subject| measure(subject, rounds)).collect();
    report("up_and_down", &markdown(&measured, rounds), &measured.into());
}

/// 100 VMs in four subnets of one virtual network on three hosts, each with a network security group on its NIC.
fn hundred_vms() -> String {
    let mut text = String::from(
        "name: hundred\nhosts: 3\nvirtualNetworks:\n  vnet:\n    addressSpace: [10.0.0.0/16]\n    subnets:\n",
    );
    for subnet in 0..4 {
        writeln!(text, "      s{subnet}: {{addressPrefix: 10.0.{subnet}.0/24}}").unwrap();
    }
    text.push_str("networkSecurityGroups:\n");
    for vm in 0..100 {
        writeln!(text, "  nsg{vm}:\n    securityRules:").unwrap();
        for (rule, port) in [22, 80, 443].into_iter().enumerate() {
            let priority = 100 + rule * 10;
            writeln!(
                text,
                "      allow-{port}: {{priority: {priority}, direction: Inbound, access: Allow, protocol: Tcp, sourceAddressPrefix: 10.0.{}.0/24, destinationPortRange: {port}}}",
                vm % 4
            )
            .unwrap();
        }
    }
    text.push_str("virtualMachines:\n");
    for vm in 0..100 {
        writeln!(text, "  vm{vm}: {{subnet: vnet/s{}, networkSecurityGroup: nsg{vm}}}", vm % 4).unwrap();
    }
    text
}

/// The times of one round, in milliseconds, in the order of [`PHASES`].
type Times = [f64; 3];

const PHASES: [&str; 3] = ["up", "down", "gone"];

fn measure(subject: &Subject, rounds: usize) -> Value {
    let (mut lab_times, mut bare_times) = (Vec::<Times>::new(), Vec::<Times>::new());
    for round in 0..rounds {
        eprintln!("{}: round {} of {rounds}", subject.name, round + 1);
        lab_times.push(lab(subject));
        bare_times.push(bare(subject));
    }
    let mut measured =
        json!({"subject": subject.name, "namespaces": subject.namespaces(), "veths": subject.veths()});
    for (index, phase) in PHASES.into_iter().enumerate() {
        let of = |times: &[Times]| times.iter().map(|time| time[index]).collect::<Vec<_>>();
        measured[phase] = json!({"vnetlab": of(&lab_times), "bare": of(&bare_times)});
    }
    measured
}

/// `vnetlab up` and `vnetlab down`, from the start of the program to its end.
fn lab(subject: &Subject) -> Times {
    let bench = Workbench::new(User::Root);
    let file = bench.write("topology.yaml", &subject.topology);
    let began = Instant::now();
    let _ = bench.vnetlab(&["up", &file.to_string_lossy()]).ok();
    let up = milliseconds(began);
    let began = Instant::now();
    let _ = bench.vnetlab(&["down", "--all"]).ok();
    let down = milliseconds(began);
    await_kernel();
    [up, down, milliseconds(began)]
}

/// The same number of namespaces and veth pairs, and nothing in them.
fn bare(subject: &Subject) -> Times {
    let began = Instant::now();
    let namespaces: Vec<NetNs> = (0..subject.namespaces()).map(|_| NetNs::anonymous().unwrap()).collect();
    let mut netlink = Netlink::open(&namespaces[0]).unwrap();
    let end = |veth: usize, side: usize| {
        veth_end(&namespaces[(veth + side) % namespaces.len()], &format!("v{veth}-{side}"))
    };
    let veths: Vec<Request> = (0..subject.veths())
        .map(|veth| Request::AddLink(NewLink::Veth(end(veth, 0), end(veth, 1))))
        .collect();
    netlink.apply(&veths).unwrap();
    let up = milliseconds(began);
    let began = Instant::now();
    drop((veths, netlink, namespaces));
    let down = milliseconds(began);
    await_kernel();
    [up, down, milliseconds(began)]
}

fn veth_end(namespace: &NetNs, name: &str) -> VethEnd {
    VethEnd {
        namespace: Some(namespace.clone()),
        name: name.to_owned(),
        mac: None,
        mtu: 1500,
        up: true,
        arp: true,
    }
}

/// Waits until the kernel has taken apart every namespace that was given up before. It does so in order, so one more is given
/// up, and a cable that leads there is watched from its other end.
fn await_kernel() {
    let (watch, last) = (NetNs::anonymous().unwrap(), NetNs::anonymous().unwrap());
    let mut netlink = Netlink::open(&watch).unwrap();
    let cable = Request::AddLink(NewLink::Veth(veth_end(&watch, "near"), veth_end(&last, "far")));
    netlink.apply(std::slice::from_ref(&cable)).unwrap();
    drop((cable, last));
    wait::until("the kernel to take the namespaces apart", || {
        netlink.link("near").unwrap().is_none().then_some(())
    });
}

fn markdown(measured: &[Value], rounds: usize) -> String {
    let mut text =
        format!("Medians of {rounds} rounds, milliseconds. Bare: namespaces and veth pairs only.\n\n");
    text.push_str(
        "| lab | namespaces | veths | | vnetlab | bare kernel | ratio |\n|---|---|---|---|---|---|---|\n",
    );
    for subject in measured {
        for phase in PHASES {
            let (lab, bare) = (median_of(&subject[phase]["vnetlab"]), median_of(&subject[phase]["bare"]));
            let name = subject["subject"].as_str().unwrap();
            // Giving namespaces up returns at once; nothing can be compared with that.
            let ratio = if bare < 1.0 { "-".to_owned() } else { format!("{:.1}", lab / bare) };
            let (namespaces, veths) = (&subject["namespaces"], &subject["veths"]);
            writeln!(text, "| {name} | {namespaces} | {veths} | {phase} | {lab:.1} | {bare:.1} | {ratio} |")
                .unwrap();
        }
    }
    text
}
