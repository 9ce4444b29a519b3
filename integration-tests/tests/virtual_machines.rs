//! What a VM can be: several NICs, responders, commands of its own, a masquerading appliance.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use integration_tests::verdict::{Question, all_agree};
use integration_tests::{Lab, User, topologies, wait};

/// client reaches the subnet `b` through nat, which replaces the source by its own; server takes connections from nat alone. fw
/// has a NIC in each of the two subnets. All of them answer on the ports that are asked for: where nobody listens, a refusal
/// comes back by ICMP, and an appliance that replaces addresses treats it otherwise than an answer.
const TOPOLOGY: &str = "
name: machines
hosts: 2
virtualNetworks:
  vnet:
    addressSpace: [10.0.0.0/16]
    subnets:
      a: {addressPrefix: 10.0.1.0/24, routeTable: rt-a}
      b: {addressPrefix: 10.0.2.0/24}
      nva: {addressPrefix: 10.0.3.0/24}
networkSecurityGroups:
  nsg-server:
    securityRules:
      allow-nat: {priority: 100, direction: Inbound, access: Allow, protocol: '*', sourceAddressPrefix: 10.0.3.4}
      deny-a: {priority: 110, direction: Inbound, access: Deny, protocol: '*', sourceAddressPrefix: 10.0.1.0/24}
routeTables:
  rt-a:
    routes:
      b: {addressPrefix: 10.0.2.0/24, nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.3.4}
virtualMachines:
  client: {subnet: vnet/a, privateIPAddress: 10.0.1.4, listen: [80/tcp, 53/udp], host: host1}
  server: {subnet: vnet/b, privateIPAddress: 10.0.2.4, networkSecurityGroup: nsg-server, listen: [80/tcp, 53/udp], host: host2}
  worker: {subnet: vnet/b, listen: [80/tcp, 53/udp], commands: ['exec nc -lk -p 7000'], host: host1}
  nat: {subnet: vnet/nva, privateIPAddress: 10.0.3.4, enableIPForwarding: true, guest: {ipForwarding: true, masquerade: true}, listen: [80/tcp, 53/udp], host: host2}
  fw:
    networkInterfaces:
      nic0: {subnet: vnet/a, privateIPAddress: 10.0.1.5}
      nic1: {subnet: vnet/b, privateIPAddress: 10.0.2.5}
    listen: [80/tcp, 53/udp]
    host: host1
";

/// A responder sends back what it was sent, over TCP and UDP, through the appliance.
fn responders_echo(user: User) {
    let lab = Lab::up(user, TOPOLOGY);
    for command in ["echo hello | nc -N -w 5 10.0.2.4 80", "echo hello | nc -u -w 2 10.0.2.4 53"] {
        let said = lab.exec("client", &["sh", "-c", command]);
        assert_eq!(said.stdout.trim(), "hello", "{said}");
    }
}

#[test]
fn responders_echo_as_root() {
    responders_echo(User::Root);
}

#[test]
fn responders_echo_rootless() {
    responders_echo(User::Ordinary);
}

/// `commands:` run with the VM.
#[test]
fn commands_start_with_their_vm_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    wait::until("worker to listen", || {
        let sockets = lab.exec("worker", &["ss", "-Hltn", "sport = :7000"]).ok();
        (!sockets.trim().is_empty()).then_some(())
    });
}

/// The server sees the appliance and not the client behind it, so its group lets the connection in.
#[test]
fn a_masquerading_appliance_shows_its_own_source_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    let answer = lab.prove_agreed(&Question::tcp("client", "server", 80));
    assert_eq!(answer["verdict"], "Allow");
    assert!(answer["received"]["source"].as_str().unwrap().starts_with("10.0.3.4:"), "{answer}");
    assert_eq!(lab.prove_agreed(&Question::tcp("client", "server", 81))["reason"]["layer"], "guest");
}

/// Each NIC has its device and address, and is an endpoint of its own; whatever way replies take, model and packets agree on it.
#[test]
fn a_vm_with_two_nics_is_reached_by_both_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    let addresses = lab.exec("fw", &["ip", "-4", "-br", "addr"]).ok();
    let of =
        |device: &str| addresses.lines().find(|line| line.starts_with(device)).unwrap_or_default().to_owned();
    assert!(of("eth0").contains("10.0.1.5/24") && of("eth1").contains("10.0.2.5/24"), "{addresses}");
    let _ = lab.exec("server", &["ping", "-c", "1", "-W", "5", "10.0.2.5"]).ok();

    let mut endpoints = topologies::virtual_machines(TOPOLOGY);
    endpoints.push("fw/nic1".to_owned());
    let questions = Question::every_pair(&endpoints, 80, 53);
    let other_machine =
        |question: &Question| question.from.split('/').next() != question.to.split('/').next();
    // Answers of client would pass nat, which replaces their source: a guest throws them away and no port can tell.
    let answered_directly = |question: &Question| question.to != "client";
    let asked = |question: &Question| other_machine(question) && answered_directly(question);
    let questions: Vec<_> = questions.into_iter().filter(asked).collect();
    let _ = all_agree(&lab, &questions);
}

/// Each address of a NIC is its own: reached, and sent from.
#[test]
fn a_nic_with_two_addresses_has_both_as_root() {
    let topology = "
name: addresses
hosts: 2
virtualNetworks: {vnet: {addressSpace: [10.0.0.0/16], subnets: {a: {addressPrefix: 10.0.1.0/24}}}}
virtualMachines:
  client: {subnet: vnet/a, privateIPAddress: 10.0.1.4, host: host1}
  server:
    ipConfigurations:
      first: {subnet: vnet/a, privateIPAddress: 10.0.1.5}
      second: {subnet: vnet/a, privateIPAddress: 10.0.1.9}
    host: host2
";
    let lab = Lab::up(User::Root, topology);
    for address in ["10.0.1.5", "10.0.1.9"] {
        for question in [
            Question::tcp("client", address, 80),
            Question::udp("client", address, 53),
            Question::tcp(address, "client", 80),
        ] {
            let proved = lab.prove_agreed(&question);
            assert_eq!(proved["verdict"], "Allow", "{question}");
        }
        let reply = lab.exec("client", &["ping", "-c", "1", "-W", "5", address]).ok();
        assert!(reply.contains(&format!("from {address}")), "{reply}");
    }
}
