//! Accelerated networking: the VF that a guest sees, the unified flows that its packets take, and what goes the software way.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use integration_tests::data_path::{Flow, await_path, counter, flows};
use integration_tests::traffic::{Echo, End, Stream};
use integration_tests::{Lab, User, wait};
use socket2::{Domain, Socket, Type};

const TOPOLOGY: &str = "\
name: fast
hosts: 2
virtualNetworks:
  net: {addressSpace: [10.0.0.0/16], subnets: {a: {addressPrefix: 10.0.0.0/24}, b: {addressPrefix: 10.0.1.0/24}}}
virtualMachines:
  here: {subnet: net/a, privateIPAddress: 10.0.0.4, host: host1}
  neighbour: {subnet: net/a, privateIPAddress: 10.0.0.5, listen: [80/tcp], host: host1}
  far: {subnet: net/a, privateIPAddress: 10.0.0.6, listen: [80/tcp], host: host2}
  plain: {subnet: net/a, privateIPAddress: 10.0.0.7, host: host1, enableAcceleratedNetworking: false}
  both: {networkInterfaces: {nic0: {subnet: net/a}, nic1: {subnet: net/b}}, host: host2}
";
const PEERS: [(&str, &str); 2] = [("neighbour", "10.0.0.5"), ("far", "10.0.0.6")];
const PORT: u16 = 4000;

fn lab(user: User) -> Lab {
    let lab = Lab::up(user, TOPOLOGY);
    ["here", "neighbour", "far"].iter().for_each(|vm| await_path(&lab, vm, "vf"));
    lab
}

/// The Ethernet address in a line of `ip -o link`.
fn address_of(line: &str) -> &str {
    line.split_once("link/ether ").unwrap().1.split(' ').next().unwrap()
}

/// Beside each synthetic device stands a VF with the same Ethernet address, without an IP address and without ARP.
fn a_vf_stands_beside_eth0(user: User) {
    let lab = lab(user);
    for (vm, pairs) in
        [("here", &[("eth0", "enP1s1np0")][..]), ("both", &[("eth0", "enP1s1np0"), ("eth1", "enP2s1np0")])]
    {
        await_path(&lab, vm, "vf");
        for (synthetic, vf) in pairs {
            let link = |device| lab.exec(vm, &["ip", "-o", "link", "show", device]).ok();
            assert_eq!(address_of(&link(vf)), address_of(&link(synthetic)));
            assert!(link(vf).contains("NOARP") && link(vf).contains("mtu 1500"), "{}", link(vf));
            assert_eq!(lab.exec(vm, &["ip", "-o", "addr", "show", "dev", vf]).ok(), "");
            assert_ne!(lab.exec(vm, &["ip", "-o", "-4", "addr", "show", "dev", synthetic]).ok(), "");
        }
    }
    let devices = lab.exec("plain", &["ls", "/sys/class/net"]).ok();
    assert_eq!(devices.split_whitespace().collect::<Vec<_>>(), ["eth0", "lo"]);
}

#[test]
fn s12_1_a_vf_stands_beside_eth0_as_root() {
    a_vf_stands_beside_eth0(User::Root);
}

#[test]
fn s12_1_a_vf_stands_beside_eth0_rootless() {
    a_vf_stands_beside_eth0(User::Ordinary);
}

/// Both ways by the VF, whatever stands behind it: the synthetic device carries hardly anything.
fn packets_go_by_the_vf(user: User) {
    let lab = lab(user);
    for (_, address) in PEERS {
        let names = ["vf_tx_packets", "vf_rx_packets", "tx_packets", "rx_packets"];
        let count = || names.map(|name| counter(&lab, "here", name));
        let before = count();
        let _ = lab.exec("here", &["ping", "-q", "-i", "0.005", "-c", "100", address]).ok();
        let after = count();
        let [vf_tx, vf_rx, tx, rx] = std::array::from_fn(|at| after[at] - before[at]);
        assert!(vf_tx >= 100 && vf_rx >= 95, "{vf_tx} sent, {vf_rx} received by the VF");
        assert!(tx < 10 && rx < 10, "{tx} sent, {rx} received by the synthetic device");
    }
    assert_eq!(counter(&lab, "plain", "vf_tx_packets"), 0);
}

#[test]
fn s12_1_packets_go_by_the_vf_and_are_counted_as_root() {
    packets_go_by_the_vf(User::Root);
}

#[test]
fn s12_1_packets_go_by_the_vf_and_are_counted_rootless() {
    packets_go_by_the_vf(User::Ordinary);
}

/// Sends datagrams one after the other, each answered.
fn datagrams(socket: &UdpSocket, count: usize) {
    socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    for _ in 0..count {
        socket.send(b"datagram").unwrap();
        let _ = socket.recv(&mut [0; 16]).unwrap();
    }
}

fn udp(from: End<'_>, port: u16, to: End<'_>) -> UdpSocket {
    let (source, destination) = (from.address, to.address);
    from.inside(move || {
        let socket = UdpSocket::bind((source, port)).unwrap();
        socket.connect((destination, PORT)).unwrap();
        socket
    })
}

