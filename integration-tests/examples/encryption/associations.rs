//! A thousand associations between two agents: how fast they are there, and what memory each takes.
//!
//! Each of 32 VMs of one host sends to each of 32 of another one, all at once. An association is there when a datagram has
//! arrived that waited for it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use integration_tests::encryption::{self, Associations};
use integration_tests::proc::own_memory;
use integration_tests::{Lab, User};

use crate::network::{agents, namespace};

const EACH: u8 = 32;
const PORT: u16 = 7021;
/// What has not arrived is sent again. A packet waits for a second for keys, so this is for those that came too late for that.
const AGAIN: Duration = Duration::from_millis(900);
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Measured {
    /// Associations a second.
    pub(crate) rate: f64,
    /// Kilobytes of the agent that has more of them, for each association.
    pub(crate) memory: f64,
}

/// Measures it, or says why not, as a sentence.
pub(crate) fn measure() -> Result<Measured, String> {
    let lab = Lab::up(User::Root, &topology());
    if !encryption::is_offered(&lab) {
        return Err("NICs do not encrypt here".to_owned());
    }
    let sockets = |host: u8| -> Vec<UdpSocket> {
        let socket = |last: u8| {
            let socket = namespace(&lab, &name(host, last))
                .run(|| UdpSocket::bind((address(host, last), PORT)))
                .unwrap()
                .unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        };
        (1..=EACH).map(socket).collect()
    };
    let (senders, receivers) = (sockets(1), sockets(2));
    make_neighbours_known(&lab);
    let before = agents(&lab).map(|pid| own_memory(pid).unwrap());
    let began = Instant::now();
    open_all(&senders, &receivers);
    let took = began.elapsed();
    let established = Associations::of(&lab).count_established();
    let wanted = 2 * usize::from(EACH) * usize::from(EACH);
    assert_eq!(established, wanted, "associations, seen from both hosts");
    let after = agents(&lab).map(|pid| own_memory(pid).unwrap());
    let count = f64::from(EACH) * f64::from(EACH);
    let more = after.iter().zip(before).map(|(after, before)| after.saturating_sub(before)).max().unwrap();
    Ok(Measured { rate: count / took.as_secs_f64(), memory: more as f64 * 1.024 / count })
}

/// Sends from everybody to everybody until something of all has arrived.
fn open_all(senders: &[UdpSocket], receivers: &[UdpSocket]) {
    let mut missing: BTreeSet<(usize, usize)> =
        (0..senders.len()).flat_map(|from| (0..receivers.len()).map(move |to| (from, to))).collect();
    let began = Instant::now();
    let mut again = began;
    let mut data = [0; 8];
    while !missing.is_empty() {
        assert!(began.elapsed() < PATIENCE, "{} associations are not there: {missing:?}", missing.len());
        if Instant::now() >= again {
            for (from, to) in &missing {
                let _ = senders[*from].send_to(&[0; 8], (address(2, u8::try_from(to + 1).unwrap()), PORT));
            }
            again += AGAIN;
        }
        for (to, receiver) in receivers.iter().enumerate() {
            while let Ok((_, sender)) = receiver.recv_from(&mut data) {
                let std::net::IpAddr::V4(sender) = sender.ip() else { continue };
                missing.remove(&(usize::from(sender.octets()[3]) - 4, to));
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Who has which address is known beforehand: the kernel keeps 1,024 answers to ARP at a time, of the whole machine, and drops
/// what it has no room for.
fn make_neighbours_known(lab: &Lab) {
    let status = lab.vnetlab(&["status", "-o", "json"]).json();
    let machines = status["virtualMachines"].as_array().unwrap();
    let known = machines.iter().map(|machine| {
        let nic = &machine["networkInterfaces"][0];
        let [mac, address] =
            [&nic["macAddress"], &nic["privateIpAddresses"][0]].map(|field| field.as_str().unwrap());
        format!("ip neigh replace {address} lladdr {mac} dev up0 nud permanent\n")
    });
    let known: String = known.collect();
    for number in 1..=EACH {
        let port = format!("port-{}-nic0", name(1, number));
        let _ = lab.in_namespace(&port, &["sh", "-ec", &known]).ok();
    }
}

fn name(host: u8, number: u8) -> String {
    format!("vm{host}-{number}")
}

fn address(host: u8, number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 1, host, number + 3)
}

fn topology() -> String {
    let mut text = "name: associations-bench\nhosts: 2\nvirtualNetworks:\n  sealed:\n    addressSpace: [10.1.0.0/16]\n    \
                    encryption: {enabled: true}\n    subnets: {one: {addressPrefix: 10.1.1.0/24}, two: {addressPrefix: 10.1.2.0/24}}\n\
                    virtualMachines:\n"
        .to_owned();
    for (host, subnet) in [(1, "one"), (2, "two")] {
        for number in 1..=EACH {
            let (name, address) = (name(host, number), address(host, number));
            writeln!(
                text,
                "  {name}: {{subnet: sealed/{subnet}, privateIPAddress: {address}, host: host{host}}}"
            )
            .unwrap();
        }
    }
    text
}