fn find(lab: &Lab, vm: &str, direction: &str, protocol: &str, ports: (u64, u64)) -> Option<Flow> {
    let is_meant = |flow: &Flow| {
        flow.direction == direction
            && flow.protocol == protocol
            && (flow.source_port, flow.destination_port) == (ports.0, Some(ports.1))
    };
    flows(lab, vm).into_iter().find(is_meant)
}

/// The first packet of each direction is judged, all others take the flow that it leaves behind, at both ports.
#[test]
fn s12_2_later_packets_take_the_unified_flow_offloaded_as_root() {
    let lab = lab(User::Root);
    for (peer, address) in PEERS {
        let (from, to) = (End::of(&lab, "here", "10.0.0.4"), End::of(&lab, peer, address));
        let _echo = Echo::start(to, PORT);
        datagrams(&udp(from, 4100, to), 50);
        for (vm, there, back) in [("here", "Outbound", "Inbound"), (peer, "Inbound", "Outbound")] {
            for (direction, ports) in [(there, (4100, 4000)), (back, (4000, 4100))] {
                let flow = find(&lab, vm, direction, "Udp", ports);
                let flow =
                    flow.unwrap_or_else(|| panic!("no flow {direction} at {vm}: {:#?}", flows(&lab, vm)));
                assert!(flow.current && (45..50).contains(&flow.hits), "{vm}: {flow:?}");
            }
        }
    }
}

/// An appliance's port has flows both ways, too: what it forwards is not judged packet by packet.
#[test]
fn s12_2_what_an_appliance_forwards_takes_unified_flows_offloaded_as_root() {
    let lab = Lab::shipped(User::Root, "hub-spoke");
    ["web1", "nva", "app1"].iter().for_each(|vm| await_path(&lab, vm, "vf"));
    let _ = lab.exec("web1", &["ping", "-q", "-i", "0.01", "-c", "30", "10.2.1.4"]).ok();
    let at_nva = flows(&lab, "nva");
    for addresses in ["10.1.1.4 > 10.2.1.4", "10.2.1.4 > 10.1.1.4"] {
        for direction in ["Inbound", "Outbound"] {
            let flow = at_nva.iter().find(|flow| flow.direction == direction && flow.addresses == addresses);
            assert!(flow.is_some_and(|flow| flow.hits > 20), "{addresses} {direction}: {at_nva:#?}");
        }
    }
}

/// A neighbour is one hop away for the first packet and for all others; an appliance takes one.
#[test]
fn the_time_to_live_arrives_as_it_left_as_root() {
    let lab = Lab::shipped(User::Root, "hub-spoke");
    for (to, ttl) in [("10.1.1.5", "ttl=64"), ("10.2.1.4", "ttl=63")] {
        let answers = lab.exec("web1", &["ping", "-i", "0.01", "-c", "10", to]).ok();
        assert_eq!(answers.matches(ttl).count(), 10, "{answers}");
    }
}

fn connect(from: End<'_>, port: u16, to: End<'_>) -> Socket {
    let (source, destination) = (from.address, to.address);
    let socket = from.inside(move || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&SocketAddrV4::new(source, port).into()).unwrap();
        socket.connect(&SocketAddrV4::new(destination, 80).into()).unwrap();
        socket
    });
    for _ in 0..20 {
        (&socket).write_all(b"word").unwrap();
        (&socket).read_exact(&mut [0; 4]).unwrap();
    }
    socket
}

/// FIN and RST are seen by the software, and the flow is known no more. The last acknowledgement, behind both FINs, may leave
/// another one behind.
#[test]
fn s12_3_the_end_of_a_connection_ends_its_flow_offloaded_as_root() {
    let lab = lab(User::Root);
    for (peer, address) in PEERS {
        let (from, to) = (End::of(&lab, "here", "10.0.0.4"), End::of(&lab, peer, address));
        for (port, resets) in
            if peer == "far" { [(4202, false), (4203, true)] } else { [(4200, false), (4201, true)] }
        {
            let connection = connect(from, port, to);
            let flow = |vm, direction| find(&lab, vm, direction, "Tcp", (u64::from(port), 80));
            assert!(
                flow("here", "Outbound").is_some_and(|flow| flow.hits > 10),
                "{:#?}",
                flows(&lab, "here")
            );
            assert!(flow(peer, "Inbound").is_some_and(|flow| flow.hits > 10), "{:#?}", flows(&lab, peer));
            if resets {
                connection.set_linger(Some(Duration::ZERO)).unwrap();
            } else {
                connection.shutdown(Shutdown::Write).unwrap();
                assert_eq!((&connection).read(&mut [0; 4]).unwrap(), 0, "the other side ends, too");
            }
            drop(connection);
            for (vm, direction) in [("here", "Outbound"), (peer, "Inbound")] {
                let has_ended = || flow(vm, direction).is_none_or(|flow| !resets && flow.hits < 2);
                wait::until("the flow to end", || has_ended().then_some(()));
            }
        }
    }
}

/// What is no part of a unified flow arrives all the same: fragments and IP options.
#[test]
fn s12_3_what_does_not_fit_goes_the_software_way_as_root() {
    let lab = lab(User::Root);
    for (_, address) in PEERS {
        for arguments in [&["-s", "4000"][..], &["-R"], &["-Q", "0xfc"]] {
            let common = ["ping", "-q", "-i", "0.01", "-c", "10", address];
            let ping = lab.exec("here", &[&common[..], arguments].concat()).ok();
            assert!(ping.contains("10 received"), "{arguments:?}: {ping}");
        }
    }
    assert_eq!(flows(&lab, "here"), [], "none of these is a flow");
}

/// Connection tracking forgets a flow that it does not see, and with it the decision about it. So it is shown one now and then.
#[test]
fn s12_2_connection_tracking_knows_flows_that_skip_it_as_root() {
    let lab = lab(User::Root);
    let (from, to) = (End::of(&lab, "here", "10.0.0.4"), End::of(&lab, "neighbour", "10.0.0.5"));
    let forgets = ["nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"];
    for name in forgets.map(|name| format!("net.netfilter.{name}=13")) {
        let _ = lab.in_namespace("port-here-nic0", &["sysctl", "-w", &name]).ok();
    }
    let _echo = Echo::start(to, PORT);
    let socket = udp(from, 4300, to);
    let began = Instant::now();
    // Longer than connection tracking remembers.
    while began.elapsed() < Duration::from_secs(16) {
        datagrams(&socket, 10);
        std::thread::sleep(Duration::from_millis(50));
    }
    let known = lab.in_namespace("port-here-nic0", &["cat", "/proc/net/nf_conntrack"]).ok();
    let entry = known.lines().find(|line| line.contains("sport=4300"));
    assert!(entry.is_some_and(|entry| !entry.contains("UNREPLIED")), "{known}");
}

/// `up` with `--no-offload` and without it, under traffic: nothing is lost, and the VF stays.
#[test]
fn offload_is_switched_off_and_on_without_a_loss_offloaded_as_root() {
    let lab = lab(User::Root);
    let file = lab.file();
    let stream = Stream::start(End::of(&lab, "here", "10.0.0.4"), End::of(&lab, "far", "10.0.0.6"));
    for _ in 0..3 {
        let _ = lab.vnetlab(&["up", &file.to_string_lossy(), "--no-offload"]).ok();
        let listed = lab.vnetlab(&["flows", "here", "-o", "json"]).json();
        assert!(listed["notOffloaded"].is_string(), "{listed:#}");
        await_path(&lab, "here", "vf");
        stream.await_answers(50);
        let _ = lab.vnetlab(&["up", &file.to_string_lossy()]).ok();
        await_path(&lab, "here", "vf");
        wait::until("flows to be carried by BPF", || {
            flows(&lab, "here").iter().any(|flow| flow.protocol == "Udp" && flow.hits > 20).then_some(())
        });
    }
    let losses = stream.finish();
    assert_eq!(losses.lost, 0, "{losses:?}");
}

/// Without its agent a host carries known flows as before, and the next one finds them.
#[test]
fn flows_outlive_the_agent_offloaded_as_root() {
    let lab = lab(User::Root);
    let stream = Stream::start(End::of(&lab, "here", "10.0.0.4"), End::of(&lab, "neighbour", "10.0.0.5"));
    let agent = lab.process(&["vnetlab-agent", "--host host1"]);
    agent.kill();
    wait::until("a successor", || {
        lab.find_process(&["vnetlab-agent", "--host host1"]).filter(|new| new.pid != agent.pid)
    });
    wait::until("the lab to answer", || {
        let status = lab.vnetlab(&["flows", "here", "-o", "json"]);
        (status.status == Some(0)).then_some(())
    });
    let hits = || flows(&lab, "here").iter().map(|flow| flow.hits).sum::<u64>();
    // The goal state may just be applied again; flows wait meanwhile.
    let before = hits();
    wait::until("known flows to be carried", || (hits() >= before + 100).then_some(()));
    assert_eq!(stream.finish().lost, 0);
}

/// Accelerated networking is switched while a VM is stopped only: `up` says so and changes nothing, until it is told to.
#[test]
fn s12_1_a_vm_is_restarted_to_get_a_vf_as_root() {
    let mut lab = lab(User::Root);
    let accelerated = lab.topology().replace(", enableAcceleratedNetworking: false", "");
    let before = lab.process(&["vm-init", "/plain.json"]);
    let refused = lab.change(&accelerated);
    assert_eq!(refused.status, Some(2), "{refused}");
    assert!(refused.stderr.contains("--restart-vms") && before.is_alive(), "{refused}");
    let _ = lab.vnetlab(&["up", &lab.file().to_string_lossy(), "--restart-vms"]).ok();
    await_path(&lab, "plain", "vf");
    assert!(!before.is_alive());
    let _ = lab.exec("plain", &["ping", "-c", "3", "-i", "0.01", "10.0.0.6"]).ok();
}
